package schema

import (
	"strconv"
	"strings"
)

// literalText is the value of an SQL text that is one literal: a number, or a
// text in plain quotes.
func literalText(sql string) (string, bool) {
	if _, err := strconv.ParseFloat(sql, 64); err == nil {
		return sql, true
	}
	if len(sql) < 2 || sql[0] != '\'' || sql[len(sql)-1] != '\'' {
		return "", false
	}
	inner := sql[1 : len(sql)-1]
	if strings.Contains(strings.ReplaceAll(inner, "''", ""), "'") {
		return "", false
	}
	return strings.ReplaceAll(inner, "''", "'"), true
}

// RewriteIdentifier replaces the identifier from by to in an SQL expression:
// bare, or quoted in any engine's way. Text inside string literals stays. It
// serves renames, whose new name must appear in checks and predicates too.
func RewriteIdentifier(expr, from, to string) string {
	var b strings.Builder
	for i := 0; i < len(expr); {
		end, word := Token(expr, i)
		text := expr[i:end]
		if word == from && word != "" {
			text = requote(text, to)
		}
		b.WriteString(text)
		i = end
	}
	return b.String()
}

// MentionsIdentifier tells whether an SQL expression uses an identifier.
func MentionsIdentifier(expr, name string) bool {
	for i := 0; i < len(expr); {
		end, word := Token(expr, i)
		if strings.EqualFold(word, name) && word != "" {
			return true
		}
		i = end
	}
	return false
}

// Token returns the end of the token of an SQL expression that starts at i, and
// the identifier it is, or "".
func Token(expr string, i int) (end int, word string) {
	c := expr[i]
	switch {
	case c == '\'':
		return closing(expr, i, '\''), ""
	case c == '"' || c == '`':
		end = closing(expr, i, c)
		return end, unquote(expr[i:end], string(c))
	case c == '[':
		end = closing(expr, i, ']')
		return end, unquote(expr[i:end], "]")
	case isWord(c):
		end = i
		for end < len(expr) && isWord(expr[end]) {
			end++
		}
		return end, expr[i:end]
	default:
		return i + 1, ""
	}
}

// unquote is the name within quotes, in which the closing one is doubled; "" when
// they do not close.
func unquote(text, quote string) string {
	inner, closed := strings.CutSuffix(text[1:], quote)
	if !closed || strings.Count(inner, quote)%2 == 1 {
		return ""
	}
	return strings.ReplaceAll(inner, quote+quote, quote)
}

// requote writes a name in the quotes that the old one had.
func requote(old, name string) string {
	switch c := old[0]; c {
	case '"', '`':
		return string(c) + strings.ReplaceAll(name, string(c), string([]byte{c, c})) + string(c)
	case '[':
		return "[" + strings.ReplaceAll(name, "]", "]]") + "]"
	}
	return name
}

// closing returns the index after the quote that closes the one at i; a doubled
// quote stands for itself.
func closing(expr string, i int, quote byte) int {
	for j := i + 1; j < len(expr); j++ {
		if expr[j] != quote {
			continue
		}
		if j+1 < len(expr) && expr[j+1] == quote {
			j++
			continue
		}
		return j + 1
	}
	return len(expr)
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
