package mysql

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Convert implements dialect.Asker. A change of type stores each value anew under
// the session's strict mode. The rules are those of the servers' own conversions,
// held against them by the tests of internal/preflight; of what they leave open a
// value is in doubt, and of pairs that make no sense nothing is said.
// https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html#sql-mode-strict
func (d *Dialect) Convert(_ int, from, to *schema.Column) dialect.Conversion {
	f, t := parseType(from.Physical), parseType(to.Physical)
	if f.String() == t.String() && f.expr == t.expr || sameNumbers(f, t) {
		return dialect.Conversion{Same: true}
	}
	c := &cast{maria: d.server.maria(), col: quote(from.Name), f: f, t: t}
	c.out.Value = c.col
	switch {
	case f.expr != "" || t.expr != "":
		c.unknown("what a generated column will hold")
	case class(t) == "text" && !c.charset():
	case class(t) == "number" && class(f) == "number":
		c.number()
	case class(t) == "number" && class(f) == "text":
		c.textToNumber()
	case class(t) == "text":
		c.toText()
	case class(t) == "bytes" && (class(f) == "text" || class(f) == "bytes"):
		c.misfit(dialect.TooLong, "LENGTH(%s) > %d", c.col, capacity(t))
		c.out.Value = "CAST(" + c.col + " AS BINARY)"
	case class(t) == "date" && (class(f) == "date" || class(f) == "text"):
		c.toDate()
	case t.base == "time" && f.base == "time":
		c.out.Changed = fmt.Sprintf("%s <> CAST(%s AS TIME(%d))", c.col, c.col, t.number())
	case t.base == "json" && class(f) == "text":
		c.misfit(dialect.Unconvertible, "JSON_VALID(%s) = 0", c.col)
	case t.base == "enum" && (class(f) == "text" || f.base == "enum"):
		c.toEnum()
	default:
		c.unknown("whether " + f.head() + " values are taken as " + t.head())
	}
	if len(c.out.Misfits) == 0 && c.out.Doubt == "" && c.out.Unknown == "" && class(f) == class(t) && class(t) == "text" && f.collation == t.collation {
		c.out = dialect.Conversion{Same: true}
	}
	return c.out
}

// cast is one pair of types under examination.
type cast struct {
	maria bool
	col   string
	f, t  typeText
	out   dialect.Conversion
}

func (c *cast) misfit(kind dialect.MisfitKind, format string, args ...any) {
	c.out.Misfits = append(c.out.Misfits, dialect.Misfit{Kind: kind, Where: fmt.Sprintf(format, args...)})
}

func (c *cast) unknown(what string) {
	c.out.Unknown = what + " cannot be told beforehand"
}

// charset tells whether the characters survive: a table's own character set is
// not known here, and utf8mb4 holds them all.
func (c *cast) charset() bool {
	if c.t.charset != c.f.charset && c.t.charset != "" && c.t.charset != "utf8mb4" {
		c.unknown("whether all characters exist in " + c.t.charset)
		return false
	}
	if c.t.collation != c.f.collation && c.t.collation != "" && strings.HasPrefix(c.t.collation, "utf8mb4_") {
		c.out.Value = fmt.Sprintf("CONVERT(%s USING utf8mb4) COLLATE %s", c.col, c.t.collation)
	}
	return true
}

func isExact(t typeText) bool { return isInteger(t.base) || t.base == "decimal" }

func isReal(t typeText) bool { return t.base == "float" || t.base == "double" }

// bounds of an integer type:
// https://dev.mysql.com/doc/refman/8.4/en/integer-types.html
func bounds(t typeText) (low, high *big.Int) {
	bits := map[string]uint{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}[t.base]
	power := func(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }
	minusOne := big.NewInt(-1)
	if t.unsigned {
		return new(big.Int), new(big.Int).Add(power(bits), minusOne)
	}
	return new(big.Int).Neg(power(bits - 1)), new(big.Int).Add(power(bits-1), minusOne)
}

// sameNumbers tells whether every number of the one type is the same number in
// the other.
func sameNumbers(f, t typeText) bool {
	switch {
	case isInteger(f.base) && isInteger(t.base):
		fl, fh := bounds(f)
		tl, th := bounds(t)
		return fl.Cmp(tl) >= 0 && fh.Cmp(th) <= 0
	case isExact(f) && t.base == "decimal":
		fw, fs := digits(f)
		tw, ts := digits(t)
		return tw >= fw && ts >= fs && (!t.unsigned || f.unsigned)
	case t.base == "double" && t.args == "" && !t.unsigned:
		return f.base == "float" || isInteger(f.base) && f.base != "bigint"
	}
	return false
}

// number: fractions are rounded first, exact ones away from zero and others to
// even: https://dev.mysql.com/doc/refman/8.4/en/precision-math-rounding.html
func (c *cast) number() {
	col, f, t := c.col, c.f, c.t
	if f.base == "bit" {
		col += " + 0"
		c.out.Value = "(" + col + ")"
	}
	switch {
	case isInteger(t.base):
		c.toInteger(col)
	case t.base == "decimal" && f.base != "bit":
		p, s := decimalSize(t)
		c.misfit(dialect.OutOfRange, "%s", c.signed(tooManyDigits(col, p, s), col))
		c.out.Changed = fmt.Sprintf("%s <> ROUND(%s, %d)", col, col, s)
	case t.base == "bit" && isInteger(f.base) && t.number() < 64:
		c.misfit(dialect.OutOfRange, "(%s < 0 OR %s >= %s)", col, col, new(big.Int).Lsh(big.NewInt(1), uint(t.number())))
	case isReal(t) && t.args == "" && f.base != "bit":
		high := "1.7976931348623157e308"
		if t.base == "float" {
			high = "3.4028234663852886e38"
		}
		c.misfit(dialect.OutOfRange, "%s", c.signed(fmt.Sprintf("%s NOT BETWEEN -%s AND %s", col, high, high), col))
	default:
		c.unknown("whether " + f.head() + " values are taken as " + t.head())
	}
}

// tooManyDigits does without ABS, which fails for the lowest integer.
func tooManyDigits(value string, p, s int) string {
	return fmt.Sprintf("(ROUND(%[1]s, %[2]d) >= 1%[3]s OR ROUND(%[1]s, %[2]d) <= -1%[3]s)", value, s, strings.Repeat("0", p-s))
}

// signed adds the negative values, which an unsigned type does not take.
func (c *cast) signed(where, col string) string {
	if c.t.unsigned && !c.f.unsigned {
		return "(" + where + " OR " + col + " < 0)"
	}
	return where
}

// exactDouble is 2^53: beyond it a double has no unit digit of its own.
const exactDouble = "9007199254740992"

func (c *cast) toInteger(col string) {
	low, high := bounds(c.t)
	switch {
	case isInteger(c.f.base) || c.f.base == "bit":
		c.misfit(dialect.OutOfRange, "%s NOT BETWEEN %s AND %s", col, low, high)
		return
	case c.f.base == "decimal" && c.maria && c.t.unsigned:
		c.misfit(dialect.OutOfRange, "(%s < 0 OR ROUND(%s) > %s)", col, col, high)
	case c.f.base == "decimal":
		c.misfit(dialect.OutOfRange, "ROUND(%s) NOT BETWEEN %s AND %s", col, low, high)
	case c.t.base == "bigint": // what is too large is refused, or becomes the largest
		c.out.Doubt = fmt.Sprintf("(%[1]s >= %[2]s OR %[1]s <= -%[2]s)", col, exactDouble)
		if c.t.unsigned {
			c.misfit(dialect.OutOfRange, "ROUND(%s) < 0", col)
		}
	default:
		above := new(big.Int).Add(high, big.NewInt(1))
		c.misfit(dialect.OutOfRange, "(ROUND(%s) < %s OR ROUND(%s) >= %s)", col, low, col, above)
	}
	c.out.Changed = fmt.Sprintf("%s <> ROUND(%s)", col, col)
}

// What a text must look like to be a number: plain is taken for certain, and what
// is not even loose is refused for certain. To integers MariaDB takes no fraction.
const (
	plainNumber  = `^ *[-+]?([0-9]+([.][0-9]+)?|[.][0-9]+)([eE][-+]?[0-9]{1,2})? *$`
	looseNumber  = `^[[:space:]]*[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]*)?[[:space:]]*$`
	startsNumber = `^[[:space:]]*[-+]?[.]?[0-9]`
	plainInteger = `^[[:space:]]*[-+]?[0-9]+[[:space:]]*$`
)

func (c *cast) textToNumber() {
	plain, loose := plainNumber, looseNumber
	var out string
	switch t := c.t; {
	case isInteger(t.base):
		low, high := bounds(t)
		if c.maria {
			plain, loose = plainInteger, plainInteger
		}
		out = fmt.Sprintf("ROUND(CAST(%s AS DECIMAL(65,10))) NOT BETWEEN %s AND %s", c.col, low, high)
		c.out.Value = fmt.Sprintf("ROUND(CAST(%s AS DECIMAL(65,10)))", c.col)
	case t.base == "decimal" && decimalFits(t):
		p, s := decimalSize(t)
		exact := fmt.Sprintf("CAST(%s AS DECIMAL(65,%d))", c.col, min(30, s+10))
		out = c.signed(tooManyDigits(exact, p, s), exact)
		c.out.Value = fmt.Sprintf("ROUND(%s, %d)", exact, s)
		if !c.maria && isText(c.f.base) { // MySQL cuts what follows the number, of these alone
			loose = startsNumber
		}
	case isReal(t) && t.args == "" && !t.unsigned:
		c.out.Value = "(" + c.col + " + 0e0)"
		out = "FALSE"
		if t.base == "float" {
			out = "ABS(" + c.out.Value + ") > 3.4028234663852886e38"
		}
	default:
		c.unknown("whether texts are taken as " + t.head())
		return
	}
	c.misfit(dialect.Unconvertible, "%s NOT REGEXP '%s'", c.col, loose)
	if out != "FALSE" {
		c.misfit(dialect.OutOfRange, "CASE WHEN %s REGEXP '%s' THEN %s ELSE FALSE END", c.col, plain, out)
		c.out.Misfits[1].QueryOnly = true
	}
	if plain != loose {
		c.out.Doubt = fmt.Sprintf("%s REGEXP '%s' AND %s NOT REGEXP '%s'", c.col, loose, c.col, plain)
	}
}

// decimalFits tells whether DECIMAL(65) holds the type with digits to spare.
func decimalFits(t typeText) bool {
	p, s := decimalSize(t)
	return p-s <= 30 && s <= 30
}

// doubleText is the length of the longest double in digits.
const doubleText = 24

// toText: a short varchar is compared as it is, and of everything else blanks at
// the end are cut in silence.
func (c *cast) toText() {
	col, f, t := c.col, c.f, c.t
	measure := "CHAR_LENGTH"
	if isText(t.base) {
		measure = "LENGTH"
	}
	long := func(expr string) string { return fmt.Sprintf("%s(%s) > %d", measure, expr, capacity(t)) }
	switch {
	case class(f) == "bytes":
		text := "CONVERT(" + col + " USING utf8mb4)"
		c.out.Value = text
		valid := fmt.Sprintf("(CAST(%s AS BINARY) <=> CAST(%s AS BINARY))", text, col)
		c.misfit(dialect.Unconvertible, "NOT %s AND %s IS NOT NULL", valid, col)
		c.out.Misfits[0].QueryOnly = true
		c.misfit(dialect.TooLong, "%s AND %s", valid, long(text))
	case class(f) == "text":
		c.textToText(long)
	case isReal(f):
		c.out.Value = "CAST(" + col + " AS CHAR)"
		if capacity(t) < doubleText {
			c.out.Doubt = long(col)
		}
	case f.zerofill || f.base == "bit" || isSpatial(f.base) || f.base == "json" || f.base == "vector":
		if f.base != "json" || capacity(t) < 1<<24 {
			c.unknown("how long " + f.head() + " values become as text")
		}
	default:
		c.out.Value = "CAST(" + col + " AS CHAR)"
		c.misfit(dialect.TooLong, "%s", long(col))
	}
}

func (c *cast) textToText(long func(string) string) {
	col, f, t := c.col, c.f, c.t
	if capacity(t) >= capacity(f) && !isText(t.base) || capacity(t) >= capacity(f)*charBytes(f) || isText(f.base) && capacity(t) >= capacity(f) {
		return
	}
	switch {
	case f.base == "varchar" && t.base == "varchar":
		c.misfit(dialect.TooLong, "%s", long(col))
	case isText(t.base) && !c.maria:
		c.misfit(dialect.TooLong, "%s", long(col))
	default:
		c.misfit(dialect.TooLong, "%s", long("RTRIM("+col+")"))
	}
	if !isText(t.base) {
		c.out.Misfits[0].Mend = fmt.Sprintf("LEFT(%s, %d)", col, t.number())
	}
}

// plainDate is how a date and time is written so that every version takes it.
const plainDate = `^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?)?$`

// toDate: a text is a date or none, and one without a month or a day is none, as the
// plan's guard has it; such a date that is there already stays. A timestamp ends in
// 2038, and can be the zero date:
// https://dev.mysql.com/doc/refman/8.4/en/datetime.html
func (c *cast) toDate() {
	moment := c.col
	if class(c.f) == "text" {
		moment = "CAST(" + c.col + " AS DATETIME(6))"
		c.misfit(dialect.Unconvertible, "%[1]s IS NOT NULL AND (%[2]s IS NULL OR MONTH(%[2]s) = 0 OR DAYOFMONTH(%[2]s) = 0)", c.col, moment)
		c.out.Misfits[0].QueryOnly = true
		c.out.Doubt = fmt.Sprintf("%s IS NOT NULL AND %s NOT REGEXP '%s'", moment, c.col, plainDate)
	}
	switch {
	case c.t.base == "timestamp" && c.f.base != "timestamp":
		c.misfit(dialect.OutOfRange, "%[1]s IS NOT NULL AND %[1]s + 0 <> 0 AND COALESCE(UNIX_TIMESTAMP(%[1]s), 0) NOT BETWEEN 1 AND 2147483647.999999", moment)
		c.out.Misfits[len(c.out.Misfits)-1].QueryOnly = class(c.f) == "text"
		c.out.Value = moment
	case c.t.base == "date":
		c.out.Value = "CAST(" + c.col + " AS DATE)"
	default:
		c.out.Value = fmt.Sprintf("CAST(%s AS DATETIME(%d))", c.col, c.t.number())
	}
	if class(c.f) == "date" && rounds(c.f, c.t) {
		c.out.Changed = fmt.Sprintf("%s <> %s", c.col, c.out.Value)
	}
}

// toEnum: a text that is no value but a number is taken as the number of one:
// https://dev.mysql.com/doc/refman/8.4/en/enum.html
func (c *cast) toEnum() {
	if c.f.base == "enum" && strings.HasPrefix(c.t.args+",", c.f.args+",") {
		c.out = dialect.Conversion{Same: true}
		return
	}
	none := fmt.Sprintf("RTRIM(%s) NOT IN (%s)", c.col, c.t.args)
	c.misfit(dialect.Unconvertible, "%s AND %s NOT REGEXP '^[0-9]+$'", none, c.col)
	c.out.Doubt = fmt.Sprintf("%s AND %s REGEXP '^[0-9]+$'", none, c.col)
}
