package postgres

import (
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Convert implements dialect.Asker. A change of type runs the assignment cast, or
// the USING that Render writes (see using). Where no condition tells which values
// fail, the cast itself is tried.
func (*Dialect) Convert(major int, from, to *schema.Column) dialect.Conversion {
	f, t := canonicalType(from.Physical), canonicalType(to.Physical)
	if f == t || keepsBytes(f, t) || widensNumber(f, t) {
		return dialect.Conversion{Same: true}
	}
	c := cast{col: quote(from.Name), f: baseOf(f), t: baseOf(t), fm: modsOf(f), tm: modsOf(t), target: to.Physical, major: major}
	c.out.Value = using(from.Name, from.Physical, to.Physical)
	if c.out.Value == "" {
		c.out.Value = c.col + "::" + to.Physical
	}
	c.decide()
	return c.out
}

// widensNumber tells whether every number of the one type is the same number in
// the other.
func widensNumber(from, to string) bool {
	f, t := baseOf(from), baseOf(to)
	fm, tm := modsOf(from), modsOf(to)
	switch {
	case rank(f) == 0 || rank(t) == 0:
		return false
	case rank(f) < rankFraction && rank(t) < rankFraction:
		return rank(t) >= rank(f)
	case rank(f) < rankFraction && t == "numeric":
		return len(tm) == 0
	case f == "real" && t == "double precision", f == "integer" && t == "double precision", f == "smallint":
		return t != "numeric"
	case f == "numeric" && t == "numeric" && len(fm) == 2 && len(tm) == 2:
		return tm[1] >= fm[1] && tm[0]-tm[1] >= fm[0]-fm[1]
	}
	return false
}

// cast is one pair of types under examination.
type cast struct {
	col    string
	f, t   string // without modifiers
	fm, tm []int
	target string // as it is written
	major  int
	out    dialect.Conversion
}

func (c *cast) misfit(kind dialect.MisfitKind, format string, args ...any) {
	c.out.Misfits = append(c.out.Misfits, dialect.Misfit{Kind: kind, Where: fmt.Sprintf(format, args...)})
}

func (c *cast) decide() {
	switch {
	case strings.HasSuffix(c.t, "[]") && family(strings.TrimRight(c.t, "[]")) == strs:
		c.out.Unknown = "PostgreSQL has no condition for arrays of limited texts"
	case family(c.t) == strs:
		c.toText()
	case family(c.f) == numbers && family(c.t) == numbers:
		c.number(c.col)
	case c.f == "boolean" && family(c.t) == numbers:
		c.number(c.col + "::integer")
	case c.t == "boolean" && family(c.f) == numbers:
	case c.f == c.t && (c.f == "bit" || c.f == "bit varying"):
		c.bits()
	case family(c.f) == strs && c.t == "bytea":
	case family(c.f) == strs:
		c.fromText()
	default:
		c.other()
	}
}

// toText: a value whose surplus is blanks alone is cut in silence, and any other
// is refused: https://www.postgresql.org/docs/current/datatype-character.html
func (c *cast) toText() {
	text := c.col + "::text"
	valid := ""
	if c.f == "bytea" {
		valid = "encode(" + c.col + ", 'hex') ~ '" + utf8Hex + "'"
		text = c.out.Value
		c.misfit(dialect.Unconvertible, "NOT (%s)", valid)
	}
	if len(c.tm) == 0 {
		return
	}
	long := fmt.Sprintf("char_length(rtrim(%s, ' ')) > %d", text, c.tm[0])
	if valid != "" {
		long = fmt.Sprintf("CASE WHEN %s THEN %s ELSE false END", valid, long)
	}
	c.misfit(dialect.TooLong, "%s", long)
	if family(c.f) == strs {
		c.out.Misfits[len(c.out.Misfits)-1].Mend = fmt.Sprintf("left(%s, %d)", c.col, c.tm[0])
	}
}

// utf8Hex matches well-formed UTF-8 without NUL, in hexadecimal digits:
// https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/#G27506
const utf8Hex = `^(0[1-9a-f]|[1-7][0-9a-f]|(c[2-9a-f]|d[0-9a-f])[89ab][0-9a-f]|e0[ab][0-9a-f][89ab][0-9a-f]` +
	`|(e[1-9a-cef])([89ab][0-9a-f]){2}|ed[89][0-9a-f][89ab][0-9a-f]|f0[9ab][0-9a-f]([89ab][0-9a-f]){2}` +
	`|f[123]([89ab][0-9a-f]){3}|f48[0-9a-f]([89ab][0-9a-f]){2})*$`

// number compares with the bounds of the new type, after the rounding that the
// cast does: https://www.postgresql.org/docs/current/datatype-numeric.html
func (c *cast) number(value string) {
	low, high := integerBounds(c.t)
	switch {
	case low != "" && rank(c.f) < rankFraction:
		c.misfit(dialect.OutOfRange, "%s NOT BETWEEN %s AND %s", value, low, high)
	case low != "": // NaN sorts above everything
		c.misfit(dialect.OutOfRange, "(round(%s) < %s OR round(%s) >= %s::numeric + 1)", value, low, value, high)
		c.out.Changed = fmt.Sprintf("%s <> round(%s)", value, value)
	case c.t == "numeric" && len(c.tm) == 2:
		exact := value + "::numeric"
		c.misfit(dialect.OutOfRange, "%s", tooManyDigits(exact, c.tm))
		if rank(c.f) >= rankFraction {
			c.out.Changed = fmt.Sprintf("%s <> round(%s, %d)", exact, exact, c.tm[1])
		}
	case c.t == "real" && c.f == "double precision", c.t == "real" && c.f == "numeric":
		c.misfit(dialect.OutOfRange, "%s", outOfFloat(value, "3.4028235677973366e38", "7.006492321624085e-46"))
	case c.t == "double precision" && c.f == "numeric":
		c.misfit(dialect.OutOfRange, "%s", outOfFloat(value, maxDouble, minDouble))
	}
}

// The values from which on a number is rounded to infinity, and up to which to zero.
const (
	maxDouble = "1.7976931348623158e308"
	minDouble = "2.4703282292062328e-324"
)

func integerBounds(base string) (low, high string) {
	switch base {
	case "smallint":
		return "-32768", "32767"
	case "integer":
		return "-2147483648", "2147483647"
	case "bigint":
		return "-9223372036854775808", "9223372036854775807"
	}
	return "", ""
}

// tooManyDigits: NaN is taken by every numeric, infinity by none with a precision.
func tooManyDigits(numeric string, mods []int) string {
	return fmt.Sprintf("(%s <> 'NaN' AND abs(round(%s, %d)) >= 1e%d::numeric)", numeric, numeric, mods[1], mods[0]-mods[1])
}

func outOfFloat(value, above, below string) string {
	return fmt.Sprintf("(%[1]s NOT IN ('NaN', 'Infinity', '-Infinity') AND (abs(%[1]s) >= %[2]s OR %[1]s <> 0 AND abs(%[1]s) <= %[3]s))", value, above, below)
}

// bits: a bit string of fixed length is taken in that length alone.
func (c *cast) bits() {
	switch {
	case len(c.tm) == 0:
	case c.t == "bit":
		c.misfit(dialect.TooLong, "length(%s) <> %d", c.col, c.tm[0])
	default:
		c.misfit(dialect.TooLong, "length(%s) > %d", c.col, c.tm[0])
	}
}

// other types are cast to try. Moments lose digits, or their time of day.
func (c *cast) other() {
	dated := family(c.f) == dates && family(c.t) == dates || c.f == c.t && (c.f == "time" || c.f == "timetz")
	if !dated || c.f != c.t {
		c.out.Try = c.out.Value
	}
	if dated && rounds(c.f+mods(c.fm), c.t+mods(c.tm)) {
		c.out.Changed = fmt.Sprintf("%s <> %s", c.col, c.out.Value)
	}
}

func mods(m []int) string {
	if len(m) == 0 {
		return ""
	}
	return fmt.Sprintf("(%d)", m[0])
}

// Patterns of what the input functions of PostgreSQL 15 and before take:
// https://www.postgresql.org/docs/15/datatype-numeric.html and -boolean, -uuid.
const (
	blanks    = `[ \t\n\r\f\v]*`
	intInput  = `^` + blanks + `[-+]?[0-9]+` + blanks + `$`
	numInput  = `^` + blanks + `[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?` + blanks + `$`
	wordInput = `^` + blanks + `(nan|[-+]?inf(inity)?)` + blanks + `$`
	hexInput  = `^` + blanks + `[-+]?0x`
	boolInput = `^` + blanks + `(t|tr|tru|true|y|ye|yes|on|1|f|fa|fal|fals|false|n|no|of|off|0)` + blanks + `$`
	uuidInput = `^(([0-9a-f]{4}-?){7}[0-9a-f]{4}|\{([0-9a-f]{4}-?){7}[0-9a-f]{4}\})$`
)

// validity is the first version with pg_input_is_valid:
// https://www.postgresql.org/docs/16/functions-info.html
const validity = 16

// fromText: from version 16 on the server says which texts are a value of a type.
func (c *cast) fromText() {
	low, high := integerBounds(c.t)
	switch {
	case c.t == "bit" || c.t == "bit varying": // which an explicit cast cuts in silence
		c.out.Try = c.out.Value
	case c.major >= validity:
		c.misfit(dialect.Unconvertible, "NOT pg_input_is_valid(%s::text, %s)", c.col, literal(c.target))
	case low != "":
		c.misfit(dialect.Unconvertible, "%s !~ '%s'", c.col, intInput)
		c.misfit(dialect.OutOfRange, "CASE WHEN %s ~ '%s' THEN %s::numeric NOT BETWEEN %s AND %s ELSE false END", c.col, intInput, c.col, low, high)
	case family(c.t) == numbers:
		c.textToFraction()
	case c.t == "boolean":
		c.misfit(dialect.Unconvertible, "%s !~* '%s'", c.col, boolInput)
	case c.t == "uuid":
		c.misfit(dialect.Unconvertible, "%s !~* '%s'", c.col, uuidInput)
	default:
		c.out.Try = c.out.Value
	}
}

func (c *cast) textToFraction() {
	exact := c.col + "::numeric"
	if c.t != "numeric" { // the C library may read hexadecimal numbers, too
		c.out.Doubt = c.col + " ~* '" + hexInput + "'"
		c.misfit(dialect.Unconvertible, "%[1]s !~* '%[2]s' AND %[1]s !~* '%[3]s' AND %[1]s !~* '%[4]s'", c.col, numInput, wordInput, hexInput)
	} else {
		c.misfit(dialect.Unconvertible, "%[1]s !~* '%[2]s' AND %[1]s !~* '%[3]s'", c.col, numInput, wordInput)
	}
	var out string
	switch {
	case c.t == "numeric" && len(c.tm) == 2:
		out = tooManyDigits(exact, c.tm)
	case c.t == "real":
		out = outOfFloat(exact, "3.4028235677973366e38", "7.006492321624085e-46")
	case c.t == "double precision":
		out = outOfFloat(exact, maxDouble, minDouble)
	default:
		return
	}
	otherwise := "false"
	if c.t == "numeric" {
		otherwise = c.col + " ~* 'inf'"
	}
	c.misfit(dialect.OutOfRange, "CASE WHEN %s ~* '%s' THEN %s ELSE %s END", c.col, numInput, out, otherwise)
}
