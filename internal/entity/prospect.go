package entity

import (
	"go/ast"
	"slices"
	"strings"
)

// promising says whether the default rule may find an entity in a package, by
// its syntax alone: a gorm tag, a TableName method, a directive, or a struct
// that embeds one of another package. Others are not even type-checked, so that
// a large repository without a manifest costs little.
func promising(src *syntax) bool {
	return slices.ContainsFunc(src.files, promisingFile)
}

func promisingFile(file *ast.File) bool {
	if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Name != nil && i.Name.Name == "." }) {
		return true // what is embedded does not show where it comes from
	}
	for _, group := range file.Comments {
		if slices.ContainsFunc(group.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, directivePrefix) }) {
			return true
		}
	}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil && d.Name.Name == "TableName" {
				return true
			}
		case *ast.GenDecl:
			if promisingTypes(d) {
				return true
			}
		}
	}
	return false
}

// promisingTypes looks at the structs of a declaration.
func promisingTypes(d *ast.GenDecl) bool {
	found := false
	for _, spec := range d.Specs {
		t, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		ast.Inspect(t.Type, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.StructType:
				found = found || slices.ContainsFunc(x.Fields.List, promisingField)
			case *ast.SelectorExpr:
				// type Own other.Type: a struct that is declared elsewhere.
				found = found || n == t.Type
			}
			return !found
		})
	}
	return found
}

func promisingField(f *ast.Field) bool {
	if f.Tag != nil && strings.Contains(f.Tag.Value, "gorm") {
		return true
	}
	if len(f.Names) > 0 {
		return false
	}
	elsewhere := false
	ast.Inspect(f.Type, func(n ast.Node) bool {
		_, qualified := n.(*ast.SelectorExpr)
		elsewhere = elsewhere || qualified
		return !elsewhere
	})
	return elsewhere
}
