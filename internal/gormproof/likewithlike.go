package gormproof

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// LikeWithLike tells how a tenant differs from a lowered model, texts included:
// the model is built in scratch, an empty place on the same server, both are
// inspected, and the two inspections are compared. An engine prints the texts of
// defaults, checks and predicates in its own way; here it does so on both sides.
//
// The scratch is built in a transaction that is rolled back, where the engine
// has transactional DDL; elsewhere its owner drops it.
func LikeWithLike(ctx context.Context, d dialect.Dialect, tenant dialect.Querier, scratch dialect.Target, model *schema.Schema) ([]string, error) {
	names := tableNames(model)
	found, err := d.Inspect(ctx, tenant, names)
	if err != nil {
		return nil, err
	}
	built, err := inspectFresh(ctx, d, scratch, model, names)
	if err != nil {
		return nil, err
	}
	return Differences(built, found), nil
}

// inspectFresh builds a model in an empty place and inspects it there.
func inspectFresh(ctx context.Context, d dialect.Dialect, scratch dialect.Target, model *schema.Schema, names []string) (_ *schema.Schema, err error) {
	p, err := plan.Build(ctx, d, plan.Input{Strategy: strategy.Full, Target: model})
	if err != nil {
		return nil, err
	}
	session, err := d.Open(ctx, scratch)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, session.Close()) }()
	tx, err := session.Begin(ctx, txOptions())
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, tx.Rollback(context.WithoutCancel(ctx))) }()
	for i := range p.Statements {
		if _, err := tx.ExecContext(ctx, p.Statements[i].SQL); err != nil {
			return nil, d.Classify(err)
		}
	}
	return d.Inspect(ctx, tx, names)
}

// Differences compares two inspections, of which the first is as promised. The
// order of things carries no meaning.
func Differences(promised, found *schema.Schema) []string {
	var out []string
	for _, want := range promised.Tables {
		got := found.Table(want.Name)
		if got == nil {
			out = append(out, "table "+want.Name+" is missing")
			continue
		}
		a, b := facts(want), facts(got)
		for _, line := range a {
			if !slices.Contains(b, line) {
				out = append(out, want.Name+": missing "+line)
			}
		}
		for _, line := range b {
			if !slices.Contains(a, line) {
				out = append(out, want.Name+": unexpected "+line)
			}
		}
	}
	return out
}

// facts renders an inspected table, a line a thing.
func facts(t *schema.Table) []string {
	out := []string{fmt.Sprintf("comment %q", t.Comment), "primary key " + strings.Join(t.PrimaryKey, ", ")}
	for _, c := range t.Columns {
		def := "none"
		if c.Default != nil {
			def = c.Default.String()
		}
		// That a key takes no NULL goes without saying, and GORM does not say it.
		null := c.Nullable && !slices.Contains(t.PrimaryKey, c.Name)
		out = append(out, fmt.Sprintf("column %s %s null=%t auto=%t default %s comment %q", c.Name, c.Physical, null, c.AutoIncrement, def, c.Comment))
	}
	for _, x := range t.Indexes {
		out = append(out, fmt.Sprintf("index %s %+v", x.Name, *x))
	}
	for _, f := range t.ForeignKeys {
		out = append(out, fmt.Sprintf("foreign key %+v", *f))
	}
	for _, c := range t.Checks {
		out = append(out, fmt.Sprintf("check %+v", *c))
	}
	return out
}

// LikeWithLike compares a tenant with a model, in a scratch schema beside it.
func (e Engine) LikeWithLike(t testing.TB, target string, model *schema.Schema) []string {
	t.Helper()
	tenant, err := dialect.ParseTarget(target)
	require.NoError(t, err)
	scratch, err := dialect.ParseTarget(e.Scratch(t, target))
	require.NoError(t, err)
	session, err := e.Dialect.Open(t.Context(), tenant)
	require.NoError(t, err)
	defer func() { _ = session.Close() }()
	found, err := LikeWithLike(t.Context(), e.Dialect, session, scratch, model)
	require.NoError(t, err)
	return found
}
