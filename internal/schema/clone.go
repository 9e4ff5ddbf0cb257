package schema

import (
	"maps"
	"slices"
)

// Clone returns a deep copy.
func (s *Schema) Clone() *Schema {
	if s == nil {
		return nil
	}
	c := *s
	c.Tables = make([]*Table, len(s.Tables))
	for i, t := range s.Tables {
		c.Tables[i] = t.Clone()
	}
	return &c
}

// Clone returns a deep copy.
func (t *Table) Clone() *Table {
	if t == nil {
		return nil
	}
	c := *t
	c.PrimaryKey = slices.Clone(t.PrimaryKey)
	c.RenamedFrom = slices.Clone(t.RenamedFrom)
	c.Columns = cloneAll(t.Columns, (*Column).Clone)
	c.Indexes = cloneAll(t.Indexes, (*Index).Clone)
	c.ForeignKeys = cloneAll(t.ForeignKeys, (*ForeignKey).Clone)
	c.Checks = cloneAll(t.Checks, func(k *Check) *Check { d := *k; return &d })
	return &c
}

func cloneAll[T any](in []*T, clone func(*T) *T) []*T {
	if in == nil {
		return nil
	}
	out := make([]*T, len(in))
	for i, v := range in {
		out[i] = clone(v)
	}
	return out
}

// Clone returns a deep copy.
func (c *Column) Clone() *Column {
	d := *c
	d.RenamedFrom = slices.Clone(c.RenamedFrom)
	d.Type.Engine = maps.Clone(c.Type.Engine)
	if c.Default != nil {
		v := *c.Default
		v.Engine = maps.Clone(v.Engine)
		d.Default = &v
	}
	return &d
}

// Clone returns a deep copy.
func (x *Index) Clone() *Index {
	d := *x
	d.Parts = slices.Clone(x.Parts)
	return &d
}

// Clone returns a deep copy.
func (f *ForeignKey) Clone() *ForeignKey {
	d := *f
	d.Columns = slices.Clone(f.Columns)
	d.RefColumns = slices.Clone(f.RefColumns)
	return &d
}
