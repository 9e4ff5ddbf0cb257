package sqlserver

import (
	"fmt"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func hazards(h ...dialect.Hazard) []dialect.Hazard { return h }

// The modes of locks on tables, by the names of the manual. Those of a transaction
// are kept until it ends:
// https://learn.microsoft.com/sql/relational-databases/sql-server-transaction-locking-and-row-versioning-guide
const (
	schemaModification = "Sch-M"
	shared             = "S"
)

// momentary is the lock of nearly every change, which needs no time of its own.
func momentary(table string) dialect.Hazard {
	return exclusive(table, "until the execution has ended", dialect.LockMoment)
}

// exclusive is the lock of every ALTER TABLE, DROP and rename:
// https://learn.microsoft.com/sql/t-sql/statements/alter-table-transact-sql#locks-and-alter-table
func exclusive(table, why string, lasts dialect.LockTime) dialect.Hazard {
	return dialect.Hazard{Kind: dialect.HazardLock, Detail: "readers and writers of " + table + " wait " + why, Table: table, Mode: schemaModification, Lasts: lasts}
}

// checked is what a new or returning check does.
func checked(table string) []dialect.Hazard {
	return hazards(dialect.Scan(table), exclusive(table, "while present rows are checked", dialect.LockScan))
}

// referring is what a new or returning foreign key does, to both sides.
func referring(table, ref string) []dialect.Hazard {
	h := checked(table)
	if ref != table {
		h = append(h, exclusive(ref, "while rows of "+table+" are checked", dialect.LockScan))
	}
	return h
}

// referred are the locks on what a new table refers to.
func referred(t *schema.Table) []dialect.Hazard {
	var out []dialect.Hazard
	for _, f := range t.ForeignKeys {
		if f.RefTable != t.Name {
			out = append(out, momentary(f.RefTable))
		}
	}
	return dialect.Once(out)
}

func rewritten(table string) dialect.Hazard {
	return dialect.Rewrite(table, "every row of "+table+" is rewritten")
}

// building is what an index costs where the edition cannot build it online: see
// ONLINE of https://learn.microsoft.com/sql/t-sql/statements/create-index-transact-sql
// and, of constraints, of ALTER TABLE.
func building(table string, constraint bool) []dialect.Hazard {
	lock := dialect.Hazard{
		Kind: dialect.HazardLock, Detail: "writers of " + table + " wait while the index is built, where the edition cannot do it online",
		Table: table, Mode: shared, Lasts: dialect.LockScan,
	}
	if constraint {
		lock.Detail, lock.Mode = "readers and "+lock.Detail, schemaModification
	}
	return hazards(dialect.Scan(table), lock)
}

func computing(table string, c *schema.Column) []dialect.Hazard {
	if !parseType(c.Physical).persisted {
		return hazards(momentary(table))
	}
	return hazards(exclusive(table, "while it is computed", dialect.LockRewrite),
		dialect.Rewrite(table, fmt.Sprintf("%s is computed for every row of %s", c.Name, table)))
}

func keyParts(columns []string) []schema.IndexPart {
	out := make([]schema.IndexPart, len(columns))
	for i, c := range columns {
		out[i].Column = c
	}
	return out
}

// longKey warns of keys of a variable length that may become longer than the
// server takes: it makes the index and refuses such rows.
func longKey(what string, t *schema.Table, parts []schema.IndexPart, limit int) []dialect.Hazard {
	total := 0
	for _, p := range parts {
		if c := t.Column(p.Column); c != nil {
			size, _ := parseType(c.Physical).width()
			total += size
		}
	}
	if total <= limit {
		return nil
	}
	return hazards(dialect.Hazard{
		Kind:   dialect.HazardMayFail,
		Detail: fmt.Sprintf("%s of %s takes up to %d bytes, and rows with more than %d are refused, now and later", what, t.Name, total, limit),
	})
}

// convertible refuses changes of type that the server cannot do, or does by
// changing what the values mean: text is kept as UTF-16 and bytes as they are.
// https://learn.microsoft.com/sql/t-sql/functions/cast-and-convert-transact-sql#implicit-conversions
func convertible(table, column string, f, t typeText) error {
	a, b := f.family(), t.family()
	switch {
	case a == texts && b == bytes, a == bytes && b == texts,
		a == moments && b == numbers, a == numbers && b == moments,
		a == numbers && t.base == "uniqueidentifier", f.base == "uniqueidentifier" && b == numbers,
		a == moments && (b == bytes || t.base == "uniqueidentifier"), f.base == "uniqueidentifier" && b == moments:
		return fault.New(fault.Unsupported, "TYPE_NOT_CONVERTIBLE", "SQL Server has no conversion of column %s of %s from %s to %s that keeps its values", column, table, f, t).
			Suggest("add a new column, move the values there, and drop the old one in a later version")
	}
	return nil
}

// retypeHazards says what a change of type can do to present values.
func retypeHazards(table, column string, m *columnChange) []dialect.Hazard {
	f, t := parseType(m.from.Physical), parseType(m.to.Physical)
	var out []dialect.Hazard
	if m.grows() {
		return nil
	}
	out = append(out, rewritten(table))
	if rounds(f, t) {
		out = append(out, dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "values of " + column + " are rounded to " + m.to.Physical})
	}
	if !holds(f, t) {
		out = append(out, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when a value of " + column + " does not fit " + m.to.Physical})
	}
	return out
}

// rounds tells whether values lose something in silence.
func rounds(f, t typeText) bool {
	_, fs := digits(f)
	_, ts := digits(t)
	switch {
	case f.family() == moments && t.family() == moments:
		return rank(t) < rank(f) || f.base == "datetimeoffset" && t.base != "datetimeoffset"
	case f.family() == texts && t.family() == texts: // characters outside the collation's code page
		return wide(f) && !wide(t)
	case isApproximate(f) && t.family() == texts: // six digits are kept
		return true
	case t.base == "bit" && f.family() == numbers:
		return f.base != "bit"
	case f.family() != numbers || t.family() != numbers:
		return false
	case t.base == "real":
		return f.base != "real" && f.base != "tinyint" && f.base != "smallint" && f.base != "bit"
	case t.base == "float":
		return f.base == "decimal" || f.base == "bigint" || f.base == "money"
	}
	return ts < fs
}

func wide(t typeText) bool { return t.base == "nchar" || t.base == "nvarchar" || t.base == "ntext" }

func isApproximate(t typeText) bool { return t.base == "float" || t.base == "real" }

// rank orders the types of moments by the digits they keep.
func rank(t typeText) int {
	switch t.base {
	case "date":
		return -4
	case "smalldatetime":
		return -2
	case "datetime":
		return 2
	}
	return t.number()
}

// many digits: those with an exponent.
const many = 400

// digits before and behind the point that a number type holds.
func digits(t typeText) (whole, fraction int) {
	switch t.base {
	case "bit":
		return 1, 0
	case "tinyint":
		return 3, 0
	case "smallint":
		return 5, 0
	case "int":
		return 10, 0
	case "bigint":
		return 19, 0
	case "smallmoney":
		return 6, 4
	case "money":
		return 15, 4
	case "decimal":
		return t.number() - t.scale(), t.scale()
	}
	return many, many
}

// holds tells whether every value of the one type has its place in the other.
func holds(f, t typeText) bool {
	switch {
	case f.family() != t.family() || f.family() == others:
		return f.String() == t.String() || t.family() == texts && f.family() != bytes && t.number() >= 60
	case f.family() == numbers:
		fw, _ := digits(f)
		tw, _ := digits(t)
		return tw >= fw || t.base == "bit"
	case f.family() == moments:
		return t.base != "smalldatetime" && t.base != "datetime"
	}
	return capacity(t) >= capacity(f)
}

// capacity is how many characters or bytes a type holds.
func capacity(t typeText) int {
	if t.base == "text" || t.base == "ntext" || t.base == "image" {
		return unbounded
	}
	return t.number()
}
