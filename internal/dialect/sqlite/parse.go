package sqlite

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// parsed is what only the text of CREATE TABLE tells: SQLite has no API for the
// names of constraints, for checks, for AUTOINCREMENT, or for collations.
type parsed struct {
	autoIncrement bool
	uniques       []*schema.Index
	checks        []*schema.Check
	foreignKeys   []*schema.ForeignKey
	collations    map[string]string // of columns, by their names in lower case
}

// parseTable reads the text of a CREATE TABLE that SQLite has stored.
// https://www.sqlite.org/lang_createtable.html
func parseTable(sql string) parsed {
	tokens := tokenize(sql)
	p := parsed{collations: map[string]string{}}
	open := slices.IndexFunc(tokens, func(t token) bool { return t.is("(") })
	if open < 0 {
		return p
	}
	closing := group(tokens, open)
	if closing-1 <= open {
		return p
	}
	for _, def := range split(tokens[open+1 : closing-1]) {
		if len(def) == 0 {
			continue
		}
		d := definition{sql: sql, tokens: def, out: &p}
		if !def[0].is("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN") {
			d.column = def[0].text
			d.i = 1
		}
		d.read()
	}
	return p
}

// definition reads one column definition or table constraint.
type definition struct {
	sql    string
	tokens []token
	i      int
	column string // "" in a table constraint
	name   string // of the constraint that comes next
	out    *parsed
}

func (d *definition) peek() token {
	if d.i < len(d.tokens) {
		return d.tokens[d.i]
	}
	return token{}
}

func (d *definition) next() token {
	t := d.peek()
	d.i++
	return t
}

func (d *definition) read() {
	for d.i < len(d.tokens) {
		t := d.next()
		switch {
		case t.is("CONSTRAINT"):
			d.name = d.next().text
			continue // the name stands for what follows
		case t.is("AUTOINCREMENT"):
			d.out.autoIncrement = true
		case t.is("COLLATE"):
			d.out.collations[foldASCII(d.column)] = foldASCII(d.next().text)
		case t.is("UNIQUE"):
			x := &schema.Index{Name: d.name, Unique: true, Constraint: true, Parts: d.parts()}
			x.Deviation = d.onConflict()
			d.out.uniques = append(d.out.uniques, x)
		case t.is("CHECK"):
			d.check()
		case t.is("FOREIGN"):
			d.next() // KEY
			d.foreignKey(d.columns())
		case t.is("REFERENCES"):
			d.i--
			d.foreignKey([]string{d.column})
		case t.is("("):
			d.i = group(d.tokens, d.i-1) // of a type, a default, a generated column
			continue
		default:
			continue
		}
		d.name = ""
	}
}

func (d *definition) check() {
	if !d.peek().is("(") {
		return
	}
	closing := group(d.tokens, d.i)
	text := d.sql[d.tokens[d.i].to:d.tokens[closing-1].from]
	d.out.checks = append(d.out.checks, &schema.Check{Name: d.name, Expr: strings.TrimSpace(text)})
	d.i = closing
}

// columns reads a list of names in parentheses, if there is one.
func (d *definition) columns() []string {
	var out []string
	for _, p := range d.parts() {
		out = append(out, p.Column)
	}
	return out
}

// parts reads a list of indexed columns; a column's own constraint has none.
func (d *definition) parts() []schema.IndexPart {
	if !d.peek().is("(") {
		return []schema.IndexPart{{Column: d.column}}
	}
	closing := group(d.tokens, d.i)
	items := split(d.tokens[d.i+1 : closing-1])
	d.i = closing
	var out []schema.IndexPart
	for _, item := range items {
		if len(item) > 0 {
			out = append(out, schema.IndexPart{Column: item[0].text, Desc: item[len(item)-1].is("DESC")})
		}
	}
	return out
}

// foreignKey reads from REFERENCES on.
func (d *definition) foreignKey(columns []string) {
	if !d.next().is("REFERENCES") {
		return
	}
	f := &schema.ForeignKey{Name: d.name, Columns: columns, RefTable: d.next().text}
	if d.peek().is("(") {
		f.RefColumns = d.columns()
	}
	for d.peek().is("ON") {
		d.next()
		event := d.next()
		action := d.action()
		if event.is("DELETE") {
			f.OnDelete = action
		} else {
			f.OnUpdate = action
		}
	}
	f.Deviation = d.deferred()
	d.out.foreignKeys = append(d.out.foreignKeys, f)
}

// deferred reads what makes a foreign key wait for the end of the transaction, which
// DEFERRABLE alone does not: https://www.sqlite.org/foreignkeys.html#fk_deferred
func (d *definition) deferred() string {
	for d.peek().is("MATCH") { // which SQLite reads and does not heed
		d.i += 2
	}
	if !d.peek().is("DEFERRABLE") {
		return ""
	}
	d.next()
	if !d.peek().is("INITIALLY") {
		return ""
	}
	d.next()
	if d.next().is("DEFERRED") {
		return "deferrable, initially deferred"
	}
	return ""
}

// onConflict reads what becomes of a row that breaks a constraint, unless that is
// an error: https://www.sqlite.org/lang_conflict.html
func (d *definition) onConflict() string {
	if !d.peek().is("ON") {
		return ""
	}
	d.i += 2
	if how := d.next(); !how.is("ABORT") {
		return "on conflict " + strings.ToLower(how.text)
	}
	return ""
}

func (d *definition) action() schema.Action {
	switch t := d.next(); {
	case t.is("CASCADE"):
		return schema.Cascade
	case t.is("RESTRICT"):
		return schema.Restrict
	case t.is("SET") && d.next().is("NULL"):
		return schema.SetNull
	case t.is("SET"):
		return schema.SetDefault
	default: // NO ACTION
		d.next()
		return schema.NoAction
	}
}

// indexTexts returns the texts of an index's parts and its predicate.
func indexTexts(sql string) (parts []string, where string) {
	tokens := tokenize(sql)
	on := slices.IndexFunc(tokens, func(t token) bool { return t.is("ON") })
	if on < 0 || on+2 >= len(tokens) || !tokens[on+2].is("(") {
		return nil, ""
	}
	closing := group(tokens, on+2)
	for _, item := range split(tokens[on+3 : closing-1]) {
		for len(item) > 2 && item[0].is("(") && group(item, 0) == len(item) {
			item = item[1 : len(item)-1] // parentheses that say nothing
		}
		if len(item) > 0 {
			parts = append(parts, sql[item[0].from:item[len(item)-1].to])
		}
	}
	if closing < len(tokens) && tokens[closing].is("WHERE") {
		where = strings.TrimSpace(sql[tokens[closing].to:])
	}
	return parts, where
}
