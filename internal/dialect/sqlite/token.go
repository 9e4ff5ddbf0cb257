package sqlite

import "strings"

// token is one token of an SQL text: https://www.sqlite.org/lang_keywords.html
// and https://www.sqlite.org/lang_expr.html for how names and strings are
// quoted.
type token struct {
	text   string // an identifier without its quotes
	quoted bool   // an identifier in quotes, so never a keyword
	str    bool   // a string literal
	from   int    // byte range in the source
	to     int
}

// is tells whether the token is one of these keywords or symbols.
func (t token) is(words ...string) bool {
	if t.quoted || t.str {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.text, w) {
			return true
		}
	}
	return false
}

// tokenize splits SQL that SQLite has accepted, so it need not detect errors.
func tokenize(src string) []token {
	var out []token
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			i++
		case strings.HasPrefix(src[i:], "--"):
			i = end(src, i, "\n")
		case strings.HasPrefix(src[i:], "/*"):
			i = end(src, i+2, "*/")
		case c == '"' || c == '`' || c == '\'' || c == '[':
			t := quotedToken(src, i)
			out = append(out, t)
			i = t.to
		case isWord(c):
			j := i
			for j < len(src) && isWord(src[j]) {
				j++
			}
			out = append(out, token{text: src[i:j], from: i, to: j})
			i = j
		default:
			out = append(out, token{text: src[i : i+1], from: i, to: i + 1})
			i++
		}
	}
	return out
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c == '.' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}

// end returns the offset behind the next stop from i.
func end(src string, i int, stop string) int {
	if n := strings.Index(src[i:], stop); n >= 0 {
		return i + n + len(stop)
	}
	return len(src)
}

func quotedToken(src string, i int) token {
	closing := src[i]
	if closing == '[' {
		closing = ']'
	}
	var text strings.Builder
	j := i + 1
	for j < len(src) {
		if src[j] == closing {
			if closing != ']' && j+1 < len(src) && src[j+1] == closing {
				j++
			} else {
				break
			}
		}
		text.WriteByte(src[j])
		j++
	}
	return token{text: text.String(), quoted: src[i] != '\'', str: src[i] == '\'', from: i, to: min(j+1, len(src))}
}

// group returns the index behind the closing parenthesis that matches the
// opening one at i.
func group(tokens []token, i int) int {
	depth := 0
	for ; i < len(tokens); i++ {
		switch {
		case tokens[i].is("("):
			depth++
		case tokens[i].is(")"):
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

// split cuts tokens at the commas that are in no parentheses.
func split(tokens []token) [][]token {
	var out [][]token
	depth, start := 0, 0
	for i, t := range tokens {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.is(",") && depth == 0:
			out = append(out, tokens[start:i])
			start = i + 1
		}
	}
	return append(out, tokens[start:])
}
