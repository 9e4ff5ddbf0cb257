package strategy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

func column(name string, nullable bool, from ...string) *schema.Column {
	return &schema.Column{Name: name, Type: schema.Type{Kind: schema.String}, Nullable: nullable, RenamedFrom: from}
}

func table(name string, columns ...*schema.Column) *schema.Table {
	id := &schema.Column{Name: "id", Type: schema.Type{Kind: schema.Int, Bits: 64}}
	return &schema.Table{Name: name, PrimaryKey: []string{"id"}, Columns: append([]*schema.Column{id}, columns...)}
}

func unique(name, column string) *schema.Index {
	return &schema.Index{Name: name, Unique: true, Parts: []schema.IndexPart{{Column: column}}}
}

func key(name, column, table, ref string) *schema.ForeignKey {
	return &schema.ForeignKey{Name: name, Columns: []string{column}, RefTable: table, RefColumns: []string{ref}}
}

func of(tables ...*schema.Table) *schema.Schema { return &schema.Schema{Tables: tables} }

func decide(t *testing.T, name strategy.Name, base, target *schema.Schema) []strategy.Verdict {
	t.Helper()
	changes, err := diff.Diff(base, target)
	require.NoError(t, err)
	return strategy.Decide(name, diff.Assess(changes))
}

// summary is one line a verdict: decision, operation, object.
func summary(verdicts []strategy.Verdict) []string {
	out := []string{}
	for _, v := range verdicts {
		out = append(out, string(v.Decision)+" "+v.Op()+" "+v.Object())
	}
	return out
}

func TestPolicies(t *testing.T) {
	base := of(table("a", column("gone", true), column("req", false)))
	target := of(table("a", column("opt", true), column("must", false)), table("b"))
	for name, want := range map[strategy.Name][]string{
		strategy.AddOnly: {
			"apply add_column a.opt", "split add_column a.must",
			"withhold drop_column a.gone", "split drop_column a.req", "apply add_table b",
		},
		strategy.Safe: {
			"apply add_column a.opt", "apply add_column a.must",
			"withhold drop_column a.gone", "split drop_column a.req", "apply add_table b",
		},
		strategy.Full: {
			"apply add_column a.opt", "apply add_column a.must",
			"apply drop_column a.gone", "apply drop_column a.req", "apply add_table b",
		},
	} {
		verdicts := decide(t, name, base, target)
		assert.Equal(t, want, summary(verdicts), name)
		for _, v := range verdicts {
			assert.NotEmpty(t, v.Reason, "%s: %s", name, v.Object())
		}
	}
}

func TestWhatBuildsOnWithheldChangesWaitsToo(t *testing.T) {
	withKey := func(tb *schema.Table, f *schema.ForeignKey) *schema.Table {
		tb.ForeignKeys = append(tb.ForeignKeys, f)
		return tb
	}
	withIndex := func(tb *schema.Table, x *schema.Index) *schema.Table {
		tb.Indexes = append(tb.Indexes, x)
		return tb
	}
	renamed := table("clients", column("mail", true))
	renamed.RenamedFrom = []string{"customers"}
	index := &schema.Index{Name: "i", Parts: []schema.IndexPart{{Column: "email"}}}

	for _, c := range []struct {
		name         string
		base, target *schema.Schema
		want         []string
	}{
		{
			"an index on a column whose rename waits",
			of(table("a", column("mail", true))),
			of(withIndex(table("a", column("email", true, "mail")), index)),
			[]string{"withhold rename_column a.email", "withhold add_index a.i"},
		},
		{
			"a column of a table whose rename waits",
			of(table("customers")),
			of(renamed),
			[]string{"withhold rename_table clients", "withhold add_column clients.mail"},
		},
		{
			"the name of a table whose rename waits, taken anew",
			of(table("customers", column("mail", true))),
			of(renamed, table("customers")),
			[]string{"withhold rename_table clients", "withhold add_table customers"},
		},
		{
			"a new table's foreign key to a table whose rename waits",
			of(table("customers", column("mail", true))),
			of(renamed, withKey(table("orders", column("client_id", true)), key("f", "client_id", "clients", "id"))),
			[]string{"withhold rename_table clients", "split add_table orders"},
		},
		{
			"a foreign key to a unique key that waits",
			of(table("a", column("code", true))),
			of(withIndex(table("a", column("code", true)), unique("u", "code")), withKey(table("b", column("a_code", true)), key("f", "a_code", "a", "code"))),
			[]string{"withhold add_index a.u", "split add_table b"},
		},
		{
			"an index whose name another one still has",
			of(withIndex(table("a", column("email", true)), index), table("b", column("email", true))),
			of(table("a", column("email", true)), withIndex(table("b", column("email", true)), index)),
			[]string{"withhold drop_index a.i", "withhold add_index b.i"},
		},
	} {
		assert.Equal(t, c.want, summary(decide(t, strategy.AddOnly, c.base, c.target)), c.name)
	}
}

func TestAnIndexGoesTogetherWithItsColumn(t *testing.T) {
	base := of(table("a", column("phone", true)))
	base.Tables[0].Indexes = []*schema.Index{{Name: "i", Parts: []schema.IndexPart{{Column: "phone"}}}}
	got := decide(t, strategy.Safe, base, of(table("a")))
	assert.Equal(t, []string{"withhold drop_column a.phone", "withhold drop_index a.i"}, summary(got),
		"present code still searches by the column that stays")
}

func TestAUniqueKeyStaysWhileAForeignKeyNeedsIt(t *testing.T) {
	parent := table("a", column("code", true))
	parent.Indexes = []*schema.Index{unique("u", "code")}
	child := table("b", column("a_code", true))
	child.ForeignKeys = []*schema.ForeignKey{key("f", "a_code", "a", "code")}
	got := decide(t, strategy.Safe, of(parent, child), of(table("a", column("code", true))))
	assert.Equal(t, []string{"withhold drop_index a.u", "withhold drop_table b"}, summary(got))
}

// Whatever a strategy leaves, a later full finds, and nothing is lost or done
// twice on the way.
func TestWithheldChangesStayPending(t *testing.T) {
	for seed := range uint64(400) {
		for _, name := range []strategy.Name{strategy.AddOnly, strategy.Safe} {
			r := schematest.New(seed)
			base := schematest.Random(r, 5)
			target := schematest.Mutate(r, base)
			now := applied(t, base, decide(t, name, base, target))
			again := decide(t, name, now, target)
			for _, v := range again {
				assert.Empty(t, v.Now, "seed %d: %s applied %s %s only the second time", seed, name, v.Op(), v.Object())
			}
			full := applied(t, now, decide(t, strategy.Full, now, target))
			require.Equal(t, target.Fingerprint(), full.Fingerprint(), "seed %d", seed)
		}
	}
}

func applied(t *testing.T, base *schema.Schema, verdicts []strategy.Verdict) *schema.Schema {
	t.Helper()
	d := schema.NewDraft(base)
	for _, v := range verdicts {
		for _, c := range v.Now {
			require.NoError(t, c.Apply(d), "%s of %s", c.Op(), c.Object())
		}
	}
	return d.Schema()
}

func TestFullAppliesEverything(t *testing.T) {
	for seed := range uint64(200) {
		r := schematest.New(seed)
		base := schematest.Random(r, 5)
		for _, v := range decide(t, strategy.Full, base, schematest.Mutate(r, base)) {
			require.Equal(t, strategy.Apply, v.Decision, "seed %d: %s", seed, v.Object())
		}
	}
}

func TestParse(t *testing.T) {
	n, err := strategy.Parse("")
	require.NoError(t, err)
	assert.Equal(t, strategy.Safe, n)
	_, err = strategy.Parse("yolo")
	assert.Equal(t, fault.Invalid, fault.KindOf(err))
}

// TestADefaultWaitsForItsType: a default of the new type is none of the old.
func TestADefaultWaitsForItsType(t *testing.T) {
	was, is := column("c", true), column("c", true)
	was.Type = schema.Type{Kind: schema.Time}
	is.Type, is.Default = schema.Type{Kind: schema.Bool}, &schema.Default{Value: "true"}
	for _, name := range []strategy.Name{strategy.AddOnly, strategy.Safe} {
		verdicts := decide(t, name, of(table("a", was)), of(table("a", is)))
		assert.Equal(t, []string{"withhold alter_column a.c", "withhold alter_column a.c"}, summary(verdicts), name)
		assert.Equal(t, "waits for the column's change to bool, which it is a default of", verdicts[1].Reason)
	}
	gone := was.Clone()
	gone.Type, gone.Default = is.Type, nil
	had := was.Clone()
	had.Default = &schema.Default{Value: "now()", Expr: true}
	verdicts := decide(t, strategy.Safe, of(table("a", had)), of(table("a", gone)))
	assert.Equal(t, []string{"withhold alter_column a.c", "apply alter_column a.c"}, summary(verdicts), "no default suits any type")
}
