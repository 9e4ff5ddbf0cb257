package entity

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// table makes the neutral table of a model.
func (p *pass) table(m *model) *schema.Table {
	t := &schema.Table{Name: m.table, RenamedFrom: m.dirs.renamedFrom, Origin: p.tableOrigin(m)}
	for _, f := range m.primary {
		if f.ignoreMigration {
			p.reportField(f, "take the tag `-:migration` off", "the primary key has no column")
			continue
		}
		t.PrimaryKey = append(t.PrimaryKey, f.dbName)
	}
	for _, name := range m.dbNames {
		f := m.byDBName[name]
		if f.ignoreMigration || f.dataType == "" {
			continue
		}
		t.Columns = append(t.Columns, p.column(m, t, f))
	}
	p.clashes(m, t)
	if len(t.Columns) == 0 {
		p.report(m.pos, "leave it out: //lockstep:ignore", "%s declares no column", m.name)
	}
	p.indexes(m, t)
	p.foreignKeys(m, t)
	p.checks(m, t)
	return t
}

// column makes one column. It may not be null when it is tagged so, or is a
// part of the key; whether the Go field is a pointer makes no difference.
func (p *pass) column(m *model, t *schema.Table, f *field) *schema.Column {
	c := &schema.Column{
		Name:          f.dbName,
		AutoIncrement: f.autoIncrement,
		Comment:       f.comment,
		RenamedFrom:   f.lock.renamedFrom,
		Origin:        p.columnOrigin(m, f),
	}
	c.Type = p.columnType(f)
	if !numbers(c.Type.Kind) {
		c.AutoIncrement = false // no dialector heeds it
	}
	notNull := f.notNull
	if c.Type.Kind == schema.Raw {
		var facts rawFacts
		c.Type.Raw, facts = splitRaw(c.Type.Raw)
		notNull = notNull || facts.notNull
		c.AutoIncrement = c.AutoIncrement || facts.autoIncrement
		if facts.primaryKey && !slices.Contains(t.PrimaryKey, f.dbName) {
			p.reportField(f, "use the tag `primaryKey`", "its type says PRIMARY KEY, but the key of %s is another", t.Name)
		}
		if facts.refused != "" {
			p.reportField(f, "use the tag of that name", "its type holds more than a type:%s", facts.refused)
		}
		numberedType(c, f, facts.autoIncrement)
	}
	c.Nullable = !notNull && !c.AutoIncrement && !slices.Contains(t.PrimaryKey, f.dbName)
	c.Default = p.defaultOf(f)
	return c
}

// numbers says whether a column of a kind may number rows by itself.
func numbers(kind schema.Kind) bool {
	return kind == schema.Int || kind == schema.Uint || kind == schema.Raw
}

// numberedType makes the type of a column that numbers by itself although its
// type is given verbatim. What says so itself is an integer; of the others
// GORM's PostgreSQL dialector makes a serial of the Go kind's size.
func numberedType(c *schema.Column, f *field, said bool) {
	if !c.AutoIncrement {
		return
	}
	c.Type.Bits = f.size
	if said {
		switch strings.ToLower(c.Type.Raw) {
		case "int", "integer", "bigint", "smallint":
			c.Type = schema.Type{Kind: schema.Int, Bits: bits(f), Engine: c.Type.Engine}
		}
		return
	}
	if c.Type.Engine["postgres"] != "" || strings.Contains(strings.ToLower(c.Type.Raw), "serial") {
		return
	}
	c.Type.Engine = maps.Clone(c.Type.Engine)
	if c.Type.Engine == nil {
		c.Type.Engine = map[string]string{}
	}
	size := f.size
	if f.gormDataType == gorm.Uint {
		size++
	}
	switch {
	case size <= 16:
		c.Type.Engine["postgres"] = "smallserial"
	case size <= 32:
		c.Type.Engine["postgres"] = "serial"
	default:
		c.Type.Engine["postgres"] = "bigserial"
	}
}

// clashes refuses two fields that mean one column differently: GORM would take
// the first and not say so. Names that differ only in case are one on several
// engines.
func (p *pass) clashes(m *model, t *schema.Table) {
	for _, f := range m.fields {
		first := m.byDBName[f.dbName]
		if first == nil || first == f || f.ignoreMigration || !f.permitted || len(f.bindNames) != len(first.bindNames) {
			continue
		}
		a, b := t.Column(f.dbName), p.column(m, t, f)
		if a != nil && (!reflect.DeepEqual(a.Type, b.Type) || a.Nullable != b.Nullable || !reflect.DeepEqual(a.Default, b.Default)) {
			p.reportField(f, "name it otherwise: `gorm:\"column:…\"`, or leave it out: `gorm:\"-\"`",
				"the column %s is declared already, and differently, by %s", f.dbName, first.name)
		}
	}
	seen := map[string]string{}
	for _, c := range t.Columns {
		lower := strings.ToLower(c.Name)
		if other, taken := seen[lower]; taken {
			p.reportField(m.byDBName[c.Name], "name it otherwise: `gorm:\"column:…\"`", "the columns %s and %s differ only in case", other, c.Name)
		}
		seen[lower] = c.Name
	}
}

// tableOrigin says where a table was declared; for a join table, the relation.
func (p *pass) tableOrigin(m *model) schema.Origin {
	mod, at := p.w.position(m.pos)
	o := schema.Origin{File: at.File, Line: at.Line, Column: at.Column}
	if mod != nil {
		o.Module, o.Version = mod.Path, mod.Version.Version
	}
	if m.typ != nil {
		o.Type = qualifiedName(m.typ)
	}
	return o
}

// columnOrigin says where a column was declared: the field, or for a known type
// such as gorm.Model the field that embeds it.
func (p *pass) columnOrigin(m *model, f *field) schema.Origin {
	o := schema.Origin{}
	if mod, at := p.w.position(p.mendable(f)); mod != nil {
		o.Module, o.Version = mod.Path, mod.Version.Version
		o.File, o.Line, o.Column = at.File, at.Line, at.Column
	}
	owner := m
	if f.owner != nil {
		owner = f.owner
	}
	if owner.typ != nil {
		o.Type = qualifiedName(owner.typ)
	}
	return o
}

// merge adds a table, or finds it declared already.
func (p *pass) merge(s *schema.Schema, m *model, t *schema.Table, makers map[string]*model) {
	first := makers[t.Name]
	switch {
	case first == nil:
		makers[t.Name] = m
		s.Tables = append(s.Tables, t)
	case first.join || m.join:
		p.mergeJoin(s.Table(t.Name), t, m, first)
	default:
		_, at := p.w.position(first.pos)
		p.report(m.pos, hintTable+", or leave one out: //lockstep:ignore",
			"the table %s of %s is declared already, by %s at %s", t.Name, m.name, first.name, at)
	}
}

// mergeJoin joins the table of a many2many with one of the same name: a struct
// for it, whose order of columns then stays, or the other side's, whose order
// gives way: GORM makes the table of the side that is listed last. It must have
// the columns; of the constraints, those that name an action win.
func (p *pass) mergeJoin(have, join *schema.Table, m, first *model) {
	for _, c := range join.Columns {
		if have.Column(c.Name) == nil {
			p.report(m.pos, "name the columns: `gorm:\"joinForeignKey:…;joinReferences:…\"`",
				"the join table %s needs a column %s, which its declaration at %s:%d does not have", join.Name, c.Name, have.Origin.File, have.Origin.Line)
			return
		}
	}
	if first.join && m.join && len(have.Columns) == len(join.Columns) {
		have.Columns, have.PrimaryKey = join.Columns, join.PrimaryKey
	}
	for _, fk := range join.ForeignKeys {
		i := slices.IndexFunc(have.ForeignKeys, func(o *schema.ForeignKey) bool {
			return o.Name == fk.Name || o.RefTable == fk.RefTable && slices.Equal(o.Columns, fk.Columns)
		})
		if i < 0 {
			have.ForeignKeys = append(have.ForeignKeys, fk)
			continue
		}
		old := have.ForeignKeys[i]
		switch {
		case fk.OnDelete == "" && fk.OnUpdate == "":
		case old.OnDelete == "" && old.OnUpdate == "":
			old.OnDelete, old.OnUpdate = fk.OnDelete, fk.OnUpdate
		case old.OnDelete != fk.OnDelete || old.OnUpdate != fk.OnUpdate:
			p.report(m.pos, "give both sides the same constraint tag", "the join table %s is declared twice, with different actions of its foreign keys", join.Name)
		}
	}
}

// indexNames refuses an index name that two tables of the module share.
func (p *pass) indexNames(s *schema.Schema, makers map[string]*model) {
	owner := map[string]string{}
	for _, t := range s.Tables {
		for _, x := range t.Indexes {
			first, taken := owner[strings.ToLower(x.Name)]
			if taken && first != t.Name {
				p.report(p.indexPos(makers[t.Name], x.Name), "give each index a name of its own",
					"the index %s of the table %s is on the table %s too; engines take the name once in a schema", x.Name, t.Name, first)
				continue
			}
			owner[strings.ToLower(x.Name)] = t.Name
		}
	}
}
