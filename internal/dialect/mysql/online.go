package mysql

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// method is how the server carries a change of a table out. Each statement names
// it, so that a server that cannot do so says so, rather than locking a table for
// hours that was promised to stay in use:
//
//	https://dev.mysql.com/doc/refman/8.4/en/innodb-online-ddl-operations.html
//	https://mariadb.com/kb/en/innodb-online-ddl-overview/
type method int

// The methods, strongest first.
const (
	instant method = iota // the dictionary only: INSTANT
	nocopy                // indexes and the dictionary: INPLACE, which MariaDB calls NOCOPY
	inplace               // the table is rebuilt, writers go on: INPLACE
	waiting               // the same, and writers wait: INPLACE, LOCK=SHARED
	copying               // row by row, and writers wait: COPY
)

// clause is what an ALTER TABLE says of its method.
func (s Server) clause(m method) string {
	switch m {
	case instant:
		return "ALGORITHM=INSTANT"
	case nocopy:
		if s.maria() {
			return "ALGORITHM=NOCOPY, LOCK=NONE"
		}
		return "ALGORITHM=INPLACE, LOCK=NONE"
	case inplace:
		return "ALGORITHM=INPLACE, LOCK=NONE"
	case waiting:
		return "ALGORITHM=INPLACE, LOCK=SHARED"
	case copying:
	}
	return "ALGORITHM=COPY, LOCK=SHARED"
}

// weaker are the clauses to fall back to, strongest first.
func (s Server) weaker(m method) []string {
	var out []string
	for next := m + 1; next <= copying; next++ {
		if c := s.clause(next); c != s.clause(m) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// methodHazards say what a method means to those who use the table.
func (s Server) methodHazards(m method, table string) []dialect.Hazard {
	var out []dialect.Hazard
	switch m {
	case instant, nocopy:
		out = []dialect.Hazard{momentary(table)}
	case inplace:
		out = []dialect.Hazard{rebuilt(table), momentary(table)}
	case waiting:
		out = []dialect.Hazard{
			dialect.Rewrite(table, table+" is rebuilt, or an index of it built, in place (INPLACE, LOCK=SHARED)"),
			sharing(table, "until it is done", dialect.LockRewrite),
		}
	case copying:
		out = copied(table)
	}
	if weaker := s.weaker(m); len(weaker) > 0 {
		out = append(out, dialect.Hazard{
			Kind: dialect.HazardLock, Table: table, Lasts: dialect.LockRewrite,
			Detail: "should the server refuse " + s.clause(m) + " for this table, weaker ones are tried, down to " + weaker[len(weaker)-1],
		})
	}
	return out
}

// addColumnMethod: MySQL adds the last column at once from 8.0.12, and any from
// 8.0.29; MariaDB any from 10.4. A value that has to be computed for each row
// needs a copy, and a full-text index, whose hidden column stands in the way, a
// rebuild.
func (r *render) addColumnMethod(c *schema.Column) method {
	t, maria := parseType(c.Physical), r.d.server.maria()
	switch {
	case t.expr != "" && t.kept == "STORED":
		return copying
	case t.expr != "":
		return instant
	case c.AutoIncrement && maria:
		return waiting
	case c.AutoIncrement:
		return copying
	case c.Default != nil && c.Default.Expr && strings.HasPrefix(r.d.defaultText(c), "("):
		return copying
	case c.Default != nil && !maria && strings.HasPrefix(r.d.defaultText(c), "("):
		return copying // a literal of TEXT, BLOB or JSON, which is an expression to MySQL
	}
	return r.unlessFulltext(instant)
}

// unlessFulltext weakens what a full-text index of the table prevents: it would
// have to be built anew, which MySQL only does by copying.
func (r *render) unlessFulltext(m method) method {
	switch {
	case r.before == nil || !slices.ContainsFunc(r.before.Indexes, fulltext):
		return m
	case r.d.server.maria():
		return max(m, waiting)
	}
	return copying
}

// dropColumnMethod: INSTANT from MySQL 8.0.29 and MariaDB 10.4.
func (r *render) dropColumnMethod(c *schema.Column) method {
	switch t := parseType(c.Physical); {
	case t.expr != "" && t.kept == "VIRTUAL":
		return instant
	case r.d.server.since(version(8, 0, 29), version(10, 4, 0)):
		return r.unlessFulltext(instant)
	}
	return r.unlessFulltext(inplace)
}

// renameColumnMethod: INSTANT from MySQL 8.0.28, where nothing of another table
// refers to the column.
func (d *Dialect) renameColumnMethod() method {
	if d.server.since(version(8, 0, 28), version(10, 4, 0)) {
		return instant
	}
	return nocopy
}

// modifyMethod is how one aspect of a column changes.
func (r *render) modifyMethod(aspect diff.Aspect, from, to *schema.Column) method {
	switch aspect {
	case diff.AspectType:
		return r.retypeMethod(parseType(from.Physical), parseType(to.Physical))
	case diff.AspectNull:
		if r.d.server.maria() && !to.Nullable && slices.ContainsFunc(r.before.Columns, isStored) {
			return copying // which it would have to compute anew
		}
		return r.unlessFulltext(inplace)
	case diff.AspectAutoIncrement:
		if r.d.server.maria() && !to.AutoIncrement {
			return instant
		}
		return copying
	case diff.AspectNone, diff.AspectDefault, diff.AspectComment, diff.AspectDefinition:
	}
	return instant
}

// retypeMethod: values appended to an enumeration are the dictionary's affair,
// and so is a string that grows, but for MySQL, which looks at the indexes.
func (r *render) retypeMethod(f, t typeText) method {
	switch {
	case t.expr != "" && t.kept == "VIRTUAL" && f.kept == t.kept && r.d.server.maria() && f.head() == t.head():
		return instant
	case f.expr != "" || t.expr != "" || !r.d.inPlace(f, t):
		return copying
	case f.base == "enum" || f.base == "set" || r.d.server.maria():
		return instant
	}
	return nocopy
}

// dictionaryMethod is that of changes that MariaDB makes at once and MySQL in
// place: dropping foreign keys, renaming indexes, comments of tables.
func (d *Dialect) dictionaryMethod() method {
	if d.server.maria() {
		return instant
	}
	return nocopy
}

// addIndexMethod: full-text and spatial indexes are built while writers wait, and
// so are those over expressions.
func (*render) addIndexMethod(x *schema.Index) method {
	if x.Method != "" || slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == "" }) {
		return waiting
	}
	return nocopy
}

func isStored(c *schema.Column) bool { return parseType(c.Physical).kept == "STORED" }
