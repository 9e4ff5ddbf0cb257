package mssql

import (
	"fmt"
	"strings"

	"ariga.io/atlas/sql/schema"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

func freeName(name string) string { return dialect.CutName(dialect.CopyPrefix+name, maxName) }

// modifyTable renders each change as batches of its own, but for neighbouring
// new columns, which share one.
func (s *state) modifyTable(m *schema.ModifyTable) error {
	for i := 0; i < len(m.Changes); i++ {
		if _, ok := m.Changes[i].(*schema.AddColumn); ok {
			n, err := s.addColumns(m.T, m.Changes[i:])
			if err != nil {
				return err
			}
			i += n - 1
			continue
		}
		if err := s.alter(m.T, m.Changes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) alter(t *schema.Table, c schema.Change) error {
	table := "ALTER TABLE " + s.name(t)
	add := func(what, name, def string) {
		s.emit(c, fmt.Sprintf("add %s %s to %s", what, name, t.Name), table+" ADD "+def)
	}
	drop := func(what, name string) {
		s.emit(c, fmt.Sprintf("drop %s %s from %s", what, name, t.Name), table+" DROP CONSTRAINT "+Quote(name))
	}
	switch c := c.(type) {
	case *schema.DropColumn:
		if c.C.Default != nil {
			s.dropDefault(c, t, c.C.Name)
		}
		s.emit(c, fmt.Sprintf("drop column %s from %s", c.C.Name, t.Name), table+" DROP COLUMN "+Quote(c.C.Name))
	case *schema.ModifyColumn:
		return s.modifyColumn(t, c)
	case *schema.RenameColumn:
		s.renameColumn(t, c)
	case *schema.AddPrimaryKey:
		s.emit(c, "add the primary key of "+t.Name, online(c.P, table+" ADD "+primaryKey(t, c.P)))
	case *schema.DropPrimaryKey:
		s.emit(c, "drop the primary key of "+t.Name, s.dropNamed(t, "sys.key_constraints", "[type] = 'PK'"))
	case *schema.AddForeignKey:
		add("foreign key", c.F.Symbol, s.foreignKey(t, c.F))
	case *schema.DropForeignKey:
		drop("foreign key", c.F.Symbol)
	case *schema.AddCheck:
		add("check", c.C.Name, check(c.C))
	case *schema.DropCheck:
		drop("check", c.C.Name)
	default:
		return s.alterIndex(t, c)
	}
	return nil
}

// alterIndex renders what concerns indexes, names and comments.
func (s *state) alterIndex(t *schema.Table, c schema.Change) error {
	switch c := c.(type) {
	case *schema.AddIndex:
		s.addIndex(t, c)
	case *schema.DropIndex:
		s.dropIndex(t, c)
	case *schema.RenameIndex:
		s.rename(c, fmt.Sprintf("rename index %s of %s to %s", c.From.Name, t.Name, c.To.Name), s.name(t, c.From.Name), c.From.Name, c.To.Name, "INDEX",
			func(free string) string { return s.name(t, free) })
	case *schema.RenameConstraint:
		from, to, err := constraintNames(c)
		if err != nil {
			return err
		}
		s.rename(c, fmt.Sprintf("rename constraint %s of %s to %s", from, t.Name, to), s.beside(t, from), from, to, "OBJECT",
			func(free string) string { return s.beside(t, free) })
	case *schema.ModifyIndex:
		if c.Change != schema.ChangeComment {
			return fmt.Errorf("mssql: only the comment of an index can be modified, not %v of %s", c.Change, c.To.Name)
		}
		text, _ := attr[*schema.Comment](c.To.Attrs)
		s.setComment(c, t, indexPlace(c.To), text)
	case *schema.AddAttr:
		return s.tableAttr(c, t, c.A)
	case *schema.ModifyAttr:
		return s.tableAttr(c, t, c.To)
	case *schema.DropAttr:
		return s.tableAttr(c, t, &schema.Comment{})
	default:
		return fmt.Errorf("mssql: cannot plan a %T of table %s", c, t.Name)
	}
	return nil
}

func constraintNames(c *schema.RenameConstraint) (from, to string, err error) {
	name := func(o schema.Object) string {
		switch o := o.(type) {
		case *schema.Check:
			return o.Name
		case *schema.ForeignKey:
			return o.Symbol
		case *schema.Index:
			return o.Name
		}
		return ""
	}
	if from, to = name(c.From), name(c.To); from == "" || to == "" {
		return "", "", fmt.Errorf("mssql: cannot rename a %T to a %T", c.From, c.To)
	}
	return from, to, nil
}

func (s *state) tableAttr(c schema.Change, t *schema.Table, a schema.Attr) error {
	text, ok := a.(*schema.Comment)
	if !ok {
		return fmt.Errorf("mssql: table %s has no attribute %T", t.Name, a)
	}
	s.setComment(c, t, place{}, text)
	return nil
}

// addColumns adds the columns that changes begin with, and returns their number.
// Rows that are there get the default, as on other engines; SQL Server would
// leave NULL in a column that takes it.
func (s *state) addColumns(t *schema.Table, changes []schema.Change) (int, error) {
	var columns []*schema.Column
	var defs, names []string
	for _, c := range changes {
		add, ok := c.(*schema.AddColumn)
		if !ok {
			break
		}
		def, err := s.column(t, add.C)
		if err != nil {
			return 0, err
		}
		if add.C.Default != nil && add.C.Type.Null {
			def += " WITH VALUES"
		}
		columns, defs, names = append(columns, add.C), append(defs, def), append(names, add.C.Name)
	}
	s.emit(changes[0], fmt.Sprintf("add %s to %s", strings.Join(names, ", "), t.Name),
		"ALTER TABLE "+s.name(t)+" ADD "+strings.Join(defs, ", "))
	for i, c := range columns {
		if text, ok := attr[*schema.Comment](c.Attrs); ok {
			s.addComment(changes[i], t, place{"COLUMN", c.Name}, text.Text)
		}
	}
	return len(columns), nil
}

// modifyColumn brings the changed aspects of a column to those of c.To. A change
// of NULL repeats the type, and a default that is in the way of a type goes
// before it and comes back after it.
func (s *state) modifyColumn(t *schema.Table, c *schema.ModifyColumn) error {
	to := c.To
	typed := c.Change.Is(schema.ChangeType) || c.Change.Is(schema.ChangeNull)
	defaulted := c.Change.Is(schema.ChangeDefault)
	if defaulted && c.From.Default != nil {
		s.dropDefault(c, t, to.Name)
	}
	if typed {
		typ, err := typeText(to)
		if err != nil {
			return err
		}
		null := "NOT NULL"
		if to.Type.Null {
			null = "NULL"
		}
		s.emit(c, fmt.Sprintf("change %s of %s", to.Name, t.Name),
			fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s %s %s", s.name(t), Quote(to.Name), typ, null))
	}
	if x := exprText(to.Default); defaulted && x != "" {
		s.emit(c, fmt.Sprintf("set the default of %s of %s", to.Name, t.Name), fmt.Sprintf(
			"ALTER TABLE %s ADD CONSTRAINT %s DEFAULT %s FOR %s", s.name(t), Quote(defaultName(t, to)), x, Quote(to.Name)))
	}
	if c.Change.Is(schema.ChangeComment) {
		text, _ := attr[*schema.Comment](to.Attrs)
		s.setComment(c, t, place{"COLUMN", to.Name}, text)
	}
	return nil
}

// dropDefault drops the default of a column, whatever its name.
func (s *state) dropDefault(c schema.Change, t *schema.Table, column string) {
	s.emit(c, fmt.Sprintf("drop the default of %s of %s", column, t.Name), s.dropNamed(t, "sys.default_constraints",
		fmt.Sprintf("[parent_column_id] = COLUMNPROPERTY([parent_object_id], %s, 'ColumnId')", text(column))))
}

// dropNamed drops the one constraint of a table that a catalogue view tells.
func (s *state) dropNamed(t *schema.Table, view, condition string) string {
	table := s.name(t)
	return fmt.Sprintf("DECLARE @name nvarchar(258) = (SELECT QUOTENAME([name]) FROM %s WHERE [parent_object_id] = OBJECT_ID(%s) AND %s);\n"+
		"IF @name IS NOT NULL EXEC(%s + @name)", view, text(table), condition, text("ALTER TABLE "+table+" DROP CONSTRAINT "))
}

func (s *state) renameColumn(t *schema.Table, c *schema.RenameColumn) {
	from, to := c.From.Name, c.To.Name
	s.rename(c, fmt.Sprintf("rename column %s of %s to %s", from, t.Name, to), s.name(t, from), from, to, "COLUMN",
		func(free string) string { return s.name(t, free) })
	if c.From.Default != nil {
		s.renameIfThere(c, t, DefaultName(t.Name, from), DefaultName(t.Name, to), "D")
	}
}

func (s *state) addIndex(t *schema.Table, c *schema.AddIndex) {
	comment := fmt.Sprintf("create index %s on %s", c.I.Name, t.Name)
	if _, constraint := attr[*Unique](c.I.Attrs); constraint {
		s.emit(c, comment, online(c.I, "ALTER TABLE "+s.name(t)+" ADD "+uniqueConstraint(c.I)))
	} else {
		s.emit(c, comment, s.createIndex(t, c.I))
	}
	if text, ok := attr[*schema.Comment](c.I.Attrs); ok {
		s.addComment(c, t, indexPlace(c.I), text.Text)
	}
}

func (s *state) dropIndex(t *schema.Table, c *schema.DropIndex) {
	name := Quote(c.I.Name)
	constraint := "ALTER TABLE " + s.name(t) + " DROP CONSTRAINT " + name
	index := "DROP INDEX " + name + " ON " + s.name(t)
	_, isConstraint := attr[*Unique](c.I.Attrs)
	_, either := attr[*EitherWay](c.I.Attrs)
	switch {
	case isConstraint:
		index = constraint
	case either:
		index = fmt.Sprintf("IF OBJECT_ID(%s, N'UQ') IS NOT NULL\n  %s\nELSE\n  %s", text(s.beside(t, c.I.Name)), constraint, index)
	}
	s.emit(c, fmt.Sprintf("drop index %s from %s", c.I.Name, t.Name), index)
}
