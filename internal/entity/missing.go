package entity

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/module"
)

// unresolved says whether go/types could not make out t itself: the type, what
// it points to, what it is a slice of, or what a named type stands for. Fields
// of structs are looked at when they become columns.
func unresolved(t types.Type) bool {
	for range 100 {
		switch u := types.Unalias(t).(type) {
		case nil:
			return true
		case *types.Basic:
			return u.Kind() == types.Invalid
		case *types.Pointer:
			t = u.Elem()
		case *types.Slice:
			t = u.Elem()
		case *types.Array:
			t = u.Elem()
		case *types.Named:
			if args := u.TypeArgs(); args != nil {
				for i := range args.Len() {
					if unresolved(args.At(i)) {
						return true
					}
				}
			}
			if b, ok := u.Underlying().(*types.Basic); ok && b.Kind() == types.Invalid {
				return true
			}
			return unresolvedEmbedded(u, map[*types.Named]bool{})
		default:
			return false
		}
	}
	return false
}

// unresolvedEmbedded says whether a struct embeds an unknown type: its methods,
// and with them whether it is a driver.Valuer, are unknown then.
func unresolvedEmbedded(named *types.Named, seen map[*types.Named]bool) bool {
	st, ok := named.Underlying().(*types.Struct)
	if !ok || seen[named] || len(seen) > maxParts {
		return false
	}
	seen[named] = true
	for f := range st.Fields() {
		if !f.Embedded() {
			continue
		}
		switch u := types.Unalias(deref(f.Type())).(type) {
		case *types.Basic:
			if u.Kind() == types.Invalid {
				return true
			}
		case *types.Named:
			if b, ok := u.Underlying().(*types.Basic); ok && b.Kind() == types.Invalid {
				return true
			}
			if unresolvedEmbedded(u, seen) {
				return true
			}
		}
	}
	return false
}

// want notes the packages that would settle the type of the field declared at
// pos, and answers their paths: those that were asked for in vain stay unknown.
func (p *pass) want(pos token.Pos) []string {
	site, ok := p.w.index.fields[pos]
	if !ok {
		return nil
	}
	return p.wantExpr(site.path, site.file, site.node.Type)
}

// wantExpr is want for a type expression, or for all of a method's body.
func (p *pass) wantExpr(pkgPath string, file *ast.File, node ast.Node) []string {
	c := &chaser{p: p, seen: map[token.Pos]bool{}}
	c.expr(pkgPath, file, node)
	slices.Sort(c.paths)
	c.paths = slices.Compact(c.paths)
	for _, path := range c.paths {
		if _, done := p.w.asked[path]; !done {
			p.missing[path] = c.from[path]
		}
	}
	return c.paths
}

// chaser follows a type expression through the declarations it names to the
// imports that could not be resolved.
type chaser struct {
	p     *pass
	seen  map[token.Pos]bool
	paths []string
	from  map[string]*module.Module
}

func (c *chaser) expr(pkgPath string, file *ast.File, node ast.Node) {
	ast.Inspect(node, func(n ast.Node) bool {
		switch e := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := e.X.(*ast.Ident); ok {
				c.selector(pkgPath, file, x.Name, e.Sel.Name)
			}
			return false
		case *ast.Ident:
			c.named(pkgPath, e.Name)
		case *ast.StructType:
			c.structFields(pkgPath, file, e)
			return false
		case *ast.FuncType, *ast.InterfaceType:
			return false
		}
		return true
	})
}

// structFields follows the embedded fields of a struct; the others are looked
// at when they become columns.
func (c *chaser) structFields(pkgPath string, file *ast.File, st *ast.StructType) {
	for _, f := range st.Fields.List {
		if len(f.Names) == 0 {
			c.expr(pkgPath, file, f.Type)
		}
	}
}

func (c *chaser) named(pkgPath, name string) {
	k := c.p.pkgs[pkgPath]
	if k == nil || k.types == nil {
		return
	}
	obj := k.types.Scope().Lookup(name)
	if obj == nil || c.seen[obj.Pos()] {
		return
	}
	c.seen[obj.Pos()] = true
	if site, ok := c.p.w.index.types[obj.Pos()]; ok {
		c.expr(site.path, site.file, site.spec.Type)
	}
}

func (c *chaser) selector(pkgPath string, file *ast.File, pkgName, name string) {
	for _, path := range c.candidates(file, pkgName) {
		if k := c.p.pkgs[path]; k != nil && !k.fake {
			c.named(path, name)
			continue
		}
		if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
			continue // the standard library is never fetched
		}
		c.paths = append(c.paths, path)
		if c.from == nil {
			c.from = map[string]*module.Module{}
		}
		if src := c.p.w.parsed[pkgPath]; src != nil {
			c.from[path] = src.mod
		}
	}
}

// candidates are the imports of file that pkgName may stand for: the one under
// that name, else those without a name of their own that are still unknown.
func (c *chaser) candidates(file *ast.File, pkgName string) []string {
	var guesses, unknown []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		k := c.p.pkgs[path]
		switch {
		case spec.Name != nil:
			if spec.Name.Name == pkgName {
				return []string{path}
			}
		case k != nil && !k.fake:
			if k.types.Name() == pkgName {
				return []string{path}
			}
		case guessName(path) == pkgName:
			guesses = append(guesses, path)
		default:
			unknown = append(unknown, path)
		}
	}
	if len(guesses) > 0 {
		return guesses
	}
	return unknown
}

// wantBody asks for the packages that a method's body mentions, where what it
// returns cannot be told without.
func (p *pass) wantBody(method *types.Func) {
	site, ok := p.w.index.funcs[method.Origin().Pos()]
	if !ok || site.decl.Body == nil {
		return
	}
	src := p.w.parsed[site.path]
	if src == nil {
		return
	}
	for _, file := range src.files {
		if file.FileStart <= site.decl.Pos() && site.decl.Pos() < file.FileEnd {
			p.wantExpr(site.path, file, site.decl.Body)
		}
	}
}
