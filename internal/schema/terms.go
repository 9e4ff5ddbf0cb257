package schema

import "strings"

// Terms divides an SQL expression at a keyword outside parentheses and quotes; the AND
// of a BETWEEN is no such keyword.
func Terms(expr, keyword string) []string {
	var out []string
	depth, start, between := 0, 0, false
	for i := 0; i < len(expr); {
		end, word := Token(expr, i)
		is := func(w string) bool { return depth == 0 && end-i == len(w) && strings.EqualFold(word, w) }
		switch {
		case expr[i] == '(':
			depth++
		case expr[i] == ')':
			depth--
		case is("BETWEEN"):
			between = true
		case between && is("AND"):
			between = false
		case is(keyword):
			out = append(out, expr[start:i])
			start = end
		}
		i = end
	}
	return append(out, expr[start:])
}

// Bare takes the parentheses around all of an SQL expression off.
func Bare(expr string) string {
	expr = strings.TrimSpace(expr)
	for strings.HasPrefix(expr, "(") {
		depth, end := 0, 0
		for i := 0; i < len(expr); {
			next, _ := Token(expr, i)
			switch expr[i] {
			case '(':
				depth++
			case ')':
				depth--
			}
			if i = next; depth == 0 {
				end = next
				break
			}
		}
		if end != len(expr) {
			return expr
		}
		expr = strings.TrimSpace(expr[1 : end-1])
	}
	return expr
}
