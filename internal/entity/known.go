package entity

import (
	"go/ast"
	"go/types"
	"io/fs"
	"maps"

	"github.com/lockstepdb/lockstep/internal/module"
)

// manifestOf answers the manifest of a module: the one being read has that of
// its settings, another its own, which is reported when that one is read.
func (p *pass) manifestOf(mod *module.Module) *Manifest {
	if mod == nil || mod.Path == p.w.own.Path {
		return p.opts.manifest
	}
	if m, ok := p.manifests[mod.Path]; ok {
		return m
	}
	m := &Manifest{}
	if data, err := fs.ReadFile(mod.FS, ManifestFile); err == nil {
		if read, err := ParseManifest(data, ManifestFile); err == nil {
			m = read
		}
	}
	p.manifests[mod.Path] = m
	return m
}

// applyManifest gives a field the type that the manifest knows: of its
// serializer, else of its Go type. Tags of the field have precedence.
func (p *pass) applyManifest(f *field) {
	if _, tagged := f.settings["TYPE"]; tagged || f.lock.typ != "" {
		return
	}
	manifest := p.manifestOf(f.model.mod)
	given, ok := manifest.Serializers[f.settings["SERIALIZER"]]
	if !ok {
		given, ok = manifest.KnownTypes[p.typePath(f)]
	}
	if !ok || given == nil {
		return
	}
	if given.Type != "" {
		f.lock.typ = given.Type
	}
	own := f.lock.engines
	f.lock.engines = withMariaDB(maps.Clone(given.Engines))
	if f.lock.engines == nil {
		f.lock.engines = map[string]string{}
	}
	maps.Copy(f.lock.engines, own)
}

// withMariaDB lets a type for mysql stand for mariadb too, unless that has one
// of its own: in GORM both go by the name of mysql.
func withMariaDB(engines map[string]string) map[string]string {
	if my, ok := engines["mysql"]; ok && engines["mariadb"] == "" {
		engines["mariadb"] = my
	}
	return engines
}

// typePath is the name of f's type with import path, without pointers; where
// the package is not there, as the file's imports have it.
func (p *pass) typePath(f *field) string {
	if named, ok := types.Unalias(f.indirect).(*types.Named); ok {
		return types.TypeString(named.Origin(), nil)
	}
	site, ok := p.w.index.fields[f.positions[0]]
	if !ok {
		return ""
	}
	expr := site.node.Type
	for {
		switch e := ast.Unparen(expr).(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.SelectorExpr:
			if x, isName := e.X.(*ast.Ident); isName {
				return importNamed(typeSite{file: site.file}, x.Name) + "." + e.Sel.Name
			}
			return ""
		default:
			return ""
		}
	}
}
