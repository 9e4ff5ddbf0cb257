package entity

import (
	"go/token"
	"go/types"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// Extension is what one module adds to the table of another struct, mostly of
// another module: Table has that table's name and, besides what is added, the
// columns that the struct repeats, such as the key.
type Extension struct {
	Table *schema.Table
	Of    string // the struct that declares the table, package path included
}

const hintExtends = "name the struct with its import path: //lockstep:extends example.com/entities/crm.Customer"

// extended is the model whose table m joins, as its directive says; nil when
// that cannot be told, which is reported or leads to another pass.
func (p *pass) extended(m *model) *model {
	named := p.extendedType(m)
	if named == nil {
		return nil
	}
	if site, ok := p.w.index.types[named.Obj().Pos()]; ok {
		if dirs, _ := parseDirectives(site.doc); dirs.extends != "" {
			p.report(m.pos, "extend that one", "%s extends %s, which has no table of its own: it extends %s",
				m.name, typeName(named), dirs.extends)
			return nil
		}
	}
	base := p.parseModel(named)
	switch {
	case base.nameless:
		p.report(m.pos, hintTable, "the table name of %s, which %s extends, cannot be told from TableName", typeName(named), m.name)
		return nil
	case base.excluded:
		p.report(m.pos, hintExtends, "%s extends %s, which is no entity", m.name, typeName(named))
		return nil
	}
	if base.foreign && base.mod != nil {
		p.requires[base.mod.Path] = true
	}
	return base
}

// extendedType is the struct that the directive names.
func (p *pass) extendedType(m *model) *types.Named {
	site := p.w.index.types[m.pos]
	importPath, name, ok := cutLast(m.dirs.extends, ".")
	switch {
	case !ok:
		importPath, name = site.path, m.dirs.extends
	case !strings.Contains(importPath, "/"):
		importPath = importNamed(site, importPath)
	}
	if !token.IsIdentifier(name) || importPath == "" {
		p.report(m.pos, hintExtends, "%s extends %s, which names no package that the file imports", m.name, m.dirs.extends)
		return nil
	}
	k := p.load(importPath)
	if k.fake {
		if _, asked := p.w.asked[importPath]; !asked {
			p.missing[importPath] = m.mod
			return nil
		}
		p.report(m.pos, "make that module available, or require it in the go.mod",
			"%s extends %s, but no module source has the package %s", m.name, m.dirs.extends, importPath)
		return nil
	}
	if obj, isType := k.types.Scope().Lookup(name).(*types.TypeName); isType {
		if named, isNamed := types.Unalias(obj.Type()).(*types.Named); isNamed {
			if _, isStruct := named.Underlying().(*types.Struct); isStruct {
				return named
			}
		}
	}
	p.report(m.pos, hintExtends, "%s extends %s, but the package %s declares no such struct", m.name, m.dirs.extends, importPath)
	return nil
}

// importNamed is the path of the import that a file calls name, or "".
func importNamed(site typeSite, name string) string {
	for _, spec := range site.file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if spec.Name != nil && spec.Name.Name == name || guessName(importPath) == name && (spec.Name == nil || spec.Name.Name == "_") {
			return importPath
		}
	}
	return ""
}
