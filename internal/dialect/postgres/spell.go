package postgres

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// columnType is the type in a column's definition.
func columnType(c *schema.Column) string {
	if c.AutoIncrement {
		return serialOf(c.Physical)
	}
	return c.Physical
}

// defaultText is what follows DEFAULT.
func defaultText(c *schema.Column) string {
	v := c.Default.Value
	if c.Default.Expr {
		return v
	}
	switch base := baseOf(c.Physical); {
	case base == "boolean":
		if b, err := strconv.ParseBool(v); err == nil {
			return strconv.FormatBool(b)
		}
	case family(base) == numbers:
		if _, err := strconv.ParseFloat(v, 64); err == nil && isPlainNumber(v) {
			return v
		}
	}
	return literal(v)
}

// isPlainNumber keeps out what ParseFloat takes and SQL does not: hexadecimal
// floats, "inf", "nan" and underscores.
func isPlainNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789+-.eE") == ""
}

// baseOf returns the canonical type without its modifiers.
func baseOf(phys string) string {
	c := canonicalType(phys)
	if i := strings.IndexByte(c, '('); i >= 0 {
		return c[:i] + c[strings.IndexByte(c, ')')+1:]
	}
	return c
}

// modsOf returns the numbers in a type's parentheses.
func modsOf(phys string) []int {
	_, rest, ok := strings.Cut(canonicalType(phys), "(")
	if !ok {
		return nil
	}
	rest, _, _ = strings.Cut(rest, ")")
	var out []int
	for part := range strings.SplitSeq(rest, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// typeFamily groups types between which PostgreSQL casts on assignment:
// https://www.postgresql.org/docs/current/sql-createcast.html
type typeFamily int

const (
	others typeFamily = iota
	numbers
	strs
	dates
)

func family(base string) typeFamily {
	switch base {
	case "smallint", "integer", "bigint", "numeric", "real", "double precision":
		return numbers
	case "varchar", "char", "text", "bpchar", "citext", "name":
		return strs
	case "date", "timestamp", "timestamptz":
		return dates
	}
	return others
}

// using returns the conversion of a column's present values to a new type, or
// "" when the assignment cast does it. The assignment cast is always preferred:
// an explicit cast to varchar(n) truncates in silence where an assignment fails.
func using(column, from, to string) string {
	f, t, q := baseOf(from), baseOf(to), quote(column)
	switch {
	case f == t:
		return ""
	case f == "bytea" && family(t) == strs:
		return "convert_from(" + q + ", 'UTF8')"
	case family(t) == strs || family(f) != others && family(f) == family(t):
		return ""
	case family(f) == strs && t == "bytea":
		return "convert_to(" + q + ", 'UTF8')"
	case family(f) == numbers && t == "boolean":
		return q + " <> 0"
	case f == "boolean" && family(t) == numbers:
		return q + "::integer::" + to
	case strangers(f, t):
		return q + "::text::" + to
	}
	return q + "::" + to
}

// strangers tells whether PostgreSQL has no cast between two types, so that the
// statement could not even be written. By way of text it can be: it succeeds
// where the column holds nothing, and fails, as announced, where it holds a value.
func strangers(from, to string) bool {
	class := func(base string) string {
		switch family(base) {
		case numbers:
			return "number"
		case dates:
			return "date"
		case strs, others:
		}
		if base == "boolean" || base == "bytea" || base == "uuid" {
			return base
		}
		return ""
	}
	f, t := class(from), class(to)
	return f != "" && t != "" && f != t
}

// objectName is PostgreSQL's makeObjectName: the name it gives by itself to a
// primary key (table, "", "pkey") or a serial's sequence (table, column, "seq").
// The longer of the two names is cut, byte by byte, until all fits.
func objectName(name1, name2, label string) string {
	overhead := len(label) + 1
	if name2 != "" {
		overhead++
	}
	avail := maxIdentifier - overhead
	n1, n2 := len(name1), len(name2)
	for n1+n2 > avail {
		if n1 > n2 {
			n1--
		} else {
			n2--
		}
	}
	out := clip(name1, n1)
	if name2 != "" {
		out += "_" + clip(name2, n2)
	}
	return out + "_" + label
}

// clip cuts s to n bytes, at a character's border.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func pkeyName(table string) string             { return objectName(table, "", "pkey") }
func sequenceName(table, column string) string { return objectName(table, column, "seq") }
