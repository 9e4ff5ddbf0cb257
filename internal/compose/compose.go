// Package compose merges the schemas of several entity modules into the target
// of one tenant, and refuses what cannot stand together: with the places in
// the modules where both sides are declared.
package compose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// reservedPrefix belongs to the tables that lockstep keeps in a tenant, and to what
// it makes or moves aside while an execution is under way.
const reservedPrefix = "lockstep_"

// Compose merges the modules' schemas, in any order: the result is the same.
// A table that several modules declare identically is taken once; what a module
// extends another's table by is added to it, each column with its own origin.
// All problems are reported at once, as violations.
func Compose(parts []*entity.Result) (*schema.Schema, error) {
	c := composer{
		tables: map[string]*schema.Table{}, folded: map[string]string{},
		indexes: map[string]*schema.Table{},
	}
	ordered := slices.Clone(parts)
	slices.SortFunc(ordered, func(a, b *entity.Result) int { return strings.Compare(a.Module.Path, b.Module.Path) })
	for _, part := range ordered {
		for _, t := range part.Schema.Tables {
			c.add(t)
		}
	}
	for _, part := range ordered {
		for _, x := range part.Extensions {
			c.extend(x)
		}
	}
	for _, part := range ordered {
		c.leaveAlone(part)
	}
	out := &schema.Schema{Tables: make([]*schema.Table, 0, len(c.tables))}
	for _, t := range c.tables {
		out.Tables = append(out.Tables, t)
	}
	slices.SortFunc(out.Tables, func(a, b *schema.Table) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range out.Tables {
		c.check(t)
	}
	if len(c.problems) > 0 {
		err := fault.New(fault.Invalid, "MODULES_CONFLICT", "the modules cannot be composed: %d problem(s)", len(c.problems))
		err.Violations = c.problems
		return nil, err
	}
	return out, nil
}

type composer struct {
	tables   map[string]*schema.Table
	folded   map[string]string        // lower-case name to name
	indexes  map[string]*schema.Table // index name to its table
	problems []fault.Violation
}

func (c *composer) problem(o schema.Origin, suggestion, format string, args ...any) {
	c.problems = append(c.problems, fault.Violation{
		Subject:     o.Module + "@" + o.Version,
		Position:    fault.Position{File: o.File, Line: o.Line, Column: o.Column},
		Description: fmt.Sprintf(format, args...),
		Suggestion:  suggestion,
	})
}

// place renders where something is declared, for the other side of a conflict.
func place(o schema.Origin) string {
	return fmt.Sprintf("%s@%s %s:%d", o.Module, o.Version, o.File, o.Line)
}

func (c *composer) add(t *schema.Table) {
	if c.reserved("table", t.Name, t.Origin) {
		return
	}
	other := c.tables[t.Name]
	if other == nil {
		if name, taken := c.folded[strings.ToLower(t.Name)]; taken {
			c.problem(t.Origin, "rename one of them", "the table %s differs only in case from %s, declared at %s",
				t.Name, name, place(c.tables[name].Origin))
			return
		}
		c.tables[t.Name], c.folded[strings.ToLower(t.Name)] = t, t.Name
		return
	}
	if !other.Equal(t) {
		c.problem(t.Origin, "let one module own the table and the others refer to it",
			"the table %s is declared differently at %s: %s", t.Name, place(other.Origin), difference(other, t))
	}
}

// difference names the first thing in which two tables of one name differ.
func difference(a, b *schema.Table) string {
	for _, col := range b.Columns {
		switch o := a.Column(col.Name); {
		case o == nil:
			return "only one has the column " + col.Name
		case !o.Type.Equal(col.Type):
			return fmt.Sprintf("the column %s is %s there and %s here", col.Name, o.Type, col.Type)
		case o.Nullable != col.Nullable:
			return fmt.Sprintf("the column %s is NOT NULL on one side only", col.Name)
		}
	}
	for _, col := range a.Columns {
		if b.Column(col.Name) == nil {
			return "only one has the column " + col.Name
		}
	}
	return "their keys, indexes, defaults or comments differ"
}

// reserved reports a name that is lockstep's own.
func (c *composer) reserved(what, name string, o schema.Origin) bool {
	if !strings.HasPrefix(strings.ToLower(name), reservedPrefix) {
		return false
	}
	c.problem(o, "give the "+what+" another name", "the %s name %s is reserved for lockstep", what, name)
	return true
}

// names reports the reserved names within a table.
func (c *composer) names(t *schema.Table) {
	for _, col := range t.Columns {
		o := col.Origin
		if o.File == "" {
			o = t.Origin
		}
		c.reserved("column", col.Name, o)
	}
	for _, x := range t.Indexes {
		c.reserved("index", x.Name, t.Origin)
	}
	for _, f := range t.ForeignKeys {
		c.reserved("foreign key", f.Name, t.Origin)
	}
	for _, k := range t.Checks {
		c.reserved("check", k.Name, t.Origin)
	}
}

func (c *composer) check(t *schema.Table) {
	c.names(t)
	folded := map[string]string{}
	for _, col := range t.Columns {
		if other, taken := folded[strings.ToLower(col.Name)]; taken {
			o := col.Origin
			if o.File == "" {
				o = t.Origin
			}
			c.problem(o, "rename one of them", "the columns %s and %s of the table %s differ only in case", other, col.Name, t.Name)
		}
		folded[strings.ToLower(col.Name)] = col.Name
	}
	for _, x := range t.Indexes {
		if other := c.indexes[x.Name]; other != nil {
			c.problem(t.Origin, "give one of them another name",
				"the index %s of the table %s has the same name as one of the table %s, declared at %s",
				x.Name, t.Name, other.Name, place(other.Origin))
		}
		c.indexes[x.Name] = t
	}
	for _, f := range t.ForeignKeys {
		c.reference(t, f)
	}
}

func (c *composer) reference(t *schema.Table, f *schema.ForeignKey) {
	o := t.Origin
	if len(f.Columns) > 0 {
		if col := t.Column(f.Columns[0]); col != nil && col.Origin.Line > 0 {
			o = col.Origin
		}
	}
	ref := c.tables[f.RefTable]
	if ref == nil {
		c.problem(o, "add the module that declares it, or switch the constraint off with `gorm:\"constraint:-\"`",
			"the foreign key %s of the table %s refers to the table %s, which no module of this tenant brings", f.Name, t.Name, f.RefTable)
		return
	}
	for _, name := range f.RefColumns {
		if ref.Column(name) == nil {
			c.problem(o, "", "the foreign key %s of the table %s refers to %s.%s, which does not exist (declared at %s)",
				f.Name, t.Name, f.RefTable, name, place(ref.Origin))
		}
	}
	if !hasKey(ref, f.RefColumns) {
		c.problem(o, "make it the primary key or give it a unique index",
			"the foreign key %s of the table %s refers to %s(%s), which no key of that table makes unique",
			f.Name, t.Name, f.RefTable, strings.Join(f.RefColumns, ", "))
	}
}

// hasKey tells whether columns are unique in t by its primary key or a whole
// unique index, as every engine demands of a referenced key.
func hasKey(t *schema.Table, columns []string) bool {
	want := slices.Sorted(slices.Values(columns))
	if slices.Equal(slices.Sorted(slices.Values(t.PrimaryKey)), want) {
		return true
	}
	for _, x := range t.Indexes {
		if !x.Unique || x.Where != "" {
			continue
		}
		var have []string
		for _, p := range x.Parts {
			have = append(have, p.Column)
		}
		slices.Sort(have)
		if slices.Equal(have, want) {
			return true
		}
	}
	return false
}
