// Package diff compares two schemas and says, as typed changes, what leads
// from the one to the other; and what each change does to running code and
// data.
//
// One diff serves all engines: both sides were built by lockstep, so nothing is
// inspected, normalised or parsed. It is pure and deterministic.
package diff

import "github.com/lockstepdb/lockstep/internal/schema"

// Verb is what a change does to an object.
type Verb string

// The verbs.
const (
	Add    Verb = "add"
	Drop   Verb = "drop"
	Alter  Verb = "alter"
	Rename Verb = "rename"
)

// Kind is the kind of object that a change concerns.
type Kind string

// The kinds of object.
const (
	Table      Kind = "table"
	Column     Kind = "column"
	PrimaryKey Kind = "primary_key"
	Index      Kind = "index"
	ForeignKey Kind = "foreign_key"
	Check      Kind = "check"
)

// Aspect is the part of an object that an Alter changes. Each aspect of a
// column is a change of its own, so that a strategy can apply one and withhold
// another.
type Aspect string

// The aspects: the first five of columns, comment of tables too, definition of
// everything else.
const (
	AspectNone          Aspect = ""
	AspectType          Aspect = "type"
	AspectNull          Aspect = "null"
	AspectDefault       Aspect = "default"
	AspectAutoIncrement Aspect = "auto_increment"
	AspectComment       Aspect = "comment"
	AspectDefinition    Aspect = "definition"
)

// Change is one typed difference.
type Change struct {
	Verb   Verb
	Kind   Kind
	Aspect Aspect // with Alter only

	Table   string // the table's name in the target, after any rename
	Name    string // column, index or constraint, in the target; "" for tables and primary keys
	OldName string // with Rename: the name before

	// From is nil for Add, To is nil for Drop. Both hold the one field that Kind
	// names. For Alter of a column both are the whole column in base and target,
	// and only Aspect of To is taken.
	From, To *Part
}

// Part holds one object of a schema: exactly the field that the change's Kind
// names is set. Parts are shared and must not be modified.
type Part struct {
	Table      *schema.Table
	Column     *schema.Column
	PrimaryKey []string
	Index      *schema.Index
	ForeignKey *schema.ForeignKey
	Check      *schema.Check
}

// Op returns the stable machine-readable name, such as "add_column".
func (c Change) Op() string { return string(c.Verb) + "_" + string(c.Kind) }

// Object returns a readable name of what is changed: table, or table.name.
func (c Change) Object() string {
	if c.Name == "" {
		return c.Table
	}
	return c.Table + "." + c.Name
}

// Inverse returns the change that undoes the structure of c; rows and values
// that c removed do not come back. The inverse of a table's rename concerns the
// table under its new name.
func (c Change) Inverse() Change {
	inv := c
	inv.From, inv.To = c.To, c.From
	switch c.Verb {
	case Add:
		inv.Verb = Drop
	case Drop:
		inv.Verb = Add
	case Rename:
		if c.Kind == Table {
			inv.Table, inv.OldName = c.OldName, c.Table
		} else {
			inv.Name, inv.OldName = c.OldName, c.Name
		}
	case Alter:
	}
	return inv
}
