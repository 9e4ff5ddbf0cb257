// Package schema holds the nouns of lockstep: the neutral model of a tenant's
// tables that every other package speaks, its canonical form and fingerprint.
//
// It imports the standard library and fault only. The model is engine-neutral:
// a Column has a neutral Type, and, once a dialect has lowered the schema for
// one engine, the Physical type that was chosen there. Where a name or a type
// came from is provenance, not identity: it is left out of the fingerprint.
package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// FormatVersion is the version of the encoded form of a Schema. A reader
// upgrades older forms and refuses newer ones.
const FormatVersion = 1

// Schema is a set of tables. Order carries no meaning; Encode sorts by name.
type Schema struct {
	// Engine and Mapping are set by lowering: the engine the physical types
	// belong to, and the version of the type mapping that chose them.
	Engine  string
	Mapping int
	Tables  []*Table
}

// Table is one table with everything that belongs to it.
type Table struct {
	Name        string        `json:"name"`
	Comment     string        `json:"comment,omitempty"`
	Columns     []*Column     `json:"columns"`               // in declared order; new columns are appended
	PrimaryKey  []string      `json:"primary_key,omitempty"` // column names in key order; empty: no primary key
	Indexes     []*Index      `json:"indexes,omitempty"`
	ForeignKeys []*ForeignKey `json:"foreign_keys,omitempty"`
	Checks      []*Check      `json:"checks,omitempty"`

	RenamedFrom []string `json:"-"` // earlier names, a hint for diff; not part of the fingerprint
	Origin      Origin   `json:"-"` // not part of the fingerprint
}

// Column is one column.
type Column struct {
	Name          string   `json:"name"`
	Type          Type     `json:"type"`
	Physical      string   `json:"physical,omitempty"` // the engine's type, set by lowering; "" in a neutral schema
	Nullable      bool     `json:"nullable,omitempty"`
	Default       *Default `json:"default,omitempty"`
	AutoIncrement bool     `json:"auto_increment,omitempty"`
	Comment       string   `json:"comment,omitempty"`

	RenamedFrom []string `json:"-"` // earlier names, a hint for diff; not part of the fingerprint
	Origin      Origin   `json:"-"` // not part of the fingerprint
}

// Default is a column's default value.
type Default struct {
	// Value is the plain text of a literal (without quotes), or an SQL
	// expression taken verbatim when Expr is set.
	Value string `json:"value"`
	Expr  bool   `json:"expr,omitempty"`
	// Engine holds defaults given for single engines, as SQL
	// (`lockstep:"default.mysql=…"`); they win there, and lowering settles them.
	// Where there is no other, Value is "" and Expr is set.
	Engine map[string]string `json:"engine,omitempty"`
}

// Index is an index or a unique constraint.
type Index struct {
	Name       string      `json:"name"`
	Unique     bool        `json:"unique,omitempty"`
	Constraint bool        `json:"constraint,omitempty"` // declared as a UNIQUE constraint (GORM's `unique`), not as an index
	Parts      []IndexPart `json:"parts"`
	Where      string      `json:"where,omitempty"`  // predicate of a partial index
	Method     string      `json:"method,omitempty"` // access method, such as "gin"; "" for the engine's default
	Comment    string      `json:"comment,omitempty"`
	// Deviation is what an inspection found that no entity can declare and that
	// makes it another index than it looks: "invalid", "nulls not distinct", …
	Deviation string `json:"deviation,omitempty"`
}

// IndexPart is one key part: a column or an expression.
type IndexPart struct {
	Column  string `json:"column,omitempty"`
	Expr    string `json:"expr,omitempty"` // used when Column is empty
	Desc    bool   `json:"desc,omitempty"`
	Collate string `json:"collate,omitempty"`
	Length  int    `json:"length,omitempty"` // prefix length in characters; 0: whole value
}

// ForeignKey references the key of another (or the same) table.
type ForeignKey struct {
	Name       string   `json:"name"`
	Columns    []string `json:"columns"`
	RefTable   string   `json:"ref_table"`
	RefColumns []string `json:"ref_columns"`
	OnDelete   Action   `json:"on_delete,omitempty"`
	OnUpdate   Action   `json:"on_update,omitempty"`
	Deviation  string   `json:"deviation,omitempty"` // as of an index: "not valid", "deferrable", …
}

// Action is a referential action. The zero value is the engine's default,
// NO ACTION.
type Action string

// The referential actions of SQL.
const (
	NoAction   Action = ""
	Restrict   Action = "RESTRICT"
	Cascade    Action = "CASCADE"
	SetNull    Action = "SET NULL"
	SetDefault Action = "SET DEFAULT"
)

// Check is a CHECK constraint.
type Check struct {
	Name string `json:"name"`
	Expr string `json:"expr"` // verbatim, without the outer parentheses

	Deviation string `json:"deviation,omitempty"` // as of an index: "not valid", "not enforced", …
}

// Kind is the neutral class of a type.
type Kind string

// The neutral kinds. What each engine makes of them is its dialect's mapping.
const (
	Bool    Kind = "bool"
	Int     Kind = "int"     // Bits: 8, 16, 32, 64
	Uint    Kind = "uint"    // Bits: 8, 16, 32, 64
	Float   Kind = "float"   // Bits: 32, 64
	Decimal Kind = "decimal" // Precision, Scale
	String  Kind = "string"  // Size in characters; 0: unlimited
	Bytes   Kind = "bytes"   // Size in bytes; 0: unlimited
	Time    Kind = "time"    // Precision: fractional digits; 0: the engine's default
	Raw     Kind = "raw"     // Raw, verbatim on every engine
)

// Type is a neutral column type.
type Type struct {
	Kind      Kind   `json:"kind"`
	Bits      int    `json:"bits,omitempty"`
	Size      int    `json:"size,omitempty"`
	Precision int    `json:"precision,omitempty"`
	Scale     int    `json:"scale,omitempty"`
	Raw       string `json:"raw,omitempty"`
	// Engine holds types given for single engines (`lockstep:"type.mysql=…"`);
	// they win over everything else there.
	Engine map[string]string `json:"engine,omitempty"`
}

// Origin says where a table or column was declared.
type Origin struct {
	Module  string // module path
	Version string // module version
	Type    string // Go type, package path included
	File    string // slash-separated, relative to the module's root
	Line    int
	Column  int // 0 when not known
}

// Table returns the table with that name, or nil.
func (s *Schema) Table(name string) *Table {
	for _, t := range s.Tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Column returns the column with that name, or nil.
func (t *Table) Column(name string) *Column {
	for _, c := range t.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Index returns the index with that name, or nil.
func (t *Table) Index(name string) *Index {
	for _, x := range t.Indexes {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// ForeignKey returns the foreign key with that name, or nil.
func (t *Table) ForeignKey(name string) *ForeignKey {
	for _, f := range t.ForeignKeys {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Check returns the check with that name, or nil.
func (t *Table) Check(name string) *Check {
	for _, c := range t.Checks {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Equal compares two neutral types.
func (t Type) Equal(o Type) bool {
	return t.Kind == o.Kind && t.Bits == o.Bits && t.Size == o.Size && t.Precision == o.Precision &&
		t.Scale == o.Scale && t.Raw == o.Raw && maps.Equal(t.Engine, o.Engine)
}

// String renders a neutral type for people, such as "string(100)" or "int64".
func (t Type) String() string {
	switch t.Kind {
	case Int, Uint, Float:
		return fmt.Sprintf("%s%d", t.Kind, t.Bits)
	case Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case String, Bytes:
		if t.Size > 0 {
			return fmt.Sprintf("%s(%d)", t.Kind, t.Size)
		}
	case Time:
		if t.Precision > 0 {
			return fmt.Sprintf("time(%d)", t.Precision)
		}
	case Raw:
		return t.Raw
	case Bool:
	}
	return string(t.Kind)
}

// Equal compares two defaults; nil is none.
func (d *Default) Equal(o *Default) bool {
	if d == nil || o == nil {
		return d == o
	}
	return d.Value == o.Value && d.Expr == o.Expr && maps.Equal(d.Engine, o.Engine)
}

// For is the default on one engine; nil: none. A text in plain quotes and a
// number are literals, anything else is an expression.
func (d *Default) For(engine string) *Default {
	if d == nil || len(d.Engine) == 0 {
		return d
	}
	own, given := d.Engine[engine]
	if !given {
		if d.Expr && d.Value == "" {
			return nil
		}
		return &Default{Value: d.Value, Expr: d.Expr}
	}
	if text, ok := literalText(own); ok {
		return &Default{Value: text}
	}
	return &Default{Value: own, Expr: true}
}

// String renders a default for people: expressions as they are, literals in
// quotes.
func (d *Default) String() string {
	text := "'" + d.Value + "'"
	if d.Expr {
		text = d.Value
	}
	for _, e := range slices.Sorted(maps.Keys(d.Engine)) {
		text += fmt.Sprintf(" %s=%s", e, d.Engine[e])
	}
	return strings.TrimPrefix(text, " ")
}
