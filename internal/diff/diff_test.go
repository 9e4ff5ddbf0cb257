package diff_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
)

func apply(t *testing.T, base *schema.Schema, changes []diff.Change) *schema.Schema {
	t.Helper()
	d := schema.NewDraft(base)
	for _, c := range changes {
		require.NoError(t, c.Apply(d), "%s of %s", c.Op(), c.Object())
	}
	return d.Schema()
}

func TestApplyingTheDiffGivesTheTarget(t *testing.T) {
	for seed := range uint64(500) {
		r := schematest.New(seed)
		a := schematest.Random(r, 6)
		before := a.Fingerprint()
		b := schematest.Mutate(r, a)
		changes, err := diff.Diff(a, b)
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, b.Fingerprint(), apply(t, a, changes).Fingerprint(), "seed %d", seed)
		require.Equal(t, before, a.Fingerprint(), "seed %d: the base was modified", seed)

		again, err := diff.Diff(a, b)
		require.NoError(t, err)
		require.Equal(t, changes, again, "seed %d: not deterministic", seed)
	}
}

func TestInversesLeadBack(t *testing.T) {
	for seed := range uint64(500) {
		r := schematest.New(seed)
		a := schematest.Random(r, 6)
		b := schematest.Mutate(r, a)
		changes, err := diff.Diff(a, b)
		require.NoError(t, err)
		there := apply(t, a, changes)
		var back []diff.Change
		for i := len(changes) - 1; i >= 0; i-- {
			back = append(back, changes[i].Inverse())
		}
		require.Equal(t, a.Fingerprint(), apply(t, there, back).Fingerprint(), "seed %d", seed)
	}
}

func TestByWayOfAThirdSchema(t *testing.T) {
	for seed := range uint64(200) {
		r := schematest.New(seed)
		a := schematest.Random(r, 5)
		c := schematest.Mutate(r, a)
		b := schematest.Mutate(r, c)
		first, err := diff.Diff(a, c)
		require.NoError(t, err)
		there := apply(t, a, first)
		second, err := diff.Diff(there, b)
		require.NoError(t, err)
		require.Equal(t, b.Fingerprint(), apply(t, there, second).Fingerprint(), "seed %d", seed)
	}
}

func TestNoDifferenceGivesNoChange(t *testing.T) {
	for seed := range uint64(100) {
		a := schematest.Random(schematest.New(seed), 6)
		changes, err := diff.Diff(a, a.Clone())
		require.NoError(t, err)
		require.Empty(t, changes, "seed %d", seed)
	}
}

func col(name string) *schema.Column {
	return &schema.Column{Name: name, Type: schema.Type{Kind: schema.String}, Nullable: true}
}

func ops(changes []diff.Change) []string {
	out := make([]string, len(changes))
	for i, c := range changes {
		out[i] = c.Op() + " " + c.Object()
	}
	return out
}

func TestRenamesKeepEverythingThatDependsOnThem(t *testing.T) {
	base := &schema.Schema{Tables: []*schema.Table{
		{
			Name: "customers", Columns: []*schema.Column{col("id"), col("mail")}, PrimaryKey: []string{"id"},
			Indexes: []*schema.Index{{Name: "idx_customers_mail", Unique: true, Parts: []schema.IndexPart{{Column: "mail"}}, Where: "mail <> ''"}},
			Checks:  []*schema.Check{{Name: "chk_mail", Expr: "mail <> 'mail'"}},
		},
		{
			Name: "orders", Columns: []*schema.Column{col("id"), col("mail")}, PrimaryKey: []string{"id"},
			ForeignKeys: []*schema.ForeignKey{{Name: "fk", Columns: []string{"mail"}, RefTable: "customers", RefColumns: []string{"mail"}}},
		},
	}}
	target := base.Clone()
	c, o := target.Tables[0], target.Tables[1]
	c.Name, c.RenamedFrom = "clients", []string{"customers"}
	c.Columns[1].Name, c.Columns[1].RenamedFrom = "email", []string{"mail"}
	c.Indexes[0] = &schema.Index{Name: "idx_clients_email", Unique: true, Parts: []schema.IndexPart{{Column: "email"}}, Where: "email <> ''"}
	c.Checks[0].Expr = "email <> 'mail'"
	o.ForeignKeys[0].RefTable, o.ForeignKeys[0].RefColumns = "clients", []string{"email"}

	changes, err := diff.Diff(base, target)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"rename_table clients", "rename_column clients.email", "rename_index clients.idx_clients_email",
	}, ops(changes))
	assert.Equal(t, target.Fingerprint(), apply(t, base, changes).Fingerprint())
}

func TestRenameHintsThatDoNotApply(t *testing.T) {
	old := func() *schema.Table { return &schema.Table{Name: "old", Columns: []*schema.Column{col("id")}} }
	renamed := &schema.Table{Name: "now", RenamedFrom: []string{"older", "old"}, Columns: []*schema.Column{col("id")}}
	both := &schema.Schema{Tables: []*schema.Table{old(), renamed}}

	for _, c := range []struct {
		name         string
		base, target *schema.Schema
		want         []string
	}{
		{"a tenant that skipped the name in between", &schema.Schema{Tables: []*schema.Table{old()}}, &schema.Schema{Tables: []*schema.Table{renamed}}, []string{"rename_table now"}},
		{"renamed before", &schema.Schema{Tables: []*schema.Table{renamed}}, &schema.Schema{Tables: []*schema.Table{renamed}}, []string{}},
		{"never had it", nil, &schema.Schema{Tables: []*schema.Table{renamed}}, []string{"add_table now"}},
		{"the old name is taken anew", &schema.Schema{Tables: []*schema.Table{old()}}, both, []string{"rename_table now", "add_table old"}},
	} {
		changes, err := diff.Diff(c.base, c.target)
		require.NoError(t, err, c.name)
		assert.Equal(t, c.want, ops(changes), c.name)
	}
}

func TestRenameChainsAndCycles(t *testing.T) {
	table := func(name string, from ...string) *schema.Table {
		return &schema.Table{Name: name, RenamedFrom: from, Columns: []*schema.Column{col("id_" + name)}}
	}
	base := &schema.Schema{Tables: []*schema.Table{{Name: "x", Columns: []*schema.Column{col("a"), col("b")}}}}
	with := func(name, from string) *schema.Column { c := col(name); c.RenamedFrom = []string{from}; return c }

	chain := &schema.Schema{Tables: []*schema.Table{{Name: "x", Columns: []*schema.Column{with("c", "b"), with("d", "a")}}}}
	changes, err := diff.Diff(base, chain)
	require.NoError(t, err)
	assert.Equal(t, []string{"rename_column x.d", "rename_column x.c"}, ops(changes))

	shift := &schema.Schema{Tables: []*schema.Table{{Name: "x", Columns: []*schema.Column{with("b", "a"), with("c", "b")}}}}
	changes, err = diff.Diff(base, shift)
	require.NoError(t, err)
	assert.Equal(t, []string{"rename_column x.c", "rename_column x.b"}, ops(changes), "a name is vacated before it is taken")

	tables := &schema.Schema{Tables: []*schema.Table{table("p"), table("q")}}
	shifted := &schema.Schema{Tables: []*schema.Table{table("q", "p"), table("r", "q")}}
	shifted.Tables[0].Columns, shifted.Tables[1].Columns = []*schema.Column{col("id_p")}, []*schema.Column{col("id_q")}
	changes, err = diff.Diff(tables, shifted)
	require.NoError(t, err)
	assert.Equal(t, []string{"rename_table r", "rename_table q"}, ops(changes))

	twice := &schema.Schema{Tables: []*schema.Table{table("p", "x"), table("q", "x")}}
	_, err = diff.Diff(base, twice)
	assert.Equal(t, "RENAME_AMBIGUOUS", fault.ReasonOf(err))
}

func TestEffects(t *testing.T) {
	typed := func(kind schema.Kind, bits, size int) *schema.Column {
		return &schema.Column{Name: "c", Type: schema.Type{Kind: kind, Bits: bits, Size: size}, Nullable: true}
	}
	given := func(physical string) *schema.Column {
		return &schema.Column{Name: "c", Type: schema.Type{Kind: schema.Raw, Raw: physical}, Physical: physical, Nullable: true}
	}
	alter := func(aspect diff.Aspect, from, to *schema.Column) diff.Change {
		return diff.Change{Verb: diff.Alter, Kind: diff.Column, Aspect: aspect, Table: "t", Name: "c", From: &diff.Part{Column: from}, To: &diff.Part{Column: to}}
	}
	notNull := func(c *schema.Column) *schema.Column { c.Nullable = false; return c }
	for _, c := range []struct {
		name   string
		change diff.Change
		want   diff.Effect
	}{
		{"int grows", alter(diff.AspectType, typed(schema.Int, 32, 0), typed(schema.Int, 64, 0)), diff.Relaxing},
		{"int shrinks", alter(diff.AspectType, typed(schema.Int, 64, 0), typed(schema.Int, 32, 0)), diff.Destructive},
		{"uint into a larger int", alter(diff.AspectType, typed(schema.Uint, 32, 0), typed(schema.Int, 64, 0)), diff.Relaxing},
		{"uint into an int of its size", alter(diff.AspectType, typed(schema.Uint, 32, 0), typed(schema.Int, 32, 0)), diff.Destructive},
		{"string grows", alter(diff.AspectType, typed(schema.String, 0, 10), typed(schema.String, 0, 20)), diff.Relaxing},
		{"string loses its limit", alter(diff.AspectType, typed(schema.String, 0, 10), typed(schema.String, 0, 0)), diff.Relaxing},
		{"string gets a limit", alter(diff.AspectType, typed(schema.String, 0, 0), typed(schema.String, 0, 20)), diff.Destructive},
		{"int becomes text", alter(diff.AspectType, typed(schema.Int, 64, 0), typed(schema.String, 0, 0)), diff.Restricting},
		{"text becomes int", alter(diff.AspectType, typed(schema.String, 0, 0), typed(schema.Int, 64, 0)), diff.Destructive},
		{"given int grows", alter(diff.AspectType, given("integer"), given("BIGINT")), diff.Relaxing},
		{"given int shrinks", alter(diff.AspectType, given("bigint"), given("int")), diff.Destructive},
		{"given string grows", alter(diff.AspectType, given("varchar(20)"), given("varchar(50)")), diff.Relaxing},
		{"given string shrinks", alter(diff.AspectType, given("varchar(50)"), given("varchar(20)")), diff.Destructive},
		{"given type changes", alter(diff.AspectType, given("inet"), given("cidr")), diff.Destructive},
		{"given collation changes", alter(diff.AspectType, given("varchar(20)"), given(`varchar(50) collate "C"`)), diff.Destructive},
		{"null allowed", alter(diff.AspectNull, notNull(typed(schema.Int, 64, 0)), typed(schema.Int, 64, 0)), diff.Relaxing},
		{"null forbidden", alter(diff.AspectNull, typed(schema.Int, 64, 0), notNull(typed(schema.Int, 64, 0))), diff.Restricting},
		{"column to be filled", diff.Change{Verb: diff.Add, Kind: diff.Column, Table: "t", Name: "c", To: &diff.Part{Column: notNull(typed(schema.Int, 64, 0))}}, diff.Restricting},
		{"nullable column", diff.Change{Verb: diff.Add, Kind: diff.Column, Table: "t", Name: "c", To: &diff.Part{Column: typed(schema.Int, 64, 0)}}, diff.Additive},
		{"unique index", diff.Change{Verb: diff.Add, Kind: diff.Index, Table: "t", Name: "i", To: &diff.Part{Index: &schema.Index{Name: "i", Unique: true, Parts: []schema.IndexPart{{Column: "c"}}}}}, diff.Restricting},
		{"index", diff.Change{Verb: diff.Add, Kind: diff.Index, Table: "t", Name: "i", To: &diff.Part{Index: &schema.Index{Name: "i", Parts: []schema.IndexPart{{Column: "c"}}}}}, diff.Additive},
		{"foreign key that cascades goes", diff.Change{Verb: diff.Drop, Kind: diff.ForeignKey, Table: "t", Name: "f", From: &diff.Part{ForeignKey: &schema.ForeignKey{OnDelete: schema.Cascade}}}, diff.Restricting},
		{"foreign key goes", diff.Change{Verb: diff.Drop, Kind: diff.ForeignKey, Table: "t", Name: "f", From: &diff.Part{ForeignKey: &schema.ForeignKey{}}}, diff.Relaxing},
	} {
		got := diff.Assess([]diff.Change{c.change})[0]
		assert.Equal(t, c.want, got.Effect, "%s: %s", c.name, got.Why)
		assert.NotEmpty(t, got.Why, c.name)
		assert.NotEmpty(t, got.String(), c.name)
	}
}

func TestAUniqueIndexOnANewColumnConcernsNobody(t *testing.T) {
	fresh := diff.Change{Verb: diff.Add, Kind: diff.Column, Table: "t", Name: "c", To: &diff.Part{Column: col("c")}}
	unique := diff.Change{Verb: diff.Add, Kind: diff.Index, Table: "t", Name: "i", To: &diff.Part{Index: &schema.Index{Name: "i", Unique: true, Parts: []schema.IndexPart{{Column: "c"}}}}}
	assert.Equal(t, diff.Additive, diff.Assess([]diff.Change{fresh, unique})[1].Effect)

	filled := fresh
	c := col("c")
	c.Default = &schema.Default{Value: "x"}
	filled.To = &diff.Part{Column: c}
	assert.Equal(t, diff.Restricting, diff.Assess([]diff.Change{filled, unique})[1].Effect,
		"a default gives every insert of present code the same value")
}
