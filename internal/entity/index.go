package entity

import (
	"go/token"
	"slices"
	"strconv"
	"strings"

	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// index mirrors GORM's schema.Index while its parts come together.
type index struct {
	name    string
	class   string
	method  string
	where   string
	comment string
	option  string
	field   *field // the first that names it
	parts   []indexPart
}

type indexPart struct {
	schema.IndexPart
	priority int
}

// defaultPriority is the place of an index part that gives none.
const defaultPriority = 10

// indexes adds GORM's ParseIndexes and ParseUniqueConstraints.
func (p *pass) indexes(m *model, t *schema.Table) {
	for _, x := range p.parseIndexes(m) {
		out := &schema.Index{Name: x.name, Unique: strings.EqualFold(x.class, "UNIQUE"), Where: x.where, Method: x.method, Comment: x.comment}
		switch class := strings.ToUpper(x.class); class {
		case "", "UNIQUE":
		case "FULLTEXT", "SPATIAL":
			out.Method = class
		default:
			p.reportField(x.field, "the classes are UNIQUE, FULLTEXT and SPATIAL", "the index class %q of %s is not known", x.class, x.name)
		}
		if x.option != "" && !strings.EqualFold(x.option, "CONCURRENTLY") { // how it is built, not what it is
			p.reportField(x.field, "leave the option out", "the index option %q of %s cannot be expressed", x.option, x.name)
		}
		for _, part := range x.parts {
			out.Parts = append(out.Parts, part.IndexPart)
		}
		t.Indexes = append(t.Indexes, out)
	}
	for _, f := range m.fields {
		if !f.unique || !p.indexable(f, "unique") {
			continue
		}
		name := m.namer.UniqueName(m.table, f.dbName)
		if t.Index(name) != nil {
			continue // of columns of one name, shadowed ones are here too
		}
		t.Indexes = append(t.Indexes, &schema.Index{
			Name: name, Unique: true, Constraint: true, Parts: []schema.IndexPart{{Column: f.dbName}},
		})
	}
}

// indexable says whether an index may name f; GORM would make SQL that no
// engine takes.
func (p *pass) indexable(f *field, tag string) bool {
	if f.dbName != "" && f.dataType != "" && !f.ignoreMigration {
		return true
	}
	if f.ignored() {
		return false // the field is left out, and its index with it
	}
	p.reportField(f, "move the tag to the column", "the tag `%s` is on a field without a column", tag)
	return false
}

// parseIndexes merges the index tags of all fields by name; parts go by
// priority, else in the order of the fields.
func (p *pass) parseIndexes(m *model) []*index {
	var list []*index
	byName := map[string]*index{}
	for _, f := range m.fields {
		if f.settings["INDEX"] == "" && f.settings["UNIQUEINDEX"] == "" {
			continue
		}
		for setting := range strings.SplitSeq(f.tag.Get("gorm"), ";") {
			key, tag, _ := strings.Cut(setting, ":")
			key = strings.TrimSpace(strings.ToUpper(key))
			if key != "INDEX" && key != "UNIQUEINDEX" {
				continue
			}
			part, ok := p.fieldIndex(m, f, key, tag)
			if !ok {
				continue
			}
			if byName[part.name] == nil {
				byName[part.name] = &index{name: part.name, field: f}
				list = append(list, byName[part.name])
			}
			byName[part.name].merge(part)
		}
	}
	return list
}

func (x *index) merge(from *index) {
	for _, s := range []struct {
		to   *string
		from string
	}{
		{&x.class, from.class},
		{&x.method, from.method},
		{&x.where, from.where},
		{&x.comment, from.comment},
		{&x.option, from.option},
	} {
		if *s.to == "" {
			*s.to = s.from
		}
	}
	x.parts = append(x.parts, from.parts...)
	slices.SortStableFunc(x.parts, func(a, b indexPart) int { return a.priority - b.priority })
}

// fieldIndex is GORM's parseFieldIndexes for one setting of one field.
func (p *pass) fieldIndex(m *model, f *field, key, tag string) (*index, bool) {
	name, rest, _ := strings.Cut(tag, ",")
	settings := gorm.ParseTagSetting(rest, ",")
	if name == "" {
		sub := f.name
		if composite, ok := settings["COMPOSITE"]; ok {
			if composite == "" || composite == "COMPOSITE" {
				p.reportField(f, "name the composite index: `gorm:\"index:,composite:NAME\"`", "the composite index has no name")
				return nil, false
			}
			sub = composite
		}
		name = m.namer.IndexName(m.table, sub)
	} else {
		p.givenName(f, "index", name)
	}
	x := &index{
		name: name, class: settings["CLASS"], method: settings["TYPE"], where: settings["WHERE"],
		comment: settings["COMMENT"], option: settings["OPTION"],
	}
	if key == "UNIQUEINDEX" || settings["UNIQUE"] != "" {
		x.class = "UNIQUE"
	}
	part, ok := p.indexPart(f, strings.ToLower(key), settings)
	x.parts = []indexPart{part}
	return x, ok
}

func (p *pass) indexPart(f *field, tag string, settings map[string]string) (indexPart, bool) {
	part := indexPart{priority: defaultPriority}
	if n, err := strconv.Atoi(settings["PRIORITY"]); err == nil {
		part.priority = n
	}
	part.Collate = strings.Trim(settings["COLLATE"], "\"`[]") // GORM writes the quotes of the tag
	switch strings.ToUpper(strings.TrimSpace(settings["SORT"])) {
	case "", "ASC":
	case "DESC":
		part.Desc = true
	default:
		p.reportField(f, "sort is asc or desc", "the index order %q is not known", settings["SORT"])
	}
	if expr := settings["EXPRESSION"]; expr != "" && !p.expressionPart(f, expr, &part) {
		return part, true
	}
	if !p.indexable(f, tag) {
		return part, false
	}
	part.Column = f.dbName
	if text, ok := settings["LENGTH"]; ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			p.reportField(f, "give a whole number", "the index length %q is not a number", text)
		}
		part.Length = n
	}
	return part, true
}

// maxGivenName is the longest name that every engine takes as it is.
const maxGivenName = 63

// givenName refuses a name that was given by hand and is too long. GORM cuts only
// those it makes itself: PostgreSQL would cut this one silently, and GORM never
// find it again, MySQL refuse it.
func (p *pass) givenName(f *field, what, name string) {
	if len(name) > maxGivenName {
		p.reportField(f, "give it a shorter name", "the name of the %s %s has %d bytes, and not every engine takes more than %d",
			what, name, len(name), maxGivenName)
	}
}

// indexPos is the field that first names an index.
func (p *pass) indexPos(m *model, name string) token.Pos {
	if m == nil {
		return token.NoPos
	}
	for _, x := range p.parseIndexes(m) {
		if x.name == name {
			return p.mendable(x.field)
		}
	}
	return m.pos
}
