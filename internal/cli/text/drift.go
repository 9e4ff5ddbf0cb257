package text

import (
	"fmt"
	"slices"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Drift writes how a database differs from what was last recorded.
func (p *Printer) Drift(r *lockstepv1.CheckDriftResponse) {
	v := r.GetRevision()
	p.field("target", database(r.GetTarget(), v.GetEngine(), v.GetEngineVersion()))
	p.field("recorded", fmt.Sprintf("revision %d, %s UTC, by %s", v.GetNumber(), timeText(v.GetStartedAt()), v.GetActor()))
	p.method(r.GetMethod(), r.GetMethodReason())
	p.Differences(r.GetDifferences(), true)
	p.outside(r.GetUnowned(), r.GetReferences())
	p.line()
	if n := len(r.GetDifferences()); n > 0 {
		p.line(p.paint(alarm, "Drifted"), ": ", count(n, "difference"), " in ", count(int(r.GetTables()), "table"),
			"; nothing was touched")
		return
	}
	p.line(p.paint(green, "As recorded"), ": ", count(int(r.GetTables()), "table"))
}

// method says how a comparison was made, when it was not made in full.
func (p *Printer) method(m lockstepv1.DriftMethod, reason string) {
	if m == lockstepv1.DriftMethod_DRIFT_METHOD_STRUCTURE {
		p.field("compared", "by structure only: "+reason)
	}
}

// Differences writes objects that are not what they should be, grouped by table;
// with SQL what would bring each back.
func (p *Printer) Differences(list []*lockstepv1.Difference, sql bool) {
	if len(list) == 0 {
		return
	}
	p.line()
	p.line(p.paint(bold, "DIFFERENCES"))
	var tables []string
	for _, d := range list {
		if !slices.Contains(tables, d.GetTable()) {
			tables = append(tables, d.GetTable())
		}
	}
	slices.Sort(tables)
	for _, t := range tables {
		p.line("  ", p.paint(bold, t))
		for _, d := range list {
			if d.GetTable() == t {
				p.difference(d, sql)
			}
		}
	}
	if sql && slices.ContainsFunc(list, copies) {
		p.line("  ", p.paint(alarm, "!"), " SQLite copies tables: with PRAGMA foreign_keys=ON this SQL deletes the rows that refer to them.")
		p.line("    lockstep drift --format sql prints the script that does not.")
	}
}

// copies tells whether bringing an object back copies its table, as SQLite does.
func copies(d *lockstepv1.Difference) bool {
	return slices.Contains(d.GetRestore(), "PRAGMA legacy_alter_table=ON")
}

func (p *Printer) difference(d *lockstepv1.Difference, sql bool) {
	const indent = "        "
	mark, colour := "~", yellow
	switch d.GetStatus() {
	case lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_MISSING:
		mark, colour = "-", red
	case lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_EXTRA:
		mark, colour = "+", green
	case lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_ALTERED, lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_UNSPECIFIED:
	}
	what := kindWord(d.GetKind())
	if d.GetName() != "" {
		what += " " + d.GetName()
	}
	words := []string{"    ", p.paint(colour, mark+" "+what), "  ", differs(d)}
	switch d.GetSeverity() {
	case lockstepv1.Severity_SEVERITY_BLOCKING:
		words = append(words, "  ", p.paint(alarm, "BLOCKING"))
	case lockstepv1.Severity_SEVERITY_COSMETIC:
		words = append(words, "  ", p.paint(dim, "cosmetic"))
	case lockstepv1.Severity_SEVERITY_ACCEPTABLE, lockstepv1.Severity_SEVERITY_UNSPECIFIED:
	}
	p.line(words...)
	if d.GetAccept() != "" {
		p.line(indent, p.paint(dim, "to accept it: "+d.GetAccept()))
	}
	if !sql || len(d.GetRestore()) == 0 {
		return
	}
	p.line(indent, p.paint(dim, "to bring it back:"))
	for _, s := range d.GetRestore() {
		p.block(indent+"  ", s+";", cyan)
	}
}

// differs says what is and what should be.
func differs(d *lockstepv1.Difference) string {
	switch d.GetStatus() {
	case lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_MISSING:
		return strings.TrimSpace("missing  " + d.GetWant())
	case lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_EXTRA:
		return strings.TrimSpace("extra  " + d.GetHave())
	case lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_ALTERED, lockstepv1.DifferenceStatus_DIFFERENCE_STATUS_UNSPECIFIED:
	}
	if d.GetWant() == "" {
		return d.GetHave()
	}
	return d.GetHave() + "  instead of  " + d.GetWant()
}

// outside writes what lives beside the tenant's tables.
func (p *Printer) outside(unowned []string, references []*lockstepv1.ForeignReference) {
	if len(unowned) > 0 {
		p.line()
		p.line(p.paint(bold, "UNOWNED"), "  tables that no module owns; lockstep never touches them")
		p.line("  ", strings.Join(unowned, ", "))
	}
	if len(references) == 0 {
		return
	}
	p.line()
	p.line(p.paint(bold, "REFERENCES"), "  foreign keys of such tables into the tenant's")
	for _, r := range references {
		p.line(fmt.Sprintf("  %s(%s) to %s(%s)  %s", r.GetTable(), strings.Join(r.GetColumns(), ", "),
			r.GetRefTable(), strings.Join(r.GetRefColumns(), ", "), r.GetName()))
	}
}
