package diff

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// passesNull tells whether a check surely lets a row through in which the columns
// of fresh are NULL, whatever the others hold: a check refuses what is false, and
// a comparison with NULL is not. It knows the forms that people write; of others
// it says no.
//
// See "Check Constraints" in PostgreSQL's manual (5.5.1): a check is satisfied if
// the expression is true or null.
func passesNull(expr string, fresh []string) bool {
	expr = schema.Bare(expr)
	if parts := schema.Terms(expr, "OR"); len(parts) > 1 { // true or unknown as soon as one part is
		return slices.ContainsFunc(parts, func(p string) bool { return passesNull(p, fresh) })
	}
	if parts := schema.Terms(expr, "AND"); len(parts) > 1 {
		return !slices.ContainsFunc(parts, func(p string) bool { return !passesNull(p, fresh) })
	}
	return conditionPasses(expr, fresh)
}

// conditionPasses judges an expression without AND and OR outside parentheses.
func conditionPasses(expr string, fresh []string) bool {
	words := words(expr)
	first := slices.IndexFunc(words, func(w string) bool { return isFresh(w, fresh) })
	if first < 0 {
		return false // it has its own mind about present code's rows
	}
	upper := make([]string, len(words))
	for i, w := range words {
		upper[i] = strings.ToUpper(w)
	}
	if first == 0 && len(words) == 3 && upper[1] == "IS" && upper[2] == "NULL" && !strings.ContainsAny(expr, "()") {
		return true
	}
	for i, w := range upper {
		switch w {
		case "IS", "OR", "CASE", "SELECT", "EXISTS", "ISNULL", "NOTNULL":
			return false // may be false although an operand is NULL
		case "AND", "BETWEEN", "IN": // NULL for certain only where the new column is what is looked for
			if first != 0 || i == 0 {
				return false
			}
		}
	}
	for _, operator := range []string{"<=>", "||", "&&"} { // of one engine or another
		if strings.Contains(expr, operator) {
			return false
		}
	}
	return callsNothing(expr)
}

func isFresh(word string, fresh []string) bool {
	return slices.ContainsFunc(fresh, func(name string) bool { return strings.EqualFold(word, name) })
}

// callsNothing tells whether an expression calls no function but those that
// answer NULL for NULL.
func callsNothing(expr string) bool {
	strict := []string{"", "IN", "NOT", "LENGTH", "CHAR_LENGTH", "OCTET_LENGTH", "LOWER", "UPPER", "TRIM", "ABS", "ROUND"}
	for i, last := 0, ""; i < len(expr); {
		end, word := schema.Token(expr, i)
		switch {
		case expr[i] == '(' && !slices.Contains(strict, strings.ToUpper(last)):
			return false
		case strings.TrimSpace(expr[i:end]) != "":
			last = word
		}
		i = end
	}
	return true
}

// words are the names and keywords of an expression; text in quotes is none.
func words(expr string) []string {
	var out []string
	for i := 0; i < len(expr); {
		end, word := schema.Token(expr, i)
		if word != "" && (word[0] < '0' || word[0] > '9') {
			out = append(out, word)
		}
		i = end
	}
	return out
}
