package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sqlc-dev/teesql/ast"
	"github.com/sqlc-dev/teesql/parser"
)

// interpreter runs one batch on a catalogue.
type interpreter struct {
	c    *catalogue
	text string
	vars map[string]string // a variable without a value is NULL
	// enterprise: SERVERPROPERTY says that indexes can be built online.
	enterprise bool
}

var errNotPlanned = errors.New("the simulation has no such statement; no plan should have")

// run runs a batch; what is half done when it fails is undone by the caller.
func (c *catalogue) run(batch string, enterprise bool) error {
	if c.shown != nil {
		_ = c.shown.Close()
		c.shown = nil
	}
	if !balanced(batch) {
		return refusal(102, "Incorrect syntax")
	}
	script, err := parser.Parse(context.Background(), strings.NewReader(batch))
	if err != nil {
		return refusal(102, "Incorrect syntax: %v", err)
	}
	if len(script.Batches) != 1 {
		return fmt.Errorf("%d batches in one", len(script.Batches))
	}
	i := &interpreter{c: c, text: batch, vars: map[string]string{}, enterprise: enterprise}
	for _, s := range script.Batches[0].Statements {
		if _, schema := s.(*ast.CreateSchemaStatement); schema && len(script.Batches[0].Statements) > 1 {
			return refusal(111, "'CREATE SCHEMA' must be the first statement in a query batch.")
		}
		if err := i.statement(s); err != nil {
			return err
		}
	}
	return nil
}

func (i *interpreter) statement(s ast.Statement) error {
	switch s := s.(type) {
	case *ast.CreateSchemaStatement:
		if i.c.schemas[strings.ToLower(s.Name.Value)] {
			return refusal(2714, "There is already an object named '%s' in the database.", s.Name.Value)
		}
		i.c.schemas[strings.ToLower(s.Name.Value)] = true
	case *ast.CreateTableStatement:
		return i.createTable(s)
	case *ast.AlterTableAddTableElementStatement:
		t, err := i.c.table(s.SchemaObjectName)
		if err != nil {
			return err
		}
		return i.define(t, s.Definition)
	case *ast.AlterTableAlterColumnStatement:
		return i.alterColumn(s)
	case *ast.AlterTableDropTableElementStatement:
		return i.dropElements(s)
	case *ast.CreateIndexStatement:
		return i.createIndex(s)
	case *ast.DropIndexStatement:
		return i.dropIndex(s)
	case *ast.DropTableStatement:
		return i.dropTable(s)
	case *ast.DeleteStatement: // there are no rows
		return i.reachable(s.DeleteSpecification.Target)
	case *ast.InsertStatement:
		return i.reachable(s.InsertSpecification.Target)
	case *ast.DeclareVariableStatement:
		return i.declare(s)
	case *ast.IfStatement:
		yes, err := i.condition(s.Predicate)
		switch {
		case err != nil:
			return err
		case yes:
			return i.statement(s.ThenStatement)
		case s.ElseStatement != nil:
			return i.statement(s.ElseStatement)
		}
	case *ast.ExecuteStatement:
		return i.execute(s.ExecuteSpecification)
	default:
		return fmt.Errorf("%w: %T", errNotPlanned, s)
	}
	return nil
}

// reachable: a statement about rows names a table that is there.
func (i *interpreter) reachable(target ast.TableReference) error {
	if named, ok := target.(*ast.NamedTableReference); ok {
		if _, err := i.c.table(named.SchemaObject); err == nil {
			return nil
		}
	}
	return refusal(208, "Invalid object name.")
}

func (i *interpreter) createTable(s *ast.CreateTableStatement) error {
	name := s.SchemaObjectName
	if name.SchemaIdentifier == nil {
		return fmt.Errorf("the table %s is not qualified", name.BaseIdentifier.Value)
	}
	t := &simTable{schema: name.SchemaIdentifier.Value, name: name.BaseIdentifier.Value, comments: map[string]string{}}
	switch {
	case !i.c.schemas[strings.ToLower(t.schema)]:
		return refusal(2760, "The specified schema name %q either does not exist or you do not have permission to use it.", t.schema)
	case i.c.taken(t.schema, t.name):
		return refusal(2714, "There is already an object named '%s' in the database.", t.name)
	}
	t.id = i.c.id()
	i.c.tables = append(i.c.tables, t)
	return i.define(t, s.Definition)
}

func (i *interpreter) dropTable(s *ast.DropTableStatement) error {
	for _, name := range s.Objects {
		t, err := i.c.table(name)
		if err != nil {
			return refusal(3701, "Cannot drop the table, because it does not exist or you do not have permission.")
		}
		for f, on := range i.c.referring(t) {
			if on != t {
				return refusal(3726, "Could not drop object '%s' because it is referenced by a FOREIGN KEY constraint %s.", t.name, f.name)
			}
		}
		i.c.tables = slices.DeleteFunc(i.c.tables, func(o *simTable) bool { return o == t })
	}
	return nil
}

// source is the text of a piece of syntax.
func (i *interpreter) source(f ast.Fragment) string {
	return i.text[f.StartOffset : f.StartOffset+f.FragmentLength]
}

// condition evaluates the conditions that plans have.
func (i *interpreter) condition(p ast.BooleanExpression) (bool, error) {
	switch p := p.(type) {
	case *ast.BooleanIsNullExpression:
		v, null, err := i.value(p.Expression)
		_ = v
		return null != p.IsNot, err
	case *ast.BooleanInExpression:
		call, ok := p.Expression.(*ast.FunctionCall)
		if !ok || !same(call.FunctionName.Value, "SERVERPROPERTY") {
			return false, errNotPlanned
		}
		return i.enterprise, nil
	case *ast.ExistsPredicate:
		m := listed.FindStringSubmatch(i.text)
		if m == nil {
			return false, errNotPlanned
		}
		t := i.c.find(unquote(m[1]), unquote(m[2]))
		if t == nil {
			return false, nil
		}
		_, there := t.comments[place(m[3], m[4])]
		return there, nil
	}
	return false, fmt.Errorf("%w: %T", errNotPlanned, p)
}

var listed = regexp.MustCompile(`fn_listextendedproperty\(N'MS_Description', N'SCHEMA', (N'(?:[^']|'')*'), N'TABLE', (N'(?:[^']|'')*'), (NULL|N'\w+'), (NULL|N'(?:[^']|'')*')\)`)

func unquote(s string) string {
	if s == "NULL" {
		return ""
	}
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(s, "N'"), "'"), "''", "'")
}

func place(kind, name string) string {
	return strings.ToLower(strings.TrimSpace(unquote(kind) + " " + unquote(name)))
}

// value evaluates the scalar expressions that plans have.
func (i *interpreter) value(x ast.ScalarExpression) (v string, null bool, err error) {
	switch x := x.(type) {
	case *ast.StringLiteral:
		return x.Value, false, nil
	case *ast.ParenthesisExpression:
		return i.value(x.Expression)
	case *ast.VariableReference:
		v, there := i.vars[x.Name]
		return v, !there, nil
	case *ast.BinaryExpression:
		a, _, err := i.value(x.FirstExpression)
		if err != nil {
			return "", false, err
		}
		b, _, err := i.value(x.SecondExpression)
		return a + b, false, err
	case *ast.FunctionCall:
		return i.call(x)
	case *ast.ScalarSubquery:
		return i.lookup(i.source(x.Fragment))
	}
	return "", false, fmt.Errorf("%w: %T", errNotPlanned, x)
}

func (i *interpreter) call(x *ast.FunctionCall) (v string, null bool, err error) {
	var args []string
	for _, p := range x.Parameters {
		if n, ok := p.(*ast.IntegerLiteral); ok {
			args = append(args, n.Value)
			continue
		}
		a, _, err := i.value(p)
		if err != nil {
			return "", false, err
		}
		args = append(args, a)
	}
	switch strings.ToUpper(x.FunctionName.Value) {
	case "NCHAR":
		n, err := strconv.Atoi(args[0])
		return string(rune(n)), false, err
	case "SCHEMA_ID":
		return "1", !i.c.schemas[strings.ToLower(args[0])], nil
	case "OBJECT_ID":
		parts := splitName(args[0])
		if len(parts) != 2 {
			return "", false, fmt.Errorf("the object %s is not qualified", args[0])
		}
		for _, t := range i.c.tables {
			if same(t.schema, parts[0]) && (len(args) > 1 && t.object(parts[1]) == args[1] || len(args) == 1 && same(t.name, parts[1])) {
				return "1", false, nil
			}
		}
		return "", true, nil
	}
	return "", false, fmt.Errorf("%w: %s", errNotPlanned, x.FunctionName.Value)
}

// splitName takes a name in brackets apart.
func splitName(s string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`\[((?:[^\]]|\]\])*)\]`).FindAllStringSubmatch(s, -1) {
		out = append(out, strings.ReplaceAll(m[1], "]]", "]"))
	}
	return out
}

var parent = regexp.MustCompile(`OBJECT_ID\((N'(?:[^']|'')*')\)`)

var ofColumn = regexp.MustCompile(`COLUMNPROPERTY\(\[parent_object_id\], (N'(?:[^']|'')*'), 'ColumnId'\)`)

// lookup answers the two questions for the name of a constraint.
func (i *interpreter) lookup(query string) (name string, null bool, err error) {
	m := parent.FindStringSubmatch(query)
	if m == nil {
		return "", false, fmt.Errorf("%w: %s", errNotPlanned, query)
	}
	parts := splitName(unquote(m[1]))
	t := i.c.find(parts[0], parts[1])
	if t == nil {
		return "", true, nil
	}
	if strings.Contains(query, "sys.key_constraints") {
		for _, x := range t.keys {
			if x.primary {
				return New().Quote(x.name), false, nil
			}
		}
		return "", true, nil
	}
	col := t.column(unquote(ofColumn.FindStringSubmatch(query)[1]))
	if col == nil || col.def == "" {
		return "", true, nil
	}
	return New().Quote(col.defName), false, nil
}

func (i *interpreter) declare(s *ast.DeclareVariableStatement) error {
	for _, d := range s.Declarations {
		v, null, err := i.value(d.Value)
		if err != nil {
			return err
		}
		if !null {
			i.vars[d.VariableName.Value] = v
		}
	}
	return nil
}
