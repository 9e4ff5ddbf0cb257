package main

import (
	"reflect"
	"strings"

	"gorm.io/gorm/schema"
)

// Column is what the templates know of a column.
type Column struct {
	Name   string // as gorm.io/gen names it
	Parent bool   // a child's reference to its parent, which the parent sets

	field *schema.Field
}

// Selector is the field in the entity, such as Config.Algorithm.
func (c *Column) Selector() string { return strings.Join(c.field.BindNames, ".") }

// Doc is the column's name in errors.
func (c *Column) Doc() string { return c.field.DBName }

// Group is the struct that the column comes out of when it is embedded under a
// name, such as Config; empty otherwise.
func (c *Column) Group() string {
	if len(c.field.EmbeddedBindNames) > 1 {
		return c.field.EmbeddedBindNames[0]
	}
	return ""
}

// Leaf is the column's name in its group.
func (c *Column) Leaf() string { return c.field.Name }

// Automatic tells that the database or GORM sets the column.
func (c *Column) Automatic() bool {
	return c.field.AutoIncrement || c.field.PrimaryKey && c.integer() && c.field.HasDefaultValue ||
		c.field.AutoCreateTime > 0 || c.field.AutoUpdateTime > 0
}

// Defaulted tells that the column has a default for who says nothing.
func (c *Column) Defaulted() bool { return c.field.HasDefaultValue && !c.Automatic() }

func (c *Column) pointer() bool { return c.field.FieldType.Kind() == reflect.Pointer }

func (c *Column) base() reflect.Type {
	if c.pointer() {
		return c.field.FieldType.Elem()
	}
	return c.field.FieldType
}

func (c *Column) integer() bool {
	k := c.base().Kind()
	return k >= reflect.Int && k <= reflect.Uint64
}

// Pointer tells that the entity's field is a pointer, so that it may be NULL.
func (c *Column) Pointer() bool { return c.pointer() }

// GoType is the type of the entity's field.
func (c *Column) GoType() string { return c.field.FieldType.String() }

// BaseType is the type without the pointer of a column that may be NULL.
func (c *Column) BaseType() string { return c.base().String() }

// CreateType is the type in the input of Create.
func (c *Column) CreateType() string {
	if c.Defaulted() {
		return "Option[" + c.GoType() + "]"
	}
	return c.GoType()
}

// Optional tells that the column need not be said: package api has a pointer.
func (c *Column) Optional() bool { return c.Defaulted() || c.pointer() }

// APIType is the type in package api, which knows none of the entities' own.
func (c *Column) APIType() string {
	if c.Optional() {
		return "*" + c.apiBase()
	}
	return c.apiBase()
}

func (c *Column) apiBase() string {
	if c.named() {
		return c.Basic()
	}
	return c.BaseType()
}

// named tells that the type is a string, number or bool under another name.
func (c *Column) named() bool { return c.Kind() != "" && c.Basic() != c.BaseType() }

// Kind is how the column can be compared: string, number, bool, time; empty when
// only the database knows.
func (c *Column) Kind() string {
	t := c.base()
	switch {
	case t.String() == "time.Time":
		return "time"
	case c.brings(t):
		return ""
	case t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Bool:
		return "bool"
	case c.integer(), t.Kind() == reflect.Float32, t.Kind() == reflect.Float64:
		return "number"
	}
	return ""
}

// brings tells that a type brings its own way into the database.
func (c *Column) brings(t reflect.Type) bool {
	_, valuer := reflect.New(t).Interface().(interface{ GormDataType() string })
	_, has := reflect.PointerTo(t).MethodByName("Value")
	return valuer || has || c.field.Serializer != nil
}

// Basic is the type that gorm.io/gen compares the column with.
func (c *Column) Basic() string {
	if c.Kind() == "time" {
		return "time.Time"
	}
	return c.base().Kind().String()
}

// Compared is a value of the base type as gorm.io/gen wants it.
func (c *Column) Compared(value string) string {
	switch {
	case c.Kind() == "time":
		return value + ".UTC()"
	case c.Basic() != c.BaseType():
		return c.Basic() + "(" + value + ")"
	}
	return value
}

// MaxLength is the longest text that the column takes, in characters; 0: no
// limit, or no text.
func (c *Column) MaxLength() int {
	if c.base().Kind() == reflect.String && c.field.DataType == schema.String {
		return c.field.Size
	}
	return 0
}

func (c *Column) sortable() bool {
	k := c.Kind()
	return !c.pointer() && (k == "string" || k == "time" || k == "number" && c.integer())
}

// PrimaryKey tells that the column is in the key.
func (c *Column) PrimaryKey() bool { return c.field.PrimaryKey }

// APISelector is the field in the type of package api.
func (c *Column) APISelector() string {
	if g := c.Group(); g != "" {
		return g + "." + c.Leaf()
	}
	return c.Leaf()
}

// ToAPI is the field of the type of package api, made from the entity.
func (c *Column) ToAPI(row string) string {
	row += "." + c.Selector()
	switch {
	case c.pointer() && c.named():
		return convertPointer(row, c.BaseType(), c.Basic())
	case c.pointer():
		return row
	case c.named():
		row = c.Basic() + "(" + row + ")"
	}
	if c.Defaulted() {
		return "ptr(" + row + ")"
	}
	return row
}

// FromAPI is the field of the input of Create, made from that of package api.
func (c *Column) FromAPI(in string) string {
	in = c.fromAPI(in)
	switch {
	case c.Defaulted() && c.pointer():
		return "unlessNil(" + in + ")"
	case c.Defaulted():
		return "deref(" + in + ")"
	}
	return in
}

// UpdateFromAPI is the field of the input of Update, made from that of package
// api.
func (c *Column) UpdateFromAPI(in string) string {
	in = c.fromAPI(in)
	switch {
	case c.pointer():
		return "unlessNil(" + in + ")"
	case c.Defaulted():
		return "deref(" + in + ")"
	}
	return "Some(" + in + ")"
}

// fromAPI is the field of package api in the entity's own type, a pointer if it is
// optional.
func (c *Column) fromAPI(in string) string {
	in += "." + c.APISelector()
	switch {
	case !c.named():
		return in
	case c.Optional():
		return convertPointer(in, c.Basic(), c.BaseType())
	}
	return c.BaseType() + "(" + in + ")"
}

func convertPointer(value, from, to string) string {
	return "mapped(" + value + ", func(v " + from + ") " + to + " { return " + to + "(v) })"
}
