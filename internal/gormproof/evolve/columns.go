package evolve

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// free returns the columns that no key, index or check needs.
func (e *editor) free(t *schema.Table) []*schema.Column {
	var out []*schema.Column
	for _, c := range t.Columns {
		if !slices.Contains(t.PrimaryKey, c.Name) && !e.keyed(t, c.Name) && !checked(t, c.Name) {
			out = append(out, c)
		}
	}
	return out
}

func (e *editor) keyed(t *schema.Table, name string) bool {
	for _, o := range e.schema.Tables {
		for _, f := range o.ForeignKeys {
			if o == t && slices.Contains(f.Columns, name) || f.RefTable == t.Name && slices.Contains(f.RefColumns, name) {
				return true
			}
		}
	}
	return slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
		return slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == name }) ||
			schema.MentionsIdentifier(x.Where, name)
	})
}

func checked(t *schema.Table, name string) bool {
	return slices.ContainsFunc(t.Checks, func(c *schema.Check) bool { return schema.MentionsIdentifier(c.Expr, name) })
}

// changeColumn changes one thing of a column: what it may hold, or its default.
func (e *editor) changeColumn(t *schema.Table) {
	cols := e.free(t)
	if len(cols) == 0 {
		return
	}
	c := pick(e, cols)
	switch e.rand.IntN(6) {
	case 0, 1:
		c.Nullable = !c.Nullable
	case 2:
		c.Default = e.literal(c.Type)
	case 3:
		c.Default = nil
	case 4:
		c.Type = wider(c.Type)
	default:
		c.Type = pick(e, types())
		c.Default = nil
	}
}

// changeDefault gives a column another default, or none: it may be under a key or an
// index, which nothing of that concerns.
func (e *editor) changeDefault(t *schema.Table) {
	if cols := defaulted(t); len(cols) > 0 {
		e.otherDefault(pick(e, cols))
	}
}

func (e *editor) otherDefault(c *schema.Column) {
	c.Default = nil
	if !e.chance(4) {
		c.Default = e.literal(c.Type)
	}
}

// defaulted returns the columns with a default that no primary key holds.
func defaulted(t *schema.Table) []*schema.Column {
	var out []*schema.Column
	for _, c := range t.Columns {
		if c.Default != nil && !c.AutoIncrement && !slices.Contains(t.PrimaryKey, c.Name) {
			out = append(out, c)
		}
	}
	return out
}

// wider is a type that holds every value of t, or t itself.
func wider(t schema.Type) schema.Type {
	switch t.Kind {
	case schema.Int, schema.Uint:
		t.Bits = min(64, 2*t.Bits)
	case schema.Float:
		t.Bits = 64
	case schema.String, schema.Bytes:
		if t.Size > 0 {
			t.Size *= 2
		}
	case schema.Decimal:
		t.Precision, t.Scale = t.Precision+4, t.Scale+1
	case schema.Bool, schema.Time, schema.Raw:
	}
	return t
}

func (e *editor) dropColumn(t *schema.Table) {
	cols := e.free(t)
	if len(cols) == 0 {
		return
	}
	gone := pick(e, cols)
	t.Columns = slices.DeleteFunc(t.Columns, func(c *schema.Column) bool { return c == gone })
}

// rename gives a column or the table another name, and says so.
func (e *editor) rename(t *schema.Table) {
	cols := e.free(t)
	if len(cols) > 0 && !e.chance(4) {
		c := pick(e, cols)
		c.RenamedFrom = append([]string{c.Name}, c.RenamedFrom...)
		c.Name = e.name("to")
		return
	}
	old := t.Name
	t.RenamedFrom = append([]string{old}, t.RenamedFrom...)
	t.Name = e.name("table")
	for _, o := range e.schema.Tables {
		for _, f := range o.ForeignKeys {
			if f.RefTable == old {
				f.RefTable = t.Name
			}
		}
	}
}
