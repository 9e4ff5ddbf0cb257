package sqlserver

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestATypeWaitsForTheKeyOverIt: where a strategy lets a key stay that the new type
// of its column cannot have, the type stays too and says why, and a wider strategy
// brings both.
func TestATypeWaitsForTheKeyOverIt(t *testing.T) {
	t.Parallel()
	table := func(a *schema.Column, more func(*schema.Table)) *schema.Table {
		out := &schema.Table{Name: "t", Columns: []*schema.Column{identity(), a, text("b", 20)}, PrimaryKey: []string{"id"}}
		out.Columns[2].Nullable = false
		if more != nil {
			more(out)
		}
		return out
	}
	keyed := func(x ...*schema.Index) func(*schema.Table) {
		return func(t *schema.Table) { t.Indexes = x }
	}
	byColumn := func(name string) func(*schema.Table) {
		return func(t *schema.Table) {
			t.Columns, t.PrimaryKey = t.Columns[1:], []string{name}
			t.Columns[0].Nullable = false
		}
	}
	one := func(t *schema.Table) []*schema.Table { return []*schema.Table{t} }
	parent := table(text("a", 20), keyed(over("uni_b", true, "b")))
	child := func(size int, keys ...*schema.ForeignKey) *schema.Table {
		return &schema.Table{Name: "u", Columns: []*schema.Column{identity(), text("a", size)}, PrimaryKey: []string{"id"}, ForeignKeys: keys}
	}
	cascades := &schema.ForeignKey{Name: "fk_a", Columns: []string{"a"}, RefTable: "t", RefColumns: []string{"b"}, OnDelete: schema.Cascade}
	lower := func(tables []*schema.Table) *schema.Schema {
		low, err := New().Lower(&schema.Schema{Tables: tables})
		require.NoError(t, err)
		return low
	}
	for _, c := range []struct {
		name, why string
		from, to  []*schema.Table
	}{
		{"index", "the index idx_a, which stays for now, cannot be over a column of type nvarchar(MAX)", one(table(text("a", 50), keyed(over("idx_a", false, "a")))), one(table(text("a", 0), nil))},
		{"index of two", "the index idx_ba, which stays for now, cannot be over a column of type nvarchar(MAX)", one(table(text("a", 50), keyed(over("idx_ba", false, "b", "a")))), one(table(text("a", 0), nil))},
		{"unique index", "the index uni_a, which stays for now, cannot be over a column of type nvarchar(MAX)", one(table(text("a", 50), keyed(over("uni_a", true, "a")))), one(table(text("a", 0), nil))},
		{"key", "the primary key, which stays for now, cannot be over a column of type nvarchar(MAX)", one(table(text("a", 50), byColumn("a"))), one(table(text("a", 0), byColumn("b")))},
		{"foreign key", "the foreign key fk_a, which stays for now, cannot lead from a column of type nvarchar(50) to one of type nvarchar(20)", []*schema.Table{parent, child(20, cascades)}, []*schema.Table{parent, child(50)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := simulated()
			s := f.open(t, "acme")
			first, err := plan.Build(t.Context(), New(), plan.Input{Strategy: strategy.Full, Target: lower(c.from)})
			require.NoError(t, err)
			apply(t, s, first)
			base := first.ResultSchema
			for _, name := range []strategy.Name{strategy.AddOnly, strategy.Full} {
				p, err := plan.Build(t.Context(), New(), plan.Input{Strategy: name, Base: base, Target: lower(c.to)})
				require.NoError(t, err)
				now := slices.ContainsFunc(p.Verdicts, func(v strategy.Verdict) bool { return v.Aspect == diff.AspectType && v.Decision == strategy.Apply })
				why := slices.ContainsFunc(p.Verdicts, func(v strategy.Verdict) bool { return v.Reason == c.why })
				assert.Equal(t, name == strategy.Full, now, name)
				assert.Equal(t, name == strategy.AddOnly, why, "%s: %v", name, p.Verdicts)
				apply(t, s, p)
				base = p.ResultSchema
			}
		})
	}
}

// TestAnIndexNeedsASize: where the size of a column waits, an index over it is
// refused before anything runs.
func TestAnIndexNeedsASize(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]func(*schema.Table){
		"index": func(t *schema.Table) { t.Indexes = []*schema.Index{over("x", false, "id", "a")} },
		"key":   func(t *schema.Table) { t.PrimaryKey = []string{"a"} },
	} {
		table := func(size int, more func(*schema.Table)) *schema.Schema {
			out := &schema.Table{Name: "t", Columns: []*schema.Column{number("id", 64), text("a", size)}, PrimaryKey: []string{"id"}}
			out.Columns[0].Nullable, out.Columns[1].Nullable = false, false
			more(out)
			low, err := New().Lower(&schema.Schema{Tables: []*schema.Table{out}})
			require.NoError(t, err)
			return low
		}
		step := dialect.Step{Before: table(0, nothing).Tables[0], After: table(0, nothing).Tables[0].Clone()}
		wanted := table(20, more).Tables[0]
		if name == "key" {
			step.Changes = []diff.Change{{Verb: diff.Alter, Kind: diff.PrimaryKey, Table: "t", From: &diff.Part{PrimaryKey: []string{"id"}}, To: &diff.Part{PrimaryKey: []string{"a"}}}}
		} else {
			step.Changes = []diff.Change{{Verb: diff.Add, Kind: diff.Index, Table: "t", Name: "x", To: &diff.Part{Index: wanted.Indexes[0]}}}
		}
		_, err := New().Render(t.Context(), step)
		assert.Equal(t, "INDEX_NEEDS_SIZE", fault.ReasonOf(err), name)
		assert.Equal(t, fault.Refused, fault.KindOf(err), name)
		assert.Contains(t, fault.As(err).Suggestion, "a size", name)
	}
}
