// Package evolve makes a later version of a schema at random: what the authors
// of an entity module do between two releases, harmless or not. It works on the
// neutral schema, so that one list of edits serves all engines; what an engine
// then refuses, its dialect says.
package evolve

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// Schema returns a copy of s with up to n edits. The names of new tables and
// indexes begin with prefix.
func Schema(r *rand.Rand, s *schema.Schema, prefix string, n int) *schema.Schema {
	e := &editor{rand: r, schema: s.Clone(), prefix: prefix}
	for range 1 + r.IntN(n) {
		e.edit()
	}
	return e.schema
}

// Defaults returns a copy of s in which each column that has a default, but is no
// key's, has another or none: a change that only those notice who leave the column
// out, so that chance alone would seldom try it.
func Defaults(r *rand.Rand, s *schema.Schema) *schema.Schema {
	e := &editor{rand: r, schema: s.Clone()}
	for _, t := range e.schema.Tables {
		for _, c := range defaulted(t) {
			e.otherDefault(c)
		}
	}
	return e.schema
}

type editor struct {
	rand   *rand.Rand
	schema *schema.Schema
	prefix string
	made   int // names
}

func (e *editor) chance(n int) bool { return e.rand.IntN(n) == 0 }

func pick[T any](e *editor, from []T) T { return from[e.rand.IntN(len(from))] }

func (e *editor) name(what string) string {
	e.made++
	return fmt.Sprintf("%s_%s%d", e.prefix, what, e.made)
}

func (e *editor) edit() {
	t := pick(e, e.schema.Tables)
	edits := []func(*schema.Table){
		e.addTable, e.addColumn, e.addColumn, e.addColumn, e.addIndex, e.dropNamed, e.comment, e.rename,
		e.changeColumn, e.changeColumn, e.changeColumn, e.changeDefault, e.dropColumn,
	}
	pick(e, edits)(t)
}

// addTable adds one that refers to t, where t has a key to refer to.
func (e *editor) addTable(t *schema.Table) {
	n := &schema.Table{Name: e.name("new"), PrimaryKey: []string{"id"}, Columns: []*schema.Column{
		{Name: "id", Type: schema.Type{Kind: schema.Int, Bits: 64}, AutoIncrement: true},
		e.column("note"),
	}}
	e.schema.Tables = append(e.schema.Tables, n)
	e.refer(n, t)
}

// refer adds a column to a table that refers to the key of another.
func (e *editor) refer(from, to *schema.Table) {
	if len(to.PrimaryKey) != 1 {
		return
	}
	key := to.Column(to.PrimaryKey[0])
	if key.Type.Kind == schema.Raw || len(key.Type.Engine) > 0 {
		return // a key's own type may number rows by itself
	}
	c := &schema.Column{Name: e.name("ref"), Type: key.Type, Nullable: true}
	from.Columns = append(from.Columns, c)
	from.ForeignKeys = append(from.ForeignKeys, &schema.ForeignKey{
		Name: e.name("fk"), Columns: []string{c.Name}, RefTable: to.Name, RefColumns: []string{key.Name},
		OnDelete: pick(e, []schema.Action{schema.NoAction, schema.Restrict, schema.Cascade, schema.SetNull}),
	})
}

func types() []schema.Type {
	return []schema.Type{
		{Kind: schema.Int, Bits: 16},
		{Kind: schema.Int, Bits: 64},
		{Kind: schema.Uint, Bits: 32},
		{Kind: schema.String, Size: 40},
		{Kind: schema.String},
		{Kind: schema.Bool},
		{Kind: schema.Float, Bits: 64},
		{Kind: schema.Decimal, Precision: 12, Scale: 3},
		{Kind: schema.Time},
		{Kind: schema.Bytes},
	}
}

func (e *editor) column(name string) *schema.Column {
	c := &schema.Column{Name: name, Type: pick(e, types()), Nullable: e.chance(2)}
	if e.chance(2) {
		c.Default = e.literal(c.Type)
	}
	return c
}

// literal is a default that a type takes everywhere; nil: none.
func (e *editor) literal(t schema.Type) *schema.Default {
	switch t.Kind {
	case schema.Int, schema.Uint, schema.Float, schema.Decimal:
		return &schema.Default{Value: fmt.Sprint(1 + e.rand.IntN(90))}
	case schema.String:
		if t.Size > 0 {
			return &schema.Default{Value: pick(e, []string{"", "x", "it"})}
		}
	case schema.Bool:
		return &schema.Default{Value: pick(e, []string{"true", "false"})}
	case schema.Bytes, schema.Time, schema.Raw:
	}
	return nil
}

// addColumn adds one, at times under an index, a check or a foreign key.
func (e *editor) addColumn(t *schema.Table) {
	if e.chance(5) {
		e.refer(t, pick(e, e.schema.Tables))
		return
	}
	c := e.column(e.name("col"))
	t.Columns = append(t.Columns, c)
	number := c.Type.Kind == schema.Int || c.Type.Kind == schema.Uint || c.Type.Kind == schema.Float
	switch {
	case e.chance(3) && indexable(c):
		x := &schema.Index{Name: e.name("uq"), Unique: true, Parts: []schema.IndexPart{{Column: c.Name}}}
		if other := pick(e, t.Columns); e.chance(2) && other != c && indexable(other) {
			x.Parts = append(x.Parts, schema.IndexPart{Column: other.Name})
		}
		t.Indexes = append(t.Indexes, x)
	case number && e.chance(2):
		t.Checks = append(t.Checks, &schema.Check{Name: e.name("chk"), Expr: e.condition(t, c.Name)})
	}
}

// condition is a check on a new column, alone or with one that was there; some
// of them refuse a row that leaves the new column NULL.
func (e *editor) condition(t *schema.Table, name string) string {
	list := []string{
		"%s > 0", "%s BETWEEN 1 AND 99", "%s IN (1, 2, 3) OR %[1]s IS NULL", "%s IS NOT NULL", "%s > 0 AND %[1]s < 100",
		"coalesce(%s, -1) >= 0", "NOT (%s IS NULL)",
	}
	for _, c := range t.Columns {
		if c.Name != name && (c.Type.Kind == schema.Int || c.Type.Kind == schema.Uint) && plainName(c.Name) {
			list = append(list, "%s > "+c.Name, "%s > 0 AND "+c.Name+" > 500", "%s > 0 OR "+c.Name+" > 500")
		}
	}
	return fmt.Sprintf(pick(e, list), name)
}

// plainName tells whether a name needs no quotes in a check, whatever the engine.
func plainName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return name != "order" && name != "select"
}

func indexable(c *schema.Column) bool {
	switch c.Type.Kind {
	case schema.Int, schema.Uint, schema.Bool, schema.Float, schema.Decimal, schema.Time:
		return len(c.Type.Engine) == 0
	case schema.String:
		return c.Type.Size > 0 && c.Type.Size <= 100
	case schema.Bytes, schema.Raw:
	}
	return false
}

func (e *editor) addIndex(t *schema.Table) {
	c := pick(e, t.Columns)
	if !indexable(c) {
		return
	}
	x := &schema.Index{Name: e.name("idx"), Unique: e.chance(3), Parts: []schema.IndexPart{{Column: c.Name, Desc: e.chance(3)}}}
	if e.chance(4) && plainName(c.Name) {
		x.Where = c.Name + " IS NOT NULL"
	}
	t.Indexes = append(t.Indexes, x)
}

// dropNamed drops an index, a foreign key or a check, or renames it.
func (e *editor) dropNamed(t *schema.Table) {
	switch e.rand.IntN(4) {
	case 0:
		t.ForeignKeys = t.ForeignKeys[min(len(t.ForeignKeys), 1):]
	case 1:
		t.Checks = t.Checks[min(len(t.Checks), 1):]
	case 2:
		if len(t.Indexes) > 0 && !t.Indexes[0].Constraint {
			t.Indexes[0].Name = e.name("renamed")
		}
	default:
		if len(t.Indexes) > 0 && !e.needed(t, t.Indexes[0]) {
			t.Indexes = t.Indexes[1:]
		}
	}
}

// needed tells whether a foreign key may lead to a unique index.
func (e *editor) needed(t *schema.Table, x *schema.Index) bool {
	return x.Unique && slices.ContainsFunc(e.schema.Tables, func(o *schema.Table) bool {
		return slices.ContainsFunc(o.ForeignKeys, func(f *schema.ForeignKey) bool { return f.RefTable == t.Name })
	})
}

func (e *editor) comment(t *schema.Table) {
	t.Comment = e.name("it's")
	pick(e, t.Columns).Comment = "new words"
}
