package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Render implements dialect.Renderer: in place where ALTER TABLE and the index
// statements suffice, else by one copy that brings all of the step's changes.
// Renames always go first and in place: only so does SQLite rewrite what refers
// to the old name.
func (d *Dialect) Render(ctx context.Context, step dialect.Step) ([]dialect.Statement, error) {
	r := &render{d: d, ctx: ctx, before: step.Before, after: step.After, changes: step.Changes}
	for _, c := range step.Changes {
		if c.Kind != diff.Table {
			continue
		}
		switch c.Verb {
		case diff.Add:
			if r.after == nil {
				r.after = c.To.Table
			}
			err := r.createTable()
			return r.out, err
		case diff.Drop:
			err := r.dropTable(c.Table)
			return r.out, err
		case diff.Rename, diff.Alter:
		}
	}
	if r.after == nil {
		return nil, fault.New(fault.Bug, "STEP_WITHOUT_TABLE", "a step names no table")
	}
	if err := r.renames(); err != nil {
		return nil, err
	}
	var err error
	if r.needsCopy() {
		err = r.copyTable()
	} else {
		err = r.inPlace()
	}
	return r.out, err
}

// render is the state of one Render call.
type render struct {
	d             *Dialect
	ctx           context.Context // lives as long as the call
	before, after *schema.Table
	changes       []diff.Change
	out           []dialect.Statement
}

// writing is what every statement of an execution means to others: the lock is on
// the file, and is taken before the first of them.
// https://www.sqlite.org/lockingv3.html
func writing() dialect.Hazard {
	return dialect.Hazard{
		Kind: dialect.HazardLock, Detail: "writers of the whole database wait until the execution has ended", Mode: "RESERVED", Lasts: dialect.LockExecution,
	}
}

func (r *render) emit(sql, summary string, hazards ...dialect.Hazard) {
	r.out = append(r.out, dialect.Statement{SQL: sql, Summary: summary, Hazards: append(slices.Clip(hazards), writing())})
}

func (r *render) emitAll(stmts []string, err error, summary string, hazards ...dialect.Hazard) error {
	for _, s := range stmts {
		r.emit(s, summary, hazards...)
	}
	return err
}

func (r *render) alter(summary string, hazards []dialect.Hazard, actions ...atlas.Action) error {
	stmts, err := r.d.planner.Alter(r.ctx, r.after, actions...)
	return r.emitAll(stmts, err, summary, hazards...)
}

func (r *render) dropTable(name string) error {
	stmts, err := r.d.planner.DropTable(r.ctx, name)
	return r.emitAll(stmts, err, "drop table "+name,
		dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "all rows of " + name + " are removed"})
}

// createTable renders the table with its constraints, then its indexes.
func (r *render) createTable() error {
	create, err := r.createAs(r.after, r.after.Name)
	if err != nil {
		return err
	}
	r.emit(create, "create table "+r.after.Name)
	for _, x := range plainIndexes(r.after) {
		if err := r.addIndex(x); err != nil {
			return err
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

func (r *render) renames() error {
	for _, c := range r.changes {
		if c.Verb != diff.Rename || c.Kind != diff.Table {
			continue
		}
		if err := r.renameTable(c.OldName, c.Table); err != nil {
			return err
		}
	}
	for _, c := range r.changes {
		if c.Verb != diff.Rename || c.Kind != diff.Column {
			continue
		}
		summary := fmt.Sprintf("rename column %s of %s to %s", c.OldName, r.after.Name, c.Name)
		if err := r.alter(summary, nil, atlas.RenameColumn(c.OldName, c.Name)); err != nil {
			return err
		}
	}
	return nil
}

// renameTable goes by way of a third name where only case changes: SQLite takes
// the new name for one that is in use.
func (r *render) renameTable(from, to string) error {
	steps := []string{from, to}
	if foldASCII(from) == foldASCII(to) {
		steps = []string{from, dialect.CopyPrefix + to, to}
	}
	for i := 1; i < len(steps); i++ {
		stmts, err := r.d.planner.RenameTable(r.ctx, steps[i-1], steps[i])
		if err := r.emitAll(stmts, err, fmt.Sprintf("rename table %s to %s", from, to)); err != nil {
			return err
		}
	}
	return nil
}

func foldASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// needsCopy tells whether any change is beyond ALTER TABLE and CREATE INDEX.
func (r *render) needsCopy() bool {
	for _, c := range r.changes {
		switch {
		case c.Verb == diff.Rename && (c.Kind == diff.Table || c.Kind == diff.Column):
		case c.Verb == diff.Alter && c.Aspect == diff.AspectComment: // SQLite keeps no comments
		case c.Aspect == diff.AspectType && r.sameType(c):
			// the neutral type may change where the physical one does not
		case c.Kind == diff.Index && !isConstraint(c.From) && !isConstraint(c.To):
		case c.Kind == diff.Column && c.Verb == diff.Add && r.addable(r.current(c)):
		default:
			return true
		}
	}
	return false
}

func (r *render) sameType(c diff.Change) bool {
	old := r.old(c.Name)
	return old != nil && canonicalType(old.Physical) == canonicalType(r.current(c).Physical)
}

func isConstraint(p *diff.Part) bool { return p != nil && p.Index != nil && p.Index.Constraint }

// current is a column as it is after the step.
func (r *render) current(c diff.Change) *schema.Column {
	if col := r.after.Column(c.Name); col != nil {
		return col
	}
	return c.To.Column
}

// addable tells whether ALTER TABLE ADD COLUMN takes a column:
// https://www.sqlite.org/lang_altertable.html#altertabaddcol
func (r *render) addable(c *schema.Column) bool {
	if slices.Contains(r.after.PrimaryKey, c.Name) || c.AutoIncrement || c.Default != nil && c.Default.Expr {
		return false
	}
	return c.Nullable || c.Default != nil
}

// inPlace renders columns, then drops of indexes, then new ones.
func (r *render) inPlace() error {
	for _, c := range r.changes {
		if c.Kind == diff.Column && c.Verb == diff.Add {
			if err := r.alter(fmt.Sprintf("add column %s to %s", c.Name, r.after.Name), nil, atlas.AddColumn(r.current(c))); err != nil {
				return err
			}
		}
	}
	for _, c := range r.changes {
		if name, ok := dropsIndex(c); ok {
			r.emit("DROP INDEX "+quote(name), fmt.Sprintf("drop index %s from %s", name, r.after.Name))
		}
	}
	for _, c := range r.changes {
		if c.Kind == diff.Index && c.Aspect != diff.AspectComment && c.Verb != diff.Drop && c.To != nil {
			if err := r.addIndex(c.To.Index); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropsIndex returns the name of the index that a change takes away. SQLite
// cannot rename one: it is dropped and made again.
func dropsIndex(c diff.Change) (string, bool) {
	switch {
	case c.Kind != diff.Index || c.Aspect == diff.AspectComment:
		return "", false
	case c.Verb == diff.Rename:
		return c.OldName, true
	case c.Verb == diff.Drop || c.Verb == diff.Alter:
		if c.From != nil && c.From.Index != nil {
			return c.From.Index.Name, true
		}
		return c.Name, true
	}
	return "", false
}

// isNewIndex tells whether an index brings a rule that present rows have not been
// held to: not so one that is renamed, or made again after a copy.
func (r *render) isNewIndex(name string) bool {
	return slices.ContainsFunc(r.changes, func(c diff.Change) bool {
		return c.Kind == diff.Index && c.Name == name && (c.Verb == diff.Add || c.Verb == diff.Alter)
	})
}

func (r *render) addIndex(x *schema.Index) error {
	hazards := []dialect.Hazard{dialect.Scan(r.after.Name)}
	word := "index"
	if x.Unique {
		word = "unique index"
		if r.before != nil && r.isNewIndex(x.Name) {
			hazards = append(hazards, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates"})
		}
	}
	return r.alter(fmt.Sprintf("create %s %s on %s", word, x.Name, r.after.Name), hazards, atlas.AddIndex(x))
}
