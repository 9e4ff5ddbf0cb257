package rpc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestCheckModule carries every part of a check over the wire.
func TestCheckModule(t *testing.T) {
	var asked migrate.CheckRequest
	conn, _ := start(t, &fakeMigrator{check: func(req migrate.CheckRequest) (*migrate.CheckResult, error) {
		asked = req
		return &migrate.CheckResult{
			Module: module.Version{Path: "example.com/crm", Version: "v1.1.0"}, Tables: 2,
			Problems: []migrate.Problem{{
				Reason: "SCHEMA_NOT_LOWERABLE", Engines: []dialect.Engine{dialect.MySQL},
				Violation: fault.Violation{
					Subject: "example.com/crm@v1.1.0", Position: fault.Position{File: "m.go", Line: 3, Column: 2},
					Description: "too long", Suggestion: "shorten it",
				},
			}},
			Warnings: []string{"w"}, Engines: req.Engines,
			Against: &module.Version{Path: "example.com/crm", Version: "v1.0.0"},
			Changes: diff.Assess([]diff.Change{{
				Verb: diff.Drop, Kind: diff.Column, Table: "t", Name: "c",
				From: &diff.Part{Column: &schema.Column{Name: "c"}},
			}}),
		}, nil
	}})
	client := lockstepv1.NewModuleServiceClient(conn)
	got, err := client.CheckModule(t.Context(), &lockstepv1.CheckModuleRequest{
		Path: "example.com/crm", Entities: []string{"."}, Manifest: "version: 1\n", Against: "v1",
		Engines: []lockstepv1.Engine{lockstepv1.Engine_ENGINE_MYSQL, lockstepv1.Engine_ENGINE_SQLITE},
	})
	require.NoError(t, err)
	assert.Equal(t, "example.com/crm", asked.Ref.Path)
	assert.Equal(t, []dialect.Engine{dialect.MySQL, dialect.SQLite}, asked.Engines)
	assert.Equal(t, "v1", asked.Against)
	assert.NotNil(t, asked.Manifest)

	assert.EqualValues(t, 2, got.GetTables())
	require.Len(t, got.GetProblems(), 1)
	problem := got.GetProblems()[0]
	assert.Equal(t, "SCHEMA_NOT_LOWERABLE", problem.GetReason())
	assert.Equal(t, []lockstepv1.Engine{lockstepv1.Engine_ENGINE_MYSQL}, problem.GetEngines())
	assert.EqualValues(t, 2, problem.GetViolation().GetColumn())
	assert.Equal(t, "v1.0.0", got.GetAgainst().GetVersion())
	require.Len(t, got.GetChanges(), 1)
	assert.Equal(t, lockstepv1.Effect_EFFECT_DESTRUCTIVE, got.GetChanges()[0].GetEffect())

	for field, req := range map[string]*lockstepv1.CheckModuleRequest{
		"path":       {},
		"engines[0]": {Path: "x", Engines: []lockstepv1.Engine{lockstepv1.Engine_ENGINE_UNSPECIFIED}},
		"against":    {Path: "x", Against: "a b"},
	} {
		_, err := client.CheckModule(t.Context(), req)
		f := status.Fault(err)
		require.Equal(t, "REQUEST_INVALID", f.Reason, field)
		assert.Equal(t, field, f.Violations[0].Subject)
	}
	_, err = client.CheckModule(t.Context(), &lockstepv1.CheckModuleRequest{Path: "x", Manifest: "entites: []\n"})
	assert.Equal(t, "MANIFEST_INVALID", status.Fault(err).Reason)
}

// TestProposeManifest carries a proposal over the wire.
func TestProposeManifest(t *testing.T) {
	conn, _ := start(t, &fakeMigrator{proposal: &entity.Proposal{
		Text:       "version: 1\n",
		Judgements: []entity.Judgement{{Pattern: ".User", Position: fault.Position{File: "m.go", Line: 3}, Doubtful: true, Why: "why"}},
		Problems:   []fault.Violation{{Description: "d"}},
	}})
	got, err := lockstepv1.NewModuleServiceClient(conn).ProposeManifest(t.Context(), &lockstepv1.ProposeManifestRequest{Path: "example.com/crm"})
	require.NoError(t, err)
	assert.Equal(t, "version: 1\n", got.GetManifest())
	assert.Equal(t, "example.com/crm", got.GetModule().GetPath())
	require.Len(t, got.GetStructs(), 1)
	assert.True(t, got.GetStructs()[0].GetDoubtful())
	assert.Len(t, got.GetProblems(), 1)
}

// TestModuleGraph tells tables from extensions of them.
func TestModuleGraph(t *testing.T) {
	base := module.Version{Path: "example.com/base", Version: "v1.1.0"}
	crm := module.Version{Path: "example.com/crm", Version: "v1.0.0"}
	users := &schema.Table{
		Name: "users", Origin: schema.Origin{Module: base.Path},
		Columns: []*schema.Column{
			{Name: "id", Origin: schema.Origin{Module: base.Path}},
			{Name: "points", Origin: schema.Origin{Module: crm.Path}, Default: &schema.Default{Expr: true, Engine: map[string]string{"mysql": "0"}}},
		},
		Indexes:     []*schema.Index{{Name: "idx", Parts: []schema.IndexPart{{Column: "points"}}}, {Name: "other", Parts: []schema.IndexPart{{Column: "id"}}}},
		ForeignKeys: []*schema.ForeignKey{{Name: "fk", Columns: []string{"points"}}},
		Checks:      []*schema.Check{{Name: "chk", Expr: "points > 0"}},
	}
	target := &migrate.Target{
		Schema: &schema.Schema{Tables: []*schema.Table{users}}, Modules: []module.Version{base, crm}, Named: []string{crm.Path},
		Edges: []module.Edge{{From: crm, To: module.Version{Path: base.Path, Version: "v1.0.0"}}},
	}
	conn, _ := start(t, &fakeMigrator{compose: func(migrate.ModuleSet) (*migrate.Target, error) { return target, nil }})
	client := lockstepv1.NewModuleServiceClient(conn)
	got, err := client.GetModuleGraph(t.Context(), &lockstepv1.GetModuleGraphRequest{
		Modules: &lockstepv1.ModuleSet{Refs: []*lockstepv1.ModuleRef{{Path: crm.Path}}},
	})
	require.NoError(t, err)
	require.Len(t, got.GetModules(), 2)
	first, second := got.GetModules()[0], got.GetModules()[1]
	assert.False(t, first.GetNamed())
	assert.Equal(t, []string{"users"}, first.GetTables())
	assert.Equal(t, "v1.0.0", first.GetRequiredBy()[0].GetVersion())
	assert.True(t, second.GetNamed())
	assert.Equal(t, []string{"points"}, second.GetExtends()[0].GetColumns())

	shown, err := client.GetModule(t.Context(), &lockstepv1.GetModuleRequest{Path: crm.Path})
	require.NoError(t, err)
	require.Len(t, shown.GetExtensions(), 1)
	added := shown.GetExtensions()[0]
	assert.Len(t, added.GetColumns(), 1)
	assert.Nil(t, added.GetColumns()[0].DefaultValue)
	assert.Equal(t, "mysql", added.GetColumns()[0].GetEngineDefaults()[0].GetEngine())
	assert.Len(t, added.GetIndexes(), 1)
	assert.Len(t, added.GetForeignKeys(), 1)
	assert.Len(t, added.GetChecks(), 1)
}
