package migrate

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// advise makes the suggestion of a statement's failure fit the plan at hand. The
// dialect knows from the code what such a failure needs in general; the plan knows
// the table, and what would have spared it this. online: the engine has plans in
// phases.
func advise(f *fault.Error, p *plan.Plan, st *plan.Statement, online bool) {
	if f.Suggestion == "" || !aboutTable(f) {
		return
	}
	more := []string{f.Suggestion}
	carries := func(kinds ...dialect.HazardKind) bool {
		return slices.ContainsFunc(st.Hazards, func(h dialect.Hazard) bool { return slices.Contains(kinds, h.Kind) })
	}
	switch {
	case strings.HasPrefix(f.Reason, "DATA_"):
		more = append(more, "lockstep preview --preflight names the rows")
		if p.Strategy != strategy.AddOnly {
			more = append(more, "the strategy add-only leaves the change for later")
		}
	case f.Reason == "DISK_FULL" && carries(dialect.HazardRewrite):
		more = append(more, "this statement writes the table anew, and needs as much space again as it takes now")
	case slices.Contains([]string{dialect.ReasonLockTimeout, dialect.ReasonDeadlock, "STATEMENT_TIMEOUT"}, f.Reason):
		if online && !p.Online && carries(dialect.HazardLock, dialect.HazardRewrite, dialect.HazardMayFail) {
			more = append(more, "with --online the plan holds its locks for moments only")
		}
	}
	f.Suggestion = "table " + nameBefore(p, st.Table) + ": " + strings.Join(more, "; ")
}

// nameBefore is the name that a table has before a plan, and has again when the plan
// was taken back.
func nameBefore(p *plan.Plan, table string) string {
	for _, v := range p.Verdicts {
		if v.Kind == diff.Table && v.Verb == diff.Rename && len(v.Now) > 0 && v.Table == table {
			return v.OldName
		}
	}
	return table
}

// aboutTable tells a failure for the table's sake from one of the connection, the
// server or the caller.
func aboutTable(f *fault.Error) bool {
	about := []fault.Kind{fault.Refused, fault.Drift, fault.Conflict, fault.Exhausted, fault.Denied}
	return slices.Contains(about, f.Kind) || f.Reason == "STATEMENT_TIMEOUT"
}
