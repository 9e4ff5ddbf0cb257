package sqlserver

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sqlc-dev/teesql/ast"
)

func (i *interpreter) addIndex(t *simTable, x *simIndex, columns []*ast.ColumnWithSortOrder) error {
	for _, c := range columns {
		parts := c.Column.MultiPartIdentifier.Identifiers
		name := parts[len(parts)-1].Value
		col := t.column(name)
		switch {
		case col == nil:
			return refusal(1911, "Column name '%s' does not exist in the target table or view.", name)
		case col.size() == unbounded:
			return refusal(1919, "Column '%s' in table '%s' is of a type that is invalid for use as a key column in an index.", name, t.name)
		case x.primary && col.nullable:
			return refusal(8111, "Cannot define PRIMARY KEY constraint on nullable column in table '%s'.", t.name)
		}
		x.columns, x.desc = append(x.columns, col.name), append(x.desc, c.SortOrder == 2)
	}
	if t.index(x.name) != nil {
		return refusal(1913, "The operation failed because an index or statistics with name '%s' already exists on table '%s'.", x.name, t.name)
	}
	if x.primary && slices.ContainsFunc(t.keys, func(o *simIndex) bool { return o.primary }) {
		return refusal(1779, "Table '%s' already has a primary key defined on it.", t.name)
	}
	t.keys = append(t.keys, x)
	return nil
}

func (i *interpreter) createIndex(s *ast.CreateIndexStatement) error {
	t, err := i.c.table(s.OnName)
	if err != nil {
		return err
	}
	if len(s.IndexOptions) > 0 && !i.enterprise {
		return refusal(1712, "Online index operations can only be performed in Enterprise edition of SQL Server.")
	}
	x := &simIndex{name: s.Name.Value, unique: s.Unique}
	if s.FilterPredicate != nil {
		x.filter, x.filterOn = decoded(s.FilterPredicate), mentioned(s.FilterPredicate)
		for _, name := range x.filterOn {
			switch col := t.column(name); {
			case col == nil:
				return refusal(207, "Invalid column name '%s'.", name)
			case col.computed != "":
				return refusal(10609, "Filtered index '%s' cannot be created because the column '%s' in the filter expression is a computed column.", x.name, name)
			}
		}
	}
	return i.addIndex(t, x, s.Columns)
}

func (i *interpreter) dropIndex(s *ast.DropIndexStatement) error {
	for _, d := range s.DropIndexClauses {
		t, err := i.c.table(d.Object)
		if err != nil {
			return err
		}
		x := t.index(d.Index.Value)
		switch {
		case x == nil:
			return refusal(3701, "Cannot drop the index '%s', because it does not exist or you do not have permission.", d.Index.Value)
		case x.constr || x.primary:
			return refusal(3723, "An explicit DROP INDEX is not allowed on index '%s'. It is being used for constraint enforcement.", x.name)
		}
		t.keys = slices.DeleteFunc(t.keys, func(o *simIndex) bool { return o == x })
		delete(t.comments, strings.ToLower("index "+x.name))
	}
	return nil
}

func actionCode(s string) int {
	return map[string]int{"Cascade": 1, "SetNull": 2, "SetDefault": 3}[s]
}

func (i *interpreter) addForeignKey(t *simTable, d *ast.ForeignKeyConstraintDefinition) error {
	f := &simForeign{
		id: i.c.id(), name: d.ConstraintIdentifier.Value, onDelete: actionCode(d.DeleteAction), onUpdate: actionCode(d.UpdateAction),
		table: d.ReferenceTableName.BaseIdentifier.Value,
	}
	if d.ReferenceTableName.SchemaIdentifier == nil {
		return fmt.Errorf("the table %s is not qualified", f.table)
	}
	f.schema = d.ReferenceTableName.SchemaIdentifier.Value
	ref := i.c.find(f.schema, f.table)
	switch {
	case i.c.taken(t.schema, f.name):
		return refusal(2714, "There is already an object named '%s' in the database.", f.name)
	case ref == nil:
		return refusal(1767, "Foreign key '%s' references invalid table '%s'.", f.name, f.table)
	}
	for n, id := range d.Columns {
		col, other := t.column(id.Value), ref.column(d.ReferencedColumns[n].Value)
		switch {
		case col == nil:
			return refusal(1769, "Foreign key '%s' references invalid column '%s' in referencing table '%s'.", f.name, id.Value, t.name)
		case other == nil:
			return refusal(1770, "Foreign key '%s' references invalid column '%s' in referenced table '%s'.", f.name, d.ReferencedColumns[n].Value, ref.name)
		case col.typ != other.typ || col.precision != other.precision || col.scale != other.scale:
			return refusal(1778, "Column '%s' is not the same data type as referencing column '%s' in foreign key '%s'.", other.name, col.name, f.name)
		case col.length != other.length:
			return refusal(1753, "Column '%s' is not the same length or scale as referencing column '%s' in foreign key '%s'.", other.name, col.name, f.name)
		case !col.nullable && (f.onDelete == 2 || f.onUpdate == 2):
			return refusal(1761, "Cannot create the foreign key '%s' with the SET NULL referential action, because a referencing column is not nullable.", f.name)
		}
		f.columns, f.refColumns = append(f.columns, col.name), append(f.refColumns, other.name)
	}
	key := slices.ContainsFunc(ref.keys, func(x *simIndex) bool {
		return x.unique && x.filter == "" && keyOf("", lowered(x.columns)) == keyOf("", lowered(f.refColumns))
	})
	if !key {
		return refusal(1776, "There are no primary or candidate keys in the referenced table '%s' that match the referencing column list in the foreign key '%s'.", ref.name, f.name)
	}
	t.foreign = append(t.foreign, f)
	return nil
}

func lowered(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(s)
	}
	return out
}

// execute runs EXEC of a string or of one of the procedures that plans call.
func (i *interpreter) execute(e *ast.ExecuteSpecification) error {
	switch x := e.ExecutableEntity.(type) {
	case *ast.ExecutableStringList:
		batch := ""
		for _, part := range x.Strings {
			v, _, err := i.value(part)
			if err != nil {
				return err
			}
			batch += v
		}
		return i.c.run(batch, i.enterprise)
	case *ast.ExecutableProcedureReference:
		name := x.ProcedureReference.ProcedureReference.Name.BaseIdentifier.Value
		positional, named := []string{}, map[string]string{}
		for _, p := range x.Parameters {
			v, _, err := i.value(p.ParameterValue)
			if err != nil {
				return err
			}
			if p.Variable != nil {
				named[p.Variable.Name] = v
			} else {
				positional = append(positional, v)
			}
		}
		if name == "sp_rename" && len(positional) == 3 {
			return i.rename(splitName(positional[0]), positional[1], positional[2])
		}
		for n, v := range positional { // the order of the procedure's parameters
			named[[]string{"@name", "@value", "@level0type", "@level0name", "@level1type", "@level1name", "@level2type", "@level2name"}[n]] = v
		}
		return i.property(name, named)
	}
	return fmt.Errorf("%w: %T", errNotPlanned, e.ExecutableEntity)
}

func (i *interpreter) property(procedure string, a map[string]string) error {
	t := i.c.find(a["@level0name"], a["@level1name"])
	if t == nil {
		return refusal(15135, "Object is invalid. Extended properties are not permitted on '%s'.", a["@level1name"])
	}
	key := strings.ToLower(strings.TrimSpace(a["@level2type"] + " " + a["@level2name"]))
	there := map[string]bool{
		"":           a["@level2type"] == "",
		"COLUMN":     t.column(a["@level2name"]) != nil,
		"INDEX":      t.index(a["@level2name"]) != nil,
		"CONSTRAINT": t.object(a["@level2name"]) != "",
	}[a["@level2type"]]
	if !there || a["@name"] != "MS_Description" {
		return refusal(15135, "Object is invalid. Extended properties are not permitted on '%s'.", a["@level2name"])
	}
	_, set := t.comments[key]
	switch {
	case procedure == "sp_addextendedproperty" && set:
		return refusal(15233, "Property cannot be added. Property 'MS_Description' already exists.")
	case procedure != "sp_addextendedproperty" && !set:
		return refusal(15217, "Cannot update or delete a property. Property 'MS_Description' does not exist.")
	case procedure == "sp_dropextendedproperty":
		delete(t.comments, key)
	default:
		t.comments[key] = a["@value"]
	}
	return nil
}
