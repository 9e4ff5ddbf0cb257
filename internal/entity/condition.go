package entity

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
)

// answer is the value of a condition as far as the source decides it.
type answer uint8

const (
	unknown answer = iota
	no
	yes
)

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

func (a answer) not() answer {
	switch a {
	case yes:
		return no
	case no:
		return yes
	case unknown:
	}
	return unknown
}

// cond decides a condition for the zero receiver.
func (e *evaluator) cond(expr ast.Expr) answer {
	expr = ast.Unparen(expr)
	if tv := e.info.Types[expr]; tv.Value != nil && tv.Value.Kind() == constant.Bool {
		return answerOf(constant.BoolVal(tv.Value))
	}
	switch x := expr.(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return e.cond(x.X).not()
		}
	case *ast.BinaryExpr:
		if x.Op == token.LAND {
			return both(e.cond(x.X), e.cond(x.Y))
		}
		if x.Op == token.LOR {
			return both(e.cond(x.X).not(), e.cond(x.Y).not()).not()
		}
		return e.compare(x.X, x.Op, x.Y)
	case *ast.CallExpr:
		return e.condCall(x)
	}
	if e.isZero(expr) {
		return no
	}
	return unknown
}

func both(a, b answer) answer {
	switch {
	case a == no || b == no:
		return no
	case a == yes && b == yes:
		return yes
	}
	return unknown
}

// condCall knows that the zero value's IsZero is true, by convention.
func (e *evaluator) condCall(call *ast.CallExpr) answer {
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "IsZero" && len(call.Args) == 0 && e.isZero(sel.X) {
		return yes
	}
	return unknown
}

// compare decides a comparison of constants, zero values, nil and errors.
func (e *evaluator) compare(x ast.Expr, op token.Token, y ast.Expr) answer {
	if e.isNil(x) {
		x, y = y, x
	}
	if e.isNil(y) && (op == token.EQL || op == token.NEQ) {
		return e.compareNil(x, op)
	}
	a, b := e.constant(x), e.constant(y)
	if a == nil || b == nil {
		return unknown
	}
	if !slices.Contains([]token.Token{token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, op) {
		return unknown
	}
	if a.Kind() != b.Kind() {
		a, b = constant.ToFloat(a), constant.ToFloat(b)
		if a.Kind() != constant.Float || b.Kind() != constant.Float {
			return unknown
		}
	}
	if a.Kind() == constant.Bool && op != token.EQL && op != token.NEQ {
		return unknown
	}
	return answerOf(constant.Compare(a, op, b))
}

func (e *evaluator) compareNil(x ast.Expr, op token.Token) answer {
	isNil := unknown
	switch t := e.info.TypeOf(x); {
	case t == nil:
	case isError(t), isErrName(x) && unresolved(t):
		isNil = yes
	case e.isPointer(x):
		isNil = no
	case e.isZero(x):
		isNil = yes
	}
	if op == token.NEQ {
		return isNil.not()
	}
	return isNil
}

// isErrName says whether an expression is a variable called err, which is an
// error also where the call that made it is not known.
func isErrName(x ast.Expr) bool {
	id, ok := ast.Unparen(x).(*ast.Ident)
	return ok && id.Name == "err"
}

// constant is the constant value of an expression; a zero value of a basic
// type has one, and so has the length of any zero value.
func (e *evaluator) constant(expr ast.Expr) constant.Value {
	expr = ast.Unparen(expr)
	tv := e.info.Types[expr]
	if tv.Value != nil {
		return tv.Value
	}
	if text, ok := e.text(expr); ok {
		return constant.MakeString(text)
	}
	if call, ok := expr.(*ast.CallExpr); ok && len(call.Args) == 1 {
		if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "len" && e.isZero(call.Args[0]) {
			return e.zeroLength(call.Args[0])
		}
	}
	if !e.isZero(expr) || tv.Type == nil {
		return nil
	}
	b, ok := tv.Type.Underlying().(*types.Basic)
	if !ok {
		return nil
	}
	switch info := b.Info(); {
	case info&types.IsBoolean != 0:
		return constant.MakeBool(false)
	case info&types.IsString != 0:
		return constant.MakeString("")
	case info&(types.IsInteger|types.IsFloat) != 0:
		return constant.MakeInt64(0)
	}
	return nil
}

func (e *evaluator) zeroLength(expr ast.Expr) constant.Value {
	t := e.info.TypeOf(expr)
	if t == nil {
		return nil
	}
	if array, ok := t.Underlying().(*types.Array); ok {
		return constant.MakeInt64(array.Len())
	}
	return constant.MakeInt64(0)
}

// isZero says whether an expression surely is the zero value of its type.
func (e *evaluator) isZero(expr ast.Expr) bool {
	switch x := ast.Unparen(expr).(type) {
	case *ast.Ident:
		return x.Name == "nil" || e.zero[e.object(x)]
	case *ast.StarExpr:
		return e.isPointer(x.X)
	case *ast.SelectorExpr:
		return e.isZero(x.X) || e.isPointer(x.X)
	case *ast.CallExpr:
		if tv := e.info.Types[x.Fun]; tv.IsType() && len(x.Args) == 1 {
			return e.isZero(x.Args[0])
		}
	case *ast.CompositeLit:
		return len(x.Elts) == 0 && e.isStruct(x)
	}
	return false
}

func (e *evaluator) isStruct(expr ast.Expr) bool {
	t := e.info.TypeOf(expr)
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Struct)
	return ok
}

// isPointer says whether an expression points to the zero value.
func (e *evaluator) isPointer(expr ast.Expr) bool {
	switch x := ast.Unparen(expr).(type) {
	case *ast.Ident:
		return e.pointer[e.object(x)]
	case *ast.UnaryExpr:
		return x.Op == token.AND && e.isZero(x.X)
	case *ast.CallExpr:
		if tv := e.info.Types[x.Fun]; tv.IsType() && len(x.Args) == 1 {
			return e.isPointer(x.Args[0])
		}
	}
	return false
}

// isNil says whether an expression is the predeclared nil.
func (e *evaluator) isNil(expr ast.Expr) bool {
	id, ok := ast.Unparen(expr).(*ast.Ident)
	if !ok || id.Name != "nil" {
		return false
	}
	obj := e.object(id) // not recorded beside an operand of unknown type
	return obj == nil || obj.Parent() == types.Universe
}
