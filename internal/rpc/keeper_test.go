package rpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// fakeKeeper answers what it is told.
type fakeKeeper struct {
	migrate.Keeper
	drift func(migrate.DriftRequest) (*migrate.DriftReport, error)
	adopt func(migrate.AdoptRequest) (*migrate.AdoptReport, error)
	undo  func(migrate.RevertRequest, func(migrate.Event)) (*migrate.Result, error)
	look  func(migrate.RevertRequest) (*migrate.Preview, error)
}

func (f *fakeKeeper) PreviewRevert(_ context.Context, req migrate.RevertRequest) (*migrate.Preview, error) {
	return f.look(req)
}

func (f *fakeKeeper) Revert(_ context.Context, req migrate.RevertRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	return f.undo(req, progress)
}

func (f *fakeKeeper) Drift(_ context.Context, req migrate.DriftRequest) (*migrate.DriftReport, error) {
	return f.drift(req)
}

func (f *fakeKeeper) Adopt(_ context.Context, req migrate.AdoptRequest) (*migrate.AdoptReport, error) {
	return f.adopt(req)
}

func sampleDifferences() []migrate.Difference {
	column := func(physical string, nullable bool) *diff.Part {
		return &diff.Part{Column: &schema.Column{Name: "age", Physical: physical, Nullable: nullable}}
	}
	return []migrate.Difference{
		{
			Kind: diff.Column, Table: "users", Name: "age", Status: migrate.Altered, Severity: migrate.Blocking,
			Aspects: []diff.Aspect{diff.AspectType, diff.AspectNull}, Want: column("bigint", false), Have: column("text", true),
			Restore: []string{"ALTER TABLE users"}, Accept: "the tag type:text",
		},
		{
			Kind: diff.Index, Table: "users", Name: "one", Status: migrate.Altered, OtherName: "two", Severity: migrate.Cosmetic,
			Want: &diff.Part{Index: &schema.Index{Name: "one"}}, Have: &diff.Part{Index: &schema.Index{Name: "two"}},
		},
	}
}

// What only looks right is told by what is wrong with it.
func TestCheckDriftOfDeviations(t *testing.T) {
	fk := func(deviation string) *diff.Part {
		return &diff.Part{ForeignKey: &schema.ForeignKey{Name: "fk", Columns: []string{"a"}, RefTable: "t", RefColumns: []string{"id"}, Deviation: deviation}}
	}
	index := func(deviation string) *diff.Part {
		return &diff.Part{Index: &schema.Index{Name: "i", Parts: []schema.IndexPart{{Column: "a"}}, Deviation: deviation}}
	}
	check := func(deviation string) *diff.Part {
		return &diff.Part{Check: &schema.Check{Name: "c", Expr: "a > 0", Deviation: deviation}}
	}
	differences := []migrate.Difference{
		{Kind: diff.ForeignKey, Table: "users", Name: "fk", Status: migrate.Altered, Want: fk(""), Have: fk("not valid")},
		{Kind: diff.Index, Table: "users", Name: "i", Status: migrate.Altered, Want: index(""), Have: index("invalid")},
		{Kind: diff.Check, Table: "users", Name: "c", Status: migrate.Altered, Want: check(""), Have: check("not enforced")},
		{Kind: diff.Table, Table: "users", Status: migrate.Altered, OtherName: "people"},
	}
	conn, _ := start(t, &fakeMigrator{Keeper: &fakeKeeper{drift: func(migrate.DriftRequest) (*migrate.DriftReport, error) {
		return &migrate.DriftReport{Revision: &history.Revision{Number: 1, Outcome: history.Applied, StartedAt: began}, Method: migrate.ByScratch, Differences: differences}, nil
	}}})
	got, err := lockstepv1.NewMigrationServiceClient(conn).CheckDrift(t.Context(), &lockstepv1.CheckDriftRequest{Target: target})
	require.NoError(t, err)
	said := map[string]string{}
	for _, d := range got.GetDifferences() {
		said[d.GetHave()] = d.GetWant()
	}
	assert.Equal(t, map[string]string{
		"(a) REFERENCES t (id), not valid": "(a) REFERENCES t (id)", "(a), invalid": "(a)", "(a > 0), not enforced": "(a > 0)", "people": "users",
	}, said)
}

func TestCheckDrift(t *testing.T) {
	var asked migrate.DriftRequest
	conn, _ := start(t, &fakeMigrator{Keeper: &fakeKeeper{drift: func(r migrate.DriftRequest) (*migrate.DriftReport, error) {
		asked = r
		return &migrate.DriftReport{
			Revision: &history.Revision{Number: 3, Outcome: history.Applied, StartedAt: began}, Method: migrate.ByStructure, Reason: "no scratch",
			Tables: 4, Differences: sampleDifferences(), Restore: []string{"ALTER TABLE users"}, Unowned: []string{"reports"},
			References: []dialect.Referrer{{Table: "reports", ForeignKey: &schema.ForeignKey{
				Name: "fk", Columns: []string{"user_id"}, RefTable: "users", RefColumns: []string{"id"},
			}}},
		}, nil
	}}})
	got, err := lockstepv1.NewMigrationServiceClient(conn).CheckDrift(t.Context(), &lockstepv1.CheckDriftRequest{Target: target, Unowned: true})
	require.NoError(t, err)
	assert.True(t, asked.Unowned)
	assert.Equal(t, secret, asked.Target.Password())
	assert.NotContains(t, got.String(), secret)
	assert.EqualValues(t, 3, got.GetRevision().GetNumber())
	assert.Equal(t, lockstepv1.DriftMethod_DRIFT_METHOD_STRUCTURE, got.GetMethod())
	assert.Equal(t, "no scratch", got.GetMethodReason())
	require.Len(t, got.GetDifferences(), 2)
	d := got.GetDifferences()[0]
	assert.Equal(t, []string{"type", "null"}, d.GetAspects())
	assert.Equal(t, "bigint, NOT NULL", d.GetWant())
	assert.Equal(t, "text, NULL", d.GetHave())
	assert.Equal(t, lockstepv1.Severity_SEVERITY_BLOCKING, d.GetSeverity())
	assert.Equal(t, "users: column age has another type and nullability", d.GetSummary())
	assert.Equal(t, "one", got.GetDifferences()[1].GetWant())
	assert.Equal(t, "two", got.GetDifferences()[1].GetHave())
	assert.Equal(t, []string{"id"}, got.GetReferences()[0].GetRefColumns())
	assert.Equal(t, []string{"reports"}, got.GetUnowned())
}

func TestAdoptDatabase(t *testing.T) {
	var asked migrate.AdoptRequest
	keeper := &fakeKeeper{adopt: func(r migrate.AdoptRequest) (*migrate.AdoptReport, error) {
		asked = r
		return &migrate.AdoptReport{
			Revision: 1, Modules: []module.Version{{Path: "example.com/crm", Version: "v1.0.0"}}, Method: migrate.ByScratch,
			Tables: 4, Differences: sampleDifferences(), Warnings: []string{"retracted"},
		}, nil
	}}
	conn, _ := start(t, &fakeMigrator{Keeper: keeper})
	client := lockstepv1.NewMigrationServiceClient(conn)
	req := &lockstepv1.AdoptDatabaseRequest{Modules: crm("v1"), Target: target, Actor: "alice", Preview: true, Again: true}
	got, err := client.AdoptDatabase(t.Context(), req)
	require.NoError(t, err)
	assert.Equal(t, []module.Ref{{Path: "example.com/crm", Query: "v1"}}, asked.Modules.Refs)
	assert.Equal(t, "alice", asked.Actor)
	assert.True(t, asked.Preview && asked.Again)
	assert.EqualValues(t, 1, got.GetRevision())
	assert.Len(t, got.GetDifferences(), 2)
	assert.Equal(t, []string{"retracted"}, got.GetWarnings())
	assert.NotContains(t, got.String(), secret)

	keeper.adopt = func(migrate.AdoptRequest) (*migrate.AdoptReport, error) {
		return nil, fault.New(fault.Refused, "ADOPTION_BLOCKED", "no")
	}
	_, err = client.AdoptDatabase(t.Context(), req)
	assert.Equal(t, "ADOPTION_BLOCKED", status.Fault(err).Reason)
	assert.Equal(t, 3, status.Exit(status.Fault(err)))
}

func TestRevertMigration(t *testing.T) {
	var asked migrate.RevertRequest
	keeper := &fakeKeeper{
		undo: func(r migrate.RevertRequest, progress func(migrate.Event)) (*migrate.Result, error) {
			asked = r
			progress(migrate.Event{Phase: migrate.PhaseLocking, Attempt: 1})
			f := fault.New(fault.Refused, "DATA_NULL", "no")
			f.RolledBack = true
			return &migrate.Result{Outcome: migrate.OutcomeRolledBack, Plan: samplePlan(), Error: f, Warnings: []string{"gone"}, StartedAt: began}, f
		},
		look: func(r migrate.RevertRequest) (*migrate.Preview, error) {
			asked = r
			return &migrate.Preview{
				Plan: samplePlan(), Warnings: []string{"gone"}, Proof: &migrate.Proof{Differences: []string{"no"}},
				Sizes:     map[string]dialect.Size{"customers": {Rows: 7}},
				Preflight: &preflight.Report{Findings: []preflight.Finding{{Subject: preflight.Subject{Kind: preflight.Nulls, Table: "customers"}, Count: 1, Blocks: true}}},
			}, nil
		},
	}
	conn, _ := start(t, &fakeMigrator{Keeper: keeper})
	client := lockstepv1.NewMigrationServiceClient(conn)
	stream, err := client.RevertMigration(t.Context(), &lockstepv1.RevertMigrationRequest{
		Target: target, Revision: 3, Strategy: lockstepv1.Strategy_STRATEGY_FULL, PlanDigest: "p1:abc", Actor: "alice", RequestId: "one",
		DriftPolicy: lockstepv1.DriftPolicy_DRIFT_POLICY_WARN, Online: true,
	})
	require.NoError(t, err)
	first, err := stream.Recv()
	require.NoError(t, err)
	assert.Equal(t, lockstepv1.ExecutionPhase_EXECUTION_PHASE_LOCKING, first.GetProgress().GetPhase())
	second, err := stream.Recv()
	require.NoError(t, err)
	assert.Equal(t, lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_ROLLED_BACK, second.GetResult().GetOutcome())
	assert.Equal(t, []string{"gone"}, second.GetResult().GetWarnings())
	assert.NotContains(t, second.String(), secret)
	_, err = stream.Recv()
	assert.Equal(t, "DATA_NULL", status.Fault(err).Reason)
	assert.Equal(t, int64(3), asked.Revision)
	assert.Equal(t, "p1:abc alice one", asked.Digest+" "+asked.Actor+" "+asked.RequestID)
	assert.Equal(t, migrate.DriftWarn, asked.Drift)
	assert.True(t, asked.Online)

	got, err := client.PreviewRevert(t.Context(), &lockstepv1.PreviewRevertRequest{
		Target: target, Revision: 2, Prove: true, Preflight: true, Estimate: true, Online: true,
	})
	require.NoError(t, err)
	assert.True(t, asked.Prove && asked.Preflight && asked.Estimate && asked.Online)
	assert.Equal(t, int64(7), got.GetSizes()[0].GetRows())
	assert.True(t, got.GetPreflight().GetBlocked())
	assert.Equal(t, int64(2), asked.Revision)
	assert.Equal(t, []string{"gone"}, got.GetWarnings())
	assert.False(t, got.GetProof().GetProved())
	assert.Equal(t, "p1:abc", got.GetPlan().GetDigest())
	_, err = client.PreviewRevert(t.Context(), &lockstepv1.PreviewRevertRequest{Target: target})
	assert.Equal(t, "REQUEST_INVALID", status.Fault(err).Reason)
}
