package mysql

import (
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// The modes of locks: those of the manuals' LOCK clause, and the lock on a table's
// definition that every ALTER TABLE ends with:
//
//	https://dev.mysql.com/doc/refman/8.4/en/innodb-online-ddl-performance.html
//	https://dev.mysql.com/doc/refman/8.4/en/metadata-locking.html
const (
	exclusiveMetadata = "EXCLUSIVE metadata lock"
	lockShared        = "LOCK=SHARED"
)

// sharing is the lock of a statement beside which a table can only be read.
func sharing(table, why string, lasts dialect.LockTime) dialect.Hazard {
	return dialect.Hazard{Kind: dialect.HazardLock, Detail: "writers of " + table + " wait " + why, Table: table, Mode: lockShared, Lasts: lasts}
}

// The hazards say what the method of a statement means; see online.go.

func momentary(table string) dialect.Hazard {
	return dialect.Hazard{
		Kind: dialect.HazardLock, Detail: "readers and writers of " + table + " wait for a moment, after transactions that use it have ended",
		Table: table, Mode: exclusiveMetadata, Lasts: dialect.LockMoment,
	}
}

func rebuilt(table string) dialect.Hazard {
	return dialect.Rewrite(table, table+" is rebuilt (INPLACE) while it is used")
}

func copied(table string) []dialect.Hazard {
	return []dialect.Hazard{
		dialect.Rewrite(table, table+" is copied row by row (COPY)"),
		sharing(table, "until it is copied", dialect.LockRewrite),
	}
}

// retypeHazards says what a change of type can do to present values. The
// session's strict mode makes most losses fail; where values lose something in
// silence they are kept, if they can be.
func (r *render) retypeHazards(from, to *schema.Column) []dialect.Hazard {
	f, t := parseType(from.Physical), parseType(to.Physical)
	var out []dialect.Hazard
	if rounds(f, t) && !r.keeps(from, to) {
		out = append(out, dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "values of " + to.Name + " are rounded to " + to.Physical})
	}
	if !holds(f, t) {
		out = append(out, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when a value of " + to.Name + " does not fit " + to.Physical})
	}
	return out
}

// inPlace tells whether only the dictionary changes: a string that grows while its
// length goes on to be stored as it is; values appended to an enumeration.
func (d *Dialect) inPlace(f, t typeText) bool {
	if f.base != t.base || f.charset != t.charset || f.collation != t.collation {
		return false
	}
	switch f.base {
	case "varchar":
		return d.grows(f.number()*charBytes(f), t.number()*charBytes(t))
	case "varbinary":
		return d.grows(f.number(), t.number())
	case "enum", "set":
		return strings.HasPrefix(t.args+",", f.args+",")
	}
	return false
}

// grows tells whether strings of up to so many bytes are stored as they were when
// there may be more: by a length of one byte up to 255, or of two. MariaDB has room
// for both in one that was meant for 127 bytes.
// https://mariadb.com/kb/en/innodb-online-ddl-operations-with-the-instant-alter-algorithm/
func (d *Dialect) grows(from, to int) bool {
	return to >= from && ((from > 255) == (to > 255) || d.server.maria() && from < 128)
}

// class groups types between which values keep their meaning.
func class(t typeText) string {
	switch {
	case isInteger(t.base), t.base == "decimal", t.base == "float", t.base == "double", t.base == "bit":
		return "number"
	case isText(t.base), t.base == "char", t.base == "varchar":
		return "text"
	case isBlob(t.base), t.base == "binary", t.base == "varbinary":
		return "bytes"
	case t.base == "date", t.base == "datetime", t.base == "timestamp":
		return "date"
	}
	return t.base
}

// rounds tells whether values lose digits in silence.
func rounds(f, t typeText) bool {
	_, fs := digits(f)
	_, ts := digits(t)
	switch {
	case class(f) == "date" && class(t) == "date":
		return f.base != "date" && (t.base == "date" || t.number() < f.number())
	case f.base == "time" && t.base == "time":
		return t.number() < f.number()
	case class(f) != "number" || class(t) != "number":
		return false
	case t.base == "float" && f.base != "float":
		return f.base != "tinyint" && f.base != "smallint"
	case t.base == "double":
		return f.base == "decimal" || f.base == "bigint"
	}
	return ts < fs
}

// digits before and behind the point that a number type holds; many for those
// with an exponent.
func digits(t typeText) (whole, fraction int) {
	const many = 400
	switch t.base {
	case "tinyint":
		return 3, 0
	case "smallint":
		return 5, 0
	case "mediumint":
		return 8, 0
	case "int":
		return 10, 0
	case "bigint":
		return 20, 0
	case "decimal":
		p, s := decimalSize(t)
		return p - s, s
	}
	return many, many
}

// holds tells whether every value of the one type has its place in the other.
func holds(f, t typeText) bool {
	if class(f) != class(t) {
		return class(t) == "text" && class(f) != "bytes" && capacity(t) >= 1<<16
	}
	switch class(f) {
	case "number":
		fw, _ := digits(f)
		tw, _ := digits(t)
		return tw >= fw && (!t.unsigned || f.unsigned) && (!f.unsigned || t.unsigned || !isInteger(t.base) || tw != fw)
	case "text", "bytes":
		return capacity(t) >= capacity(f)
	case "enum", "set":
		return strings.HasPrefix(t.args+",", f.args+",")
	case "date":
		return t.base != "timestamp" || f.base == "timestamp"
	}
	return f.String() == t.String()
}

// capacity is the length of the longest value, in characters or bytes.
func capacity(t typeText) int {
	switch t.base {
	case "tinytext", "tinyblob":
		return 1<<8 - 1
	case "text", "blob":
		return 1<<16 - 1
	case "mediumtext", "mediumblob":
		return 1<<24 - 1
	case "longtext", "longblob":
		return 1<<32 - 1
	}
	return t.number()
}
