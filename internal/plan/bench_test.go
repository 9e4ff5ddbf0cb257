package plan_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/compose"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// wide returns n tables of the given number of columns, each with an index, and
// with a foreign key to the table before it.
func wide(n, columns int) *schema.Schema {
	s := &schema.Schema{Tables: make([]*schema.Table, n)}
	for i := range n {
		t := &schema.Table{Name: fmt.Sprintf("table_%05d", i), PrimaryKey: []string{"id"}}
		t.Columns = append(t.Columns, &schema.Column{Name: "id", Type: schema.Type{Kind: schema.Int, Bits: 64}, AutoIncrement: true})
		for c := 1; c < columns; c++ {
			t.Columns = append(t.Columns, &schema.Column{
				Name: fmt.Sprintf("column_%02d", c), Type: schema.Type{Kind: schema.String, Size: 100}, Nullable: true,
			})
		}
		t.Indexes = []*schema.Index{{Name: "idx_" + t.Name, Parts: []schema.IndexPart{{Column: "column_01"}}}}
		if i > 0 {
			t.Columns[columns-1].Type = schema.Type{Kind: schema.Int, Bits: 64}
			t.ForeignKeys = []*schema.ForeignKey{{
				Name: "fk_" + t.Name, Columns: []string{t.Columns[columns-1].Name},
				RefTable: fmt.Sprintf("table_%05d", i-1), RefColumns: []string{"id"},
			}}
		}
		s.Tables[i] = t
	}
	return s
}

// pipeline is everything between reading modules and contacting a database.
func pipeline(tb testing.TB, d dialect.Dialect, base, target *schema.Schema) *plan.Plan {
	tb.Helper()
	composed, err := compose.Compose([]*entity.Result{{Module: module.Version{Path: "example.com/m"}, Schema: target}})
	require.NoError(tb, err)
	lowered, err := d.Lower(composed)
	require.NoError(tb, err)
	p, err := plan.Build(tb.Context(), d, plan.Input{EngineVersion: 15, Strategy: strategy.Safe, Base: base, Target: lowered})
	require.NoError(tb, err)
	return p
}

// BenchmarkUpgradeOneOf8192 composes, lowers, diffs and plans 8,192 tables of
// which one changed. Target: 2 s on two cores.
func BenchmarkUpgradeOneOf8192(b *testing.B) {
	for _, d := range engines() {
		b.Run(string(d.Engine()), func(b *testing.B) {
			base, err := d.Lower(wide(8192, 10))
			require.NoError(b, err)
			target := wide(8192, 10)
			target.Tables[4711].Columns = append(target.Tables[4711].Columns, &schema.Column{Name: "fresh", Type: schema.Type{Kind: schema.Bool}, Nullable: true})
			b.ReportAllocs()
			for b.Loop() {
				p := pipeline(b, d, base, target)
				require.Len(b, p.Statements, 1)
			}
		})
	}
}

// BenchmarkCreate plans the initialisation of tables with 20 columns and
// foreign keys. Target for 1,000: 300 ms and 200 MB; the others show that the
// cost is linear: compare the metric ns/table.
func BenchmarkCreate(b *testing.B) {
	for _, d := range engines() {
		for _, n := range []int{1000, 2000, 4000, 8000} {
			b.Run(fmt.Sprintf("%s/%d", d.Engine(), n), func(b *testing.B) {
				target := wide(n, 20)
				b.ReportAllocs()
				for b.Loop() {
					pipeline(b, d, nil, target)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/table")
			})
		}
	}
}

// BenchmarkDrop plans the removal of as many tables, where planners are known
// to be quadratic.
func BenchmarkDrop(b *testing.B) {
	for _, d := range engines() {
		for _, n := range []int{1000, 2000, 4000} {
			b.Run(fmt.Sprintf("%s/%d", d.Engine(), n), func(b *testing.B) {
				base, err := d.Lower(wide(n+1, 20))
				require.NoError(b, err)
				target, err := d.Lower(wide(1, 20))
				require.NoError(b, err)
				for b.Loop() {
					_, err := plan.Build(b.Context(), d, plan.Input{EngineVersion: 15, Strategy: strategy.Full, Base: base, Target: target})
					require.NoError(b, err)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/table")
			})
		}
	}
}
