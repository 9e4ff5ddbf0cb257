package sqlserver

import (
	"database/sql"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/sqlc-dev/teesql/ast"
)

// catalogue is what SQL Server knows of a database's tables, as far as plans go.
// It is filled by running batches that an independent parser has read, under the
// rules that the documentation gives for what may be changed under what
// (interpreter_test.go), and shows itself through the documented catalogue views
// (views_test.go). It holds no rows.
type catalogue struct {
	schemas map[string]bool // in lower case: names are compared so
	tables  []*simTable
	nextID  int
	shown   *sql.DB // the views, until something changes
}

type simTable struct {
	id           int
	schema, name string
	columns      []*simColumn
	nextColumn   int
	keys         []*simIndex // primary key, unique constraints and indexes
	foreign      []*simForeign
	checks       []*simCheck
	comments     map[string]string // "" for the table's, else "kind name"
	rows, pages  int               // of it, and pages of each of its indexes as well; a test sets them
}

type simColumn struct {
	id                       int
	name                     string
	typ                      string // in lower case, as sys.types has it
	length, precision, scale int    // as sys.columns has them
	collation                string
	nullable, identity       bool
	unsaid                   bool   // neither NULL nor NOT NULL was written
	defName, def             string // "": none
	computed                 string // the text behind AS
	persisted                bool
	uses                     []string // columns of the expression
}

type simIndex struct {
	id       int // of the object that a constraint is
	name     string
	primary  bool
	unique   bool
	constr   bool
	columns  []string
	desc     []bool
	filter   string
	filterOn []string
	weak     map[string]bool // what a test did to it by hand
}

type simForeign struct {
	id                 int
	name               string
	columns            []string
	schema, table      string
	refColumns         []string
	onDelete, onUpdate int
	weak               map[string]bool
}

type simCheck struct {
	id         int
	name, text string
	uses       []string
	weak       map[string]bool
}

func newCatalogue() *catalogue {
	return &catalogue{schemas: map[string]bool{"dbo": true}, nextID: 1000}
}

// clone is a deep copy, for a transaction to go back to.
func (c *catalogue) clone() *catalogue {
	out := &catalogue{schemas: maps.Clone(c.schemas), nextID: c.nextID}
	for _, t := range c.tables {
		n := *t
		n.columns, n.keys, n.foreign, n.checks = copies(t.columns), copies(t.keys), copies(t.foreign), copies(t.checks)
		n.comments = maps.Clone(t.comments)
		for _, x := range n.keys {
			x.columns, x.filterOn = slices.Clone(x.columns), slices.Clone(x.filterOn)
		}
		for _, f := range n.foreign {
			f.columns, f.refColumns = slices.Clone(f.columns), slices.Clone(f.refColumns)
		}
		out.tables = append(out.tables, &n)
	}
	return out
}

func copies[T any](in []*T) []*T {
	out := make([]*T, len(in))
	for i, v := range in {
		n := *v
		out[i] = &n
	}
	return out
}

func (c *catalogue) id() int {
	c.nextID++
	return c.nextID
}

// refusal is an error of the server.
func refusal(number int32, format string, args ...any) error {
	return mssql.Error{Number: number, Class: 16, Message: fmt.Sprintf(format, args...)}
}

func same(a, b string) bool { return strings.EqualFold(a, b) }

func has(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return same(s, name) })
}

func (c *catalogue) table(name *ast.SchemaObjectName) (*simTable, error) {
	schema := "dbo"
	if name.SchemaIdentifier != nil {
		schema = name.SchemaIdentifier.Value
	}
	if t := c.find(schema, name.BaseIdentifier.Value); t != nil {
		return t, nil
	}
	return nil, refusal(4902, "Cannot find the object %q because it does not exist or you do not have permissions.", name.BaseIdentifier.Value)
}

func (c *catalogue) find(schema, name string) *simTable {
	for _, t := range c.tables {
		if same(t.schema, schema) && same(t.name, name) {
			return t
		}
	}
	return nil
}

// taken tells whether a schema has an object of that name: tables and all kinds
// of constraints share one space.
func (c *catalogue) taken(schema, name string) bool {
	for _, t := range c.tables {
		if !same(t.schema, schema) {
			continue
		}
		if same(t.name, name) || t.object(name) != "" {
			return true
		}
	}
	return false
}

// object is the kind of a table's constraint, as sys.objects.type has it.
func (t *simTable) object(name string) string {
	for _, x := range t.keys {
		if same(x.name, name) && x.primary {
			return "PK"
		}
		if same(x.name, name) && x.constr {
			return "UQ"
		}
	}
	for _, f := range t.foreign {
		if same(f.name, name) {
			return "F"
		}
	}
	for _, k := range t.checks {
		if same(k.name, name) {
			return "C"
		}
	}
	for _, col := range t.columns {
		if col.def != "" && same(col.defName, name) {
			return "D"
		}
	}
	return ""
}

func (t *simTable) column(name string) *simColumn {
	for _, c := range t.columns {
		if same(c.name, name) {
			return c
		}
	}
	return nil
}

func (t *simTable) index(name string) *simIndex {
	for _, x := range t.keys {
		if same(x.name, name) {
			return x
		}
	}
	return nil
}

// referring are the foreign keys that lead into a table, with those they are on.
func (c *catalogue) referring(t *simTable) map[*simForeign]*simTable {
	out := map[*simForeign]*simTable{}
	for _, o := range c.tables {
		for _, f := range o.foreign {
			if same(f.schema, t.schema) && same(f.table, t.name) {
				out[f] = o
			}
		}
	}
	return out
}

// mentioned are the columns that a piece of syntax refers to.
func mentioned(node any) []string {
	var out []string
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() { //nolint:exhaustive // nothing else holds syntax
		case reflect.Pointer, reflect.Interface:
			if v.IsNil() {
				return
			}
			if ref, ok := v.Interface().(*ast.ColumnReferenceExpression); ok && ref.MultiPartIdentifier != nil {
				parts := ref.MultiPartIdentifier.Identifiers
				out = append(out, parts[len(parts)-1].Value)
				return
			}
			walk(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(v.Field(i))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		}
	}
	walk(reflect.ValueOf(node))
	return out
}

// inTheWay is what forbids a change of a column: the list of ALTER COLUMN in the
// manual of ALTER TABLE. grows: only the length of a variable type grows;
// relaxes: only NULL is allowed from now on; retypes: the type is another; drops:
// the column goes.
type alteration struct{ grows, relaxes, retypes, drops bool }

func (c *catalogue) inTheWay(t *simTable, col *simColumn, a alteration) error {
	depends := func(name string) error {
		return mssql.Error{Number: 4922, All: []mssql.Error{
			{Number: 5074, Message: fmt.Sprintf("The object '%s' is dependent on column '%s'.", name, col.name)},
			{Number: 4922, Message: "ALTER TABLE failed because one or more objects access this column."},
		}}
	}
	if col.def != "" && (a.drops || a.retypes) {
		return depends(col.defName)
	}
	for _, x := range t.keys {
		over := has(x.columns, col.name)
		switch {
		case has(x.filterOn, col.name), over && (a.drops || x.primary), over && !a.grows && (!a.relaxes || x.constr):
			return depends(x.name)
		}
	}
	for _, f := range t.foreign {
		if has(f.columns, col.name) {
			return depends(f.name)
		}
	}
	for f := range c.referring(t) {
		if has(f.refColumns, col.name) {
			return depends(f.name)
		}
	}
	for _, k := range t.checks {
		if has(k.uses, col.name) && (a.drops || !a.grows) {
			return depends(k.name)
		}
	}
	for _, o := range t.columns {
		if o.computed != "" && has(o.uses, col.name) {
			return depends(o.name)
		}
	}
	return nil
}
