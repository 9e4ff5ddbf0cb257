package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// createAs renders CREATE TABLE without the table's indexes, under a name. What
// refers to the table itself keeps its own name. Unique constraints are written
// into the table, where GORM puts them; Atlas would make them indexes.
func (r *render) createAs(t *schema.Table, name string) (string, error) {
	bare := *t
	bare.Name, bare.Indexes = name, nil
	stmts, err := r.d.planner.CreateTable(r.ctx, &bare)
	if err != nil {
		return "", err
	}
	if len(stmts) != 1 || !strings.HasSuffix(stmts[0], "\n)") {
		return "", fault.New(fault.Bug, "RENDER_FAILED", "CREATE TABLE %s came out unlike expected", t.Name)
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(stmts[0], "\n)"))
	byName := slices.SortedFunc(slices.Values(t.Indexes), func(x, y *schema.Index) int { return strings.Compare(x.Name, y.Name) })
	for _, x := range byName { // of two over the same columns SQLite keeps the first: the same one, built fresh or copied
		if x.Constraint {
			fmt.Fprintf(&b, ",\n  CONSTRAINT %s UNIQUE (%s)", quote(x.Name), indexColumns(x))
		}
	}
	b.WriteString("\n)")
	return b.String(), nil
}

func indexColumns(x *schema.Index) string {
	out := make([]string, len(x.Parts))
	for i, p := range x.Parts {
		out[i] = quote(p.Column)
		if p.Collate != "" {
			out[i] += " COLLATE " + quote(p.Collate)
		}
		if p.Desc {
			out[i] += " DESC"
		}
	}
	return strings.Join(out, ", ")
}

// copyTable follows https://www.sqlite.org/lang_altertable.html#otheralter. The
// session has switched foreign keys off before the transaction, since DROP TABLE
// would otherwise delete the rows of child tables; it checks them before it
// commits. legacy_alter_table is on for the last rename alone: otherwise SQLite
// would fail on views that name the table, which is gone at that moment.
func (r *render) copyTable() error {
	name := r.after.Name
	tmp := dialect.CopyPrefix + name
	create, err := r.createAs(r.after, tmp)
	if err != nil {
		return err
	}
	r.emit(create, "rebuild "+name+": create its new form")
	r.copyRows(tmp)
	if numbered(r.before) && numbered(r.after) {
		// AUTOINCREMENT promises never to give a number again, even of a row
		// that was deleted: https://www.sqlite.org/autoinc.html
		r.emit("DELETE FROM sqlite_sequence WHERE name = "+literal(tmp), "rebuild "+name+": forget the copy's own last number")
		r.emit(fmt.Sprintf("INSERT INTO sqlite_sequence (name, seq) SELECT %s, seq FROM sqlite_sequence WHERE name = %s COLLATE NOCASE",
			literal(tmp), literal(name)), "rebuild "+name+": keep the last number given")
	}
	r.emit("DROP TABLE "+quote(name), "rebuild "+name+": drop its old form", r.losses()...)
	r.emit("PRAGMA legacy_alter_table=ON", "rebuild "+name+": leave alone what refers to it")
	r.emit(fmt.Sprintf("ALTER TABLE %s RENAME TO %s", quote(tmp), quote(name)), "rebuild "+name+": put the new form in place")
	r.emit("PRAGMA legacy_alter_table=OFF", "rebuild "+name+": back to normal")
	for _, x := range plainIndexes(r.after) {
		if err := r.addIndex(x); err != nil {
			return err
		}
	}
	return nil
}

func numbered(t *schema.Table) bool {
	return t != nil && slices.ContainsFunc(t.Columns, func(c *schema.Column) bool { return c.AutoIncrement })
}

// copyRows copies every row. Columns that are new take their defaults; a NULL in
// a column that is NOT NULL now fails, as it would on any engine.
func (r *render) copyRows(tmp string) {
	var to, from []string
	var guards []string
	for _, c := range r.after.Columns {
		old := r.old(c.Name)
		if old == nil {
			continue
		}
		to = append(to, quote(c.Name))
		from = append(from, convert(c.Name, old.Physical, c.Physical))
		if class := guarded(old.Physical, c.Physical); class != "" {
			guards = append(guards, fmt.Sprintf("typeof(NEW.%s) NOT IN (%s, 'null')", quote(c.Name), class))
		}
	}
	if len(to) == 0 { // nothing in common, but the rows stay
		c := r.after.Columns[0]
		value := "NULL"
		if c.Default != nil {
			value = "(" + defaultText(c) + ")"
		}
		to, from = []string{quote(c.Name)}, []string{value}
	}
	name := r.after.Name
	if len(guards) > 0 {
		r.emit(fmt.Sprintf("CREATE TEMP TRIGGER %s BEFORE INSERT ON %s WHEN %s BEGIN SELECT RAISE(ABORT, %s); END",
			quote(tmp), quote(tmp), strings.Join(guards, " OR "), literal("a value does not fit its column's new type")),
			"rebuild "+name+": refuse values that do not fit")
	}
	r.emit(fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", quote(tmp), strings.Join(to, ", "), strings.Join(from, ", "), quote(name)),
		"rebuild "+name+": copy its rows", r.copyHazards(len(guards) > 0)...)
	if len(guards) > 0 {
		r.emit("DROP TRIGGER temp."+quote(tmp), "rebuild "+name+": take the guard away")
	}
}

// old is the column before the step, found by the name it has after the step's
// renames.
func (r *render) old(name string) *schema.Column {
	for _, c := range r.changes {
		if c.Kind == diff.Column && c.Verb == diff.Add && c.Name == name {
			return nil
		}
		if c.Kind == diff.Column && c.Verb == diff.Rename && c.Name == name {
			name = c.OldName
		}
	}
	if r.before == nil {
		return nil
	}
	return r.before.Column(name)
}

// convert is the expression that carries a value over. The new column's
// affinity converts what it can without loss; between text and bytes it does
// not, so these are cast. CAST is not used where it could lose: it makes 0 of
// 'abc'.
func convert(column, from, to string) string {
	f, t := affinity(from), affinity(to)
	if f == affBlob && t == affText || f == affText && t == affBlob {
		return fmt.Sprintf("CAST(%s AS %s)", quote(column), t)
	}
	return quote(column)
}

// guarded returns the storage classes that a converted column must hold, or ""
// when any will do.
func guarded(from, to string) string {
	f, t := affinity(from), affinity(to)
	switch {
	case f == t:
		return ""
	case t == affInteger:
		return "'integer'"
	case t == affReal:
		return "'integer', 'real'"
	}
	return ""
}

func (r *render) losses() []dialect.Hazard {
	var out []dialect.Hazard
	for _, c := range r.changes {
		if c.Kind == diff.Column && c.Verb == diff.Drop {
			out = append(out, dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "all values of " + c.Name + " in " + r.after.Name + " are removed"})
		}
	}
	return out
}

// copyHazards says what copying the rows can run into.
func (r *render) copyHazards(guarded bool) []dialect.Hazard {
	out := []dialect.Hazard{dialect.Rewrite(r.after.Name, "every row of "+r.after.Name+" is copied")}
	mayFail := func(format string, args ...any) {
		out = append(out, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: fmt.Sprintf(format, args...)})
	}
	if guarded {
		mayFail("fails when a value does not fit its column's new type")
	}
	for _, c := range r.changes {
		switch {
		case c.To == nil || c.Verb == diff.Rename || c.Verb == diff.Drop:
		case c.Kind == diff.Column && c.Verb == diff.Add && !r.current(c).Nullable && r.current(c).Default == nil && !r.current(c).AutoIncrement:
			mayFail("fails when %s has rows: %s is NOT NULL without a default", r.after.Name, c.Name)
		case c.Kind == diff.Column && c.Aspect == diff.AspectNull && !r.current(c).Nullable:
			mayFail("fails when %s holds NULL", c.Name)
		case c.Kind == diff.Check:
			mayFail("fails when present rows violate check %s", c.Name)
		case c.Kind == diff.ForeignKey:
			mayFail("fails when present rows refer to rows that do not exist (%s)", c.Name)
		case c.Kind == diff.Index && c.To.Index.Constraint, c.Kind == diff.PrimaryKey:
			mayFail("fails when present rows hold duplicates")
		}
	}
	return out
}
