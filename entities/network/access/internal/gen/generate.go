package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"text/template"

	"golang.org/x/tools/imports"
	"gorm.io/gen"
)

//go:embed templates/*.tmpl
var templates embed.FS

// generate writes everything below dir, the directory of package access.
func generate(dir string, list []Aggregate) error {
	var roots []*Entity
	for _, a := range list {
		e, err := describe(a)
		if err != nil {
			return err
		}
		roots = append(roots, e)
	}
	if err := generateQuery(filepath.Join(dir, "query"), roots); err != nil {
		return err
	}
	self, err := packagePath()
	if err != nil {
		return err
	}
	files := map[string]file{
		"support.gen.go": {template: "support.tmpl"},
		"store.gen.go":   {template: "store.tmpl"},
		"api/api.gen.go": {template: "api.tmpl"},
	}
	for _, e := range roots {
		name := snake(e.Name)
		files[name+".gen.go"] = file{template: "entity.tmpl", entity: e}
		files[name+"_input.gen.go"] = file{template: "input.tmpl", entity: e}
		files[name+"_filter.gen.go"] = file{template: "filter.tmpl", entity: e}
		files[name+"_api.gen.go"] = file{template: "convert.tmpl", entity: e}
	}
	for name, f := range files {
		if err := f.write(filepath.Join(dir, name), self, roots); err != nil {
			return err
		}
	}
	return nil
}

// generateQuery runs gorm.io/gen over the entities and their children. It reads
// the structs as GORM does, embedded prefixes included, and needs no database.
func generateQuery(dir string, roots []*Entity) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	g := gen.NewGenerator(gen.Config{OutPath: dir})
	seen := map[reflect.Type]bool{}
	for _, root := range roots {
		for _, e := range root.Family() {
			if !seen[e.Type] {
				seen[e.Type] = true
				g.ApplyBasic(reflect.New(e.Type).Elem().Interface())
			}
		}
	}
	g.Execute()
	return nil
}

// packagePath is the import path of package access, two above this program.
func packagePath() (string, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok || !strings.HasSuffix(info.Path, "/internal/gen") {
		return "", errors.New("run it with go generate, from the directory above internal/gen")
	}
	return strings.TrimSuffix(info.Path, "/internal/gen"), nil
}

// file is a file to be made from a template.
type file struct {
	template string
	entity   *Entity // nil: it is about all of them
}

func (f file) write(name, self string, roots []*Entity) error {
	t, err := template.New(f.template).Funcs(template.FuncMap{"snake": snake, "words": words, "lower": lowerFirst}).
		ParseFS(templates, "templates/*.tmpl")
	if err != nil {
		return err
	}
	data := struct {
		*Entity
		Self     string // import path of package access
		Entities string // import path of the entities
		Package  string // their package's name
		Imports  []string
		Roots    []*Entity
		All      []*Entity
	}{Entity: f.entity, Self: self, Entities: roots[0].Type.PkgPath(), Package: roots[0].Package(), Imports: importsOf(roots), Roots: roots, All: family(roots)}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return err
	}
	// It leaves out the imports that a file has no need of.
	code, err := imports.Process(name, out.Bytes(), nil)
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out.Bytes())
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, code, 0o644)
}

// family lists the entities and their children, each once.
func family(roots []*Entity) []*Entity {
	var out []*Entity
	for _, r := range roots {
		for _, e := range r.Family() {
			if !slices.ContainsFunc(out, func(o *Entity) bool { return o.Type == e.Type }) {
				out = append(out, e)
			}
		}
	}
	return out
}

// importsOf lists the packages of all column types; time stands in the templates.
func importsOf(roots []*Entity) []string {
	seen := map[string]bool{}
	for _, e := range family(roots) {
		seen[e.Type.PkgPath()] = true
		for _, c := range e.Columns {
			seen[c.base().PkgPath()] = true
		}
	}
	delete(seen, "") // of the types that need none
	delete(seen, "time")
	return slices.Sorted(maps.Keys(seen))
}
