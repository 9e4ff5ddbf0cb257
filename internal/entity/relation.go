package entity

import (
	"go/types"
	"strings"
)

// relationKind mirrors GORM's RelationshipType.
type relationKind uint8

const (
	belongsTo relationKind = iota + 1
	has                    // has-one or has-many: the constraint sits on the child
	manyToMany
)

// relation mirrors GORM's Relationship.
type relation struct {
	name        string
	kind        relationKind
	field       *field
	model       *model // declares the field
	target      *model // what the field refers to
	polymorphic bool
	join        *model
	refs        []reference
	foreignKeys []string // the foreignKey tag
	primaryKeys []string // the references tag
}

// reference pairs a foreign key column with the column it refers to.
type reference struct {
	primary      *field // nil: a constant
	primaryValue string
	foreign      *field
	ownPrimary   bool
}

const hintRelation = "tag its keys: `gorm:\"foreignKey:…;references:…\"`; make it a column: `gorm:\"serializer:json\"` or `gorm:\"type:…\"`; or leave it out: `gorm:\"-\"`"

// parseRelation is GORM's Schema.parseRelation.
func (p *pass) parseRelation(m *model, f *field) {
	named := relationTarget(f.indirect)
	if named == nil {
		p.reportField(f, hintRelation, "%s is neither a column nor a relation", typeName(f.typ))
		return
	}
	if len(f.lock.renamedFrom) > 0 {
		p.reportField(f, "move the tag to the column", "renamed_from is on a relation, which has no column of its own")
	}
	r := &relation{
		name: f.name, field: f, model: m,
		foreignKeys: commaList(f.settings["FOREIGNKEY"]),
		primaryKeys: commaList(f.settings["REFERENCES"]),
	}
	r.target = p.parseModel(named)
	if !p.relate(r) {
		return
	}
	if r.kind == has && r.target != m && !r.polymorphic && f.owner == nil {
		r.target.setRelation("_"+types.TypeString(m.typ, nil)+"_"+r.name, r)
	}
	if r.target.foreign && r.target.mod != nil {
		p.requires[r.target.mod.Path] = true
	}
	m.relations = append(m.relations, r)
	if old := m.byRel[r.name]; old == nil || len(old.field.bindNames) > 1 {
		m.setRelation(r.name, r)
	}
}

func (m *model) setRelation(key string, r *relation) {
	if _, ok := m.byRel[key]; !ok {
		m.relNames = append(m.relNames, key)
	}
	m.byRel[key] = r
}

// relationTarget is the named struct behind pointers, slices and arrays.
func relationTarget(t types.Type) *types.Named {
	for range maxEmbedding {
		switch u := types.Unalias(t).(type) {
		case *types.Pointer:
			t = u.Elem()
		case *types.Slice:
			t = u.Elem()
		case *types.Array:
			t = u.Elem()
		case *types.Named:
			switch under := u.Underlying().(type) {
			case *types.Struct:
				return u
			case *types.Slice:
				t = under.Elem()
			case *types.Array:
				t = under.Elem()
			default:
				return nil
			}
		default:
			return nil
		}
	}
	return nil
}

// relate finds the kind and the references of r; problems are reported.
func (p *pass) relate(r *relation) bool {
	settings := r.field.settings
	_, hasType := settings["POLYMORPHICTYPE"]
	_, hasID := settings["POLYMORPHICID"]
	_, poly := settings["POLYMORPHIC"]
	if poly || hasType && hasID {
		return p.polymorphic(r)
	}
	if settings["MANY2MANY"] != "" {
		return p.manyToMany(r, settings["MANY2MANY"])
	}
	level := guessAny
	switch r.field.indirect.Underlying().(type) {
	case *types.Slice:
		level = guessHas
	case *types.Struct:
	default:
		if settings["BELONGSTO"] == "" {
			p.reportField(r.field, hintRelation, "%s is neither a column nor a relation", typeName(r.field.typ))
			return false
		}
	}
	if settings["BELONGSTO"] != "" {
		level = guessBelongs
	}
	ok := p.guess(r, level)
	if !ok {
		p.reportField(r.field, hintRelation, "%s is neither a column, nor a relation: no foreign key was found that links %s and %s",
			typeName(r.field.typ), r.model.name, r.target.name)
		return false
	}
	return p.copyTypes(r)
}

// copyTypes gives every foreign key column the type and size of the column it
// refers to.
func (p *pass) copyTypes(r *relation) bool {
	for _, ref := range r.refs {
		if ref.primary == nil {
			continue
		}
		if ref.primary.unknown {
			p.reportField(r.field, "make the module that declares it available", "the type of %s.%s, which it refers to, is not known",
				ref.primary.model.name, ref.primary.name)
			return false
		}
		copyType(ref.foreign, ref.primary)
	}
	return true
}

// copyType is what every kind of relation does "to use same data type for
// foreign keys" in GORM.
func copyType(foreign, primary *field) {
	lower := strings.ToLower(string(primary.dataType))
	if !strings.Contains(lower, "auto_increment") && !strings.Contains(lower, "primary key") {
		foreign.dataType = primary.dataType
	}
	foreign.gormDataType = primary.gormDataType
	if foreign.lock.typ == "" && len(foreign.lock.engines) == 0 { // they must match on every engine
		foreign.lock.typ, foreign.lock.engines = primary.lock.typ, primary.lock.engines
	}
	if foreign.size == 0 {
		foreign.size = primary.size
	}
}

// polymorphic is GORM's buildPolymorphicRelation. It makes no constraint; the
// id column takes the key's type all the same.
func (p *pass) polymorphic(r *relation) bool {
	settings := r.field.settings
	typeField, idField := settings["POLYMORPHIC"]+"Type", settings["POLYMORPHIC"]+"ID"
	if v, ok := settings["POLYMORPHICTYPE"]; ok {
		typeField = strings.TrimSpace(v)
	}
	if v, ok := settings["POLYMORPHICID"]; ok {
		idField = strings.TrimSpace(v)
	}
	kind, id := r.target.byName[typeField], r.target.byName[idField]
	if kind == nil || id == nil {
		p.reportField(r.field, "add the fields, or name them: `gorm:\"polymorphicType:…;polymorphicId:…\"`",
			"the polymorphic relation needs the fields %s and %s of %s", typeField, idField, r.target.name)
		return false
	}
	value := r.model.table
	if v, ok := settings["POLYMORPHICVALUE"]; ok {
		value = strings.TrimSpace(v)
	}
	primary := r.model.first
	if len(r.foreignKeys) > 0 {
		primary = r.model.lookUp(r.foreignKeys[0])
	}
	if primary == nil || len(r.foreignKeys) > 1 {
		p.reportField(r.field, hintRelation, "the polymorphic relation needs one key of %s to refer to", r.model.name)
		return false
	}
	r.refs = []reference{
		{primaryValue: value, foreign: kind},
		{primary: primary, foreign: id, ownPrimary: true},
	}
	r.polymorphic, r.kind = true, has
	return p.copyTypes(r)
}
