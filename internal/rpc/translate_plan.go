package rpc

import (
	"math"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// i32 narrows a count; counts here never come near the limit.
func i32(n int) int32 {
	return int32(min(max(n, math.MinInt32), math.MaxInt32)) //nolint:gosec // bounded on this line
}

func toModuleVersion(v module.Version) *lockstepv1.ModuleVersion {
	return &lockstepv1.ModuleVersion{Path: v.Path, Version: v.Version, Sum: v.Sum}
}

func toModuleVersions(vs []module.Version) []*lockstepv1.ModuleVersion {
	out := make([]*lockstepv1.ModuleVersion, 0, len(vs))
	for _, v := range vs {
		out = append(out, toModuleVersion(v))
	}
	return out
}

func fromStrategy(s lockstepv1.Strategy) (strategy.Name, error) {
	switch s {
	case lockstepv1.Strategy_STRATEGY_UNSPECIFIED, lockstepv1.Strategy_STRATEGY_SAFE:
		return strategy.Safe, nil
	case lockstepv1.Strategy_STRATEGY_ADD_ONLY:
		return strategy.AddOnly, nil
	case lockstepv1.Strategy_STRATEGY_FULL:
		return strategy.Full, nil
	}
	return "", fault.New(fault.Invalid, "STRATEGY_UNKNOWN", "there is no strategy %d", int32(s)).
		Suggest("use add-only, safe or full")
}

func toStrategy(s strategy.Name) lockstepv1.Strategy {
	switch s {
	case strategy.AddOnly:
		return lockstepv1.Strategy_STRATEGY_ADD_ONLY
	case strategy.Safe:
		return lockstepv1.Strategy_STRATEGY_SAFE
	case strategy.Full:
		return lockstepv1.Strategy_STRATEGY_FULL
	}
	return lockstepv1.Strategy_STRATEGY_UNSPECIFIED
}

func toEngine(e dialect.Engine) lockstepv1.Engine {
	switch e {
	case dialect.Postgres:
		return lockstepv1.Engine_ENGINE_POSTGRES
	case dialect.MySQL:
		return lockstepv1.Engine_ENGINE_MYSQL
	case dialect.MariaDB:
		return lockstepv1.Engine_ENGINE_MARIADB
	case dialect.SQLServer:
		return lockstepv1.Engine_ENGINE_SQLSERVER
	case dialect.SQLite:
		return lockstepv1.Engine_ENGINE_SQLITE
	}
	return lockstepv1.Engine_ENGINE_UNSPECIFIED
}

func toPlan(p *plan.Plan) *lockstepv1.Plan {
	if p == nil {
		return nil
	}
	out := &lockstepv1.Plan{
		Engine:            toEngine(p.Engine),
		EngineVersion:     i32(p.EngineVersion),
		Strategy:          toStrategy(p.Strategy),
		Modules:           toModuleVersions(p.Modules),
		BaseFingerprint:   p.Base,
		TargetFingerprint: p.Target,
		ResultFingerprint: p.Result,
		Destructive:       p.Destructive(),
		Digest:            p.Digest,
		Online:            p.Online,
		Compatibility:     toCompatibility(p.Compatibility()),
		Verdicts:          make([]*lockstepv1.Verdict, 0, len(p.Verdicts)),
		Statements:        make([]*lockstepv1.Statement, 0, len(p.Statements)),
	}
	for i := range p.Verdicts {
		out.Verdicts = append(out.Verdicts, toVerdict(&p.Verdicts[i]))
	}
	for i := range p.Statements {
		out.Statements = append(out.Statements, toStatement(&p.Statements[i]))
	}
	return out
}

func toPlanPhase(p dialect.Phase) lockstepv1.PlanPhase {
	switch p {
	case dialect.PhasePrepare:
		return lockstepv1.PlanPhase_PLAN_PHASE_PREPARE
	case dialect.PhaseOnline:
		return lockstepv1.PlanPhase_PLAN_PHASE_ONLINE
	case dialect.PhaseFinish:
		return lockstepv1.PlanPhase_PLAN_PHASE_FINISH
	}
	return lockstepv1.PlanPhase_PLAN_PHASE_UNSPECIFIED
}

func toStatement(s *plan.Statement) *lockstepv1.Statement {
	out := &lockstepv1.Statement{
		Sql:         s.SQL,
		Summary:     s.Summary,
		Table:       s.Table,
		Destructive: s.Destructive,
		Reverse:     s.Reverse,
		Rebuild:     s.Rebuild,
		Final:       s.Final,
		Fallback:    s.Fallback,
		Phase:       toPlanPhase(s.Phase),

		Irreversible: s.Irreversible,
	}
	for _, h := range s.Hazards {
		out.Hazards = append(out.Hazards, &lockstepv1.Hazard{
			Kind: toHazard(h.Kind), Detail: h.Detail, Table: h.Table, LockMode: h.Mode, LockTime: toLockTime(h.Lasts),
		})
	}
	return out
}

func toHazard(k dialect.HazardKind) lockstepv1.HazardKind {
	switch k {
	case dialect.HazardDataLoss:
		return lockstepv1.HazardKind_HAZARD_KIND_DATA_LOSS
	case dialect.HazardMayFail:
		return lockstepv1.HazardKind_HAZARD_KIND_MAY_FAIL
	case dialect.HazardRewrite:
		return lockstepv1.HazardKind_HAZARD_KIND_REWRITE
	case dialect.HazardScan:
		return lockstepv1.HazardKind_HAZARD_KIND_SCAN
	case dialect.HazardLock:
		return lockstepv1.HazardKind_HAZARD_KIND_LOCK
	}
	return lockstepv1.HazardKind_HAZARD_KIND_UNSPECIFIED
}

func toLockTime(l dialect.LockTime) lockstepv1.LockTime {
	switch l {
	case dialect.LockMoment:
		return lockstepv1.LockTime_LOCK_TIME_MOMENT
	case dialect.LockScan:
		return lockstepv1.LockTime_LOCK_TIME_SCAN
	case dialect.LockRewrite:
		return lockstepv1.LockTime_LOCK_TIME_REWRITE
	case dialect.LockExecution:
		return lockstepv1.LockTime_LOCK_TIME_EXECUTION
	}
	return lockstepv1.LockTime_LOCK_TIME_UNSPECIFIED
}

// toSizedPlan is toPlan with what the tables of the hazards hold, whose sizes go by
// the names before the plan.
func toSizedPlan(p *plan.Plan, sizes map[string]dialect.Size) *lockstepv1.Plan {
	out := toPlan(p)
	before := map[string]string{}
	for _, v := range out.GetVerdicts() {
		if c := v.GetChange(); c.GetKind() == lockstepv1.ObjectKind_OBJECT_KIND_TABLE && c.GetVerb() == lockstepv1.Verb_VERB_RENAME {
			before[c.GetTable()] = c.GetOldName()
		}
	}
	for _, s := range out.GetStatements() {
		for _, h := range s.GetHazards() {
			name := h.GetTable()
			if old, renamed := before[name]; renamed {
				name = old
			}
			if size, known := sizes[name]; known && h.GetTable() != "" {
				h.Size = toSize(name, size)
			}
		}
	}
	return out
}
