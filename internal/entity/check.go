package entity

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strings"

	"golang.org/x/mod/module"

	lsmodule "github.com/lockstepdb/lockstep/internal/module"
)

// pass is one reading of the module. Types of other modules are fetched only
// when a column needs them: a pass notes what it misses, the world asks the
// finder for it, and the next pass starts afresh.
type pass struct {
	w         *world
	opts      settings
	pkgs      map[string]*pkg
	missing   map[string]*lsmodule.Module // import path -> the module that needs it
	models    map[string]*model
	order     []*model
	requires  map[string]bool
	manifests map[string]*Manifest // of other modules, by path
	problems  problems
	unread    []string     // warnings of structs in files that go build leaves out
	dubious   []string     // warnings of tags that GORM does not understand
	judged    []judged     // the exported structs that were looked at
	quiet     int          // > 0 while a struct of another module is read
	stack     []types.Type // the embedded structs being read, from the outside in
	embeds    int          // embedded structs read so far
	evals     int          // methods evaluated so far
}

// pkg is one type-checked package.
type pkg struct {
	path  string
	mod   *lsmodule.Module
	types *types.Package
	info  *types.Info
	fake  bool // nothing is known of it
	busy  bool // being checked
}

func newPass(w *world, opts settings) *pass {
	return &pass{
		w: w, opts: opts,
		pkgs:      map[string]*pkg{},
		missing:   map[string]*lsmodule.Module{},
		models:    map[string]*model{},
		requires:  map[string]bool{},
		manifests: map[string]*Manifest{},
	}
}

// Import implements types.Importer. A package that cannot be found is empty:
// everything that does not need it checks all the same.
func (p *pass) Import(importPath string) (*types.Package, error) {
	if importPath == "unsafe" {
		return types.Unsafe, nil
	}
	return p.load(importPath).types, nil
}

// load type-checks a package, or makes an empty one.
func (p *pass) load(importPath string) *pkg {
	if known, ok := p.pkgs[importPath]; ok {
		if known.busy { // an import cycle, which the compiler refuses
			return fakePackage(importPath)
		}
		return known
	}
	src := p.w.source(importPath)
	if src == nil || len(src.files) == 0 {
		k := fakePackage(importPath)
		p.pkgs[importPath] = k
		return k
	}
	k := &pkg{path: importPath, mod: src.mod, busy: true, info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{},
		Defs:  map[*ast.Ident]types.Object{},
		Uses:  map[*ast.Ident]types.Object{},
	}}
	p.pkgs[importPath] = k
	conf := types.Config{
		Importer:                 p,
		Error:                    func(error) {}, // what matters is reported where a column needs it
		FakeImportC:              true,
		DisableUnusedImportCheck: true,
		Sizes:                    types.SizesFor("gc", "amd64"),
	}
	checked, err := conf.Check(importPath, p.w.fset, src.files, k.info)
	if checked == nil || (err != nil && checked.Name() == "") {
		checked = fakePackage(importPath).types
	}
	k.types, k.busy = checked, false
	return k
}

// fakePackage makes an empty package under the name its path suggests.
func fakePackage(importPath string) *pkg {
	t := types.NewPackage(importPath, guessName(importPath))
	t.MarkComplete()
	return &pkg{path: importPath, types: t, fake: true}
}

// guessName is the package name that an import path suggests: the last element
// without major version, "go-" or ".go".
func guessName(importPath string) string {
	prefix, _, ok := module.SplitPathVersion(importPath)
	if !ok {
		prefix = importPath
	}
	name := path.Base(prefix)
	name = strings.TrimPrefix(name, "go-")
	name = strings.TrimSuffix(strings.TrimSuffix(name, "-go"), ".go")
	return strings.NewReplacer("-", "_", ".", "_").Replace(name)
}

// pkgOf answers the checked package that declares obj, or nil.
func (p *pass) pkgOf(obj types.Object) *pkg {
	if obj == nil || obj.Pkg() == nil {
		return nil
	}
	return p.pkgs[obj.Pkg().Path()]
}

// modOf answers the module of a position; nil for a builtin package.
func (p *pass) modOf(pos token.Pos) *lsmodule.Module {
	mod, _ := p.w.position(pos)
	return mod
}
