package entity

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
)

// text is the value of a constant string expression; a call of the dialector's
// Name is the engine's, and one of the namer's methods is what it answers.
func (e *evaluator) text(expr ast.Expr) (string, bool) {
	expr = ast.Unparen(expr)
	if tv := e.info.Types[expr]; tv.Value != nil && tv.Value.Kind() == constant.String {
		return constant.StringVal(tv.Value), true
	}
	switch x := expr.(type) {
	case *ast.BinaryExpr:
		a, okA := e.text(x.X)
		b, okB := e.text(x.Y)
		return a + b, x.Op == token.ADD && okA && okB
	case *ast.CallExpr:
		return e.textCall(x)
	}
	return "", false
}

func (e *evaluator) textCall(call *ast.CallExpr) (string, bool) {
	if tv := e.info.Types[call.Fun]; tv.IsType() && len(call.Args) == 1 {
		if b, ok := tv.Type.Underlying().(*types.Basic); ok && b.Kind() == types.String {
			return e.text(call.Args[0])
		}
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	switch {
	case e.engine != "" && sel.Sel.Name == "Name" && len(call.Args) == 0:
		return e.engine, true
	case e.engine != "" && sel.Sel.Name == "DataTypeOf":
		return "", true // what the dialector would take anyway
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok || e.namer == nil || e.object(id) != e.namer || len(call.Args) != 1 {
		return "", false
	}
	arg, ok := e.text(call.Args[0])
	switch sel.Sel.Name {
	case "TableName":
		return e.naming.TableName(arg), ok
	case "JoinTableName":
		return e.naming.JoinTableName(arg), ok
	}
	return "", false
}
