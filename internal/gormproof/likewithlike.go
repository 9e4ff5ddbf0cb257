package gormproof

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/schema"
)

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

// LikeWithLike compares a tenant with a model as lockstep does, in a scratch
// schema beside it.
func (e Engine) LikeWithLike(t testing.TB, target string, model *schema.Schema) []string {
	t.Helper()
	tenant, err := dialect.ParseTarget(target)
	require.NoError(t, err)
	session, err := e.Dialect.Open(t.Context(), tenant)
	require.NoError(t, err)
	defer func() { _ = session.Close() }()
	found, _, err := migrate.LikeWithLike(t.Context(), e.Dialect, tenant, session, model)
	require.NoError(t, err)
	out := make([]string, len(found))
	for i := range found {
		out[i] = found[i].String()
	}
	return out
}
