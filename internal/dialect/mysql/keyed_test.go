package mysql

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// keyedCase is a table before and after; what a strategy leaves of its keys
// forbids the new type of column a.
type keyedCase struct {
	name     string
	from, to *schema.Table
	fits     func(*Dialect) bool // the server can have it all the same
}

func keyedCases() []keyedCase {
	table := func(a *schema.Column, more func(*schema.Table)) *schema.Table {
		t := &schema.Table{Name: "t", Columns: []*schema.Column{identity(), a, text("b", 20)}, PrimaryKey: []string{"id"}}
		if more != nil {
			more(t)
		}
		return t
	}
	keyed := func(x ...*schema.Index) func(*schema.Table) {
		return func(t *schema.Table) { t.Indexes = x }
	}
	maria := func(d *Dialect) bool { return d.server.maria() }
	prefix := &schema.Index{Name: "idx_a", Parts: []schema.IndexPart{{Column: "a", Length: 20}}}
	return []keyedCase{
		{"index", table(text("a", 50), keyed(over("idx_a", false, "a"))), table(text("a", 0), nil), nil},
		{"index of two", table(text("a", 50), keyed(over("idx_ba", false, "b", "a"))), table(text("a", 0), nil), nil},
		{"unique index", table(text("a", 50), keyed(over("uni_a", true, "a"))), table(text("a", 0), nil), maria},
		{"index gets a prefix", table(text("a", 50), keyed(over("idx_a", false, "a"))), table(text("a", 0), keyed(prefix)), nil},
		{"too long", table(text("a", 50), keyed(over("idx_a", false, "a"))), table(text("a", 1000), nil), nil},
		{"index has a prefix", table(text("a", 50), keyed(prefix)), table(text("a", 0), nil), func(*Dialect) bool { return true }},
		{"key", table(text("a", 50), func(t *schema.Table) {
			t.Columns, t.PrimaryKey = t.Columns[1:], []string{"a"}
			t.Columns[0].Nullable = false
		}), table(text("a", 0), func(t *schema.Table) {
			t.Columns, t.PrimaryKey = t.Columns[1:], []string{"b"}
			t.Columns[0].Nullable = false
		}), nil},
		{"foreign key", table(text("a", 50), func(t *schema.Table) {
			t.Indexes = []*schema.Index{over("uni_b", true, "b")}
			t.ForeignKeys = []*schema.ForeignKey{{Name: "fk_a", Columns: []string{"a"}, RefTable: "t", RefColumns: []string{"b"}, OnDelete: schema.Cascade}}
		}), table(text("a", 0), func(t *schema.Table) { t.Indexes = []*schema.Index{over("uni_b", true, "b")} }), nil},
	}
}

// TestATypeWaitsForTheIndexOverIt: where a strategy lets a key stay that the new
// type of its column cannot have, the type stays too, and a wider strategy brings
// both.
func TestATypeWaitsForTheIndexOverIt(t *testing.T) {
	benches(t, func(b *bench) {
		for _, c := range keyedCases() {
			b.t.Run(c.name, func(t *testing.T) {
				b := &bench{t, b.d, b.s}
				b.exec("DROP TABLE IF EXISTS t")
				b.build(c.from)
				base, now := b.lower(c.from), false
				for _, name := range []strategy.Name{strategy.AddOnly, strategy.Full} {
					p, err := plan.Build(t.Context(), b.d, plan.Input{Strategy: name, Base: base, Target: b.lower(c.to)})
					require.NoError(t, err)
					now = now || slices.ContainsFunc(p.Verdicts, func(v strategy.Verdict) bool { return v.Aspect == diff.AspectType && v.Decision == strategy.Apply })
					assert.Equal(t, name == strategy.Full || c.fits != nil && c.fits(b.d), now, name)
					for _, st := range p.Statements {
						b.exec(st.SQL)
					}
					found, err := b.d.Inspect(t.Context(), b.s, []string{"t"})
					require.NoError(t, err)
					assert.Empty(t, b.d.Compare(p.ResultSchema.Tables[0], found.Tables[0]), name)
					base = p.ResultSchema
				}
			})
		}
	})
}

// TestWhyATypeWaits is said with the verdict.
func TestWhyATypeWaits(t *testing.T) {
	t.Parallel()
	for _, d := range flavours() {
		b := &bench{t: t, d: d}
		c := keyedCases()[0]
		p, err := plan.Build(t.Context(), d, plan.Input{Strategy: strategy.AddOnly, Base: b.lower(c.from), Target: b.lower(c.to)})
		require.NoError(t, err)
		assert.Empty(t, p.Statements)
		var why []string
		for _, v := range p.Verdicts {
			why = append(why, v.Reason)
		}
		assert.Contains(t, why, "the index idx_a, which stays for now, cannot be over a column of type longtext")
	}
}

func (b *bench) lower(tables ...*schema.Table) *schema.Schema {
	b.t.Helper()
	low, err := b.d.Lower(&schema.Schema{Tables: tables})
	require.NoError(b.t, err)
	return low
}
