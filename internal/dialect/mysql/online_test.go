package mysql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestVariants: versions of one variant get the same bytes, and those of two do
// not all.
func TestVariants(t *testing.T) {
	t.Parallel()
	for _, flavour := range flavours() {
		seen := map[string]string{}
		for major := 8; major <= 12; major++ {
			for _, patch := range []dialect.Version{{Patch: 19}, {Patch: 27}, {Patch: 28}, {Patch: 29}, {Patch: 31}, {Patch: 42}, {Minor: 4}, {Minor: 6}, {Minor: 7}, {Minor: 8, Patch: 1}, {Minor: 10}, {Minor: 11}} {
				v := version(major, patch.Minor, patch.Patch)
				if !(Server{flavour.server.Engine, v}).since(version(8, 0, 19), version(10, 6, 0)) {
					continue
				}
				d, ok := flavour.For(v).(*Dialect)
				require.True(t, ok)
				var b strings.Builder
				for _, c := range append(methodCases(), cases()...) {
					b.WriteString(rendered(t, d, c.from, c.to))
				}
				for _, base := range []string{"uuid", "inet4", "vector"} {
					fmt.Fprintln(&b, d.hasType(base))
				}
				name := flavour.Variant(v)
				if seen[name] == "" {
					for other, text := range seen {
						assert.NotEqual(t, text, b.String(), "%s and %s are one", other, name)
					}
					seen[name] = b.String()
				}
				require.Equal(t, seen[name], b.String(), "%v is not %s", v, name)
			}
		}
		assert.Len(t, seen, len(flavour.server.variants()))
	}
}

// TestMethods holds the methods that Render promises to the servers: each is
// accepted as it is written, and none that is stronger would be.
func TestMethods(t *testing.T) {
	t.Parallel()
	for i, servers := range [][]enginetest.Server{enginetest.MySQL(t), enginetest.MariaDB(t)} {
		for _, server := range servers {
			for _, c := range append(methodCases(), cases()...) {
				if c.from == nil {
					continue
				}
				t.Run(server.Name+"/"+c.name, func(t *testing.T) {
					t.Parallel()
					methods(t, flavours()[i], enginetest.FreshDatabase(t, server), c)
				})
			}
		}
	}
}

func methods(t *testing.T, d *Dialect, url string, c goldenCase) {
	t.Helper()
	target, err := dialect.ParseTarget(url)
	require.NoError(t, err)
	s, err := d.Open(t.Context(), target)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	told, ok := d.For(s.Version()).(*Dialect)
	require.True(t, ok)
	for _, st := range planned(t, told, nil, c.from).Statements {
		_, err := s.ExecContext(t.Context(), st.SQL)
		require.NoError(t, err, st.SQL)
	}
	for _, st := range planned(t, told, c.from, c.to).Statements {
		if !stronger(t, told, s, st) {
			_, err := s.ExecContext(t.Context(), st.SQL)
			require.NoError(t, err, st.SQL)
		}
	}
}

// stronger tries what is stronger than a statement's method, which is refused;
// but for one, which MariaDB sees to be a rename, and which has run then.
func stronger(t *testing.T, d *Dialect, s dialect.Session, st plan.Statement) (ran bool) {
	t.Helper()
	sql, clause, found := strings.Cut(st.SQL, ", ALGORITHM=")
	if !found {
		return false
	}
	for m := instant; m <= copying; m++ {
		c := d.server.clause(m)
		if c == "ALGORITHM="+clause {
			break
		}
		_, err := s.ExecContext(t.Context(), sql+", "+c)
		if err == nil && d.server.maria() && strings.Contains(sql, "DROP INDEX `idx_owner`, ADD INDEX `fk_owner`") {
			return true
		}
		require.Error(t, err, "%s could be %s", st.SQL, c)
		f := d.Classify(err)
		require.Equal(t, dialect.ReasonAlgorithmUnsupported, f.Reason, "%s: %v", sql, err)
		assert.Equal(t, fault.Unsupported, f.Kind)
	}
	if d.server.clause(copying) == "ALGORITHM="+clause {
		assert.Empty(t, st.Fallback)
		return false
	}
	require.NotEmpty(t, st.Fallback, st.SQL)
	assert.Equal(t, sql+", "+d.server.clause(copying), st.Fallback[len(st.Fallback)-1])
	return false
}

// methodCases are changes of a table without anything that stands in the way.
func methodCases() []goldenCase {
	base := func(change func(*schema.Table)) []*schema.Table {
		must := text("must", 20)
		must.Nullable = false
		t := &schema.Table{
			Name: "t", PrimaryKey: []string{"id"},
			Columns: []*schema.Column{identity(), text("may", 20), must, text("body", 0), raw("n", "int"), raw("e", "enum('a','b')"), raw("g", "int generated always as (n + 1) virtual"), raw("p", "bigint unsigned")},
			Indexes: []*schema.Index{over("idx_n", false, "n")},
		}
		change(t)
		return []*schema.Table{t}
	}
	nothing := func(*schema.Table) {}
	from := func(name string, to func(*schema.Table)) goldenCase { return goldenCase{name, base(nothing), base(to)} }
	return []goldenCase{
		from("m add column", func(t *schema.Table) { t.Columns = append(t.Columns, raw("x", "int")) }),
		from("m add columns and virtual", func(t *schema.Table) { t.Columns = append(t.Columns, raw("x", "int"), raw("y", "int as (n * 2)")) }),
		from("m add computed", func(t *schema.Table) {
			x := raw("x", "int")
			x.Default = &schema.Default{Value: "n + 1", Expr: true}
			t.Columns = append(t.Columns, x)
		}),
		from("m add stored", func(t *schema.Table) { t.Columns = append(t.Columns, raw("x", "int as (n * 2) stored")) }),
		from("m drop columns", func(t *schema.Table) { t.Columns = append(t.Columns[:2:2], t.Columns[4:6]...) }),
		from("m drop virtual", func(t *schema.Table) { t.Columns = append(t.Columns[:6:6], t.Columns[7]) }),
		from("m rename", func(t *schema.Table) {
			t.Column("body").RenamedFrom, t.Column("body").Name = []string{"body"}, "content"
		}),
		from("m default", func(t *schema.Table) { t.Column("n").Default = &schema.Default{Value: "4"} }),
		from("m longer", func(t *schema.Table) { t.Column("may").Type.Size = 30 }),
		from("m longer and add", func(t *schema.Table) { t.Column("may").Type.Size = 30; t.Columns = append(t.Columns, raw("x", "int")) }),
		from("m much longer", func(t *schema.Table) { t.Column("may").Type.Size = 300 }),
		{
			"m past a byte", base(func(t *schema.Table) { t.Column("may").Type.Size = 50 }),
			base(func(t *schema.Table) { t.Column("may").Type.Size = 300 }),
		},
		from("m shorter", func(t *schema.Table) { t.Column("may").Type.Size = 10 }),
		from("m enum", func(t *schema.Table) { t.Column("e").Type.Raw = "enum('a','b','c')" }),
		from("m int", func(t *schema.Table) { t.Column("p").Type.Raw = "decimal(30,0)" }),
		from("m not null", func(t *schema.Table) { t.Column("body").Nullable = false }),
		from("m null", func(t *schema.Table) { t.Column("must").Nullable = true }),
		from("m comment", func(t *schema.Table) { t.Column("may").Comment, t.Comment = "c", "t" }),
		from("m index", func(t *schema.Table) { t.Indexes = append(t.Indexes, over("idx_m", false, "must")) }),
		from("m unique", func(t *schema.Table) { t.Indexes = append(t.Indexes, over("uni_m", true, "must")) }),
		from("m fulltext", func(t *schema.Table) {
			t.Indexes = append(t.Indexes, &schema.Index{Name: "ft", Method: "FULLTEXT", Parts: keyParts([]string{"body"})})
		}),
		from("m drop index", func(t *schema.Table) { t.Indexes = nil }),
		from("m rename index", func(t *schema.Table) { t.Indexes[0].Name = "idx_other" }),
		from("m check", func(t *schema.Table) { t.Checks = []*schema.Check{{Name: "chk", Expr: "n > 0"}} }),
		from("m key", func(t *schema.Table) { t.PrimaryKey = []string{"id", "must"} }),
		from("m virtual", func(t *schema.Table) { t.Column("g").Type.Raw = "int generated always as (n + 2) virtual" }),
	}
}
