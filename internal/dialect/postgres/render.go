package postgres

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

// Render implements dialect.Renderer. Whatever the order of the step's changes,
// the statements come in the order that PostgreSQL needs: renames, drops of
// constraints and indexes, the key, columns, new constraints and indexes,
// comments.
func (d *Dialect) Render(ctx context.Context, step dialect.Step) ([]dialect.Statement, error) {
	r := &render{d: d, ctx: ctx, before: step.Before, after: step.After, referrers: step.Referrers, renamed: map[string]string{}}
	for _, c := range step.Changes {
		switch {
		case c.Kind == diff.Table && c.Verb == diff.Add && r.after == nil:
			r.after = c.To.Table
		case c.Kind == diff.Column && c.Verb == diff.Rename:
			r.renamed[c.Name] = c.OldName
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
		err := r.createTable() // the table after the step has everything else in it
		return r.out, err
	}
	for _, phase := range r.phases() {
		for _, c := range step.Changes {
			if err := phase(c); err != nil {
				return nil, err
			}
		}
		if err := r.flush(); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

// render is the state of one Render call.
type render struct {
	d             *Dialect
	ctx           context.Context // lives as long as the call
	before, after *schema.Table
	name          string // the table's name once it has been renamed
	referrers     []string

	out     []dialect.Statement
	pending group // actions that become one ALTER TABLE at the next flush
	last    []dialect.Statement
	merged  map[string]*columnAlter // aspects of one column, in first-seen order
	order   []string
	renamed map[string]string // columns renamed in this step, new name to old
}

// group collects actions for one statement.
type group struct {
	actions   []atlas.Action
	summaries []string
	hazards   []dialect.Hazard
}

func (r *render) phases() []func(diff.Change) error {
	return []func(diff.Change) error{
		r.renameTable, r.renameColumn, r.renameOther,
		r.dropOther, r.dropKey,
		r.alterColumn, r.dropColumn,
		r.addKey, r.addIndexes, r.addChecks, r.addForeignKeys,
		r.table, r.comment,
	}
}

// isNew tells whether the step creates the table.
func (r *render) isNew() bool { return r.before == nil }

// emit appends one finished statement.
func (r *render) emit(sql, summary string, hazards ...dialect.Hazard) {
	r.out = append(r.out, dialect.Statement{SQL: sql, Summary: summary, Hazards: hazards})
}

// alter renders actions as statements that share one summary and its hazards.
func (r *render) alter(summary string, hazards []dialect.Hazard, actions ...atlas.Action) error {
	stmts, err := r.d.planner.Alter(r.ctx, r.after, actions...)
	if err != nil {
		return err
	}
	for _, s := range stmts {
		r.emit(s, summary, hazards...)
	}
	return nil
}

// flush renders what a phase has collected.
func (r *render) flush() error {
	r.collectColumns()
	g, last := r.pending, r.last
	r.pending, r.last = group{}, nil
	if len(g.actions) > 0 {
		if err := r.alter(strings.Join(g.summaries, "; "), dialect.Once(g.hazards), g.actions...); err != nil {
			return err
		}
	}
	r.out = append(r.out, last...)
	return nil
}

// table drops a whole table.
func (r *render) table(c diff.Change) error {
	if c.Kind == diff.Table && c.Verb == diff.Drop {
		stmts, err := r.d.planner.DropTable(r.ctx, c.Table)
		if err != nil {
			return err
		}
		for _, s := range stmts {
			r.emit(s, "drop table "+c.Table, append(hazards(
				dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "all rows of " + c.Table + " are removed"},
				exclusive(c.Table, "while it is dropped", dialect.LockMoment)), otherSides(r.before)...)...)
		}
	}
	return nil
}

func (r *render) createTable() error {
	stmts, err := r.d.planner.CreateTable(r.ctx, r.after)
	if err != nil {
		return err
	}
	for i, s := range stmts {
		if i == 0 { // Atlas renders the table first, then its indexes in order
			r.emit(s, "create table "+r.name, referred(r.after)...)
			continue
		}
		r.emit(s, "create index "+plainIndexes(r.after)[i-1].Name+" on "+r.name)
	}
	if r.after.Comment != "" {
		r.tableComment(r.after.Comment)
	}
	for _, col := range r.after.Columns {
		if col.Comment != "" {
			r.columnComment(col.Name, col.Comment)
		}
	}
	for _, x := range r.after.Indexes {
		if x.Comment != "" {
			r.indexComment(x.Name, x.Comment)
		}
	}
	return nil
}

func plainIndexes(t *schema.Table) []*schema.Index {
	var out []*schema.Index
	for _, x := range t.Indexes {
		if !x.Constraint {
			out = append(out, x)
		}
	}
	return out
}

// comment renders changed comments of the table.
func (r *render) comment(c diff.Change) error {
	if c.Kind == diff.Table && c.Verb == diff.Alter && c.Aspect == diff.AspectComment {
		r.tableComment(r.after.Comment)
	}
	return nil
}

func (r *render) tableComment(text string) {
	r.emit("COMMENT ON TABLE "+quote(r.name)+" IS "+commentText(text), "comment on table "+r.name, nobody(r.name, dialect.LockMoment))
}

func (r *render) columnComment(column, text string) {
	r.emit("COMMENT ON COLUMN "+quote(r.name)+"."+quote(column)+" IS "+commentText(text),
		fmt.Sprintf("comment on column %s of %s", column, r.name), nobody(r.name, dialect.LockMoment))
}

func (r *render) indexComment(index, text string) {
	r.emit("COMMENT ON INDEX "+quote(index)+" IS "+commentText(text),
		fmt.Sprintf("comment on index %s of %s", index, r.name))
}

// commentText is NULL for no comment, which removes one.
func commentText(text string) string {
	if text == "" {
		return "NULL"
	}
	return literal(text)
}
