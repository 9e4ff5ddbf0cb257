package sqlserver

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/sqlc-dev/teesql/ast"
)

// decoded is what the catalogue shows of an expression: the server keeps the
// parsed expression and writes it out anew, alike in meaning and not in letters.
// https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-default-constraints-transact-sql
// The spelling here is of that manner: names in brackets, no blanks beside
// operators, numbers and the whole in parentheses. It is not the server's to the
// letter, which nobody here could ask.
func decoded(x any) string { return "(" + written(x) + ")" }

func written(x any) string {
	switch x := x.(type) {
	case *ast.StringLiteral:
		open := ""
		if x.IsNational {
			open = "N"
		}
		return open + "'" + strings.ReplaceAll(x.Value, "'", "''") + "'"
	case *ast.IntegerLiteral:
		return "(" + x.Value + ")"
	case *ast.NumericLiteral:
		return "(" + x.Value + ")"
	case *ast.NullLiteral:
		return "NULL"
	case *ast.ParenthesisExpression:
		return written(x.Expression)
	case *ast.BooleanParenthesisExpression:
		return written(x.Expression)
	case *ast.ColumnReferenceExpression:
		parts := x.MultiPartIdentifier.Identifiers
		return New().Quote(parts[len(parts)-1].Value)
	case *ast.BooleanIsNullExpression:
		if x.IsNot {
			return written(x.Expression) + " IS NOT NULL"
		}
		return written(x.Expression) + " IS NULL"
	case *ast.BooleanBinaryExpression:
		return written(x.FirstExpression) + " " + strings.ToUpper(x.BinaryExpressionType) + " " + written(x.SecondExpression)
	case *ast.BooleanComparisonExpression:
		return written(x.FirstExpression) + compares(x.ComparisonType) + written(x.SecondExpression)
	}
	return dump(reflect.ValueOf(x))
}

func compares(kind string) string {
	symbol, known := map[string]string{
		"Equals": "=", "NotEqualToBrackets": "<>", "GreaterThan": ">", "LessThan": "<", "GreaterThanOrEqualTo": ">=", "LessThanOrEqualTo": "<=",
	}[kind]
	if !known {
		return kind
	}
	return symbol
}

// dump writes the syntax itself, without its place in the text, where nobody
// reads the result.
func dump(v reflect.Value) string {
	switch v.Kind() { //nolint:exhaustive // nothing else holds syntax
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return ""
		}
		if v.Kind() == reflect.Interface {
			return written(v.Interface())
		}
		return dump(v.Elem())
	case reflect.Struct:
		var out []string
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != reflect.TypeFor[ast.Fragment]() {
				if text := dump(v.Field(i)); text != "" && text != "false" && text != "0" {
					out = append(out, strings.ToLower(f.Name)+":"+text)
				}
			}
		}
		return "{" + strings.Join(out, " ") + "}"
	case reflect.Slice:
		var out []string
		for i := range v.Len() {
			out = append(out, dump(v.Index(i)))
		}
		return strings.Join(out, ",")
	}
	return fmt.Sprint(v.Interface())
}
