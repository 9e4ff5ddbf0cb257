package mssql

import (
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// maxName is the longest name, in characters; ours are cut to as many bytes.
// https://learn.microsoft.com/sql/relational-databases/databases/database-identifiers
const maxName = 128

// KeyName is the name of a table's primary key.
func KeyName(table string) string { return dialect.CutName("PK_"+table, maxName) }

// DefaultName is the name of a column's default, which is an object of its own.
func DefaultName(table, column string) string {
	return dialect.CutName("DF_"+table+"_"+column, maxName)
}

// Quote quotes an identifier.
func Quote(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }

// text quotes a name or another string that needs no care for sqlcmd.
func text(s string) string { return "N'" + strings.ReplaceAll(s, "'", "''") + "'" }

// variable is how sqlcmd's variables begin:
// https://learn.microsoft.com/sql/tools/sqlcmd/sqlcmd-use-scripting-variables
const variable = "$("

// Literal writes a string as an expression, with sqlcmd's variables taken apart
// and control characters, among them ends of lines, by number.
func Literal(s string) string {
	pieces := pieces(s, "N'")
	if len(pieces) == 1 {
		return pieces[0]
	}
	return "(" + strings.Join(pieces, " + ") + ")"
}

// simple tells whether a string can be written as one literal.
func simple(s string) bool {
	return !strings.Contains(s, variable) && !strings.ContainsFunc(s, control)
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// pieces are the literals and characters that make up a string.
func pieces(s, open string) []string {
	var out []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, open+strings.ReplaceAll(b.String(), "'", "''")+"'")
			b.Reset()
		}
	}
	for i, r := range s {
		switch {
		case control(r):
			flush()
			out = append(out, fmt.Sprintf("NCHAR(%d)", r))
			continue
		case r == '(' && i > 0 && s[i-1] == '$':
			flush()
		}
		b.WriteRune(r)
	}
	flush()
	if len(out) == 0 {
		return []string{open + "'"}
	}
	return out
}

// Expression writes an SQL expression of a user's on one line, without its
// comments, and with the strings in it as Literal writes them.
func Expression(sql string) string {
	var b strings.Builder
	for i := 0; i < len(sql); {
		end := token(sql, i)
		word := sql[i:end]
		switch {
		case strings.HasPrefix(word, "--"), strings.HasPrefix(word, "/*"):
			b.WriteByte(' ')
		case word[0] == '\'' && !simple(word):
			open := "'"
			if text := b.String(); strings.HasSuffix(text, "N") || strings.HasSuffix(text, "n") {
				open = "N'"
				b.Reset()
				b.WriteString(text[:len(text)-1])
			}
			inner := strings.ReplaceAll(strings.TrimSuffix(word[1:], "'"), "''", "'")
			b.WriteString("(" + strings.Join(pieces(inner, open), " + ") + ")")
		case len(word) == 1 && control(rune(word[0])):
			b.WriteByte(' ')
		default:
			b.WriteString(word)
		}
		i = end
	}
	return strings.TrimSpace(b.String())
}

// token is the end of the token that begins at i: a string, a quoted name, a
// comment, or one byte.
func token(sql string, i int) int {
	rest := sql[i:]
	switch {
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexAny(rest, "\r\n"); n >= 0 {
			return i + n
		}
		return len(sql)
	case strings.HasPrefix(rest, "/*"):
		if n := strings.Index(rest[2:], "*/"); n >= 0 {
			return i + n + 4
		}
		return len(sql)
	}
	closer := map[byte]byte{'\'': '\'', '"': '"', '[': ']'}[sql[i]]
	if closer == 0 {
		return i + 1
	}
	for j := i + 1; j < len(sql); j++ {
		if sql[j] != closer {
			continue
		}
		if j+1 < len(sql) && sql[j+1] == closer {
			j++
			continue
		}
		return j + 1
	}
	return len(sql)
}

// OutsideStrings tells whether sqlcmd would read a variable in an expression
// where no string holds it, so that it cannot be written otherwise.
func OutsideStrings(sql string) bool {
	var b strings.Builder
	for i := 0; i < len(sql); {
		end := token(sql, i)
		if word := sql[i:end]; word[0] != '\'' && !strings.HasPrefix(word, "--") && !strings.HasPrefix(word, "/*") {
			b.WriteString(word)
		}
		i = end
	}
	return strings.Contains(b.String(), variable)
}
