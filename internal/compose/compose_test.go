package compose_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/compose"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func part(path string, tables ...*schema.Table) *entity.Result {
	for i, t := range tables {
		t.Origin = schema.Origin{Module: path, Version: "v1.0.0", File: "models.go", Line: 10 * (i + 1)}
	}
	return &entity.Result{Module: module.Version{Path: path, Version: "v1.0.0"}, Schema: &schema.Schema{Tables: tables}}
}

func table(name string, columns ...string) *schema.Table {
	t := &schema.Table{Name: name, PrimaryKey: []string{"id"}}
	for _, c := range append([]string{"id"}, columns...) {
		t.Columns = append(t.Columns, &schema.Column{Name: c, Type: schema.Type{Kind: schema.Int, Bits: 64}})
	}
	return t
}

func refer(t *schema.Table, column, to, ref string) *schema.Table {
	t.ForeignKeys = append(t.ForeignKeys, &schema.ForeignKey{Name: "fk_" + t.Name, Columns: []string{column}, RefTable: to, RefColumns: []string{ref}})
	return t
}

func TestComposeInAnyOrder(t *testing.T) {
	a := func() *entity.Result { return part("x/a", table("users"), table("shared")) }
	b := func() *entity.Result {
		return part("x/b", refer(table("orders", "user_id"), "user_id", "users", "id"), table("shared"))
	}
	one, err := compose.Compose([]*entity.Result{a(), b()})
	require.NoError(t, err)
	two, err := compose.Compose([]*entity.Result{b(), a()})
	require.NoError(t, err)
	assert.Equal(t, one, two)
	require.Len(t, one.Tables, 3)
	assert.Equal(t, "x/a", one.Table("shared").Origin.Module)
}

func TestComposeRefuses(t *testing.T) {
	indexed := func(name string) *schema.Table {
		tb := table(name, "c")
		tb.Indexes = []*schema.Index{{Name: "idx_c", Parts: []schema.IndexPart{{Column: "c"}}}}
		return tb
	}
	for _, c := range []struct {
		name  string
		parts []*entity.Result
		want  []string // fragments of the one violation
	}{
		{
			"two modules, two definitions",
			[]*entity.Result{part("x/a", table("users", "name")), part("x/b", table("users", "mail"))},
			[]string{"users is declared differently", "x/a@v1.0.0 models.go:10", "column mail"},
		},
		{
			"a foreign key to what nobody brings",
			[]*entity.Result{part("x/b", refer(table("orders", "user_id"), "user_id", "users", "id"))},
			[]string{"fk_orders", "users, which no module of this tenant brings"},
		},
		{
			"a foreign key to a column that is not there",
			[]*entity.Result{part("x/b", table("users"), refer(table("orders", "u"), "u", "users", "uuid"))},
			[]string{"users.uuid, which does not exist", "no key"},
		},
		{
			"a foreign key to what is not unique",
			[]*entity.Result{part("x/b", table("users", "code"), refer(table("orders", "u"), "u", "users", "code"))},
			[]string{"users(code), which no key of that table makes unique"},
		},
		{
			"a reserved name",
			[]*entity.Result{part("x/a", table("lockstep_history"))},
			[]string{"lockstep_history is reserved"},
		},
		{
			"reserved names within a table",
			[]*entity.Result{part("x/a", within(table("orders", "lockstep_new_id", "Lockstep_dropped_id")))},
			[]string{
				"the column name lockstep_new_id is reserved", "the column name Lockstep_dropped_id is reserved", "the index name lockstep_new_x is reserved",
				"the foreign key name lockstep_fk is reserved", "the check name lockstep_now_x is reserved",
			},
		},
		{
			"names that differ in case",
			[]*entity.Result{part("x/a", table("Users")), part("x/b", table("users"))},
			[]string{"users differs only in case from Users"},
		},
		{
			"columns that differ in case",
			[]*entity.Result{part("x/a", table("users", "Name", "name"))},
			[]string{"Name and name of the table users differ only in case"},
		},
		{
			"one index name on two tables",
			[]*entity.Result{part("x/a", indexed("p")), part("x/b", indexed("q"))},
			[]string{"idx_c of the table q has the same name as one of the table p"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := compose.Compose(c.parts)
			require.Error(t, err)
			assert.Equal(t, fault.Invalid, fault.KindOf(err))
			for _, w := range c.want {
				assert.Contains(t, err.Error(), w)
			}
			for _, v := range fault.As(err).Violations {
				assert.NotEmpty(t, v.Subject)
				assert.NotEmpty(t, v.Position.File)
				assert.Positive(t, v.Position.Line)
			}
		})
	}
}

func TestComposeReportsAllProblems(t *testing.T) {
	_, err := compose.Compose([]*entity.Result{
		part("x/a", table("lockstep_x"), refer(table("orders", "u"), "u", "users", "id")),
		part("x/b", table("orders")),
	})
	require.Error(t, err)
	assert.Len(t, fault.As(err).Violations, 3)
}

// within gives a table an index, a foreign key and a check of reserved names.
func within(t *schema.Table) *schema.Table {
	t.PrimaryKey = []string{"id"}
	t.Indexes = append(t.Indexes, &schema.Index{Name: "lockstep_new_x", Parts: []schema.IndexPart{{Column: "id"}}})
	t.ForeignKeys = append(t.ForeignKeys, &schema.ForeignKey{Name: "lockstep_fk", Columns: []string{"id"}, RefTable: t.Name, RefColumns: []string{"id"}})
	t.Checks = append(t.Checks, &schema.Check{Name: "lockstep_now_x", Expr: "id > 0"})
	return t
}
