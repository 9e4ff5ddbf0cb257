package sqlserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sqlc-dev/teesql/ast"
)

// define adds columns and constraints to a table.
func (i *interpreter) define(t *simTable, d *ast.TableDefinition) error {
	for _, c := range d.ColumnDefinitions {
		if err := i.addColumn(t, c); err != nil {
			return err
		}
	}
	for _, c := range d.TableConstraints {
		if err := i.addConstraint(t, c); err != nil {
			return err
		}
	}
	return nil
}

func (i *interpreter) addColumn(t *simTable, d *ast.ColumnDefinition) error {
	col := &simColumn{name: d.ColumnIdentifier.Value, nullable: true, unsaid: true}
	if t.column(col.name) != nil {
		return refusal(2705, "Column names in each table must be unique. Column name '%s' is specified more than once.", col.name)
	}
	for _, c := range d.Constraints {
		if n, ok := c.(*ast.NullableConstraintDefinition); ok {
			col.nullable, col.unsaid = n.Nullable, false
		}
	}
	if d.ComputedColumnExpression != nil {
		col.computed, col.persisted, col.uses = decoded(d.ComputedColumnExpression), d.IsPersisted, mentioned(d.ComputedColumnExpression)
		col.typ, col.length = "int", 4
		for _, name := range col.uses {
			if o := t.column(name); o == nil {
				return refusal(207, "Invalid column name '%s'.", name)
			} else if o.computed != "" {
				return refusal(1759, "Computed column '%s' is not allowed to be used in another computed-column definition.", name)
			}
		}
	} else if err := col.setType(d.DataType, d.Collation); err != nil {
		return err
	}
	if d.IdentityOptions != nil {
		if slices.ContainsFunc(t.columns, func(o *simColumn) bool { return o.identity }) {
			return refusal(2744, "Multiple identity columns specified for table '%s'.", t.name)
		}
		col.identity = true
	}
	t.nextColumn++
	col.id = t.nextColumn
	t.columns = append(t.columns, col)
	if d.DefaultConstraint != nil {
		return i.addDefault(t, col, d.DefaultConstraint)
	}
	return nil
}

func (i *interpreter) addDefault(t *simTable, col *simColumn, d *ast.DefaultConstraintDefinition) error {
	name := i.given(d.ConstraintIdentifier, "DF__"+t.name+"__"+col.name)
	switch {
	case col.def != "":
		return refusal(1781, "Column already has a DEFAULT bound to it.")
	case i.c.taken(t.schema, name):
		return refusal(2714, "There is already an object named '%s' in the database.", name)
	}
	col.defName, col.def = name, decoded(d.Expression)
	return nil
}

// notNullByKey: in CREATE TABLE a column of the key that does not say is NOT NULL,
// and one that numbers rows always is.
func (i *interpreter) notNullByKey(t *simTable, x *simIndex, columns []*ast.ColumnWithSortOrder) {
	for _, c := range columns {
		parts := c.Column.MultiPartIdentifier.Identifiers
		if col := t.column(parts[len(parts)-1].Value); x.primary && col != nil && col.unsaid {
			col.nullable = false
		}
	}
}

// given is a constraint's name, or one that the server makes up.
func (i *interpreter) given(name *ast.Identifier, otherwise string) string {
	if name != nil {
		return name.Value
	}
	return fmt.Sprintf("%s__%X", otherwise, i.c.id())
}

// setType fills sys.columns in as its documentation says.
func (c *simColumn) setType(t ast.DataTypeReference, collation *ast.Identifier) error {
	typ, ok := t.(*ast.SqlDataTypeReference)
	if !ok {
		return refusal(2715, "Cannot find data type.")
	}
	text := strings.ToLower(typ.SqlDataTypeOption)
	var args []string
	for _, p := range typ.Parameters {
		switch p := p.(type) {
		case *ast.IntegerLiteral:
			args = append(args, p.Value)
		case *ast.MaxLiteral:
			args = append(args, "max")
		}
	}
	number := func(i, otherwise int) int {
		if i >= len(args) {
			return otherwise
		}
		if args[i] == "max" {
			return -1
		}
		n, _ := strconv.Atoi(args[i])
		return n
	}
	c.typ, c.length, c.precision, c.scale = text, 0, 0, 0
	switch text {
	case "nvarchar", "nchar":
		if c.length = 2 * number(0, 1); c.length < 0 {
			c.length = -1
		}
	case "varchar", "char", "varbinary", "binary":
		c.length = number(0, 1)
	case "decimal", "numeric":
		c.length, c.precision, c.scale = 9, number(0, 18), number(1, 0)
	case "datetimeoffset", "datetime2", "time":
		c.scale = number(0, 7)
	}
	c.collation = ""
	if strings.Contains(text, "char") {
		if c.collation = "SQL_Latin1_General_CP1_CI_AS"; collation != nil {
			c.collation = collation.Value
		}
	}
	return nil
}

func (c *simColumn) sameType(o *simColumn) bool {
	return c.typ == o.typ && c.length == o.length && c.precision == o.precision && c.scale == o.scale && c.collation == o.collation
}

// size of a variable length; many for max.
func (c *simColumn) size() int {
	if c.length < 0 {
		return unbounded
	}
	return c.length
}

func (i *interpreter) alterColumn(s *ast.AlterTableAlterColumnStatement) error {
	t, err := i.c.table(s.SchemaObjectName)
	if err != nil {
		return err
	}
	col := t.column(s.ColumnIdentifier.Value)
	switch {
	case col == nil:
		return refusal(4924, "ALTER TABLE ALTER COLUMN failed because column '%s' does not exist in table '%s'.", s.ColumnIdentifier.Value, t.name)
	case col.computed != "":
		return refusal(4928, "Cannot alter column '%s' because it is 'COMPUTED'.", col.name)
	}
	next := *col
	if err := next.setType(s.DataType, s.Collation); err != nil {
		return err
	}
	next.nullable = s.AlterTableAlterColumnOption != "NotNull"
	if col.typ == "nvarchar" && next.typ == "varbinary" {
		return refusal(257, "Implicit conversion from data type nvarchar to varbinary is not allowed.")
	}
	variable := slices.Contains([]string{"nvarchar", "varchar", "varbinary"}, col.typ) && col.typ == next.typ && col.collation == next.collation
	err = i.c.inTheWay(t, col, alteration{
		grows:   variable && next.size() >= col.size() && next.nullable == col.nullable,
		relaxes: col.sameType(&next) && next.nullable,
		retypes: col.typ != next.typ || col.collation != next.collation,
	})
	if err != nil {
		return err
	}
	if next.size() == unbounded && slices.ContainsFunc(t.keys, func(x *simIndex) bool { return has(x.columns, col.name) }) {
		return refusal(1919, "Column '%s' is of a type that is invalid for use as a key column in an index.", col.name)
	}
	*col = next
	return nil
}

func (i *interpreter) dropElements(s *ast.AlterTableDropTableElementStatement) error {
	t, err := i.c.table(s.SchemaObjectName)
	if err != nil {
		return err
	}
	for _, e := range s.AlterTableDropTableElements {
		if e.TableElementType == "Column" {
			err = i.dropColumn(t, e.Name.Value)
		} else {
			err = i.dropConstraint(t, e.Name.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *interpreter) dropColumn(t *simTable, name string) error {
	col := t.column(name)
	if col == nil {
		return refusal(4924, "ALTER TABLE DROP COLUMN failed because column '%s' does not exist in table '%s'.", name, t.name)
	}
	if err := i.c.inTheWay(t, col, alteration{drops: true}); err != nil {
		return err
	}
	if len(t.columns) == 1 {
		return refusal(4923, "ALTER TABLE DROP COLUMN failed because '%s' is the only data column in table '%s'.", name, t.name)
	}
	t.columns = slices.DeleteFunc(t.columns, func(c *simColumn) bool { return c == col })
	delete(t.comments, strings.ToLower("column "+name))
	return nil
}

func (i *interpreter) dropConstraint(t *simTable, name string) error {
	switch t.object(name) {
	case "PK", "UQ":
		x := t.index(name)
		for f := range i.c.referring(t) {
			if keyOf("", f.refColumns) == keyOf("", x.columns) {
				return refusal(3725, "The constraint '%s' is being referenced by table, foreign key constraint '%s'.", name, f.name)
			}
		}
		t.keys = slices.DeleteFunc(t.keys, func(o *simIndex) bool { return o == x })
		delete(t.comments, strings.ToLower("constraint "+name))
	case "F":
		t.foreign = slices.DeleteFunc(t.foreign, func(f *simForeign) bool { return same(f.name, name) })
	case "C":
		t.checks = slices.DeleteFunc(t.checks, func(k *simCheck) bool { return same(k.name, name) })
	case "D":
		for _, c := range t.columns {
			if same(c.defName, name) {
				c.defName, c.def = "", ""
			}
		}
	default:
		return refusal(3728, "'%s' is not a constraint.", name)
	}
	return nil
}

// addConstraint adds one constraint of a table.
func (i *interpreter) addConstraint(t *simTable, c ast.TableConstraint) error {
	switch c := c.(type) {
	case *ast.DefaultConstraintDefinition:
		col := t.column(c.Column.Value)
		if col == nil {
			return refusal(1911, "Column name '%s' does not exist in the target table or view.", c.Column.Value)
		}
		return i.addDefault(t, col, c)
	case *ast.CheckConstraintDefinition:
		k := &simCheck{id: i.c.id(), name: c.ConstraintIdentifier.Value, text: decoded(c.CheckCondition), uses: mentioned(c.CheckCondition)}
		for _, name := range k.uses {
			if t.column(name) == nil {
				return refusal(207, "Invalid column name '%s'.", name)
			}
		}
		if i.c.taken(t.schema, k.name) {
			return refusal(2714, "There is already an object named '%s' in the database.", k.name)
		}
		t.checks = append(t.checks, k)
	case *ast.UniqueConstraintDefinition:
		x := &simIndex{id: i.c.id(), name: i.given(c.ConstraintIdentifier, "PK__"+t.name), primary: c.IsPrimaryKey, unique: true, constr: !c.IsPrimaryKey}
		if i.c.taken(t.schema, x.name) {
			return refusal(2714, "There is already an object named '%s' in the database.", x.name)
		}
		i.notNullByKey(t, x, c.Columns)
		return i.addIndex(t, x, c.Columns)
	case *ast.ForeignKeyConstraintDefinition:
		return i.addForeignKey(t, c)
	default:
		return fmt.Errorf("%w: %T", errNotPlanned, c)
	}
	return nil
}
