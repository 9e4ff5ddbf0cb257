package entity

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/module"
)

// model mirrors GORM's schema.Schema over go/types.
type model struct {
	name  string
	table string
	namer namer
	mod   *module.Module // nil for a builtin type
	typ   types.Type     // nil for a join table
	pos   token.Pos
	dirs  directives

	fields     []*field
	dbNames    []string
	byName     map[string]*field
	byBindName map[string]*field
	byDBName   map[string]*field
	primary    []*field
	first      *field // GORM's PrioritizedPrimaryField

	relations []*relation          // in the order they were found
	byRel     map[string]*relation // GORM's Relationships.Relations
	relNames  []string             // the keys of byRel in order

	extends  *model // whose table it joins
	foreign  bool   // of another module: only its name and key matter
	embedded bool   // read as a part of another struct
	join     bool   // made by many2many
	excluded bool   // no entity by directive or manifest
	nameless bool   // what TableName answers cannot be told
}

func (m *model) lookUp(name string) *field {
	if f, ok := m.byDBName[name]; ok {
		return f
	}
	if f, ok := m.byName[name]; ok {
		return f
	}
	return m.byDBName[m.namer.ColumnName(m.table, name)]
}

// lookUpByBindName is GORM's LookUpFieldByBindName: the closest field of that
// name seen from an embedded struct.
func (m *model) lookUpByBindName(bindNames []string, name string) *field {
	for i := len(bindNames) - 1; i >= 0; i-- {
		if f, ok := m.byBindName[strings.Join(bindNames[:i], ".")+"."+name]; ok {
			return f
		}
	}
	return nil
}

func newModel(n namer) *model {
	return &model{
		namer:      n,
		byName:     map[string]*field{},
		byBindName: map[string]*field{},
		byDBName:   map[string]*field{},
		byRel:      map[string]*relation{},
	}
}

// parseModel is GORM's schema.Parse for a named struct, once for each type.
func (p *pass) parseModel(named *types.Named) *model {
	key := types.TypeString(named, nil)
	if m, ok := p.models[key]; ok {
		return m
	}
	mod := p.modOf(named.Obj().Pos())
	m := newModel(p.namerOf(mod))
	m.name, m.typ, m.mod, m.pos = named.Obj().Name(), named, mod, named.Obj().Pos()
	m.foreign = mod == nil || mod.Path != p.w.own.Path
	if site, ok := p.w.index.types[m.pos]; ok {
		m.dirs, _ = parseDirectives(site.doc)
	}
	m.excluded = m.dirs.ignore || p.leftOut(key, named.Obj().Pkg().Path())
	if m.foreign || m.excluded {
		p.quiet++
		defer func() { p.quiet-- }()
	}
	if m.dirs.extends != "" {
		m.extends = p.extended(m)
	}
	if m.extends != nil {
		m.table = m.extends.table
	} else {
		m.table = p.tableName(m, named)
	}
	p.parseFields(m, named)
	m.collect()
	relations := m.finish()
	p.models[key] = m
	p.order = append(p.order, m)
	if !m.foreign {
		for _, f := range relations {
			p.parseRelation(m, f)
		}
	}
	return m
}

// parseEmbedded reads a struct as a part of m, for which GORM keeps no cache:
// every embedding has fields of its own.
func (p *pass) parseEmbedded(m *model, t types.Type) *model {
	em := newModel(m.namer)
	em.table, em.typ, em.mod, em.embedded, em.foreign = m.table, t, m.mod, true, m.foreign
	if named, ok := types.Unalias(t).(*types.Named); ok {
		em.name = named.Obj().Name()
		em.pos = named.Obj().Pos()
	}
	p.parseFields(em, t)
	em.collect()
	em.finish()
	return em
}

// parseFields reads the exported fields of a struct.
func (p *pass) parseFields(m *model, t types.Type) {
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for i := range st.NumFields() {
		v := st.Field(i)
		if !ast.IsExported(v.Name()) {
			continue
		}
		m.add(p.parseField(m, fieldDecl{
			name: v.Name(), typ: v.Type(), tag: tagOf(st, i), anonymous: v.Embedded(), pos: v.Pos(),
		}))
	}
}

func (m *model) add(f *field) {
	if f.embedded != nil {
		m.fields = append(m.fields, f.embedded.fields...)
		return
	}
	m.fields = append(m.fields, f)
}

// collect settles columns, their order and the primary key: of columns of one
// name the one with the shortest path wins.
func (m *model) collect() {
	for _, f := range m.fields {
		if f.dbName == "" && f.dataType != "" {
			f.dbName = m.namer.ColumnName(m.table, f.name)
		}
		if f.dbName != "" && f.dataType != "" {
			m.place(f)
		}
		bindName := strings.Join(f.bindNames, ".")
		if of, ok := m.byName[f.name]; !ok || of.settings["-"] == "-" {
			m.byName[f.name] = f
		}
		if of, ok := m.byBindName[bindName]; !ok || of.settings["-"] == "-" {
			m.byBindName[bindName] = f
		}
	}
}

// place enters a column by its name, over one that lies deeper.
func (m *model) place(f *field) {
	old, taken := m.byDBName[f.dbName]
	if taken && (!f.permitted || len(f.bindNames) >= len(old.bindNames)) {
		return
	}
	if !taken {
		m.dbNames = append(m.dbNames, f.dbName)
	}
	m.byDBName[f.dbName] = f
	m.byName[f.name] = f
	m.byBindName[strings.Join(f.bindNames, ".")] = f
	if taken && old.primaryKey {
		for i, pf := range m.primary {
			if pf.dbName == old.dbName {
				m.primary = append(m.primary[:i], m.primary[i+1:]...)
				break
			}
		}
	}
	if f.primaryKey {
		m.primary = append(m.primary, f)
	}
}

// finish settles the prioritised key, the relation fields and auto-increment,
// in GORM's order. It answers the relation fields.
func (m *model) finish() []*field {
	m.prioritize()
	var relations []*field
	if !m.embedded {
		for _, f := range m.fields {
			if f.dataType == "" && f.gormDataType == "" && f.permitted {
				relations = append(relations, f)
				m.byName[f.name] = f
				m.byBindName[strings.Join(f.bindNames, ".")] = f
			}
		}
	}
	if f := m.first; f != nil && (f.gormDataType == gorm.Int || f.gormDataType == gorm.Uint) {
		if _, ok := f.settings["AUTOINCREMENT"]; !ok {
			f.hasDefault, f.autoIncrement = true, true
		}
	}
	return relations
}

// prioritize finds GORM's PrioritizedPrimaryField: `id` or `ID`, which becomes
// the key where no other is declared; else the only key, or the one of several
// that is tagged autoIncrement.
func (m *model) prioritize() {
	id := m.lookUp("id")
	if id == nil {
		id = m.lookUp("ID")
	}
	if id != nil {
		switch {
		case id.primaryKey:
			m.first = id
		case len(m.primary) == 0:
			id.primaryKey = true
			m.first = id
			m.primary = append(m.primary, id)
		}
	}
	if m.first != nil {
		return
	}
	if len(m.primary) == 1 {
		m.first = m.primary[0]
		return
	}
	for _, f := range m.primary {
		if f.autoIncrement {
			m.first = f
			return
		}
	}
}
