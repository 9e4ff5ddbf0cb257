package text

import (
	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// proof writes what came of trying a plan out.
func (p *Printer) proof(r *lockstepv1.Proof) {
	if r == nil {
		return
	}
	p.line()
	tried := count(int(r.GetStatements()), "statement") + " carried out beside the tenant"
	if r.GetProved() {
		p.line(p.paint(green, "Proved"), ": ", tried, ", ", count(int(r.GetTables()), "table"), " as if built fresh")
		return
	}
	p.line(p.paint(alarm, "NOT PROVED: do not execute this plan"))
	if f := r.GetFailure(); f != nil {
		p.block("  ", f.GetDetail(), "")
	}
	for _, d := range r.GetDifferences() {
		p.line("  ", d)
	}
	p.line("  Please report it, with the modules and the snapshot in lockstep_history.")
}
