package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Render implements dialect.Renderer. All changes of a step become one ALTER
// TABLE, since that is atomic and rebuilds the table once, whatever it holds:
// https://dev.mysql.com/doc/refman/8.4/en/atomic-ddl.html
// Only a table's new name, and foreign keys that replace others of their name,
// stand apart.
func (d *Dialect) Render(ctx context.Context, step dialect.Step) ([]dialect.Statement, error) {
	r := &render{d: d, ctx: ctx, before: step.Before, after: step.After, changes: step.Changes}
	for _, c := range step.Changes {
		switch {
		case c.Kind == diff.Table && c.Verb == diff.Add && r.after == nil:
			r.after = c.To.Table
		case c.Kind == diff.Column && c.Verb == diff.Rename:
			r.renamed = append(r.renamed, c)
		}
	}
	if r.after == nil {
		r.after = r.before
	}
	if r.after == nil {
		return nil, fault.New(fault.Bug, "STEP_WITHOUT_TABLE", "a step names no table")
	}
	r.name = r.after.Name
	if slices.ContainsFunc(step.Changes, func(c diff.Change) bool { return c.Kind == diff.Table && c.Verb == diff.Add }) {
		return r.createTable()
	}
	for _, c := range step.Changes {
		if c.Kind == diff.Table && c.Verb == diff.Drop {
			return r.dropTable(c.Table)
		}
	}
	r.renameTable()
	if err := r.alterations(); err != nil {
		return nil, err
	}
	return r.out, nil
}

// render is the state of one Render call.
type render struct {
	d             *Dialect
	ctx           context.Context // lives as long as the call
	before, after *schema.Table
	changes       []diff.Change
	name          string        // the table's name once it has been renamed
	renamed       []diff.Change // columns renamed in this step

	out     []dialect.Statement
	guards  []guard
	prepare group             // what has to be done before
	group   group             // what becomes the one ALTER TABLE
	late    group             // what has to wait until it is done
	aside   []string          // columns that the last statement removes for good
	lost    []string          // what of theirs is lost then
	added   map[string]*group // foreign keys that the step adds, and where
	done    map[string]bool   // columns whose definition is written already
	// Columns that are NOT NULL from here on.
	forbidden []string
	newKey    int   // the part that makes the primary key
	failed    error // the first thing that could not be rendered
}

// alterations collects the step's changes and renders them.
func (r *render) alterations() error {
	r.added, r.done = map[string]*group{}, map[string]bool{}
	for _, phase := range []func(diff.Change) error{
		r.dropConstraint, r.dropIndex, r.key, r.column, r.renameIndex, r.addIndex, r.addConstraint, r.comment,
	} {
		for _, c := range r.changes {
			if err := phase(c); err != nil {
				return err
			}
		}
	}
	if r.before != nil {
		r.numbering()
		r.release()
		r.support()
	}
	for _, g := range r.guards {
		r.emit(dialect.Statement{
			SQL: g.sql(r.name), Summary: g.summary(r.name),
			Hazards: []dialect.Hazard{{Kind: dialect.HazardMayFail, Detail: g.hazard(r.name)}, dialect.Scan(r.name)},
		})
	}
	for _, g := range []group{r.prepare, r.group, r.late} {
		if err := r.flush(g); err != nil {
			return err
		}
	}
	r.finish()
	return r.failed
}

// renamedBefore is the table before the step under the new names of its columns,
// which is what its indexes are over by the time they are altered.
func (r *render) renamedBefore() *schema.Table {
	if len(r.renamed) == 0 {
		return r.before
	}
	draft := schema.NewDraft(&schema.Schema{Tables: []*schema.Table{r.before}})
	for _, c := range r.renamed {
		c.Table = r.before.Name
		if err := c.Apply(draft); err != nil {
			return r.before
		}
	}
	return draft.Table(r.before.Name)
}

// emit appends one finished statement.
func (r *render) emit(st dialect.Statement) { r.out = append(r.out, st) }

// createTable renders the whole table at once: keys, indexes, constraints and
// comments are part of its definition.
func (r *render) createTable() ([]dialect.Statement, error) {
	stmts, err := r.d.planner.CreateTable(r.ctx, r.after)
	if err != nil {
		return nil, err
	}
	for _, s := range stmts {
		r.emit(dialect.Statement{SQL: s, Summary: "create table " + r.name, On: r.name, Reverse: []string{"DROP TABLE " + quote(r.name)}})
	}
	return r.out, nil
}

// dropTable moves the table aside, which can be undone, and removes it when all
// else is done.
func (r *render) dropTable(name string) ([]dialect.Statement, error) {
	away := asideName(name)
	r.emit(dialect.Statement{
		SQL: renamed(name, away), Summary: "move table " + name + " aside", On: name,
		Reverse: []string{renamed(away, name)}, Hazards: []dialect.Hazard{momentary(name)},
	})
	r.emit(dialect.Statement{
		SQL: "DROP TABLE IF EXISTS " + quote(away), Summary: "drop table " + name, On: away, Final: true,
		Hazards: []dialect.Hazard{{Kind: dialect.HazardDataLoss, Detail: "all rows of " + name + " are removed"}},
	})
	return r.out, nil
}

func renamed(from, to string) string { return "RENAME TABLE " + quote(from) + " TO " + quote(to) }

// asideName is the name of a table or column that is moved aside.
func asideName(name string) string { return dialect.CutName(dialect.AsidePrefix+name, maxIdentifier) }

// renameTable keeps foreign keys and indexes as they are; MySQL and MariaDB
// change the foreign keys of other tables along with it.
func (r *render) renameTable() {
	for _, c := range r.changes {
		if c.Kind != diff.Table || c.Verb != diff.Rename {
			continue
		}
		sql, back := renamed(c.OldName, c.Table), renamed(c.Table, c.OldName)
		if strings.EqualFold(c.OldName, c.Table) {
			// By way of a name that is free, since with lower_case_table_names the
			// new one is not: https://dev.mysql.com/doc/refman/8.4/en/rename-table.html
			free := dialect.CutName(dialect.CopyPrefix+c.Table, maxIdentifier)
			sql, back = renamed(c.OldName, free)+", "+quote(free)+" TO "+quote(c.Table), renamed(c.Table, free)+", "+quote(free)+" TO "+quote(c.OldName)
		}
		r.emit(dialect.Statement{
			SQL: sql, Summary: fmt.Sprintf("rename table %s to %s", c.OldName, c.Table), On: c.OldName,
			Reverse: []string{back}, Hazards: []dialect.Hazard{momentary(c.OldName)},
		})
	}
}

// comment renders a changed comment of the table.
func (r *render) comment(c diff.Change) error {
	if c.Kind == diff.Table && c.Verb == diff.Alter && c.Aspect == diff.AspectComment {
		r.group.add("comment on table "+r.name, r.d.dictionaryMethod(),
			acts(atlas.TableComment(r.after.Comment)), acts(atlas.TableComment(c.From.Table.Comment)))
	}
	return nil
}

// guard is a question that is asked before anything changes, because the engine
// would not: it would fill a new NOT NULL column with zeros and empty strings, and
// take texts such as '0000-00-00' as dates; and MariaDB tells a NULL that is in the
// way by the same number as a value that does not fit.
type guard struct {
	column string // holds no NULL; "": the table has no rows
	adds   string // the column to be added
	dates  string // what column becomes, with no date that is none
}

// sql fails with error 1242, a subquery of more than one row, or 1690, a number out
// of range, which nothing else in a plan raises in a statement that alters nothing.
func (g guard) sql(table string) string {
	switch {
	case g.dates != "":
		date := "CAST(" + quote(g.column) + " AS DATE)"
		return fmt.Sprintf("SET @lockstep_check = EXP(1000 * EXISTS (SELECT 1 FROM %s WHERE MONTH(%s) = 0 OR DAYOFMONTH(%s) = 0))", quote(table), date, date)
	case g.column != "":
		return twice("SELECT 1 FROM " + quote(table) + " WHERE " + quote(g.column) + " IS NULL")
	}
	return twice("SELECT 1 FROM " + quote(table))
}

// twice fails when a query finds a row.
func twice(query string) string {
	return "SET @lockstep_check = (SELECT n FROM (SELECT 1 AS n UNION ALL SELECT 2) AS two WHERE EXISTS (" + query + "))"
}

func (g guard) summary(table string) string {
	switch {
	case g.dates != "":
		return fmt.Sprintf("check that no value of %s of %s becomes a date without a month or a day", g.column, table)
	case g.column != "":
		return fmt.Sprintf("check that %s of %s holds no NULL", g.column, table)
	}
	return fmt.Sprintf("check that %s has no rows, which would have no value for %s", table, g.adds)
}

func (g guard) hazard(table string) string {
	switch {
	case g.dates != "":
		return fmt.Sprintf("fails when a value of %s, such as 0000-00-00, would become a %s without a month or a day", g.column, g.dates)
	case g.column != "":
		return "fails when " + g.column + " holds NULL"
	}
	return "fails when " + table + " has rows: " + g.adds + " is NOT NULL without a default"
}
