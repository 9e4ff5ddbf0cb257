package entity

import (
	"context"
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// world holds what does not change between the passes of one Read: the parsed
// files, where they come from, and which packages of other modules were found.
type world struct {
	own     *module.Module
	fset    *token.FileSet
	builtin map[string][]builtinFile
	asked   map[string]*module.Module // import path -> who provides it; nil: nobody
	parsed  map[string]*syntax        // by import path
	owners  map[*token.File]*module.Module
	index   declIndex
}

// syntax is the parsed source of one package.
type syntax struct {
	path  string
	name  string
	mod   *module.Module // nil for a builtin package
	files []*ast.File
	errs  []error

	strays []*ast.File // of another package than files; the compiler refuses them
	unread []*ast.File // of the module that is read: go build leaves them out
}

func newWorld(own *module.Module) *world {
	return &world{
		own:     own,
		fset:    token.NewFileSet(),
		builtin: builtinPackages(),
		asked:   map[string]*module.Module{},
		parsed:  map[string]*syntax{},
		owners:  map[*token.File]*module.Module{},
		index:   newDeclIndex(),
	}
}

// position answers the module and place of pos; the module is nil for a builtin
// package and for no position.
func (w *world) position(pos token.Pos) (*module.Module, fault.Position) {
	if !pos.IsValid() {
		return nil, fault.Position{}
	}
	mod := w.owners[w.fset.File(pos)]
	at := w.fset.PositionFor(pos, false)
	return mod, fault.Position{File: at.Filename, Line: at.Line, Column: at.Column}
}

// resolve asks the finder who provides a package. A package that nobody has is
// remembered as such.
func (w *world) resolve(ctx context.Context, find Finder, from *module.Module, importPath string) error {
	if find == nil {
		w.asked[importPath] = nil
		return nil
	}
	mod, err := find.Find(ctx, from, importPath)
	if err != nil {
		if fault.As(err) != nil {
			return err
		}
		return fault.Wrap(err, fault.Unavailable, ReasonSource, "package %s, which %s needs, cannot be fetched", importPath, from)
	}
	w.asked[importPath] = mod
	return nil
}

// source answers the syntax of a package, or nil when it is not known (yet).
func (w *world) source(importPath string) *syntax {
	if s, ok := w.parsed[importPath]; ok {
		return s
	}
	var s *syntax
	if dir, ok := within(w.own.Path, importPath); ok && !crossesModule(w.own.FS, dir) {
		s = w.parseDir(w.own, importPath, dir)
	}
	if s == nil {
		s = w.parseBuiltin(importPath)
	}
	if mod := w.asked[importPath]; s == nil && mod != nil {
		if dir, ok := within(mod.Path, importPath); ok {
			s = w.parseDir(mod, importPath, dir)
		}
	}
	if s != nil {
		dropBodies(s.files)
		w.parsed[importPath] = s
	}
	return s
}

// within answers the directory of importPath inside the module modPath.
func within(modPath, importPath string) (string, bool) {
	if importPath == modPath {
		return ".", true
	}
	return strings.CutPrefix(importPath, modPath+"/")
}

// crossesModule says whether dir lies in a module nested in fsys.
func crossesModule(fsys fs.FS, dir string) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
			return true
		}
	}
	return false
}

// parseDir parses the Go files of one directory as go build would choose them
// for linux/amd64 without cgo; nil when there are none.
func (w *world) parseDir(mod *module.Module, importPath, dir string) *syntax {
	entries, err := fs.ReadDir(mod.FS, dir)
	if err != nil {
		return nil
	}
	s := &syntax{path: importPath, mod: mod}
	for _, entry := range entries {
		if entry.IsDir() || !isSource(entry.Name()) {
			continue
		}
		name := path.Join(dir, entry.Name())
		data, err := fs.ReadFile(mod.FS, name)
		if err != nil {
			s.errs = append(s.errs, err)
			continue
		}
		match, err := buildContext(mod.FS).MatchFile(dir, entry.Name())
		switch {
		case err != nil:
			s.errs = append(s.errs, headError(name, data, err))
		case match:
			w.parseFile(s, name, data)
		case mod == w.own:
			w.parseUnread(s, name, data)
		}
	}
	if len(s.files) == 0 && (mod != w.own || len(s.errs)+len(s.unread) == 0) {
		return nil
	}
	return s
}

// isSource says whether a file may belong to a package: go build ignores names
// that begin with a dot or an underscore.
func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "_")
}

// parseFile parses one file into s. Of function bodies only those that the
// reader evaluates are kept.
func (w *world) parseFile(s *syntax, name string, data []byte) {
	file, err := parser.ParseFile(w.fset, name, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		s.errs = append(s.errs, err)
	}
	if file == nil || file.Name.Name == "" {
		return
	}
	if usesCgo(file) {
		w.keepUnread(s, file)
		return
	}
	if s.name == "" {
		s.name = file.Name.Name
	}
	w.owners[w.fset.File(file.FileStart)] = s.mod
	if file.Name.Name != s.name {
		if file.Name.Name != "documentation" { // which go build ignores
			s.strays = append(s.strays, file)
		}
		return
	}
	s.files = append(s.files, file)
	w.index.add(s.path, file)
}

func usesCgo(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"C"` })
}

// buildContext selects files by name and build constraint out of fsys.
func buildContext(fsys fs.FS) *build.Context {
	return &build.Context{
		GOARCH:      "amd64",
		GOOS:        "linux",
		Compiler:    "gc",
		ReleaseTags: build.Default.ReleaseTags,
		JoinPath:    path.Join,
		OpenFile: func(name string) (io.ReadCloser, error) {
			return fsys.Open(name)
		},
	}
}

// packageDirs lists the directories of the module that may hold packages:
// vendor, testdata, hidden directories and nested modules are left out.
func packageDirs(fsys fs.FS) ([]string, error) {
	var dirs []string
	seen := map[string]bool{}
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name != "." && skipDir(fsys, name) {
				return fs.SkipDir
			}
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			if dir := path.Dir(name); !seen[dir] {
				seen[dir] = true
				dirs = append(dirs, dir)
			}
		}
		return nil
	})
	slices.Sort(dirs)
	return dirs, err
}

func skipDir(fsys fs.FS, name string) bool {
	base := path.Base(name)
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(name, "go.mod"))
	return !errors.Is(err, fs.ErrNotExist)
}
