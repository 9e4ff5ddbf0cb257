package postgres

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

// maxIdentifier is NAMEDATALEN-1:
// https://www.postgresql.org/docs/current/limits.html
const maxIdentifier = 63

// maxVarchar is the longest varchar(n); beyond it GORM chooses text.
const maxVarchar = 10485760

// Lower implements dialect.Lowerer.
func (*Dialect) Lower(s *schema.Schema) (*schema.Schema, error) {
	return dialect.Lowering{
		Engine: dialect.Postgres, Mapping: MappingVersion,
		MaxIdentifier: maxIdentifier, MaxGenerated: maxIdentifier,
		Refuse: func(string) string { return "" },
		Type:   lowerType,
		Table: func(t *schema.Table) string {
			dialect.DropKeyUniques(t)
			return ""
		},
	}.Lower(s)
}

// lowerType sets c.Physical as gorm.io/driver/postgres does in DataTypeOf. An
// auto-increment column keeps its plain integer type here and is created as a
// serial: so gaining or losing auto-increment is not a change of type.
func lowerType(c *schema.Column) string {
	if own := c.Type.Engine[string(dialect.Postgres)]; own != "" {
		c.Physical = own
	} else if c.Physical = physical(c.Type); c.Physical == "" {
		return fmt.Sprintf("column type %q is not known", c.Type.Kind)
	}
	if base, ok := serialBase(c.Physical); ok {
		c.Physical, c.AutoIncrement, c.Nullable = base, true, false
	}
	if c.AutoIncrement {
		if !isInteger(c.Physical) {
			c.Physical = integer(c.Type)
		}
		c.Physical = canonicalType(c.Physical)
		c.Nullable, c.Default = false, nil
	}
	if other := foreignType(c.Physical); other != "" {
		return fmt.Sprintf("PostgreSQL has no type %s", other)
	}
	return ""
}

// physical is GORM's table of types.
func physical(t schema.Type) string {
	switch t.Kind {
	case schema.Bool:
		return "boolean"
	case schema.Int, schema.Uint:
		return integer(t)
	case schema.Float, schema.Decimal:
		switch {
		case t.Precision > 0 && t.Scale > 0:
			return fmt.Sprintf("numeric(%d,%d)", t.Precision, t.Scale)
		case t.Precision > 0:
			return fmt.Sprintf("numeric(%d)", t.Precision)
		}
		return "decimal"
	case schema.String:
		if t.Size > 0 && t.Size <= maxVarchar {
			return fmt.Sprintf("varchar(%d)", t.Size)
		}
		return "text"
	case schema.Time:
		if t.Precision > 0 {
			return fmt.Sprintf("timestamptz(%d)", t.Precision)
		}
		return "timestamptz"
	case schema.Bytes:
		return "bytea"
	case schema.Raw:
		return t.Raw
	}
	return ""
}

// integer needs one bit more for unsigned values.
func integer(t schema.Type) string {
	bits := t.Bits
	if bits == 0 {
		bits = 64
	}
	if t.Kind == schema.Uint {
		bits++
	}
	switch {
	case bits <= 16:
		return "smallint"
	case bits <= 32:
		return "integer"
	}
	return "bigint"
}

func isInteger(phys string) bool {
	switch canonicalType(phys) {
	case "smallint", "integer", "bigint":
		return true
	}
	return false
}

// serialBase returns the integer behind a serial pseudo-type:
// https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-SERIAL
func serialBase(phys string) (string, bool) {
	switch strings.ToLower(strings.TrimSpace(phys)) {
	case "smallserial", "serial2":
		return "smallint", true
	case "serial", "serial4":
		return "integer", true
	case "bigserial", "serial8":
		return "bigint", true
	}
	return "", false
}

func serialOf(phys string) string {
	switch canonicalType(phys) {
	case "smallint":
		return "smallserial"
	case "integer":
		return "serial"
	}
	return "bigserial"
}

// foreignType returns the name of a type that only other engines have.
func foreignType(phys string) string {
	base, _, _ := splitType(strings.ToLower(phys))
	switch base {
	case "datetime", "datetime2", "datetimeoffset", "smalldatetime", "longtext", "mediumtext", "tinytext",
		"tinyint", "mediumint", "double", "blob", "longblob", "mediumblob", "tinyblob", "nvarchar",
		"varbinary", "binary", "uniqueidentifier", "enum", "set", "int unsigned", "bigint unsigned":
		return base
	}
	return ""
}

// splitType takes a type apart: name, modifiers, and the rest ("with time zone",
// array brackets). What has another form comes back whole, as the name.
func splitType(s string) (base, mods, rest string) {
	base = s
	switch i := strings.IndexAny(s, "(["); {
	case i < 0:
	case s[i] == '[':
		base, rest = s[:i], s[i:]
	default:
		end := strings.IndexByte(s, ')')
		if end < i {
			return s, "", ""
		}
		base, mods, rest = s[:i], s[i+1:end], s[end+1:]
	}
	base, rest = strings.TrimSpace(base), strings.TrimSpace(rest)
	if base == "" || !isTypeTail(rest) {
		return s, "", ""
	}
	for _, zone := range []string{"without time zone", "with time zone"} {
		if strings.HasSuffix(base, " "+zone) {
			base, rest = strings.TrimSpace(strings.TrimSuffix(base, zone)), strings.TrimSpace(zone+" "+rest)
		}
	}
	return base, strings.ReplaceAll(mods, " ", ""), rest
}

// isTypeTail tells whether text can follow a type's modifiers.
func isTypeTail(rest string) bool {
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "without time zone"), "with time zone")
	return strings.Trim(rest, "[]0123456789 ") == ""
}

// canonicalType brings the spellings of one type together, in the words that
// users write: varchar(20) and character varying(20) both become varchar(20).
func canonicalType(phys string) string {
	if base, collation, ok := cutCollation(phys); ok {
		return canonicalType(base) + " collate " + collation
	}
	if strings.HasPrefix(phys, `"`) {
		return phys
	}
	base, mods, rest := splitType(strings.Join(strings.Fields(strings.ToLower(phys)), " "))
	array := ""
	if i := strings.Index(rest, "["); i >= 0 {
		rest, array = strings.TrimSpace(rest[:i]), strings.Repeat("[]", strings.Count(rest, "["))
	}
	base, mods = canonicalBase(base, mods, rest)
	if mods != "" {
		mods = "(" + mods + ")"
	}
	return base + mods + array
}

// cutCollation takes the collation, in quotes, off a type that has one.
func cutCollation(phys string) (base, collation string, ok bool) {
	const keyword = " collate "
	i := strings.LastIndex(strings.ToLower(phys), keyword)
	if i < 0 {
		return "", "", false
	}
	collation = strings.TrimSpace(phys[i+len(keyword):])
	if !strings.HasPrefix(collation, `"`) {
		collation = quote(strings.ToLower(collation))
	}
	return strings.TrimSpace(phys[:i]), collation, true
}

func canonicalBase(base, mods, rest string) (string, string) {
	switch base {
	case "int", "int4", "serial", "serial4":
		return "integer", ""
	case "int8", "bigserial", "serial8":
		return "bigint", ""
	case "int2", "smallserial", "serial2":
		return "smallint", ""
	case "bool":
		return "boolean", ""
	case "float4":
		return "real", ""
	case "float8":
		return "double precision", ""
	case "float":
		if n, err := strconv.Atoi(mods); err == nil && n <= 24 {
			return "real", ""
		}
		return "double precision", ""
	case "character varying", "varying character":
		return "varchar", mods
	case "character", "char":
		if mods == "" {
			mods = "1"
		}
		return "char", mods
	case "decimal", "numeric", "dec":
		if mods != "" && !strings.Contains(mods, ",") {
			mods += ",0"
		}
		return "numeric", mods
	case "varbit":
		return "bit varying", mods
	case "timestamp", "time":
		if strings.HasPrefix(rest, "with time zone") {
			base += "tz"
		}
		return base, mods
	case "bit":
		if mods == "" {
			mods = "1"
		}
	}
	return base, mods
}
