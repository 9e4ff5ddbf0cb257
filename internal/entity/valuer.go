package entity

import (
	"errors"
	"go/ast"
	"go/token"
	"go/types"
)

// result is what one return statement gives.
type result struct {
	typ  types.Type // of the first value
	null bool       // nil, or an error came with it
	text *string    // the first value, when it is a constant string
}

// evaluator follows the statements of one method for the zero value of its
// receiver. It decides what it can; where a condition stays open both ways are
// followed, and the caller compares what they give. That calls succeed is
// taken for granted: `err != nil` is false.
type evaluator struct {
	p        *pass
	info     *types.Info
	zero     map[types.Object]bool     // holds a zero value
	pointer  map[types.Object]bool     // points to a zero value
	assigned map[types.Object]ast.Expr // the only expression assigned to a local
	namer    types.Object              // the namer that TableName was given
	naming   namer
	engine   string
	depth    int
	results  []result
	err      error
}

// maxCalls bounds how far one Value method is followed into others.
const maxCalls = 8

// maxEvals bounds the methods evaluated for one module.
const maxEvals = 10_000

// results evaluates a method on the zero value of its receiver.
func (p *pass) results(method *types.Func, engine string, depth int) ([]result, error) {
	e, decl, err := p.evaluate(method, engine, depth)
	if err != nil {
		return nil, err
	}
	e.block(decl.Body.List)
	return e.results, e.err
}

// evaluate prepares the evaluation of a method's body.
func (p *pass) evaluate(method *types.Func, engine string, depth int) (*evaluator, *ast.FuncDecl, error) {
	p.evals++
	if depth > maxCalls || p.evals > maxEvals {
		return nil, nil, errors.New("it calls too many others")
	}
	site, ok := p.w.index.funcs[method.Origin().Pos()]
	k := p.pkgOf(method)
	if !ok || site.decl.Body == nil || k == nil || k.info == nil {
		return nil, nil, errors.New("its source is not at hand")
	}
	e := &evaluator{
		p: p, info: k.info, engine: engine, depth: depth,
		zero:     map[types.Object]bool{},
		pointer:  map[types.Object]bool{},
		assigned: map[types.Object]ast.Expr{},
	}
	if site.decl.Recv == nil { // a function, that a method calls
		return e, site.decl, nil
	}
	for _, recv := range site.decl.Recv.List {
		for _, name := range recv.Names {
			obj := e.info.Defs[name]
			if _, isPointer := ast.Unparen(recv.Type).(*ast.StarExpr); isPointer {
				e.pointer[obj] = true
			} else {
				e.zero[obj] = true
			}
		}
	}
	return e, site.decl, nil
}

// block follows statements; it answers whether control may leave at the end.
func (e *evaluator) block(list []ast.Stmt) bool {
	for _, stmt := range list {
		if e.err != nil || !e.stmt(stmt) {
			return false
		}
	}
	return true
}

func (e *evaluator) stmt(stmt ast.Stmt) bool {
	switch s := stmt.(type) {
	case *ast.ReturnStmt:
		e.returns(s)
		return false
	case *ast.BlockStmt:
		return e.block(s.List)
	case *ast.LabeledStmt:
		return e.stmt(s.Stmt)
	case *ast.IfStmt:
		return e.ifStmt(s)
	case *ast.SwitchStmt:
		return e.switchStmt(s)
	case *ast.TypeSwitchStmt:
		return e.clauses(s.Body, func(*ast.CaseClause) answer { return unknown })
	case *ast.RangeStmt:
		if e.isZero(s.X) {
			return true
		}
		e.block(s.Body.List)
	case *ast.ForStmt:
		e.block(s.Body.List)
	case *ast.AssignStmt:
		e.assign(s)
	case *ast.DeclStmt:
		e.declare(s)
	case *ast.ExprStmt:
		if call, ok := s.X.(*ast.CallExpr); ok {
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "panic" {
				return false
			}
		}
	}
	return true
}

func (e *evaluator) ifStmt(s *ast.IfStmt) bool {
	if s.Init != nil {
		e.stmt(s.Init)
	}
	leaves := false
	verdict := e.cond(s.Cond)
	if verdict != no {
		leaves = e.block(s.Body.List)
	}
	if verdict != yes {
		if s.Else == nil {
			return true
		}
		leaves = e.stmt(s.Else) || leaves
	}
	return leaves
}

func (e *evaluator) switchStmt(s *ast.SwitchStmt) bool {
	if s.Init != nil {
		e.stmt(s.Init)
	}
	return e.clauses(s.Body, func(c *ast.CaseClause) answer {
		verdict := no
		for _, expr := range c.List {
			v := e.cond(expr)
			if s.Tag != nil {
				v = e.compare(s.Tag, token.EQL, expr)
			}
			if v == yes {
				return yes
			}
			if v == unknown {
				verdict = unknown
			}
		}
		return verdict
	})
}

// clauses follows the cases of a switch that may be taken, in order; default
// is taken when no other surely is.
func (e *evaluator) clauses(body *ast.BlockStmt, taken func(*ast.CaseClause) answer) bool {
	var fallback *ast.CaseClause
	leaves := false
	for _, stmt := range body.List {
		c, ok := stmt.(*ast.CaseClause)
		if !ok {
			continue
		}
		if c.List == nil {
			fallback = c
			continue
		}
		switch taken(c) {
		case yes:
			return e.block(c.Body) || leaves
		case unknown:
			leaves = e.block(c.Body) || leaves
		case no:
		}
	}
	if fallback == nil {
		return true
	}
	return e.block(fallback.Body) || leaves
}

// assign remembers what a local variable holds, as long as it is one thing.
func (e *evaluator) assign(s *ast.AssignStmt) {
	for i, left := range s.Lhs {
		id := root(left)
		if id == nil {
			continue
		}
		obj := e.object(id)
		if obj == nil {
			continue
		}
		delete(e.zero, obj)
		delete(e.pointer, obj)
		if _, again := e.assigned[obj]; again || len(s.Lhs) != len(s.Rhs) {
			e.assigned[obj] = nil
			continue
		}
		e.assigned[obj] = s.Rhs[i]
		if _, whole := left.(*ast.Ident); whole && e.isZero(s.Rhs[i]) {
			e.zero[obj] = true
		}
	}
}

// root is the variable that an assignment changes, as a whole or in part.
func root(expr ast.Expr) *ast.Ident {
	switch x := ast.Unparen(expr).(type) {
	case *ast.Ident:
		return x
	case *ast.SelectorExpr:
		return root(x.X)
	case *ast.IndexExpr:
		return root(x.X)
	case *ast.StarExpr:
		return root(x.X)
	}
	return nil
}

// declare handles `var x T` and `var x = expr`.
func (e *evaluator) declare(s *ast.DeclStmt) {
	decl, ok := s.Decl.(*ast.GenDecl)
	if !ok {
		return
	}
	for _, sp := range decl.Specs {
		spec, ok := sp.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range spec.Names {
			obj := e.object(name)
			switch {
			case obj == nil:
			case len(spec.Values) == 0:
				e.zero[obj] = true
			case i < len(spec.Values):
				e.assigned[obj] = spec.Values[i]
				if e.isZero(spec.Values[i]) {
					e.zero[obj] = true
				}
			}
		}
	}
}

func (e *evaluator) object(id *ast.Ident) types.Object {
	if obj := e.info.Defs[id]; obj != nil {
		return obj
	}
	return e.info.Uses[id]
}

// returns adds what a return statement gives.
func (e *evaluator) returns(s *ast.ReturnStmt) {
	switch {
	case len(s.Results) == 0:
		e.err = errors.New("it returns named results")
	case len(s.Results) == 2 && !e.isNil(s.Results[1]) && e.isFailure(s.Results[1]):
		e.results = append(e.results, result{null: true})
	default:
		e.value(s.Results[0])
	}
}

// isFailure says whether the second result surely is an error: a call that
// makes one, or a package's error variable. A local `err` is taken for nil.
func (e *evaluator) isFailure(expr ast.Expr) bool {
	switch x := ast.Unparen(expr).(type) {
	case *ast.CallExpr:
		return true
	case *ast.SelectorExpr:
		return true
	case *ast.Ident:
		obj := e.object(x)
		return obj != nil && obj.Parent() != nil && obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope()
	}
	return false
}

// value adds the type, and where it is constant the text, of one expression.
func (e *evaluator) value(expr ast.Expr) {
	expr = ast.Unparen(expr)
	if e.isNil(expr) {
		e.results = append(e.results, result{null: true})
		return
	}
	if text, ok := e.text(expr); ok {
		e.results = append(e.results, result{typ: types.Typ[types.String], text: &text})
		return
	}
	if e.functionCall(expr) {
		return
	}
	t := e.info.TypeOf(expr)
	if tuple, ok := t.(*types.Tuple); ok && tuple.Len() > 0 {
		t = tuple.At(0).Type()
	}
	if call, ok := expr.(*ast.CallExpr); ok && (t == nil || unresolved(t)) && e.info.Types[call.Fun].IsType() {
		t = e.info.TypeOf(call.Fun) // a conversion gives its type whatever it is given
	}
	if t == nil || unresolved(t) {
		e.err = errors.New("the type of what it returns is not known")
		return
	}
	if _, ok := types.Unalias(t).(*types.TypeParam); ok {
		e.err = errors.New("it returns a type parameter")
		return
	}
	if _, ok := t.Underlying().(*types.Interface); ok {
		e.interfaceValue(expr)
		return
	}
	e.results = append(e.results, result{typ: t})
}

// interfaceValue looks behind an expression of interface type: a conversion, a
// local variable, or another Value method.
func (e *evaluator) interfaceValue(expr ast.Expr) {
	switch x := expr.(type) {
	case *ast.Ident:
		if obj := e.object(x); obj != nil {
			if e.zero[obj] {
				e.results = append(e.results, result{null: true})
				return
			}
			if from := e.assigned[obj]; from != nil {
				e.value(from)
				return
			}
		}
	case *ast.CallExpr:
		if tv := e.info.Types[x.Fun]; tv.IsType() && len(x.Args) == 1 {
			e.value(x.Args[0])
			return
		}
		if e.valueCall(x) {
			return
		}
	}
	e.err = errors.New("it returns an interface value")
}

// valueCall follows a call of another type's Value method on a zero value.
func (e *evaluator) valueCall(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !e.isZero(sel.X) {
		return false
	}
	t := e.info.TypeOf(sel.X)
	if t == nil {
		return false
	}
	fn := e.p.methodOf(derefAll(t), sel.Sel.Name)
	if !isValue(fn) {
		return false
	}
	results, err := e.p.results(fn, "", e.depth+1)
	if err != nil {
		e.err = err
		return true
	}
	e.results = append(e.results, results...)
	return true
}
