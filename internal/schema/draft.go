package schema

import (
	"slices"
	"strings"
)

// Draft is a copy-on-write editor of a Schema: tables are cloned when first
// edited, so that changing one of ten thousand costs one.
type Draft struct {
	engine  string
	mapping int
	tables  map[string]*Table
	owned   map[string]bool
}

// NewDraft starts from s, which is never modified; s may be nil.
func NewDraft(s *Schema) *Draft {
	d := &Draft{tables: map[string]*Table{}, owned: map[string]bool{}}
	if s == nil {
		return d
	}
	d.engine, d.mapping = s.Engine, s.Mapping
	for _, t := range s.Tables {
		d.tables[t.Name] = t
	}
	return d
}

// Table returns a table to read, or nil.
func (d *Draft) Table(name string) *Table { return d.tables[name] }

// Edit returns a table to modify, or nil when there is none.
func (d *Draft) Edit(name string) *Table {
	t := d.tables[name]
	if t == nil || d.owned[name] {
		return t
	}
	t = t.Clone()
	d.tables[name], d.owned[name] = t, true
	return t
}

// Put adds or replaces a table; the draft copies it before any edit.
func (d *Draft) Put(t *Table) {
	d.tables[t.Name] = t
	delete(d.owned, t.Name)
}

// Remove takes a table out.
func (d *Draft) Remove(name string) {
	delete(d.tables, name)
	delete(d.owned, name)
}

// Referring returns the names of the tables with a foreign key to name, sorted.
func (d *Draft) Referring(name string) []string {
	var out []string
	for n, t := range d.tables {
		if slices.ContainsFunc(t.ForeignKeys, func(f *ForeignKey) bool { return f.RefTable == name }) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Schema returns the present state, tables sorted by name. Tables that were not
// edited are shared with the origin.
func (d *Draft) Schema() *Schema {
	s := &Schema{Engine: d.engine, Mapping: d.mapping, Tables: make([]*Table, 0, len(d.tables))}
	for _, t := range d.tables {
		s.Tables = append(s.Tables, t)
	}
	slices.SortFunc(s.Tables, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	return s
}
