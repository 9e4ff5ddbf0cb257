package diff

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Apply carries the change out on a draft. It fails with Bug when the draft is
// not a state in which the change can happen.
func (c Change) Apply(d *schema.Draft) error {
	if c.Kind == Table {
		return c.applyTable(d)
	}
	if c.Kind == Column && c.Verb == Rename {
		return c.renameColumn(d)
	}
	t := d.Edit(c.Table)
	if t == nil {
		return c.misplaced("its table is not there")
	}
	switch c.Kind {
	case Column:
		return c.applyColumn(t)
	case PrimaryKey:
		t.PrimaryKey = slices.Clone(c.To.key())
		return nil
	case Index:
		return applyNamed(c, &t.Indexes, indexTraits.name, c.From.index(), c.To.index())
	case ForeignKey:
		return applyNamed(c, &t.ForeignKeys, foreignKeyTraits.name, c.From.foreignKey(), c.To.foreignKey())
	case Check:
		return applyNamed(c, &t.Checks, checkTraits.name, c.From.check(), c.To.check())
	case Table:
	}
	return c.misplaced("its kind is unknown")
}

func (c Change) misplaced(why string) error {
	return fault.New(fault.Bug, "CHANGE_MISPLACED", "the change %s of %s cannot be applied: %s", c.Op(), c.Object(), why)
}

func (c Change) applyTable(d *schema.Draft) error {
	switch c.Verb {
	case Add:
		if d.Table(c.Table) != nil {
			return c.misplaced("the table is there already")
		}
		d.Put(c.To.Table)
	case Drop:
		if d.Table(c.Table) == nil {
			return c.misplaced("the table is not there")
		}
		d.Remove(c.Table)
	case Rename:
		if d.Table(c.OldName) == nil || d.Table(c.Table) != nil {
			return c.misplaced("the old name is not there or the new one is taken")
		}
		referring := d.Referring(c.OldName)
		t := d.Table(c.OldName).Clone()
		t.Name = c.Table
		d.Remove(c.OldName)
		d.Put(t)
		for _, name := range referring {
			if name == c.OldName {
				name = c.Table
			}
			for _, f := range d.Edit(name).ForeignKeys {
				if f.RefTable == c.OldName {
					f.RefTable = c.Table
				}
			}
		}
	case Alter:
		t := d.Edit(c.Table)
		if t == nil {
			return c.misplaced("the table is not there")
		}
		t.Comment = c.To.Table.Comment
	}
	return nil
}

func (c Change) applyColumn(t *schema.Table) error {
	i := slices.IndexFunc(t.Columns, func(x *schema.Column) bool { return x.Name == c.Name })
	switch {
	case c.Verb == Add && i < 0:
		t.Columns = append(t.Columns, c.To.Column.Clone())
	case c.Verb == Drop && i >= 0:
		t.Columns = slices.Delete(t.Columns, i, i+1)
	case c.Verb == Alter && i >= 0:
		to, col := c.To.Column.Clone(), t.Columns[i]
		switch c.Aspect {
		case AspectType:
			col.Type, col.Physical = to.Type, to.Physical
		case AspectNull:
			col.Nullable = to.Nullable
		case AspectDefault:
			col.Default = to.Default
		case AspectAutoIncrement:
			col.AutoIncrement = to.AutoIncrement
		case AspectComment:
			col.Comment = to.Comment
		case AspectNone, AspectDefinition:
			return c.misplaced("a column has no such aspect")
		}
	default:
		return c.misplaced("the column is there, or is not")
	}
	return nil
}

// renameColumn renames a column everywhere: in keys, indexes, checks and in the
// foreign keys of other tables, as the engines do by themselves.
func (c Change) renameColumn(d *schema.Draft) error {
	t := d.Edit(c.Table)
	if t == nil || t.Column(c.OldName) == nil || t.Column(c.Name) != nil {
		return c.misplaced("the old column is not there or the new name is taken")
	}
	t.Column(c.OldName).Name = c.Name
	rename := func(names []string) {
		for i, n := range names {
			if n == c.OldName {
				names[i] = c.Name
			}
		}
	}
	rename(t.PrimaryKey)
	for _, x := range t.Indexes {
		for i, p := range x.Parts {
			if p.Column == c.OldName {
				x.Parts[i].Column = c.Name
			}
			x.Parts[i].Expr = schema.RewriteIdentifier(p.Expr, c.OldName, c.Name)
		}
		x.Where = schema.RewriteIdentifier(x.Where, c.OldName, c.Name)
	}
	for _, k := range t.Checks {
		k.Expr = schema.RewriteIdentifier(k.Expr, c.OldName, c.Name)
	}
	for _, f := range t.ForeignKeys {
		rename(f.Columns)
	}
	for _, name := range d.Referring(c.Table) {
		for _, f := range d.Edit(name).ForeignKeys {
			if f.RefTable == c.Table {
				rename(f.RefColumns)
			}
		}
	}
	return nil
}

func applyNamed[T any](c Change, list *[]*T, name func(*T) string, from, to *T) error {
	at := func(n string) int {
		return slices.IndexFunc(*list, func(v *T) bool { return name(v) == n })
	}
	switch {
	case c.Verb == Add && at(c.Name) < 0:
		*list = append(*list, to)
	case c.Verb == Drop && at(c.Name) >= 0:
		i := at(c.Name)
		*list = slices.Delete(*list, i, i+1)
	case c.Verb == Alter && at(c.Name) >= 0:
		(*list)[at(c.Name)] = to
	case c.Verb == Rename && from != nil && at(c.OldName) >= 0:
		(*list)[at(c.OldName)] = to
	default:
		return c.misplaced("the object is there, or is not")
	}
	return nil
}

func (p *Part) key() []string {
	if p == nil {
		return nil
	}
	return p.PrimaryKey
}

func (p *Part) index() *schema.Index {
	if p == nil {
		return nil
	}
	return p.Index.Clone()
}

func (p *Part) foreignKey() *schema.ForeignKey {
	if p == nil {
		return nil
	}
	return p.ForeignKey.Clone()
}

func (p *Part) check() *schema.Check {
	if p == nil {
		return nil
	}
	k := *p.Check
	return &k
}
