package sqlserver

import (
	"strconv"
	"strings"
)

// typeText is a column type taken apart.
//
//nolint:recvcheck // parsing fills it in; everybody else has a value
type typeText struct {
	base    string // in SQL Server's own word: int, nvarchar, decimal
	args    string // what stands in parentheses, without blanks
	collate string // as it is written
	// Computed columns: the expression without its parentheses, and whether its
	// values are stored.
	expr      string
	persisted bool
	rest      string // what was not understood
}

// synonyms of the base types:
// https://learn.microsoft.com/sql/t-sql/data-types/data-type-synonyms-transact-sql
func synonym(base string) string {
	switch base {
	case "integer":
		return "int"
	case "dec", "numeric":
		return "decimal"
	case "double precision":
		return "float"
	case "character", "char":
		return "char"
	case "character varying", "char varying":
		return "varchar"
	case "national character", "national char":
		return "nchar"
	case "national character varying", "national char varying":
		return "nvarchar"
	case "national text":
		return "ntext"
	case "binary varying":
		return "varbinary"
	case "rowversion":
		return "timestamp"
	}
	return base
}

// parseType takes a type apart. Its words are lower-cased, but for an expression
// and a collation.
func parseType(s string) typeText {
	s = strings.TrimSpace(s)
	if expr, ok := asClause(s); ok {
		return parseComputed(expr)
	}
	if strings.HasPrefix(s, "[") || strings.HasPrefix(s, `"`) {
		return typeText{base: s}
	}
	var t typeText
	var words []string
	rest := s
	for {
		end := strings.IndexFunc(rest, func(r rune) bool {
			return r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		})
		if end < 0 {
			end = len(rest)
		}
		w := strings.ToLower(rest[:end])
		if w == "" || w == "collate" {
			break
		}
		words, rest = append(words, w), strings.TrimLeft(rest[end:], " \t\r\n")
	}
	t.base = synonym(strings.Join(words, " "))
	if strings.HasPrefix(rest, "(") {
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			t.rest = rest
			return t
		}
		t.args = strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(rest[1:end], ",", " ")), ","))
		rest = strings.TrimSpace(rest[end+1:])
		if strings.EqualFold(rest, "varying") { // char(n) varying is no T-SQL, and stays unknown
			t.rest, rest = rest, ""
		}
	}
	if len(rest) > 8 && strings.EqualFold(rest[:8], "collate ") {
		t.collate, rest = strings.TrimSpace(rest[8:]), ""
	}
	t.rest += rest
	t.complete()
	return t
}

// complete fills in what SQL Server does when it is left out:
// https://learn.microsoft.com/sql/t-sql/data-types/data-types-transact-sql
func (t *typeText) complete() {
	switch t.base {
	case "decimal":
		switch {
		case t.args == "":
			t.args = "18,0"
		case !strings.Contains(t.args, ","):
			t.args += ",0"
		}
	case "char", "varchar", "nchar", "nvarchar", "binary", "varbinary":
		if t.args == "" {
			t.args = "1"
		}
	case "datetime2", "datetimeoffset", "time":
		if t.args == "" {
			t.args = "7"
		}
	case "float":
		if n, err := strconv.Atoi(t.args); err == nil && n <= 24 {
			t.base = "real"
		}
		t.args = ""
	}
}

// asClause is what stands behind AS in a computed column.
func asClause(s string) (string, bool) {
	if len(s) < 3 || !strings.EqualFold(s[:2], "as") || s[2] != ' ' && s[2] != '(' {
		return "", false
	}
	return strings.TrimSpace(s[2:]), true
}

// parseComputed reads "(expression) PERSISTED"; the parentheses may be missing.
func parseComputed(s string) typeText {
	t := typeText{expr: s}
	const word = "PERSISTED"
	if head := strings.TrimSpace(s[:max(0, len(s)-len(word))]); len(s) > len(word) && strings.EqualFold(s[len(s)-len(word):], word) {
		t.expr, t.persisted = head, true
	}
	for wrapped(t.expr) {
		t.expr = strings.TrimSpace(t.expr[1 : len(t.expr)-1])
	}
	return t
}

// wrapped tells whether the first parenthesis is closed by the last character.
func wrapped(s string) bool {
	if !strings.HasPrefix(s, "(") || !strings.HasSuffix(s, ")") {
		return false
	}
	depth, quoted := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 && i < len(s)-1 {
				return false
			}
		}
	}
	return depth == 0
}

// isComputed tells whether the column is computed from others.
func (t typeText) isComputed() bool { return t.expr != "" }

// String spells the type in one way, whatever it came as; a computed column by
// whether it is stored, since the server rewrites its expression.
func (t typeText) String() string {
	switch {
	case t.isComputed() && t.persisted:
		return "computed persisted"
	case t.isComputed():
		return "computed"
	}
	s := t.base
	if t.args != "" {
		s += "(" + t.args + ")"
	}
	if t.collate != "" {
		s += " collate " + strings.ToLower(t.collate)
	}
	if t.rest != "" {
		s += " " + t.rest
	}
	return s
}

func canonicalType(phys string) string { return parseType(phys).String() }

// number is the first argument; many for max.
func (t typeText) number() int {
	if t.args == "max" {
		return unbounded
	}
	first, _, _ := strings.Cut(t.args, ",")
	n, _ := strconv.Atoi(first)
	return n
}

// scale is the second argument.
func (t typeText) scale() int {
	_, second, _ := strings.Cut(t.args, ",")
	n, _ := strconv.Atoi(second)
	return n
}

const unbounded = 1 << 30

// variable tells the types whose values have a length of their own.
func (t typeText) variable() bool {
	return t.base == "varchar" || t.base == "nvarchar" || t.base == "varbinary"
}

// family groups types between which values keep their meaning.
type family int

const (
	others family = iota
	numbers
	texts
	bytes
	moments
)

func (t typeText) family() family {
	switch t.base {
	case "bit", "tinyint", "smallint", "int", "bigint", "decimal", "float", "real", "money", "smallmoney":
		return numbers
	case "char", "varchar", "nchar", "nvarchar", "text", "ntext":
		return texts
	case "binary", "varbinary", "image":
		return bytes
	case "date", "datetime", "datetime2", "smalldatetime", "datetimeoffset":
		return moments
	}
	return others
}

// bytes a value takes in a row or a key, and whether it always does: a value of
// a variable length takes at most these. 0: not known, or kept elsewhere.
// https://learn.microsoft.com/sql/relational-databases/tables/estimate-the-size-of-a-table
func (t typeText) width() (size int, fixed bool) {
	switch t.base {
	case "bit", "tinyint":
		return 1, true
	case "smallint":
		return 2, true
	case "int", "real", "smallmoney", "smalldatetime":
		return 4, true
	case "bigint", "float", "money", "datetime":
		return 8, true
	case "date":
		return 3, true
	case "uniqueidentifier":
		return 16, true
	case "decimal":
		switch p := t.number(); {
		case p <= 9:
			return 5, true
		case p <= 19:
			return 9, true
		case p <= 28:
			return 13, true
		}
		return 17, true
	case "datetime2":
		return 6 + fraction(t.number()), true
	case "time":
		return 3 + fraction(t.number()), true
	case "datetimeoffset":
		return 8 + fraction(t.number()), true
	case "char", "binary":
		return t.number(), true
	case "nchar":
		return 2 * t.number(), true
	case "varchar", "varbinary":
		if t.number() < unbounded {
			return t.number(), false
		}
	case "nvarchar":
		if t.number() < unbounded {
			return 2 * t.number(), false
		}
	}
	return 0, false
}

// fraction is what digits of a second take, beyond the first two.
func fraction(digits int) int {
	switch {
	case digits <= 2:
		return 0
	case digits <= 4:
		return 1
	}
	return 2
}

// large tells the types that no index takes as a key:
// https://learn.microsoft.com/sql/t-sql/statements/create-index-transact-sql
func (t typeText) large() bool {
	switch t.base {
	case "text", "ntext", "image", "xml", "geography", "geometry", "json", "vector":
		return true
	}
	return t.variable() && t.number() == unbounded
}
