package migrate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestAdvice: what is suggested fits the plan at hand.
func TestAdvice(t *testing.T) {
	t.Parallel()
	locks, writes := []dialect.HazardKind{dialect.HazardLock}, []dialect.HazardKind{dialect.HazardRewrite}
	for _, c := range []struct {
		kind     fault.Kind
		reason   string
		strategy strategy.Name
		hazards  []dialect.HazardKind
		phases   bool // the plan is in phases
		online   bool // the engine has such plans
		want     string
	}{
		{kind: fault.Refused, reason: "DATA_DUPLICATE", want: "table t: mend; lockstep preview --preflight names the rows; the strategy add-only leaves the change for later"},
		{kind: fault.Refused, reason: "DATA_CAST", strategy: strategy.AddOnly, want: "table t: mend; lockstep preview --preflight names the rows"},
		{kind: fault.Conflict, reason: "LOCK_TIMEOUT", hazards: locks, online: true, want: "table t: mend; with --online the plan holds its locks for moments only"},
		{kind: fault.Conflict, reason: "LOCK_TIMEOUT", hazards: locks, online: true, phases: true, want: "table t: mend"},
		{kind: fault.Conflict, reason: "LOCK_TIMEOUT", hazards: locks, want: "table t: mend"},
		{kind: fault.Conflict, reason: "DEADLOCK", online: true, want: "table t: mend"},
		{kind: fault.Deadline, reason: "STATEMENT_TIMEOUT", hazards: writes, online: true, want: "table t: mend; with --online the plan holds its locks for moments only"},
		{kind: fault.Deadline, reason: "DEADLINE", hazards: writes, online: true, want: "mend"},
		{kind: fault.Exhausted, reason: "DISK_FULL", hazards: writes, want: "table t: mend; this statement writes the table anew, and needs as much space again as it takes now"},
		{kind: fault.Exhausted, reason: "DISK_FULL", want: "table t: mend"},
		{kind: fault.Denied, reason: "DATABASE_PERMISSION", want: "table t: mend"},
		{kind: fault.Refused, reason: "DEPENDENT_OBJECTS", want: "table t: mend"},
		{kind: fault.Drift, reason: "OBJECT_EXISTS", want: "table t: mend"},
		{kind: fault.Unavailable, reason: "CONNECTION_LOST", want: "mend"},
		{kind: fault.Unavailable, reason: "DATABASE_READ_ONLY", want: "mend"},
	} {
		st := &plan.Statement{Table: "t"}
		for _, k := range c.hazards {
			st.Hazards = append(st.Hazards, dialect.Hazard{Kind: k})
		}
		f := fault.New(c.kind, c.reason, "it failed").Suggest("mend")
		advise(f, &plan.Plan{Strategy: c.strategy, Online: c.phases}, st, c.online)
		assert.Equal(t, c.want, f.Suggestion, "%+v", c)
	}
}
