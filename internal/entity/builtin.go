package entity

import (
	"embed"
	"path"

	"golang.org/x/tools/txtar"
)

// stubs hold the declarations of the everyday packages, as far as GORM's rules
// look at them: the fields that decide a column's kind, and the methods whose
// results do. With them a module needs no GOROOT and no fetch of GORM itself.
//
//go:embed stubs/*.txtar
var stubs embed.FS

// builtinFile is one file of a builtin package.
type builtinFile struct {
	name string
	data []byte
}

// builtinPackages answers the builtin packages by import path. An archive's
// files are named by import path and file name.
func builtinPackages() map[string][]builtinFile {
	pkgs := map[string][]builtinFile{}
	entries, err := stubs.ReadDir("stubs")
	if err != nil {
		return pkgs
	}
	for _, entry := range entries {
		data, err := stubs.ReadFile("stubs/" + entry.Name())
		if err != nil {
			continue
		}
		for _, f := range txtar.Parse(data).Files {
			dir := path.Dir(f.Name)
			pkgs[dir] = append(pkgs[dir], builtinFile{name: f.Name, data: f.Data})
		}
	}
	return pkgs
}

// parseBuiltin parses a builtin package; nil when there is none of that path.
func (w *world) parseBuiltin(importPath string) *syntax {
	files, ok := w.builtin[importPath]
	if !ok {
		return nil
	}
	s := &syntax{path: importPath}
	for _, f := range files {
		w.parseFile(s, f.name, f.data)
	}
	return s
}
