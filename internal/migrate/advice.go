package migrate

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
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
	table := st.Table // taken back, it has its old name again
	if was, renamed := formerNames(p)[table]; renamed {
		table = was
	}
	f.Suggestion = "table " + table + ": " + strings.Join(more, "; ")
}

// aboutTable tells a failure for the table's sake from one of the connection, the
// server or the caller.
func aboutTable(f *fault.Error) bool {
	about := []fault.Kind{fault.Refused, fault.Drift, fault.Conflict, fault.Exhausted, fault.Denied}
	return slices.Contains(about, f.Kind) || f.Reason == "STATEMENT_TIMEOUT"
}
