package entity

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	buildconstraint "go/build/constraint"
	"go/parser"
	"go/scanner"
	"go/token"
	"strings"
)

// headError places what go build says of a file whose head cannot be read.
func headError(name string, data []byte, err error) error {
	if _, parsed := parser.ParseFile(token.NewFileSet(), name, data, parser.ImportsOnly); parsed != nil {
		return parsed
	}
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	return scanner.ErrorList{{Pos: token.Position{Filename: name, Line: 1, Column: 1}, Msg: strings.TrimPrefix(err.Error(), name+": ")}}
}

// parseUnread keeps a file that go build leaves out, when it may hold entities:
// it is not read, but what is passed over with it is named.
func (w *world) parseUnread(s *syntax, name string, data []byte) {
	if !bytes.Contains(data, []byte("gorm")) && !bytes.Contains(data, []byte(directivePrefix)) {
		return
	}
	file, _ := parser.ParseFile(w.fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
	if file != nil && buildLine(file) != "//go:build ignore" { // a program of its own, by convention
		w.keepUnread(s, file)
	}
}

func (w *world) keepUnread(s *syntax, file *ast.File) {
	if s.mod != w.own {
		return
	}
	w.owners[w.fset.File(file.FileStart)] = s.mod
	w.index.add(s.path, file)
	s.unread = append(s.unread, file)
}

// buildLine is a file's build constraint.
func buildLine(file *ast.File) string {
	for _, group := range file.Comments {
		for _, c := range group.List {
			if c.Pos() < file.Package && buildconstraint.IsGoBuild(c.Text) {
				return c.Text
			}
		}
	}
	return ""
}

// syntaxErrors reports what the compiler would refuse in a package that is read,
// and what would otherwise be passed over or chosen by chance.
func (s *selection) syntaxErrors(src *syntax) {
	for _, err := range src.errs {
		s.p.problems.add(syntaxViolation(s.p.w.own.String(), err))
	}
	for _, file := range src.strays {
		s.p.report(file.Name.Pos(), "mend the package clause, or move the file to a directory of its own",
			"the file belongs to package %s, but the others of its directory to package %s", file.Name.Name, src.name)
	}
	declared := map[string]token.Pos{}
	for _, spec := range typeSpecs(src.files) {
		name := spec.Name.Name
		if first, ok := declared[name]; ok && name != "_" {
			_, at := s.p.w.position(first)
			s.p.report(spec.Name.Pos(), "leave one of them", "the type %s is declared already, at %s", name, at)
		}
		declared[name] = spec.Name.Pos()
	}
}

// unread warns of the structs that look like entities in files that go build
// leaves out, unless the same struct is there in a file that it takes.
func (s *selection) unread(src *syntax) {
	known := map[string]bool{}
	for _, spec := range typeSpecs(src.files) {
		known[spec.Name.Name] = true
	}
	for _, file := range src.unread {
		for _, spec := range typeSpecs([]*ast.File{file}) {
			name, key := spec.Name.Name, src.path+"."+spec.Name.Name
			dirs, _ := parseDirectives(s.p.w.index.types[spec.Name.Pos()].doc)
			if known[name] || !spec.Name.IsExported() || !dirs.entity && dirs.table == "" && !tagged(spec) {
				continue
			}
			known[name], s.absent[key] = true, true
			if dirs.ignore || s.p.leftOut(key, src.path) {
				continue
			}
			_, at := s.p.w.position(spec.Name.Pos())
			s.p.unread = append(s.p.unread, fmt.Sprintf("%s: struct %s looks like an entity, in a file that is not read (%s): left out; "+
				"move it to a file that go build takes on linux/amd64 without tags and cgo, or mark it //lockstep:ignore", at, name, whyUnread(file)))
		}
	}
}

func whyUnread(file *ast.File) string {
	switch line := buildLine(file); {
	case line != "":
		return line
	case usesCgo(file):
		return `import "C"`
	}
	return "its name ends in another platform"
}

// typeSpecs are the type declarations of files.
func typeSpecs(files []*ast.File) []*ast.TypeSpec {
	var out []*ast.TypeSpec
	for _, file := range files {
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// tagged says, by syntax alone, whether a struct has a gorm tag or embeds
// gorm.Model.
func tagged(spec *ast.TypeSpec) bool {
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return false
	}
	for _, f := range st.Fields.List {
		if f.Tag != nil && strings.Contains(f.Tag.Value, "gorm:") {
			return true
		}
		if sel, ok := f.Type.(*ast.SelectorExpr); ok && len(f.Names) == 0 && sel.Sel.Name == "Model" {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "gorm" {
				return true
			}
		}
	}
	return false
}
