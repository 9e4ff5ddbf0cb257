package text

import (
	"fmt"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// Adopted writes how a database differs from its target, and what was recorded.
func (p *Printer) Adopted(r *lockstepv1.AdoptDatabaseResponse) {
	p.field("target", r.GetTarget())
	for i, l := range p.versions(nil, r.GetModules(), true) {
		name := "modules"
		if i > 0 {
			name = ""
		}
		p.field(name, l)
	}
	p.method(r.GetMethod(), r.GetMethodReason())
	p.Warnings(r.GetWarnings())
	p.Differences(r.GetDifferences(), r.GetRevision() == 0)
	p.outside(r.GetUnowned(), r.GetReferences())
	p.line()
	tables, differences := count(int(r.GetTables()), "table"), "no difference"
	if n := len(r.GetDifferences()); n > 0 {
		differences = count(n, "difference")
	}
	switch {
	case r.GetRevision() > 0:
		p.line(p.paint(green, "Adopted"), fmt.Sprintf(": revision %d, %s, %s; no statement was run", r.GetRevision(), tables, differences))
		if len(r.GetDifferences()) > 0 {
			p.line("It is recorded as it is. Preview shows what is missing.")
		}
	case blocking(r.GetDifferences()):
		p.line(p.paint(alarm, "Blocked"), ": ", tables, ", ", differences, "; it cannot be adopted as it is")
	default:
		p.line("It can be adopted: ", tables, ", ", differences, ". Nothing was recorded.")
	}
}

func blocking(list []*lockstepv1.Difference) bool {
	for _, d := range list {
		if d.GetSeverity() == lockstepv1.Severity_SEVERITY_BLOCKING {
			return true
		}
	}
	return false
}
