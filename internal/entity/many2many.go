package entity

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jinzhu/inflection"
)

// joinColumn is a column of a join table and what it refers to.
type joinColumn struct {
	name string
	own  *field
	ref  *field
}

// manyToMany is GORM's buildMany2ManyRelation: it makes up the struct of the
// join table, and two belongs-to relations in it.
func (p *pass) manyToMany(r *relation, table string) bool {
	r.kind = manyToMany
	own, ok := p.joinKeys(r, r.model, r.foreignKeys)
	if !ok {
		return false
	}
	ref, ok := p.joinKeys(r, r.target, r.primaryKeys)
	if !ok {
		return false
	}
	if len(own) == 0 || len(ref) == 0 {
		p.reportField(r.field, "give both structs a primary key", "the join table %s needs a key of %s and of %s", table, r.model.name, r.target.name)
		return false
	}
	columns := r.joinColumns(own, ref)
	r.join = p.joinModel(r, table, columns)
	ownRel, refRel := r.joinRelations()
	for _, f := range r.join.fields {
		if !f.permitted {
			continue
		}
		c := columns[slices.IndexFunc(columns, func(c joinColumn) bool { return c.name == f.name })]
		source := c.own
		if source == nil {
			source = c.ref
		}
		copyType(f, source)
		r.join.primary = append(r.join.primary, f)
		if c.own != nil {
			ownRel.refs = append(ownRel.refs, reference{primary: c.own, foreign: f})
			r.refs = append(r.refs, reference{primary: c.own, foreign: f, ownPrimary: true})
		}
		if c.ref != nil {
			refRel.refs = append(refRel.refs, reference{primary: c.ref, foreign: f})
			r.refs = append(r.refs, reference{primary: c.ref, foreign: f})
		}
	}
	return true
}

// joinKeys are the columns of m that the join table refers to: its primary key,
// or what the tag names.
func (p *pass) joinKeys(r *relation, m *model, names []string) ([]*field, bool) {
	if len(names) == 0 {
		return m.primary, true
	}
	var keys []*field
	for _, name := range names {
		f := m.lookUp(name)
		if f == nil {
			p.reportField(r.field, "name fields of "+m.name, "the field %s, which the join table should refer to, does not exist", name)
			return nil, false
		}
		keys = append(keys, f)
	}
	for _, f := range keys {
		if f.unknown {
			p.reportField(r.field, "make the module that declares it available", "the type of %s.%s, which it refers to, is not known", m.name, f.name)
			return nil, false
		}
	}
	return keys, true
}

// joinColumns names the columns: struct name and key name; where that clashes,
// as in a join of a table with itself, by the singular of the relation's name.
func (r *relation) joinColumns(own, ref []*field) []joinColumn {
	var columns []joinColumn
	foreign := commaList(r.field.settings["JOINFOREIGNKEY"])
	references := commaList(r.field.settings["JOINREFERENCES"])
	for i, f := range own {
		name := title(r.model.name) + f.name
		if i < len(foreign) {
			name = title(foreign[i])
		}
		columns = append(columns, joinColumn{name: name, own: f})
	}
	for i, f := range ref {
		name := title(r.target.name) + f.name
		if slices.ContainsFunc(columns, func(c joinColumn) bool { return c.own != nil && c.name == name }) {
			if r.field.name == r.target.name {
				name += "Reference"
			} else {
				name = inflection.Singular(r.field.name) + f.name
			}
		}
		if i < len(references) {
			name = title(references[i])
		}
		if at := slices.IndexFunc(columns, func(c joinColumn) bool { return c.name == name }); at >= 0 {
			columns[at].ref = f
			continue
		}
		columns = append(columns, joinColumn{name: name, ref: f})
	}
	return columns
}

// joinModel parses the made-up struct.
func (p *pass) joinModel(r *relation, table string, columns []joinColumn) *model {
	m := newModel(r.model.namer)
	m.join, m.mod, m.pos = true, r.model.mod, r.field.positions[0]
	m.table = m.namer.JoinTableName(table)
	for _, c := range columns {
		source := c.own
		if source == nil {
			source = c.ref
		}
		f := p.parseField(m, fieldDecl{name: c.name, typ: source.typ, tag: joinTag(source.tag), pos: r.field.positions[0]})
		f.positions = r.field.positions
		m.add(f)
	}
	m.collect()
	m.finish()
	m.name = table
	m.primary = nil
	return m
}

// joinRelations adds the relations to both sides, named after the structs; in
// a self-join the second after the field.
func (r *relation) joinRelations() (own, ref *relation) {
	refName := r.target.name
	if refName == r.model.name {
		refName = r.field.name
	}
	own = &relation{name: r.model.name, kind: belongsTo, field: r.field, model: r.join, target: r.model}
	ref = &relation{name: refName, kind: belongsTo, field: r.field, model: r.join, target: r.target}
	r.join.setRelation(own.name, own)
	r.join.setRelation(ref.name, ref)
	return own, ref
}

// joinTag is the tag of a key as the join table's column inherits it: a primary
// key, without column, autoincrement, index, unique and uniqueIndex, as GORM's
// appendSettingFromTag and removeSettingFromTag leave it.
func joinTag(tag reflect.StructTag) reflect.StructTag {
	if text := tag.Get("gorm"); !strings.Contains(text, "primaryKey") {
		tag = reflect.StructTag(`gorm:"primaryKey;` + text + `"`)
	}
	for _, name := range []string{"column", "autoincrement", "index", "unique", "uniqueindex"} {
		re := regexp.MustCompile(`(?i)(gorm:.*?)(` + name + `(:.*?)?)(;|("))`)
		tag = reflect.StructTag(re.ReplaceAllString(string(tag), "${1}${5}"))
	}
	return tag
}

// title makes the first letter a capital, so that the name is exported.
func title(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
