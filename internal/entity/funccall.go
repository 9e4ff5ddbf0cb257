package entity

import (
	"go/ast"
	"go/types"
)

// functionCall follows a call of a plain function whose source is at hand, so
// that a helper which several methods share is no obstacle. Where it decides
// nothing, the type of the call does as well as it can.
func (e *evaluator) functionCall(expr ast.Expr) bool {
	call, ok := expr.(*ast.CallExpr)
	if !ok {
		return false
	}
	fn := e.function(call)
	if fn == nil || fn.Signature().Recv() != nil || fn.Signature().TypeParams() != nil || fn.Signature().Results().Len() == 0 {
		return false
	}
	switch u := fn.Signature().Results().At(0).Type().Underlying().(type) {
	case *types.Interface:
	case *types.Basic:
		if u.Kind() != types.String {
			return false // its type says all
		}
	default:
		return false
	}
	callee, decl, err := e.p.evaluate(fn, e.engine, e.depth+1)
	if err != nil {
		return false
	}
	callee.arguments(e, decl, call)
	callee.block(decl.Body.List)
	if callee.err != nil || len(callee.results) == 0 {
		return false
	}
	e.results = append(e.results, callee.results...)
	return true
}

// function is the function that a call names.
func (e *evaluator) function(call *ast.CallExpr) *types.Func {
	var id *ast.Ident
	switch x := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return nil
	}
	fn, _ := e.object(id).(*types.Func)
	return fn
}

// arguments tells a function which of its parameters are zero values. One that
// becomes an interface is none: a nil map in it is not nil.
func (e *evaluator) arguments(caller *evaluator, decl *ast.FuncDecl, call *ast.CallExpr) {
	i := 0
	for _, param := range decl.Type.Params.List {
		for _, name := range param.Names {
			obj := e.info.Defs[name]
			if i < len(call.Args) && obj != nil && !call.Ellipsis.IsValid() {
				arg := call.Args[i]
				if _, isInterface := obj.Type().Underlying().(*types.Interface); !isInterface {
					e.zero[obj] = caller.isZero(arg)
					e.pointer[obj] = caller.isPointer(arg)
				}
			}
			i++
		}
	}
}
