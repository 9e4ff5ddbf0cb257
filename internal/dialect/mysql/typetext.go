package mysql

import (
	"strconv"
	"strings"
)

// typeText is a column type taken apart.
//
//nolint:recvcheck // parsing fills it in; everybody else has a value
type typeText struct {
	base      string // in MySQL's own word: int, varchar, double
	args      string // what stands in parentheses
	unsigned  bool
	zerofill  bool
	charset   string
	collation string
	// Generated columns: the expression, and STORED or VIRTUAL.
	expr, kept string
	// What a type's text may carry and the column's own properties say.
	auto, notNull bool
	rest          string // what was not understood
}

// synonyms of the base types:
// https://dev.mysql.com/doc/refman/8.4/en/other-vendor-data-types.html
// https://dev.mysql.com/doc/refman/8.4/en/numeric-type-syntax.html
func synonym(base string) string {
	switch base {
	case "bool", "boolean", "int1":
		return "tinyint"
	case "int2":
		return "smallint"
	case "int3", "middleint":
		return "mediumint"
	case "int4", "integer":
		return "int"
	case "int8":
		return "bigint"
	case "dec", "numeric", "fixed":
		return "decimal"
	case "double precision", "float8", "real":
		return "double"
	case "float4":
		return "float"
	case "character", "national char", "national character", "nchar":
		return "char"
	case "character varying", "char varying", "varcharacter", "nvarchar", "national varchar":
		return "varchar"
	case "long", "long varchar", "clob":
		return "mediumtext"
	case "long varbinary":
		return "mediumblob"
	case "geomcollection":
		return "geometrycollection"
	}
	return base
}

// parseType takes a type apart. Its words are lower-cased, values are not.
func parseType(s string) typeText {
	s = strings.TrimSpace(s)
	var t typeText
	base, s := words(s)
	t.base = synonym(base)
	if t.base == "serial" { // https://dev.mysql.com/doc/refman/8.4/en/numeric-type-syntax.html
		t.base, t.unsigned, t.auto, t.notNull = "bigint", true, true, true
	}
	hasArgs := strings.HasPrefix(s, "(")
	if hasArgs {
		t.args, s = parenthesised(s)
	}
	t.normalise(base, hasArgs)
	t.attributes(s)
	switch t.base { // display widths, which newer servers keep with ZEROFILL and of BOOLEAN
	case "tinyint":
		if !t.zerofill && (t.args != "1" || t.unsigned) {
			t.args = ""
		}
	case "smallint", "mediumint", "int", "bigint":
		if !t.zerofill {
			t.args = ""
		}
	}
	return t
}

// words takes the words of a base type off s.
func words(s string) (base, rest string) {
	w, rest := word(s)
	for _, second := range []string{"precision", "varying", "varchar", "varbinary", "char", "character"} {
		next, after := word(rest)
		two := w + " " + next
		if next == second && synonym(two) != two {
			return two, after
		}
	}
	return w, rest
}

// word takes one word off s, in lower case.
func word(s string) (w, rest string) {
	s = strings.TrimLeft(s, " \t\n")
	end := strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end < 0 {
		end = len(s)
	}
	return strings.ToLower(s[:end]), strings.TrimLeft(s[end:], " \t\n")
}

// parenthesised takes a parenthesised group off s, quotes considered.
func parenthesised(s string) (inside, rest string) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return strings.TrimSpace(s[1:i]), strings.TrimSpace(s[i+1:])
			}
		case '\'', '"', '`':
			i = closing(s, i)
		}
	}
	return "", s
}

// closing is the index of the quote that ends the one at i.
func closing(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == '\\' && s[i] != '`':
			j++
		case s[j] == s[i] && j+1 < len(s) && s[j+1] == s[i]:
			j++
		case s[j] == s[i]:
			return j
		}
	}
	return len(s)
}

// attributes reads what follows the base type.
func (t *typeText) attributes(s string) {
	for s != "" {
		w, rest := word(s)
		second, after := word(rest)
		switch {
		case w == "unsigned":
			t.unsigned = true
		case w == "signed":
		case w == "zerofill":
			t.zerofill, t.unsigned = true, true
		case w == "auto_increment":
			t.auto = true
		case w == "not" && second == "null":
			t.notNull, rest = true, after
		case w == "null":
		case w == "charset":
			t.charset, rest = charset(second), after
		case w == "character" && second == "set":
			var name string
			name, rest = word(after)
			t.charset = charset(name)
		case w == "collate":
			t.collation, rest = second, after
		case w == "generated" && second == "always":
			rest = after
		case w == "as" && strings.HasPrefix(rest, "("):
			t.expr, rest = parenthesised(rest)
			t.kept = "VIRTUAL"
		case t.expr != "" && w == "virtual":
		case t.expr != "" && (w == "stored" || w == "persistent"):
			t.kept = "STORED"
		default:
			t.rest = s
			return
		}
		s = rest
	}
}

func charset(name string) string {
	if name == "utf8" {
		return "utf8mb3"
	}
	return name
}

// normalise brings the arguments to those that the server would print.
func (t *typeText) normalise(asked string, hasArgs bool) {
	t.args = squeeze(t.args)
	switch t.base {
	case "tinyint":
		if asked == "bool" || asked == "boolean" {
			t.args = "1"
		}
	case "year":
		t.args = ""
	case "decimal":
		switch {
		case t.args == "":
			t.args = "10,0"
		case !strings.Contains(t.args, ","):
			t.args += ",0"
		}
	case "float":
		if n, err := strconv.Atoi(t.args); err == nil {
			t.args = ""
			if n > 24 {
				t.base = "double"
			}
		}
	case "char", "binary", "bit":
		if !hasArgs {
			t.args = "1"
		}
	case "datetime", "timestamp", "time":
		if t.args == "0" {
			t.args = ""
		}
	case "text", "blob":
		t.sized()
	}
}

// sized chooses the smallest TEXT or BLOB for a length:
// https://dev.mysql.com/doc/refman/8.4/en/string-type-syntax.html
func (t *typeText) sized() {
	n, err := strconv.Atoi(t.args)
	t.args = ""
	if err != nil || n == 0 {
		return
	}
	if t.base == "text" {
		n *= bytesPerChar
	}
	switch {
	case n < 1<<8:
		t.base = "tiny" + t.base
	case n < 1<<16:
	case n < 1<<24:
		t.base = "medium" + t.base
	default:
		t.base = "long" + t.base
	}
}

// squeeze takes blanks out between values.
func squeeze(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ', '\t', '\n':
		case '\'', '"':
			end := min(closing(s, i)+1, len(s))
			if s[i] == '"' { // a string in our SQL mode, which the server prints so
				b.WriteString("'" + strings.ReplaceAll(strings.ReplaceAll(s[i+1:end-1], `""`, `"`), "'", "''") + "'")
			} else {
				b.WriteString(s[i:end])
			}
			i = end - 1
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// number is the first number in the arguments; 0 when there is none.
func (t typeText) number() int {
	head, _, _ := strings.Cut(t.args, ",")
	n, _ := strconv.Atoi(head)
	return n
}

// String is the canonical spelling, by which types are compared. Of a generated
// column's expression, which servers rewrite, only the presence counts.
func (t typeText) String() string {
	s := t.head()
	if t.expr != "" {
		s += " generated " + strings.ToLower(t.kept)
	}
	return s
}

// head is the canonical spelling without what is generated.
func (t typeText) head() string {
	s := t.base
	if t.args != "" {
		s += "(" + t.args + ")"
	}
	if t.unsigned {
		s += " unsigned"
	}
	if t.zerofill {
		s += " zerofill"
	}
	if t.charset != "" {
		s += " character set " + t.charset
	}
	if t.collation != "" {
		s += " collate " + t.collation
	}
	return s
}

func canonicalType(phys string) string { return parseType(phys).String() }
