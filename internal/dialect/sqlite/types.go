package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// MappingVersion is the version of the type mapping below. It is raised when a
// neutral type gets another physical one.
const MappingVersion = 1

// maxGenerated is where GORM cuts generated names by default; SQLite itself has
// no limit.
const maxGenerated = 64

// Lower implements dialect.Lowerer.
func (*Dialect) Lower(s *schema.Schema) (*schema.Schema, error) {
	return dialect.Lowering{
		Engine: dialect.SQLite, Mapping: MappingVersion,
		MaxGenerated: maxGenerated, FoldCase: true,
		Refuse: refuse, Type: lowerType, Table: lowerTable,
	}.Lower(s)
}

// refuse keeps the names that SQLite keeps for itself:
// https://www.sqlite.org/lang_createtable.html
func refuse(name string) string {
	if strings.HasPrefix(strings.ToLower(name), "sqlite_") {
		return "names that begin with sqlite_ are SQLite's own"
	}
	return ""
}

// lowerType sets c.Physical as GORM's SQLite dialectors do in DataTypeOf: they
// number no column whose type is given verbatim.
func lowerType(c *schema.Column) string {
	own := c.Type.Engine[string(dialect.SQLite)]
	if c.Physical = own; c.Physical == "" {
		c.Physical = physical(c.Type)
	}
	if own != "" || c.Type.Kind == schema.Raw {
		c.AutoIncrement = false
	}
	if c.AutoIncrement {
		// Only a column declared exactly so is an alias of the rowid:
		// https://www.sqlite.org/lang_createtable.html#rowid
		c.Physical, c.Nullable, c.Default = "integer", false, nil
	}
	if c.Physical == "" {
		return fmt.Sprintf("column type %q is not known", c.Type.Kind)
	}
	return ""
}

func physical(t schema.Type) string {
	switch t.Kind {
	case schema.Bool:
		return "numeric"
	case schema.Int, schema.Uint:
		return "integer"
	case schema.Float, schema.Decimal:
		return "real"
	case schema.String:
		return "text"
	case schema.Bytes:
		return "blob"
	case schema.Time:
		return "datetime"
	case schema.Raw:
		return t.Raw
	}
	return ""
}

// lowerTable makes an auto-increment column the whole primary key, as GORM
// does: SQLite numbers no other.
func lowerTable(t *schema.Table) string {
	numbered := ""
	for _, c := range t.Columns {
		switch {
		case !c.AutoIncrement:
		case numbered != "":
			return fmt.Sprintf("SQLite numbers one column of a table; %s and %s are both auto-increment", numbered, c.Name)
		default:
			numbered = c.Name
		}
	}
	if numbered != "" {
		t.PrimaryKey = []string{numbered}
	}
	if !isRowID(t) {
		dialect.DropKeyUniques(t)
	}
	return ""
}

// isRowID tells whether the primary key is an alias of the rowid, which has no
// index of its own, so that a unique constraint on it is not the same again.
func isRowID(t *schema.Table) bool {
	if len(t.PrimaryKey) != 1 {
		return false
	}
	c := t.Column(t.PrimaryKey[0])
	return c != nil && strings.EqualFold(c.Physical, "integer")
}

func columnType(c *schema.Column) string { return c.Physical }

// defaultText is what follows DEFAULT.
func defaultText(c *schema.Column) string {
	v := c.Default.Value
	if c.Default.Expr {
		return v
	}
	number := false
	switch c.Type.Kind {
	case schema.Bool:
		if b, err := strconv.ParseBool(v); err == nil {
			return strconv.FormatBool(b)
		}
	case schema.Int, schema.Uint, schema.Float, schema.Decimal:
		number = true
	case schema.Raw, "":
		a := affinity(c.Physical)
		number = a == affInteger || a == affReal || a == affNumeric
	case schema.String, schema.Bytes, schema.Time:
	}
	if number && isNumber(v) {
		return v
	}
	return literal(v)
}

// isNumber tells whether v is a plain SQL number.
func isNumber(v string) bool {
	_, err := strconv.ParseFloat(v, 64)
	return err == nil && strings.Trim(v, "0123456789+-.eE") == ""
}

// A column's type affinity decides how values are stored:
// https://www.sqlite.org/datatype3.html#determination_of_column_affinity
type affinityKind string

const (
	affInteger affinityKind = "INTEGER"
	affText    affinityKind = "TEXT"
	affBlob    affinityKind = "BLOB"
	affReal    affinityKind = "REAL"
	affNumeric affinityKind = "NUMERIC"
)

func affinity(phys string) affinityKind {
	t := strings.ToUpper(phys)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(t, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return affInteger
	case has("CHAR", "CLOB", "TEXT"):
		return affText
	case t == "" || has("BLOB"):
		return affBlob
	case has("REAL", "FLOA", "DOUB"): //nolint:misspell // as SQLite looks for it
		return affReal
	}
	return affNumeric
}

// canonicalType is a type's spelling without case, superfluous spaces, the quotes of
// a collation, and the collation that goes without saying:
// https://www.sqlite.org/datatype3.html#collating_sequences
func canonicalType(phys string) string {
	text := strings.Join(strings.Fields(strings.ToLower(phys)), " ")
	if base, collation, ok := strings.Cut(text, " collate "); ok {
		text = base + " collate " + strings.Trim(collation, "\"'`[]")
	}
	return strings.TrimSuffix(text, " collate binary")
}
