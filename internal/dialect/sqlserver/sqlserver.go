// Package sqlserver is the beginning of lockstep's dialect of SQL Server: how
// types, defaults and names come out there, held against GORM's own dialector.
// It renders and runs nothing yet, and is not wired into the program.
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

// maxIdentifier: https://learn.microsoft.com/sql/relational-databases/databases/database-identifiers
const maxIdentifier = 128

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

// Dialect lowers schemas for SQL Server. It has no state.
type Dialect struct{}

var _ dialect.Lowerer = Dialect{}

// Lower implements dialect.Lowerer.
func (Dialect) Lower(s *schema.Schema) (*schema.Schema, error) {
	return dialect.Lowering{
		Engine: dialect.SQLServer, Mapping: MappingVersion,
		MaxIdentifier: maxIdentifier, MaxGenerated: maxGenerated, FoldCase: true,
		Refuse: func(string) string { return "" }, // quoted, every name is one
		Type:   lowerType, Table: lowerTable,
	}.Lower(s)
}

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
	switch base := strings.ToLower(c.Physical); {
	case c.Physical == "":
		return fmt.Sprintf("column type %q is not known", c.Type.Kind)
	case base == "rowversion" || base == "timestamp":
		return fmt.Sprintf("the type %s is not supported: the server writes it, and no migration can", base)
	}
	return ""
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

// lowerTable makes strings without a size nvarchar(256) where GORM does: in the
// primary key, indexed or unique. A unique index alone does not count, and
// stays nvarchar(MAX), which SQL Server takes in no index: so it is refused.
func lowerTable(t *schema.Table) string {
	for _, c := range t.Columns {
		if c.Type.Kind != schema.String || c.Type.Size != 0 || c.Physical != unlimited {
			continue
		}
		if slices.Contains(t.PrimaryKey, c.Name) || indexed(t, c.Name, false) {
			c.Physical = fmt.Sprintf("nvarchar(%d)", keyString)
		}
		if c.Physical == unlimited && indexed(t, c.Name, true) {
			return fmt.Sprintf("SQL Server takes no %s in an index; give the column %s a size", unlimited, c.Name)
		}
	}
	return ""
}

// indexed tells whether a column is in an index: an ordinary one or a unique
// constraint, or, when unique is set, in a unique index.
func indexed(t *schema.Table, column string, unique bool) bool {
	return slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
		return (x.Unique && !x.Constraint) == unique &&
			slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == column })
	})
}

// ColumnType is a column's type as GORM's dialector spells it in CREATE TABLE.
func ColumnType(c *schema.Column) string {
	if c.AutoIncrement {
		return c.Physical + " IDENTITY(1,1)"
	}
	return c.Physical
}
