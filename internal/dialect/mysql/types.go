package mysql

import (
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// MappingVersion is the version of the type mapping below. It is raised when a
// neutral type gets another physical one.
const MappingVersion = 1

// Limits: https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html
// https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html
// https://dev.mysql.com/doc/refman/8.4/en/column-count-limit.html
const (
	maxIdentifier = 64    // characters
	maxKeyBytes   = 3072  // of all parts of an InnoDB index
	maxRowBytes   = 65535 // of all columns but the contents of TEXT, BLOB and JSON
	maxPageBytes  = 8126  // of a row in a page of 16 KB, which is not reached
	maxColumns    = 1017
	maxIndexes    = 64 // secondary ones
	bytesPerChar  = 4  // utf8mb4
)

// GORM's sizes: gorm.io/driver/mysql v1.6.0, getSchemaStringType.
const (
	shortText = "varchar(191)" // a string without a size that is a key, has a default or is indexed
	longText  = "longtext"
)

// lowerType sets c.Physical as gorm.io/driver/mysql does in DataTypeOf. Whether
// a string without a size is short depends on its table: see shorten.
func (d *Dialect) lowerType(c *schema.Column) string {
	if own := d.ownType(c.Type); own != "" {
		c.Physical = own
	} else if c.Physical = physical(c.Type); c.Physical == "" {
		return fmt.Sprintf("column type %q is not known", c.Type.Kind)
	}
	t := parseType(c.Physical)
	if problem := d.typeProblem(t); problem != "" {
		return problem
	}
	if t.notNull {
		c.Nullable = false
	}
	c.AutoIncrement = c.AutoIncrement || t.auto
	if t.auto || t.notNull { // properties of the column from here on, not of its type
		c.Physical = t.spell()
	}
	if c.AutoIncrement {
		if !isInteger(t.base) && t.base != "float" && t.base != "double" {
			return fmt.Sprintf("a column of type %s cannot number rows", c.Physical)
		}
		c.Nullable, c.Default = false, nil
	}
	if t.expr != "" {
		c.Default = nil
		if d.server.maria() { // it takes neither NULL nor NOT NULL there
			c.Nullable = true
		}
	}
	return ""
}

// ownType is the type that the entity gives for this engine.
func (d *Dialect) ownType(t schema.Type) string {
	if own := t.Engine[string(d.server.Engine)]; own != "" || !d.server.maria() {
		return own
	}
	return t.Engine[string(dialect.MySQL)] // GORM knows both by that name
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
		case t.Precision > 0:
			return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
		case t.Kind == schema.Decimal:
			return "decimal"
		case t.Bits > 0 && t.Bits <= 32:
			return "float"
		}
		return "double"
	case schema.String:
		switch {
		case t.Size <= 0 || t.Size > 1<<24:
			return longText
		case t.Size >= 1<<16:
			return "mediumtext"
		}
		return fmt.Sprintf("varchar(%d)", t.Size)
	case schema.Time:
		if t.Precision > 0 {
			return fmt.Sprintf("datetime(%d)", t.Precision)
		}
		return "datetime(3)"
	case schema.Bytes:
		switch {
		case t.Size <= 0 || t.Size > 1<<24:
			return "longblob"
		case t.Size >= 1<<16:
			return "mediumblob"
		}
		return fmt.Sprintf("varbinary(%d)", t.Size)
	case schema.Raw:
		return t.Raw
	}
	return ""
}

func integer(t schema.Type) string {
	base := "bigint"
	switch {
	case t.Bits == 0:
	case t.Bits <= 8:
		base = "tinyint"
	case t.Bits <= 16:
		base = "smallint"
	case t.Bits <= 24:
		base = "mediumint"
	case t.Bits <= 32:
		base = "int"
	}
	if t.Kind == schema.Uint {
		base += " unsigned"
	}
	return base
}

// spell is a type's text without what the column's own properties say.
func (t typeText) spell() string {
	s := t.head()
	if t.expr != "" {
		s += " generated always as (" + t.expr + ") " + t.kept
	}
	return s
}

// typeProblem says why the engine does not have a type, or "".
func (d *Dialect) typeProblem(t typeText) string {
	switch {
	case !d.hasType(t.base):
		return fmt.Sprintf("%s has no type %s", d.name(), t.base)
	case t.rest != "":
		return fmt.Sprintf("the type says more than a type can: %q", t.rest)
	case t.base == "varchar" && t.number()*charBytes(t) > maxRowBytes-3:
		return fmt.Sprintf("varchar(%s) is too long: of %d bytes a character, %d fit; use text", t.args, charBytes(t), (maxRowBytes-3)/charBytes(t))
	case (t.base == "varchar" || t.base == "varbinary") && t.number() == 0 && t.args != "0":
		return fmt.Sprintf("%s has no type %s without a length", d.name(), t.base)
	case t.base == "varbinary" && t.number() > maxRowBytes-3:
		return fmt.Sprintf("varbinary(%s) is too long: %d bytes fit; use blob", t.args, maxRowBytes-3)
	case (t.base == "char" || t.base == "binary") && t.number() > 255:
		return fmt.Sprintf("%s(%s) is too long: 255 is the most", t.base, t.args)
	case t.base == "decimal" && decimalProblem(t) != "":
		return decimalProblem(t)
	case (t.base == "datetime" || t.base == "timestamp" || t.base == "time") && t.number() > 6:
		return fmt.Sprintf("%s(%s) has too many fractional digits: 6 is the most", t.base, t.args)
	}
	return ""
}

// decimalProblem: https://dev.mysql.com/doc/refman/8.4/en/precision-math-decimal-characteristics.html
func decimalProblem(t typeText) string {
	switch p, s := decimalSize(t); {
	case p > 65 || s > 30:
		return fmt.Sprintf("decimal(%d,%d) is too long: 65 digits, 30 of them fractional, are the most", p, s)
	case s > p:
		return fmt.Sprintf("decimal(%d,%d) has more fractional digits than digits", p, s)
	}
	return ""
}

func (d *Dialect) name() string {
	if d.server.maria() {
		return "MariaDB"
	}
	return "MySQL"
}

// hasType knows every type, so that those of other engines are refused here and
// not halfway through an execution.
func (d *Dialect) hasType(base string) bool {
	switch base {
	case "uuid": // https://mariadb.com/kb/en/uuid-data-type/
		return d.server.since(dialect.Version{}, version(10, 7, 0))
	case "inet6":
		return d.server.maria()
	case "inet4": // https://mariadb.com/kb/en/inet4/
		return d.server.since(dialect.Version{}, version(10, 10, 0))
	case "vector":
		return d.server.since(version(9, 0, 0), version(11, 7, 1))
	}
	return slices.Contains([]string{
		"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit",
		"char", "varchar", "binary", "varbinary", "tinytext", "text", "mediumtext", "longtext",
		"tinyblob", "blob", "mediumblob", "longblob", "enum", "set", "json",
		"date", "time", "datetime", "timestamp", "year",
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
	}, base)
}

func isInteger(base string) bool {
	return slices.Contains([]string{"tinyint", "smallint", "mediumint", "int", "bigint"}, base)
}

// isText and isBlob tell the types whose contents are kept outside the row, and
// of which an index takes a prefix only.
func isText(base string) bool {
	return slices.Contains([]string{"tinytext", "text", "mediumtext", "longtext"}, base)
}

func isBlob(base string) bool {
	return slices.Contains([]string{"tinyblob", "blob", "mediumblob", "longblob"}, base)
}

func isSpatial(base string) bool {
	return slices.Contains([]string{
		"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
	}, base)
}
