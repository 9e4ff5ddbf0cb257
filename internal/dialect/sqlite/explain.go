package sqlite

import (
	"context"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

const mendDrift = "the database is not what was last recorded: compare it with the last revision (lockstep history --revision N), bring it back to that, and execute again"

// explain finds the cause of an error that SQLite has no code for: it answers
// SQLITE_ERROR for a name that is taken, for one that does not exist, and for
// what it cannot parse. The statement says which name it needs, and the schema
// whether it is there; the message is not read. err comes back when neither tells.
func (s *session) explain(ctx context.Context, statement string, err error) error {
	if primaryCode(err) != codeError {
		return err
	}
	w := wants(tokenize(statement))
	if w.object == "" {
		return err
	}
	kind, found := s.kindOf(ctx, w.object)
	if !found {
		return err
	}
	switch {
	case w.fresh && kind != "":
		return existing(err, "%s %s is there already", kind, w.object)
	case w.fresh:
		kind, found = s.kindOf(ctx, w.table)
		if !found || w.table == "" || kind != "" {
			return err
		}
		return missing(err, "the table %s is not there", w.table)
	case kind == "":
		return missing(err, "%s is not there", w.object)
	case w.column != "":
		return s.explainColumn(ctx, w, err)
	}
	return err
}

func (s *session) explainColumn(ctx context.Context, w want, err error) error {
	var n int
	asked := scanOne(ctx, s, "SELECT count(*) FROM pragma_table_xinfo(?1) WHERE name = ?2 COLLATE NOCASE", []any{w.object, w.column}, &n)
	switch {
	case asked != nil:
	case w.freshColumn && n > 0:
		return existing(err, "the column %s.%s is there already", w.object, w.column)
	case !w.freshColumn && n == 0:
		return missing(err, "the column %s.%s is not there", w.object, w.column)
	}
	return err
}

// kindOf is "table", "index", "view" or "trigger", or "" when nothing has the name.
func (s *session) kindOf(ctx context.Context, name string) (kind string, asked bool) {
	err := scanOne(ctx, s, "SELECT coalesce(max(type), '') FROM sqlite_master WHERE name = ?1 COLLATE NOCASE", []any{name}, &kind)
	return kind, err == nil
}

func existing(err error, format string, args ...any) error {
	return fault.Wrap(err, fault.Drift, "OBJECT_EXISTS", format, args...).Suggest("%s", mendDrift)
}

func missing(err error, format string, args ...any) error {
	return fault.Wrap(err, fault.Drift, "OBJECT_MISSING", format, args...).Suggest("%s", mendDrift)
}

// want is what a statement needs of the schema.
type want struct {
	object string // a table or an index
	fresh  bool   // there must be none of that name
	table  string // that must be there: of a new index, or the one that gets a new name
	column string // of the table; "" when the statement names none

	freshColumn bool
}

// wants reads the statements that lockstep writes:
// https://www.sqlite.org/lang.html
func wants(tokens []token) want {
	r := words{tokens}
	switch {
	case r.skip("CREATE"):
		r.skip("UNIQUE")
		index := r.skip("INDEX")
		if !index && !r.skip("TABLE") {
			return want{}
		}
		w := want{object: r.name(), fresh: true}
		if index && r.skip("ON") {
			w.table = r.name()
		}
		return w
	case r.skip("DROP") && (r.skip("TABLE") || r.skip("INDEX")):
		return want{object: r.name()}
	case r.skip("INSERT") && r.skip("INTO"):
		return want{object: r.name()}
	case r.skip("ALTER") && r.skip("TABLE"):
		return wantsAltered(&r)
	}
	return want{}
}

func wantsAltered(r *words) want {
	w := want{object: r.name()}
	switch {
	case r.skip("ADD"):
		r.skip("COLUMN")
		w.column, w.freshColumn = r.name(), true
	case r.skip("DROP"):
		r.skip("COLUMN")
		w.column = r.name()
	case r.skip("RENAME"):
		if r.skip("TO") {
			return want{object: r.name(), fresh: true, table: w.object}
		}
		r.skip("COLUMN")
		w.column = r.name()
	}
	return w
}

// words are the tokens that are left of a statement.
type words struct{ left []token }

func (w *words) skip(word string) bool {
	if len(w.left) == 0 || !w.left[0].is(word) {
		return false
	}
	w.left = w.left[1:]
	return true
}

// name takes the next name, past IF EXISTS and IF NOT EXISTS.
func (w *words) name() string {
	for w.skip("IF") || w.skip("NOT") || w.skip("EXISTS") {
	}
	if len(w.left) == 0 || w.left[0].str {
		return ""
	}
	out := strings.TrimPrefix(w.left[0].text, "main.")
	w.left = w.left[1:]
	return out
}
