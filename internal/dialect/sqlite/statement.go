package sqlite

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// statement is what an SQL statement can do to foreign keys.
type statement struct {
	unknown bool
	// keyed are tables whose rows or keys it can take away from under others; what
	// they refer to themselves may change too.
	keyed []string
	// filled are tables of which it only changes what they refer to.
	filled  []string
	index   string // that it drops; its table is keyed
	becomes string // the new name of the one keyed table
	written string // a table whose triggers it sets off
}

// readStatement understands what lockstep itself runs, and little more. Everything
// else, and everything with more than one statement in it, is unknown.
func readStatement(query string) statement {
	tokens := tokenize(query)
	if n := len(tokens); n > 0 && tokens[n-1].is(";") {
		tokens = tokens[:n-1]
	}
	r := &reader{tokens: tokens}
	if r.guard() {
		return statement{}
	}
	if slices.ContainsFunc(tokens, func(t token) bool { return t.is(";") }) {
		return statement{unknown: true}
	}
	st := r.statement()
	if r.failed {
		return statement{unknown: true}
	}
	return st
}

// reader reads tokens from the left.
type reader struct {
	tokens []token
	i      int
	failed bool
}

func (r *reader) at(n int) token {
	if r.i+n < len(r.tokens) {
		return r.tokens[r.i+n]
	}
	return token{}
}

// take reads these words, if they come next.
func (r *reader) take(words ...string) bool {
	for n, w := range words {
		if !r.at(n).is(w) {
			return false
		}
	}
	r.i += len(words)
	return true
}

// name reads the name of a table or index, alone: a schema before it is not
// understood.
func (r *reader) name() string {
	t := r.at(0)
	if t.str || t.text == "" || !t.quoted && (!isWord(t.text[0]) || slices.Contains([]byte(t.text), '.')) || r.at(1).is(".") || !r.at(1).quoted && len(r.at(1).text) > 1 && r.at(1).text[0] == '.' {
		r.failed = true
		return ""
	}
	r.i++
	return t.text
}

// guard tells whether the statement makes a trigger that does nothing but refuse.
func (r *reader) guard() bool {
	at := slices.IndexFunc(r.tokens, func(t token) bool { return t.is("BEGIN") })
	if at < 0 || slices.ContainsFunc(r.tokens[:at], func(t token) bool { return t.is(";") }) {
		return false
	}
	head := reader{tokens: r.tokens[:at]}
	body := reader{tokens: r.tokens[at:]}
	return (head.take("CREATE", "TRIGGER") || head.take("CREATE", "TEMP", "TRIGGER")) &&
		body.take("BEGIN", "SELECT", "RAISE", "(", "ABORT", ",") && body.at(0).str && len(body.tokens) == body.i+4 &&
		body.at(1).is(")") && body.at(2).is(";") && body.at(3).is("END")
}

func (r *reader) statement() statement {
	switch {
	case r.take("PRAGMA", "legacy_alter_table"), r.take("PRAGMA", "query_only"),
		r.take("SELECT"), r.take("EXPLAIN"), r.reads(), r.take("CREATE", "VIEW"), r.take("DROP", "VIEW"), r.take("DROP", "TRIGGER"),
		r.take("CREATE", "INDEX"):
		return statement{}
	case r.take("CREATE", "UNIQUE", "INDEX"): // the key that something refers to
		_ = r.take("IF", "NOT", "EXISTS")
		_ = r.name()
		r.failed = r.failed || !r.take("ON")
		return statement{keyed: []string{r.name()}}
	case r.take("CREATE", "TABLE"):
		_ = r.take("IF", "NOT", "EXISTS")
		return statement{keyed: []string{r.name()}}
	case r.take("DROP", "TABLE"):
		_ = r.take("IF", "EXISTS")
		return statement{keyed: []string{r.name()}}
	case r.take("DROP", "INDEX"):
		_ = r.take("IF", "EXISTS")
		return statement{index: r.name()}
	case r.take("ALTER", "TABLE"):
		return r.alter()
	case r.take("INSERT", "INTO"), r.take("DELETE", "FROM"):
		return r.written()
	case r.take("UPDATE"):
		st := r.written()
		r.failed = r.failed || !r.take("SET")
		return st
	}
	r.failed = true
	return statement{}
}

// reads tells whether a query that begins with what it calls tables by only reads.
func (r *reader) reads() bool {
	return r.at(0).is("WITH") && !slices.ContainsFunc(r.tokens, func(t token) bool { return t.is("INSERT", "UPDATE", "DELETE", "REPLACE") })
}

// written is a table whose rows come and go. An INSERT takes rows away where the table
// says ON CONFLICT REPLACE; nothing refers to lockstep's tables, nor to SQLite's own.
func (r *reader) written() statement {
	name := r.name()
	if folded := foldASCII(name); strings.HasPrefix(folded, dialect.ReservedPrefix) || folded == "sqlite_sequence" {
		return statement{filled: []string{name}, written: name}
	}
	return statement{keyed: []string{name}, written: name}
}

func (r *reader) alter() statement {
	name := r.name()
	switch {
	case r.take("RENAME", "TO"):
		becomes := r.name()
		return statement{keyed: []string{name, becomes}, becomes: becomes}
	case r.take("ADD"):
		return statement{filled: []string{name}}
	}
	r.failed = r.failed || !r.at(0).is("RENAME", "DROP")
	return statement{keyed: []string{name}}
}
