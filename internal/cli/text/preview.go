package text

import (
	"fmt"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Preview writes what an execution would do. next is the command that executes
// it.
func (p *Printer) Preview(r *lockstepv1.PreviewMigrationResponse, next []string) {
	plan := r.GetPlan()
	p.header(r)
	now, later, refused := decided(plan.GetVerdicts())
	p.section(now, "CHANGES", count(len(now), "change")+" to apply")
	p.section(later, "WITHHELD", count(len(later), "change")+" left for later by strategy "+Strategy(plan.GetStrategy())+"; still pending")
	p.section(refused, "REFUSED", count(len(refused), "change")+" in the way")
	p.statements(plan)
	p.sizes(r.GetSizes())
	p.preflight(r.GetPreflight())
	p.compatibility(r)
	p.proof(r.GetProof())
	p.line()
	if r.GetChanged() {
		p.digest(plan, next)
	} else {
		p.nothing(plan)
	}
}

func (p *Printer) nothing(plan *lockstepv1.Plan) {
	if _, later, _ := decided(plan.GetVerdicts()); len(later) > 0 {
		p.line("Nothing to do under this strategy; what is withheld stays pending.")
		return
	}
	p.line("Nothing to do: the tenant is at these module versions.")
}

func (p *Printer) header(r *lockstepv1.PreviewMigrationResponse) {
	plan := r.GetPlan()
	p.field("target", database(r.GetTarget(), plan.GetEngine(), plan.GetEngineVersion()))
	p.field("strategy", Strategy(plan.GetStrategy()))
	for i, l := range p.versions(r.GetCurrent().GetModules(), plan.GetModules(), r.GetCurrent() == nil) {
		name := "modules"
		if i > 0 {
			name = ""
		}
		p.field(name, l)
	}
	if c := r.GetCurrent(); c != nil {
		p.field("now at", fmt.Sprintf("revision %d, %s UTC, by %s", c.GetNumber(), timeText(c.GetStartedAt()), c.GetActor()))
	} else {
		p.field("now at", "nothing: the tenant will be initialised")
	}
	p.Warnings(r.GetWarnings())
}

func (p *Printer) field(name, value string) {
	p.line(p.paint(dim, pad(name, 10)), value)
}

// Warnings writes what the reader should know.
func (p *Printer) Warnings(warnings []string) {
	for _, w := range warnings {
		p.line(p.paint(yellow, pad("warning", 10)), w)
	}
}

// versions renders module versions from → to, aligned. With fresh there is
// nothing to compare with.
func (p *Printer) versions(from, to []*lockstepv1.ModuleVersion, fresh bool) []string {
	old := map[string]string{}
	width := 0
	for _, m := range from {
		old[m.GetPath()] = m.GetVersion()
		width = max(width, len(m.GetPath()))
	}
	for _, m := range to {
		width = max(width, len(m.GetPath()))
	}
	var out []string
	for _, m := range to {
		before, had := old[m.GetPath()]
		delete(old, m.GetPath())
		l := pad(m.GetPath(), width+2)
		switch {
		case fresh || before == m.GetVersion():
			l += m.GetVersion()
		case !had:
			l += p.paint(green, m.GetVersion()+"  (new)")
		default:
			l += before + " → " + p.paint(bold, m.GetVersion())
		}
		out = append(out, l)
	}
	for _, m := range from {
		if _, gone := old[m.GetPath()]; gone {
			out = append(out, pad(m.GetPath(), width+2)+p.paint(red, m.GetVersion()+" → none"))
		}
	}
	return out
}

func (p *Printer) section(entries []entry, title, summary string) {
	if len(entries) == 0 {
		return
	}
	p.line()
	p.line(p.paint(bold, title), "  ", summary)
	p.tables(entries)
}

// hazard writes a hazard with the mode of the lock, or the size of the table whose
// rows are read or written.
func hazard(h *lockstepv1.Hazard) string {
	said := "! " + enumWord(h.GetKind(), "HAZARD_KIND_", " ") + ": " + h.GetDetail()
	switch {
	case h.GetLockMode() != "":
		said += " (" + h.GetLockMode() + ")"
	case h.GetSize() != nil && h.GetKind() != lockstepv1.HazardKind_HAZARD_KIND_LOCK:
		said += " (" + holdings(h.GetSize()) + ")"
	}
	return said
}

func (p *Printer) statements(plan *lockstepv1.Plan) {
	statements := plan.GetStatements()
	if len(statements) == 0 {
		return
	}
	p.line()
	summary := count(len(statements), "statement")
	if plan.GetEngine() == lockstepv1.Engine_ENGINE_POSTGRES && !plan.GetOnline() && len(statements) > 1 {
		summary += " in one transaction: what one locks stays locked until the end of all"
	}
	p.line(p.paint(bold, "SQL"), "  ", summary)
	said := false
	phase := lockstepv1.PlanPhase_PLAN_PHASE_UNSPECIFIED
	for i, s := range statements {
		if s.GetPhase() != phase {
			phase = s.GetPhase()
			p.phase(phase)
		}
		title := fmt.Sprintf("  %d. ", i+1)
		indent := strings.Repeat(" ", len(title))
		if s.GetDestructive() {
			title += p.paint(alarm, "DESTRUCTIVE") + "  "
		}
		if s.GetFinal() {
			title += p.paint(dim, "when recorded: ")
		}
		p.line(title, s.GetSummary())
		colour := cyan
		if s.GetDestructive() {
			colour = red
		}
		p.block(indent, s.GetSql()+";", colour)
		for _, h := range s.GetHazards() {
			if whole := h.GetLockTime() == lockstepv1.LockTime_LOCK_TIME_EXECUTION; !whole || !said {
				p.line(indent, p.paint(yellow, hazard(h)))
				said = said || whole // once is enough
			}
		}
		if why := s.GetIrreversible(); why != "" {
			p.line(indent, p.paint(yellow, "! irreversible: "+why))
		}
	}
}

// phase says what is atomic and what is not.
func (p *Printer) phase(phase lockstepv1.PlanPhase) {
	said := map[lockstepv1.PlanPhase]string{
		lockstepv1.PlanPhase_PLAN_PHASE_PREPARE: "atomic: one transaction; others see it when it is through",
		lockstepv1.PlanPhase_PLAN_PHASE_ONLINE:  "not atomic: one by one, beside readers and writers; a failure takes this back, and prepare with it",
		lockstepv1.PlanPhase_PLAN_PHASE_FINISH:  "atomic: one transaction with the history; a failure takes the phases before it back, too",
	}[phase]
	p.line("  ", p.paint(bold, enumWord(phase, "PLAN_PHASE_", " ")), "  ", p.paint(dim, said))
}

func (p *Printer) digest(plan *lockstepv1.Plan, next []string) {
	p.field("digest", plan.GetDigest())
	p.line()
	switch {
	case plan.GetDestructive():
		p.line(p.paint(alarm, "This plan is DESTRUCTIVE: it removes data."), " It executes only with its digest:")
	case len(plan.GetStatements()) == 0:
		p.line("No SQL to run; executing records the new module versions:")
	default:
		p.line("Execute exactly this plan with:")
	}
	p.line()
	for _, l := range next {
		p.line("  ", l)
	}
}
