package preflight_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// many are n tables, as they are and with rules that rows may be in the way of.
func many(n int) (from, to *schema.Schema) {
	from, to = &schema.Schema{}, &schema.Schema{}
	for i := range n {
		base := []option{id(), col("a", varchar(40)), col("b", integer(32)), col("p", ref())}
		from.Tables = append(from.Tables, table(fmt.Sprintf("t%03d", i), base...))
		name := fmt.Sprintf("t%03d", i)
		to.Tables = append(to.Tables, table(name, append(base, unique("u_"+name, "a"))...))
	}
	return from, to
}

// BenchmarkEmptyTables executes plans of 50 statements on empty tables, from the
// beginning of the transaction to its commit, with and without the questions.
// Target for the metric added, of the quickest runs: 0.2, for preflight and
// verification together. It is a bound from above: what the server reads of its
// catalogue for the questions, it need not read for the statements.
func BenchmarkEmptyTables(b *testing.B) {
	for _, l := range labs(b) {
		b.Run(l.name, func(b *testing.B) {
			from, to := many(50)
			x := newTenant(b, l)
			x.migrate(from)
			forth := x.plan(to)
			base := x.now
			require.Len(b, forth.Statements, 50)
			checks := preflight.Checks(x.d, forth) // they are the plan's, and can be kept with it
			require.Len(b, checks, 50)
			x.now = forth.ResultSchema
			back := x.plan(from)
			x.now = base
			var asking, without []time.Duration
			for b.Loop() {
				asked, _ := fifty(b, x, forth, checks)
				require.NoError(b, x.apply(back))
				_, executed := fifty(b, x, forth, nil)
				require.NoError(b, x.apply(back))
				asking, without = append(asking, asked), append(without, executed)
			}
			b.ReportMetric(float64(quick(asking))/float64(quick(without)), "added")
			b.ReportMetric(float64(quick(asking).Microseconds()), "preflight-us/op")
			b.ReportMetric(float64(quick(without).Microseconds()), "execution-us/op")
		})
	}
}

func quick(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/20] // of the quickest: other work on the machine only adds
}

// fifty executes a plan of 50 statements, and tells how long the questions took
// and the whole.
func fifty(b *testing.B, x *tenant, p *plan.Plan, checks []preflight.Check) (asking, whole time.Duration) {
	b.Helper()
	s := x.open()
	defer func() { _ = s.Close() }()
	begin := time.Now()
	tx, err := s.Begin(b.Context(), options(p))
	require.NoError(b, err)
	if checks != nil {
		before := time.Now()
		_, err = preflight.Run(b.Context(), x.d, tx, checks, preflight.Options{Now: time.Now})
		require.NoError(b, err)
		asking = time.Since(before)
	}
	for _, st := range p.Statements {
		require.NoError(b, run(b.Context(), tx, st.SQL))
	}
	require.NoError(b, tx.Commit(b.Context()))
	return asking, time.Since(begin)
}

// BenchmarkMillionRows asks about NULLs, duplicates and orphans in a table of a
// million rows that has none, and of which the last row is in the way. Target: 2 s
// for each.
func BenchmarkMillionRows(b *testing.B) {
	for _, l := range labs(b) {
		b.Run(l.name, func(b *testing.B) {
			x := newTenant(b, l)
			base := []option{id(), col("plain", varchar(40)), col("indexed", varchar(40)), col("n", integer(32)), col("parent_id", ref()), index(schema.Index{Name: "i", Parts: []schema.IndexPart{{Column: "indexed"}}})}
			parents := table("parents", id())
			x.migrate(tables(parents, table("things", base...)))
			fillMillion(b, x)
			targets := map[string]option{
				"null":              func(t *schema.Table) { t.Column("n").Nullable = false },
				"duplicate":         unique("u", "plain"),
				"duplicate_indexed": unique("u", "indexed"),
				"orphan":            refers("fk", "parents", "parent_id", "id"),
			}
			measure := func(which string) {
				for _, name := range []string{"null", "duplicate", "duplicate_indexed", "orphan"} {
					b.Run(name+which, func(b *testing.B) {
						// the same columns are built anew: an option changes them
						base := []option{id(), col("plain", varchar(40)), col("indexed", varchar(40)), col("n", integer(32)), col("parent_id", ref()), base[5]}
						p := x.plan(tables(parents, table("things", append(base, targets[name])...)))
						for b.Loop() {
							r, err := preflight.Run(b.Context(), x.d, x.open(), preflight.Checks(x.d, p), preflight.Options{Now: time.Now})
							require.NoError(b, err)
							require.Empty(b, r.Unchecked)
							require.Equal(b, which != "", len(r.Findings) == 1)
						}
					})
				}
			}
			measure("")
			x.exec("INSERT INTO things (plain, indexed, n, parent_id) VALUES ('value 7', 'value 7', NULL, 99999999)")
			measure("_found")
		})
	}
}

func fillMillion(b *testing.B, x *tenant) {
	b.Helper()
	const rows, chunk = 1_000_000, 10_000
	db := x.open()
	defer func() { _ = db.Close() }()
	for from := 0; from < 1000; from += 1000 {
		require.NoError(b, run(b.Context(), db, "INSERT INTO parents (id) VALUES "+sequence(from, 1000, func(i int) string { return fmt.Sprintf("(%d)", i+1) })))
	}
	for from := 0; from < rows; from += chunk {
		values := sequence(from, chunk, func(i int) string { return fmt.Sprintf("('value %d', 'value %d', %d, %d)", i, i, i, i%1000+1) })
		require.NoError(b, run(b.Context(), db, "INSERT INTO things (plain, indexed, n, parent_id) VALUES "+values))
	}
}

func sequence(from, n int, item func(int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = item(from + i)
	}
	return strings.Join(parts, ", ")
}
