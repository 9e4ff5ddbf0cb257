package text_test

import (
	"testing"

	v1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

func TestPreviewOfPhases(t *testing.T) {
	plan := &v1.Plan{Engine: v1.Engine_ENGINE_POSTGRES, EngineVersion: 16, Strategy: v1.Strategy_STRATEGY_SAFE, Online: true, Digest: "p1:abc", Statements: []*v1.Statement{
		{Sql: `ALTER TABLE "t" ADD CONSTRAINT "c" CHECK (a > 0) NOT VALID`, Summary: "add the check c of t for new rows", Phase: v1.PlanPhase_PLAN_PHASE_PREPARE},
		{Sql: `ALTER TABLE "t" VALIDATE CONSTRAINT "c"`, Summary: "look at present rows for the check c of t", Phase: v1.PlanPhase_PLAN_PHASE_ONLINE},
		{Sql: `CREATE INDEX CONCURRENTLY "i" ON "t" ("a")`, Summary: "build index i on t concurrently", Phase: v1.PlanPhase_PLAN_PHASE_ONLINE},
		{Sql: `DROP INDEX "j"`, Summary: "drop index j from t", Phase: v1.PlanPhase_PLAN_PHASE_FINISH},
	}}
	golden(t, "preview_online", func(p *text.Printer) {
		p.Preview(&v1.PreviewMigrationResponse{Plan: plan, Target: "postgres://db/acme", Changed: true}, []string{"lockstep execute --online"})
	})
}
