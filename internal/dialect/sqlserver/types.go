package sqlserver

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// MappingVersion is the version of the type mapping below. It is raised when a
// neutral type gets another physical one.
const MappingVersion = 1

// Limits: https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server
const (
	maxIdentifier = 128 // characters
	maxKeyColumns = 32
	maxClustered  = 900  // bytes of the key of a clustered index
	maxKeyBytes   = 1700 // of any other
	maxRowBytes   = 8060 // of what is kept in the row
	maxColumns    = 1024
	maxIndexes    = 999
	maxComment    = 3750 // characters of an extended property
)

// maxGenerated is where GORM cuts generated names on SQL Server:
// gorm.io/driver/sqlserver v1.6.3, Initialize leaves NamingStrategy's default.
const maxGenerated = 64

// keyString is the size of a string without one that is a key or indexed, since
// SQL Server takes no nvarchar(MAX) as a key: DataTypeOf of the same driver.
const keyString = 256

// longestString is the most that nvarchar(n) takes; beyond it is MAX:
// https://learn.microsoft.com/sql/t-sql/data-types/nchar-and-nvarchar-transact-sql
const longestString = 4000

const unlimited = "nvarchar(MAX)"

// lowerType sets c.Physical as GORM's DataTypeOf does, without IDENTITY, which
// is a property of the column and not of its type.
func lowerType(c *schema.Column) string {
	own := c.Type.Engine[string(dialect.SQLServer)]
	if c.Physical = own; own == "" {
		c.Physical = physical(c.Type)
	}
	if own != "" || c.Type.Kind == schema.Raw {
		c.AutoIncrement = false // GORM numbers no column whose type is given verbatim
	}
	if c.Physical == "" {
		return fmt.Sprintf("column type %q is not known", c.Type.Kind)
	}
	t := parseType(c.Physical)
	if problem := typeProblem(c, t); problem != "" {
		return problem
	}
	switch {
	case c.AutoIncrement:
		c.Nullable, c.Default = false, nil
	case t.isComputed():
		c.Default = nil
	}
	return ""
}

func typeProblem(c *schema.Column, t typeText) string {
	switch {
	case t.base == "timestamp":
		return "the type rowversion (timestamp) is not supported: the server writes its values, which no migration can keep"
	case strings.Contains(c.Physical, "$("):
		return fmt.Sprintf("the type of column %q has $( in it, which sqlcmd reads as a variable", c.Name)
	case !t.isComputed() && strings.Contains(strings.ToLower(c.Physical), "generated always"):
		return fmt.Sprintf("column %q is generated in another engine's words; a computed column is AS (expression), and PERSISTED to keep its values", c.Name)
	case isForeign(t.base) || strings.Contains(t.rest, "unsigned") || t.rest == "[]":
		return fmt.Sprintf("SQL Server has no type %s", c.Physical)
	case c.AutoIncrement && !isWhole(t):
		return fmt.Sprintf("column %q is of type %s, and IDENTITY takes whole numbers only", c.Name, c.Physical)
	}
	return ""
}

// isWhole tells the types that IDENTITY takes:
// https://learn.microsoft.com/sql/t-sql/statements/create-table-transact-sql-identity-property
func isWhole(t typeText) bool {
	switch t.base {
	case "tinyint", "smallint", "int", "bigint":
		return true
	case "decimal":
		return t.scale() == 0
	}
	return false
}

// isForeign tells the types that only other engines have.
func isForeign(base string) bool {
	return slices.Contains([]string{
		"boolean", "bool", "serial", "bigserial", "smallserial", "bytea", "uuid", "jsonb", "hstore", "citext", "inet", "cidr",
		"timestamptz", "timetz", "timestamp with time zone", "timestamp without time zone", "interval", "tsvector",
		"int2", "int4", "int8", "float4", "float8", "double", "mediumint",
		"tinytext", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "clob",
		"enum", "set", "year", "bigint unsigned", "int unsigned", "smallint unsigned", "tinyint unsigned",
	}, base)
}

func physical(t schema.Type) string {
	switch t.Kind {
	case schema.Bool:
		return "bit"
	case schema.Int, schema.Uint:
		switch {
		case t.Bits < 16:
			return "smallint"
		case t.Bits < 31:
			return "int"
		}
		return "bigint"
	case schema.Float, schema.Decimal:
		switch {
		case t.Precision > 0 && t.Scale > 0:
			return fmt.Sprintf("decimal(%d, %d)", t.Precision, t.Scale)
		case t.Precision > 0:
			return fmt.Sprintf("decimal(%d)", t.Precision)
		case t.Kind == schema.Decimal:
			return "decimal"
		}
		return "float"
	case schema.String:
		if t.Size > 0 && t.Size <= longestString {
			return fmt.Sprintf("nvarchar(%d)", t.Size)
		}
		return unlimited
	case schema.Time:
		if t.Precision > 0 {
			return fmt.Sprintf("datetimeoffset(%d)", t.Precision)
		}
		return "datetimeoffset"
	case schema.Bytes:
		return "varbinary(MAX)"
	case schema.Raw:
		return t.Raw
	}
	return ""
}

// ColumnType is a column's type as GORM's dialector spells it in CREATE TABLE.
func ColumnType(c *schema.Column) string {
	if c.AutoIncrement {
		return c.Physical + " IDENTITY(1,1)"
	}
	return c.Physical
}
