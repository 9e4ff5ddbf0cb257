package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/jinzhu/inflection"
	"gorm.io/gorm/schema"
)

// Aggregate says what to generate for one entity. Columns are named as
// gorm.io/gen names them: the field's name, with that of the struct that embeds
// it in front, such as ConfigAlgorithm.
type Aggregate struct {
	Root     any      // a value of the entity's type
	Name     string   // the column that Rename changes; empty: no Rename
	Filter   []string // the columns of the filter, Child.Column for a child's
	Order    []string // the columns to sort by, the default first
	Children []string // has-many relations that belong to the entity
}

// Entity is what the templates know of an entity or of a child.
type Entity struct {
	Type     reflect.Type
	Name     string // of the struct
	Plural   string
	Columns  []*Column // all but those for soft deletion
	ID       *Column   // the root's key
	Rename   *Column   // may be nil
	Filter   []Filter
	Order    []*Column
	Children []*Child

	parsed *schema.Schema
}

// Child is a has-many relation of an entity that owns its children.
type Child struct {
	*Entity
	Field string    // of the relation in the parent, such as Ports
	FK    *Column   // the child's reference to its parent
	Key   []*Column // what tells the children of one parent apart
}

// Filter is one column that can be filtered by, perhaps of a child.
type Filter struct {
	*Column
	Child *Child // nil: a column of the entity itself
}

// FieldName is the filter's name in Go.
func (f Filter) FieldName() string {
	if f.Child != nil {
		return f.Child.Field + f.Name
	}
	return f.Name
}

// Eq is the comparison of a table's column with a value.
func (f Filter) Eq(table, value string) string {
	if f.Kind() == "bool" {
		return table + "." + f.Name + ".Is(" + f.Compared(value) + ")"
	}
	return table + "." + f.Name + ".Eq(" + f.Compared(value) + ")"
}

// Package is the name of the package that declares the entity.
func (e *Entity) Package() string {
	name, _, _ := strings.Cut(e.Type.String(), ".")
	return name
}

// Title is the entity's name in comments and errors.
func (e *Entity) Title() string { return words(e.Name) }

// A is the title with its article.
func (e *Entity) A() string {
	if strings.ContainsAny(e.Title()[:1], "aeiou") {
		return "an " + e.Title()
	}
	return "a " + e.Title()
}

// Family is the entity with its children.
func (e *Entity) Family() []*Entity {
	out := []*Entity{e}
	for _, c := range e.Children {
		out = append(out, c.Entity)
	}
	return out
}

// Touched is the column that GORM sets on every update, or nil.
func (e *Entity) Touched() *Column {
	for _, c := range e.Columns {
		if c.field.AutoUpdateTime > 0 {
			return c
		}
	}
	return nil
}

// Inputs are the columns that a caller sets on creation.
func (e *Entity) Inputs() []*Column {
	return slices.DeleteFunc(slices.Clone(e.Columns), func(c *Column) bool { return c.Automatic() || c.Parent })
}

// Changes are the columns that an update may change.
func (e *Entity) Changes() []*Column {
	return slices.DeleteFunc(e.Inputs(), func(c *Column) bool { return c.field.PrimaryKey })
}

// Others are a child's inputs that are not its key.
func (c *Child) Others() []*Column {
	return slices.DeleteFunc(c.Inputs(), func(col *Column) bool { return slices.Contains(c.Key, col) })
}

// Bounded are the inputs whose length has a limit.
func (e *Entity) Bounded() []*Column {
	return slices.DeleteFunc(e.Inputs(), func(c *Column) bool { return c.MaxLength() == 0 })
}

// SoftDelete tells that deleting only marks the row.
func (e *Entity) SoftDelete() bool {
	return slices.ContainsFunc(e.parsed.Fields, func(f *schema.Field) bool { return f.FieldType.String() == "gorm.DeletedAt" })
}

// APIAll are the columns that package api shows: not the keys of the storage's
// own that children have.
func (e *Entity) APIAll() []*Column {
	return slices.DeleteFunc(slices.Clone(e.Columns), func(c *Column) bool {
		return c.Parent || e.ID == nil && c.PrimaryKey() && c.Automatic()
	})
}

// APIColumns are those of them that are in no group.
func (e *Entity) APIColumns() []*Column {
	return slices.DeleteFunc(e.APIAll(), func(c *Column) bool { return c.Group() != "" })
}

// Group is a struct that is embedded under a name.
type Group struct {
	Name    string
	Columns []*Column
}

// Groups are the embedded structs, as they stand in the entity.
func (e *Entity) Groups() []Group {
	var out []Group
	for _, c := range e.APIAll() {
		i := slices.IndexFunc(out, func(g Group) bool { return g.Name == c.Group() })
		switch {
		case c.Group() == "":
		case i < 0:
			out = append(out, Group{Name: c.Group(), Columns: []*Column{c}})
		default:
			out[i].Columns = append(out[i].Columns, c)
		}
	}
	return out
}

func (e *Entity) column(name string) (*Column, error) {
	for _, c := range e.Columns {
		if c.Name == name {
			return c, nil
		}
	}
	var have []string
	for _, c := range e.Columns {
		have = append(have, c.Name)
	}
	return nil, fmt.Errorf("%s has no column %s, only %s", e.Name, name, strings.Join(have, ", "))
}

// describe reads an aggregate as GORM reads it.
func describe(a Aggregate) (*Entity, error) {
	var cache sync.Map
	e, err := entity(a.Root, &cache)
	if err != nil {
		return nil, err
	}
	if len(e.parsed.PrimaryFields) != 1 {
		return nil, fmt.Errorf("%s needs a key of one column to be reached by", e.Name)
	}
	if e.ID, err = e.column(flatName(e.parsed.PrimaryFields[0])); err != nil {
		return nil, err
	}
	for _, name := range a.Children {
		c, err := e.child(name, &cache)
		if err != nil {
			return nil, err
		}
		e.Children = append(e.Children, c)
	}
	return e, e.choose(a)
}

// choose finds the columns that the aggregate names.
func (e *Entity) choose(a Aggregate) (err error) {
	if a.Name != "" {
		if e.Rename, err = e.column(a.Name); err != nil {
			return err
		}
		if e.Rename.GoType() != "string" {
			return fmt.Errorf("%s.%s is no string to rename", e.Name, a.Name)
		}
	}
	if len(a.Order) == 0 {
		a.Order = []string{e.ID.Name}
	}
	for _, name := range a.Order {
		c, err := e.column(name)
		if err != nil {
			return err
		}
		if !c.sortable() {
			return fmt.Errorf("%s.%s cannot be sorted by: it may be NULL, or has no order in Go", e.Name, name)
		}
		e.Order = append(e.Order, c)
	}
	for _, name := range a.Filter {
		f, err := e.filter(name)
		if err != nil {
			return err
		}
		e.Filter = append(e.Filter, f)
	}
	return nil
}

func (e *Entity) filter(name string) (Filter, error) {
	owner, childName := e, ""
	var child *Child
	if before, after, ok := strings.Cut(name, "."); ok {
		i := slices.IndexFunc(e.Children, func(c *Child) bool { return c.Field == before })
		if i < 0 {
			return Filter{}, fmt.Errorf("%s has no child %s", e.Name, before)
		}
		child, owner, childName = e.Children[i], e.Children[i].Entity, after
		name = childName
	}
	c, err := owner.column(name)
	if err != nil {
		return Filter{}, err
	}
	if c.Kind() == "" {
		return Filter{}, fmt.Errorf("%s.%s cannot be filtered by: no comparison is known for %s", owner.Name, name, c.GoType())
	}
	return Filter{Column: c, Child: child}, nil
}

// entity reads one struct.
func entity(value any, cache *sync.Map) (*Entity, error) {
	parsed, err := schema.Parse(value, cache, schema.NamingStrategy{})
	if err != nil {
		return nil, err
	}
	e := &Entity{Type: parsed.ModelType, Name: parsed.Name, Plural: inflection.Plural(parsed.Name), parsed: parsed}
	for _, f := range parsed.Fields {
		if f.DBName == "" || f.FieldType.String() == "gorm.DeletedAt" {
			continue
		}
		if len(f.BindNames) > 2 {
			return nil, fmt.Errorf("%s.%s: structs are embedded one level deep here", parsed.Name, strings.Join(f.BindNames, "."))
		}
		e.Columns = append(e.Columns, &Column{Name: flatName(f), field: f})
	}
	return e, nil
}

// flatName is the name that gorm.io/gen gives a column.
func flatName(f *schema.Field) string {
	if len(f.EmbeddedBindNames) > 1 {
		return strings.Join(f.EmbeddedBindNames, "")
	}
	return f.Name
}

// child reads a has-many relation and finds what tells the children apart.
func (e *Entity) child(name string, cache *sync.Map) (*Child, error) {
	rel := e.parsed.Relationships.Relations[name]
	if rel == nil || rel.Type != schema.HasMany || len(rel.References) != 1 || rel.Field.IndirectFieldType.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s.%s is no has-many relation by one column, of structs", e.Name, name)
	}
	childEntity, err := entity(reflect.New(rel.FieldSchema.ModelType).Interface(), cache)
	if err != nil {
		return nil, err
	}
	c := &Child{Entity: childEntity, Field: name}
	if childEntity.SoftDelete() {
		return nil, fmt.Errorf("%s.%s: a child that is only marked as deleted would be in the way of its successor", e.Name, name)
	}
	if c.FK, err = c.column(flatName(rel.References[0].ForeignKey)); err != nil {
		return nil, err
	}
	c.FK.Parent = true
	for _, fields := range c.candidates() {
		if c.Key = c.within(fields); c.Key != nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%s.%s: nothing tells the children of one %s apart; give %s a unique index over %s and what does", e.Name, name, e.Name, c.Name, c.FK.Name)
}

// candidates are the keys that a child has: the primary one, then unique indexes
// by name.
func (c *Child) candidates() [][]*schema.Field {
	out := [][]*schema.Field{c.parsed.PrimaryFields}
	for _, index := range c.parsed.ParseIndexes() {
		if index.Class != "UNIQUE" || index.Where != "" {
			continue
		}
		var fields []*schema.Field
		for _, option := range index.Fields {
			fields = append(fields, option.Field)
		}
		out = append(out, fields)
	}
	return out
}

// within takes the foreign key out of a key; what is left tells the children of
// one parent apart. It is nil when the foreign key is not in it, or when the
// database or NULL has a say.
func (c *Child) within(fields []*schema.Field) []*Column {
	var out []*Column
	parent := false
	for _, f := range fields {
		col, err := c.column(flatName(f))
		if err != nil || col.Automatic() || col.pointer() || !col.field.FieldType.Comparable() {
			return nil
		}
		if col == c.FK {
			parent = true
			continue
		}
		out = append(out, col)
	}
	if !parent || len(out) == 0 {
		return nil
	}
	return out
}
