package sqlserver

import (
	"fmt"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func hazards(h ...dialect.Hazard) []dialect.Hazard { return h }

// momentary is the Sch-M lock of nearly every change, which is kept until the
// transaction ends:
// https://learn.microsoft.com/sql/relational-databases/sql-server-transaction-locking-and-row-versioning-guide
func momentary(table string) dialect.Hazard {
	return exclusive(table, "until the execution has ended")
}

func exclusive(table, why string) dialect.Hazard {
	return dialect.Hazard{Kind: dialect.HazardLock, Detail: "readers and writers of " + table + " wait " + why}
}

func rewritten(table string) dialect.Hazard {
	return dialect.Hazard{Kind: dialect.HazardRewrite, Detail: "every row of " + table + " is rewritten"}
}

func building(table string) dialect.Hazard {
	return dialect.Hazard{Kind: dialect.HazardLock, Detail: "writers of " + table + " wait while the index is built, where the edition cannot do it online"}
}

func computing(table string, c *schema.Column) []dialect.Hazard {
	h := hazards(momentary(table))
	if parseType(c.Physical).persisted {
		h = append(h, dialect.Hazard{Kind: dialect.HazardRewrite, Detail: fmt.Sprintf("%s is computed for every row of %s", c.Name, table)})
	}
	return h
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
