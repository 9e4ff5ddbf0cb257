// Package grammar makes random structs in GORM's conventions, as Go source. What
// it makes compiles, and means something to GORM on most engines; it is not kept
// from what one engine refuses.
package grammar

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Group is a few structs that belong together. The names of its types, tables
// and indexes begin with its own prefix, so that groups share a database.
type Group struct {
	Prefix string   // of its types; in lower case of its tables
	Types  []string // the entities
	Source string   // the declarations
}

// Package makes n groups, and the source of the package that holds them.
func Package(seed uint64, n int) (source string, groups []Group) {
	var b strings.Builder
	b.WriteString(header)
	for i := range n {
		g := &generator{rand: rand.New(rand.NewPCG(seed, uint64(i))), prefix: fmt.Sprintf("G%03d", i)}
		group := g.group()
		groups = append(groups, group)
		b.WriteString("\n" + group.Source)
	}
	return b.String(), groups
}

const header = `// Package models is random. DO NOT EDIT.
package models

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/lockstepdb/lockstep/internal/gormproof/fixtures/valuers"
	"github.com/shopspring/decimal"
	"gorm.io/datatypes"
	"gorm.io/gorm"
)

// Every import is used.
var (
	_ sql.NullString
	_ json.RawMessage
	_ time.Time
	_ uuid.UUID
	_ valuers.Level
	_ decimal.Decimal
	_ datatypes.JSON
	_ gorm.Model
)
`

type generator struct {
	rand   *rand.Rand
	prefix string
	types  []string
	source strings.Builder
}

// chance is true once in n times.
func (g *generator) chance(n int) bool { return g.rand.IntN(n) == 0 }

func pick[T any](g *generator, from ...T) T { return from[g.rand.IntN(len(from))] }

// structure is a struct in the making.
type structure struct {
	name   string
	lines  []string
	key    string // the Go type of its single key; "" when it has none, or several
	keyRef string // the field's name
	fields int
}

func (s *structure) add(format string, args ...any) {
	s.lines = append(s.lines, "\t"+fmt.Sprintf(format, args...))
}

// field adds a field with its tag settings.
func (s *structure) field(name, typ string, settings ...string) {
	var set []string
	for _, text := range settings {
		if text != "" {
			set = append(set, text)
		}
	}
	tag := ""
	if len(set) > 0 {
		tag = fmt.Sprintf(" `gorm:%q`", strings.Join(set, ";"))
	}
	s.add("%s %s%s", name, typ, tag)
}

func (g *generator) emit(s *structure, entity bool) {
	fmt.Fprintf(&g.source, "type %s struct {\n%s\n}\n\n", s.name, strings.Join(s.lines, "\n"))
	if entity {
		g.types = append(g.types, s.name)
	}
}

// group makes a root, and at times what it refers to, embeds or is joined with.
func (g *generator) group() Group {
	root := &structure{name: g.prefix + "Root"}
	g.keys(root)
	for range 2 + g.rand.IntN(7) {
		g.column(root)
	}
	if g.chance(3) {
		g.embedding(root)
	}
	if root.key != "" {
		for range g.rand.IntN(3) {
			pick(g, g.belongsTo, g.hasMany, g.hasOne, g.manyToMany, g.selfReference, g.polymorphic)(root)
		}
	}
	if g.chance(3) {
		g.compositeIndex(root)
	}
	g.emit(root, true)
	if last := len(g.types) - 1; !g.chance(8) { // GORM fails where a child comes first
		g.types[0], g.types[last] = g.types[last], g.types[0]
	}
	if g.chance(5) {
		fmt.Fprintf(&g.source, "func (%s) TableName() string { return %q }\n\n", root.name, strings.ToLower(g.prefix)+"_"+pick(g, "own", "Own", "own name", "select"))
	}
	return Group{Prefix: g.prefix, Types: g.types, Source: g.source.String()}
}

// keys gives a struct its primary key.
func (g *generator) keys(s *structure) {
	switch g.rand.IntN(10) {
	case 0, 1:
		s.add("gorm.Model")
		s.key, s.keyRef = "uint", "ID"
	case 2:
		s.field("ID", "string", "size:36")
		s.key, s.keyRef = "string", "ID"
	case 3:
		s.field("Code", "string", "primaryKey", "size:"+pick(g, "8", "40", "100"), pick(g, "", "column:code_of_it", "comment:the code"))
		s.key, s.keyRef = "string", "Code"
	case 4:
		s.field("Region", "string", "primaryKey", "size:10")
		s.field("Number", pick(g, "int64", "uint32", "int16"), "primaryKey", pick(g, "", "autoIncrement:false"))
	case 5:
		s.field("ID", "uuid.UUID", "primaryKey", pick(g, "size:36", "type:char(36)"))
		s.key, s.keyRef = "uuid.UUID", "ID"
	case 6:
		if g.chance(2) {
			return // no key at all
		}
		s.field("Nr", "int64", "primaryKey", pick(g, "", "autoIncrement", "autoIncrement:false", "column:nr"))
		s.key, s.keyRef = "int64", "Nr"
	default:
		typ := pick(g, "uint", "int64", "int32", "uint16", "uint64")
		s.field("ID", typ, pick(g, "", "", "primaryKey", "autoIncrement:false", "not null", "type:bigint", "type:integer;primaryKey"))
		s.key, s.keyRef = typ, "ID"
	}
}

// compositeIndex adds two or three fields with an index over them.
func (g *generator) compositeIndex(s *structure) {
	tag := pick(g, "index", "uniqueIndex")
	name := strings.ToLower(g.prefix) + "_idx"
	for i := range 2 + g.rand.IntN(2) {
		part := tag + ":" + name
		if g.chance(2) {
			part += fmt.Sprintf(",priority:%d", 1+g.rand.IntN(12))
		}
		if g.chance(3) {
			part += ",sort:" + pick(g, "desc", "asc", "DESC")
		}
		s.field(fmt.Sprintf("Part%d", i), pick(g, "string", "*string"), "size:20", part)
	}
}
