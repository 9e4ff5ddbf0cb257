package entity

import (
	"go/ast"
	"go/token"
)

// declIndex finds the declaration behind an object of go/types by the position
// of its name. Positions are unique over all files of a Read.
type declIndex struct {
	fields map[token.Pos]fieldSite
	funcs  map[token.Pos]funcSite
	types  map[token.Pos]typeSite
}

// fieldSite is where a struct field is declared.
type fieldSite struct {
	file *ast.File
	path string // import path of the package
	node *ast.Field
}

// funcSite is where a function or method is declared.
type funcSite struct {
	path string
	decl *ast.FuncDecl
}

// typeSite is where a named type is declared.
type typeSite struct {
	file *ast.File
	path string
	spec *ast.TypeSpec
	doc  []*ast.Comment
}

func newDeclIndex() declIndex {
	return declIndex{
		fields: map[token.Pos]fieldSite{},
		funcs:  map[token.Pos]funcSite{},
		types:  map[token.Pos]typeSite{},
	}
}

// add indexes one file.
func (x declIndex) add(path string, file *ast.File) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			x.funcs[d.Name.Pos()] = funcSite{path: path, decl: d}
		case *ast.GenDecl:
			if d.Tok == token.TYPE {
				x.addTypes(path, file, d)
			}
		}
	}
}

// dropBodies drops the bodies of all functions of a package that are never
// evaluated, so that checking it costs little: all but some methods, and the
// functions that these call.
func dropBodies(files []*ast.File) {
	plain := map[string]*ast.FuncDecl{}
	keep := map[*ast.FuncDecl]bool{}
	var open []*ast.FuncDecl
	for _, decl := range functions(files) {
		if decl.Recv == nil {
			plain[decl.Name.Name] = decl
		}
		if evaluated(decl) {
			keep[decl] = true
			open = append(open, decl)
		}
	}
	for len(open) > 0 {
		body := open[len(open)-1].Body
		open = open[:len(open)-1]
		if body == nil {
			continue
		}
		ast.Inspect(body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			id, _ := ast.Unparen(call.Fun).(*ast.Ident)
			if id == nil || plain[id.Name] == nil || keep[plain[id.Name]] {
				return true
			}
			keep[plain[id.Name]] = true
			open = append(open, plain[id.Name])
			return true
		})
	}
	for _, decl := range functions(files) {
		if !keep[decl] {
			decl.Body = nil
		}
	}
}

// functions are the functions and methods of a package.
func functions(files []*ast.File) []*ast.FuncDecl {
	var out []*ast.FuncDecl
	for _, file := range files {
		for _, decl := range file.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok {
				out = append(out, d)
			}
		}
	}
	return out
}

// evaluated says whether the body of d may decide something.
func evaluated(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return false
	}
	switch d.Name.Name {
	case "Value", "TableName", "GormDataType", "GormDBDataType":
		return true
	}
	return false
}

func (x declIndex) addTypes(path string, file *ast.File, decl *ast.GenDecl) {
	for _, s := range decl.Specs {
		spec, ok := s.(*ast.TypeSpec)
		if !ok {
			continue
		}
		site := typeSite{file: file, path: path, spec: spec}
		if decl.Doc != nil && !decl.Lparen.IsValid() {
			site.doc = append(site.doc, decl.Doc.List...)
		}
		if spec.Doc != nil {
			site.doc = append(site.doc, spec.Doc.List...)
		}
		x.types[spec.Name.Pos()] = site
		ast.Inspect(spec.Type, func(n ast.Node) bool {
			if st, ok := n.(*ast.StructType); ok {
				x.addFields(path, file, st)
			}
			return true
		})
	}
}

func (x declIndex) addFields(path string, file *ast.File, st *ast.StructType) {
	for _, node := range st.Fields.List {
		site := fieldSite{file: file, path: path, node: node}
		for _, name := range node.Names {
			x.fields[name.Pos()] = site
		}
		if len(node.Names) == 0 {
			if name := embeddedName(node.Type); name != nil {
				x.fields[name.Pos()] = site
			}
			x.fields[node.Type.Pos()] = site
		}
	}
}

// embeddedName is the identifier that names an embedded field.
func embeddedName(expr ast.Expr) *ast.Ident {
	switch e := ast.Unparen(expr).(type) {
	case *ast.Ident:
		return e
	case *ast.StarExpr:
		return embeddedName(e.X)
	case *ast.SelectorExpr:
		return e.Sel
	case *ast.IndexExpr:
		return embeddedName(e.X)
	case *ast.IndexListExpr:
		return embeddedName(e.X)
	}
	return nil
}
