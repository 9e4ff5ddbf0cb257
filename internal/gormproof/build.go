package gormproof

import (
	"context"
	"testing"
	"time"

	"github.com/lockstepdb/lockstep/internal/compose"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
	"github.com/stretchr/testify/require"
)

// Target reads entities and lowers them for an engine: lockstep's way from
// source to the model that a tenant is brought to.
func Target(ctx context.Context, d dialect.Dialect, mod *module.Module, find entity.Finder, opts entity.Options) (*schema.Schema, error) {
	composed, err := Compose(ctx, mod, find, opts)
	if err != nil {
		return nil, err
	}
	return d.Lower(composed)
}

// Compose reads entities into a neutral schema.
func Compose(ctx context.Context, mod *module.Module, find entity.Finder, opts entity.Options) (*schema.Schema, error) {
	read, err := entity.Read(ctx, mod, find, opts)
	if err != nil {
		return nil, err
	}
	return compose.Compose([]*entity.Result{read})
}

// Build brings an empty tenant to a lowered model, as execute does, and commits.
func (e Engine) Build(t testing.TB, target string, model *schema.Schema) {
	t.Helper()
	parsed, err := dialect.ParseTarget(target)
	require.NoError(t, err)
	p, err := plan.Build(t.Context(), e.Dialect, plan.Input{EngineVersion: 1, Strategy: strategy.Full, Target: model})
	require.NoError(t, err)
	session, err := e.Dialect.Open(t.Context(), parsed)
	require.NoError(t, err)
	defer func() { _ = session.Close() }()
	tx, err := session.Begin(t.Context(), txOptions())
	require.NoError(t, err)
	for i := range p.Statements {
		if _, err := tx.ExecContext(t.Context(), p.Statements[i].SQL); err != nil {
			_ = tx.Rollback(context.WithoutCancel(t.Context()))
			require.NoError(t, err, p.Statements[i].SQL)
		}
	}
	require.NoError(t, tx.Commit(t.Context()))
}

func txOptions() dialect.TxOptions {
	return dialect.TxOptions{LockWait: time.Minute, CreateNamespace: true}
}

// Inspect looks at the tables of a model in a tenant.
func (e Engine) Inspect(t testing.TB, target string, model *schema.Schema) *schema.Schema {
	t.Helper()
	parsed, err := dialect.ParseTarget(target)
	require.NoError(t, err)
	session, err := e.Dialect.Open(t.Context(), parsed)
	require.NoError(t, err)
	defer func() { _ = session.Close() }()
	found, err := e.Dialect.Inspect(t.Context(), session, tableNames(model))
	require.NoError(t, err)
	return found
}

func tableNames(s *schema.Schema) []string {
	names := make([]string, len(s.Tables))
	for i, t := range s.Tables {
		names[i] = t.Name
	}
	return names
}

// NoViolations fails a test with every violation of an error.
func NoViolations(t testing.TB, err error) {
	t.Helper()
	if e := fault.As(err); e != nil {
		for _, v := range e.Violations {
			t.Errorf("%s:%d: %s: %s (%s)", v.Position.File, v.Position.Line, v.Subject, v.Description, v.Suggestion)
		}
	}
	require.NoError(t, err)
}
