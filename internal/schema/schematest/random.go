// Package schematest makes random schemas for property tests: valid on every
// engine, with keys, indexes, checks and foreign keys, and random edits of them.
// It is for tests only.
package schematest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// New returns a random generator for a seed, which a failing test prints.
func New(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

// Random returns a schema of up to n tables.
func Random(r *rand.Rand, n int) *schema.Schema {
	s := &schema.Schema{}
	for i := range 1 + r.IntN(n) {
		s.Tables = append(s.Tables, table(r, fmt.Sprintf("t%d", i)))
	}
	for _, t := range s.Tables {
		references(r, s, t)
	}
	return s
}

func table(r *rand.Rand, name string) *schema.Table {
	t := &schema.Table{Name: name, PrimaryKey: []string{"id"}, Columns: []*schema.Column{{
		Name: "id", Type: schema.Type{Kind: schema.Int, Bits: 64}, AutoIncrement: r.IntN(2) == 0,
	}}}
	for i := range r.IntN(6) {
		t.Columns = append(t.Columns, column(r, fmt.Sprintf("c%d", i)))
	}
	for i := range r.IntN(3) {
		if x := index(r, t, fmt.Sprintf("idx_%s_%d", name, i)); x != nil {
			t.Indexes = append(t.Indexes, x)
		}
	}
	if r.IntN(3) == 0 {
		t.Checks = append(t.Checks, &schema.Check{Name: "chk_" + name, Expr: fmt.Sprintf("id > %d", r.IntN(3)-10)})
	}
	if r.IntN(4) == 0 {
		t.Comment = fmt.Sprintf("comment %d", r.IntN(3))
	}
	return t
}

func column(r *rand.Rand, name string) *schema.Column {
	types := []schema.Type{
		{Kind: schema.Int, Bits: 32},
		{Kind: schema.Int, Bits: 64},
		{Kind: schema.String},
		{Kind: schema.String, Size: 20 + 10*r.IntN(3)},
		{Kind: schema.Bool},
		{Kind: schema.Float, Bits: 64},
		{Kind: schema.Decimal, Precision: 10 + r.IntN(3), Scale: 2},
		{Kind: schema.Time},
		{Kind: schema.Bytes},
	}
	c := &schema.Column{Name: name, Type: types[r.IntN(len(types))], Nullable: r.IntN(2) == 0}
	switch {
	case r.IntN(3) != 0:
	case c.Type.Kind == schema.Int:
		c.Default = &schema.Default{Value: fmt.Sprint(r.IntN(5))}
	case c.Type.Kind == schema.String:
		c.Default = &schema.Default{Value: []string{"", "it's", `"quoted"`, "ünï"}[r.IntN(4)]}
	case c.Type.Kind == schema.Bool:
		c.Default = &schema.Default{Value: []string{"true", "false"}[r.IntN(2)]}
	}
	if r.IntN(6) == 0 {
		c.Comment = fmt.Sprintf("it's comment %d", r.IntN(3))
	}
	return c
}

// indexable leaves out the types that no engine indexes without a length.
func indexable(t *schema.Table) []string {
	var out []string
	for _, c := range t.Columns {
		if k := c.Type.Kind; k != schema.Bytes && (k != schema.String || c.Type.Size > 0) {
			out = append(out, c.Name)
		}
	}
	return out
}

func index(r *rand.Rand, t *schema.Table, name string) *schema.Index {
	names := indexable(t)
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	x := &schema.Index{Name: name, Unique: r.IntN(3) == 0}
	for _, n := range names[:min(len(names), 1+r.IntN(2))] {
		x.Parts = append(x.Parts, schema.IndexPart{Column: n, Desc: !x.Unique && r.IntN(4) == 0})
	}
	if len(x.Parts) == 0 {
		return nil
	}
	x.Constraint = x.Unique && r.IntN(2) == 0
	return x
}

// references gives t some foreign keys to tables of s, itself included.
func references(r *rand.Rand, s *schema.Schema, t *schema.Table) {
	for i := range r.IntN(3) {
		ref := s.Tables[r.IntN(len(s.Tables))]
		col := fmt.Sprintf("ref%d_id", i)
		if t.Column(col) != nil {
			continue
		}
		t.Columns = append(t.Columns, &schema.Column{Name: col, Type: schema.Type{Kind: schema.Int, Bits: 64}, Nullable: true})
		t.ForeignKeys = append(t.ForeignKeys, &schema.ForeignKey{
			Name: fmt.Sprintf("fk_%s_ref%d", t.Name, i), Columns: []string{col}, RefTable: ref.Name, RefColumns: []string{"id"},
			OnDelete: []schema.Action{schema.NoAction, schema.Cascade, schema.SetNull}[r.IntN(3)],
		})
	}
}

// Mutate returns an edited copy of s: tables and columns come, go and change.
// Renames are declared with hints.
func Mutate(r *rand.Rand, s *schema.Schema) *schema.Schema {
	m := s.Clone()
	for range 1 + r.IntN(6) {
		edit(r, m)
	}
	return m
}

func edit(r *rand.Rand, s *schema.Schema) {
	t := s.Tables[r.IntN(len(s.Tables))]
	switch r.IntN(9) {
	case 0:
		name := fmt.Sprintf("n%d", r.IntN(1000))
		if s.Table(name) == nil {
			fresh := table(r, name)
			s.Tables = append(s.Tables, fresh)
			references(r, s, fresh)
		}
	case 1:
		dropTable(s, t)
	case 2:
		if name := fmt.Sprintf("a%d", r.IntN(1000)); t.Column(name) == nil {
			t.Columns = append(t.Columns, column(r, name))
		}
	case 3:
		dropColumn(r, t)
	case 4:
		replaceColumn(r, t)
	case 5:
		if x := index(r, t, fmt.Sprintf("idx_%s_%d", t.Name, r.IntN(1000))); x != nil && t.Index(x.Name) == nil {
			t.Indexes = append(t.Indexes, x)
		}
	case 6:
		if len(t.Indexes) > 0 {
			t.Indexes = slices.Delete(t.Indexes, 0, 1)
		}
	case 7:
		renameColumn(r, t)
	default:
		t.Comment = fmt.Sprintf("comment %d", r.IntN(100))
	}
}

func dropTable(s *schema.Schema, t *schema.Table) {
	if len(s.Tables) == 1 {
		return
	}
	s.Tables = slices.DeleteFunc(s.Tables, func(x *schema.Table) bool { return x == t })
	for _, o := range s.Tables {
		o.ForeignKeys = slices.DeleteFunc(o.ForeignKeys, func(f *schema.ForeignKey) bool { return f.RefTable == t.Name })
	}
}

// plain returns the columns that nothing but indexes uses.
func plain(t *schema.Table) []*schema.Column {
	var out []*schema.Column
	for _, c := range t.Columns {
		if c.Name != "id" && !slices.ContainsFunc(t.ForeignKeys, func(f *schema.ForeignKey) bool { return f.Columns[0] == c.Name }) {
			out = append(out, c)
		}
	}
	return out
}

func dropColumn(r *rand.Rand, t *schema.Table) {
	cols := plain(t)
	if len(cols) == 0 {
		return
	}
	name := cols[r.IntN(len(cols))].Name
	t.Columns = slices.DeleteFunc(t.Columns, func(c *schema.Column) bool { return c.Name == name })
	dropIndexesOn(t, name)
}

func dropIndexesOn(t *schema.Table, column string) {
	t.Indexes = slices.DeleteFunc(t.Indexes, func(x *schema.Index) bool {
		return slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == column })
	})
}

func replaceColumn(r *rand.Rand, t *schema.Table) {
	cols := plain(t)
	if len(cols) == 0 {
		return
	}
	c := cols[r.IntN(len(cols))]
	hints := c.RenamedFrom
	*c = *column(r, c.Name)
	c.RenamedFrom = hints
	dropIndexesOn(t, c.Name)
}

func renameColumn(r *rand.Rand, t *schema.Table) {
	cols := plain(t)
	name := fmt.Sprintf("r%d", r.IntN(1000))
	if len(cols) == 0 || t.Column(name) != nil {
		return
	}
	c := cols[r.IntN(len(cols))]
	for _, x := range t.Indexes {
		for i := range x.Parts {
			if x.Parts[i].Column == c.Name {
				x.Parts[i].Column = name
			}
		}
	}
	c.RenamedFrom = append([]string{c.Name}, c.RenamedFrom...)
	c.Name = name
}
