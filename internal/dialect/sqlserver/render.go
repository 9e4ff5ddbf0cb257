package sqlserver

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
// the batches come in the order that SQL Server needs: renames, what stands in
// the way of columns, columns, what comes back, new constraints and indexes,
// comments. A batch is compiled as a whole, so nothing uses a column in the batch
// that makes it.
func (d *Dialect) Render(ctx context.Context, step dialect.Step) ([]dialect.Statement, error) {
	r := &render{d: d, ctx: ctx, before: step.Before, after: step.After, changes: step.Changes}
	for _, c := range step.Changes {
		if c.Kind == diff.Table && c.Verb == diff.Add && r.after == nil {
			r.after = c.To.Table
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
	if err := r.collect(); err != nil {
		return nil, err
	}
	for _, phase := range []func() error{
		r.eachOf(r.renameTable), r.renameColumns, r.eachOf(r.renameOther),
		r.eachOf(r.dropOther), r.eachOf(r.dropKey),
		r.release, r.alterColumns, r.addColumns, r.dropColumns, r.restore,
		r.eachOf(r.addKey), r.eachOf(r.addIndexes), r.eachOf(r.addChecks), r.eachOf(r.addForeignKeys),
		r.eachOf(r.table), r.eachOf(r.comment),
	} {
		if err := phase(); err != nil {
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
	changes       []diff.Change
	name          string // the table's name once it has been renamed

	out     []dialect.Statement
	columns []*columnChange // in first-seen order
	held    []held          // what is taken away around the columns
}

// eachOf runs a phase over every change.
func (r *render) eachOf(phase func(diff.Change) error) func() error {
	return func() error {
		for _, c := range r.changes {
			if err := phase(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// emit appends one finished statement.
func (r *render) emit(sql, summary string, hazards ...dialect.Hazard) {
	r.out = append(r.out, dialect.Statement{SQL: sql, Summary: summary, Hazards: hazards})
}

// alter renders actions. The hazards are those of the last statement but comments:
// what comes before it, such as dropping a default, only makes room, which locks
// the table all the same.
func (r *render) alter(summary string, hazards []dialect.Hazard, actions ...atlas.Action) error {
	stmts, err := r.d.planner.Alter(r.ctx, r.after, actions...)
	if err != nil {
		return err
	}
	main := len(stmts) - 1
	for main > 0 && strings.Contains(stmts[main], "extendedproperty") {
		main--
	}
	for i, s := range stmts {
		switch {
		case i == main:
			r.emit(s, summary, hazards...)
		case i < main:
			r.emit(s, summary, momentary(r.name))
		default:
			r.emit(s, summary)
		}
	}
	return nil
}

func (r *render) createTable() error {
	stmts, err := r.d.planner.CreateTableNoted(r.ctx, r.after)
	if err != nil {
		return err
	}
	for _, s := range stmts {
		var h []dialect.Hazard
		if len(r.out) == 0 {
			h = append(h, referred(r.after)...)
			h = append(h, longKey("the primary key", r.after, keyParts(r.after.PrimaryKey), maxClustered)...)
			for _, x := range r.after.Indexes {
				h = append(h, longKey("index "+x.Name, r.after, x.Parts, maxKeyBytes)...)
			}
		}
		r.emit(s.SQL, s.Note, h...)
	}
	return nil
}

// table drops a whole table.
func (r *render) table(c diff.Change) error {
	if c.Kind != diff.Table || c.Verb != diff.Drop {
		return nil
	}
	stmts, err := r.d.planner.DropTable(r.ctx, c.Table)
	if err != nil {
		return err
	}
	for _, s := range stmts {
		r.emit(s, "drop table "+c.Table,
			dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "all rows of " + c.Table + " are removed"}, momentary(c.Table))
	}
	return nil
}

// comment renders changed comments of the table and of its indexes; those of
// columns come with the columns.
func (r *render) comment(c diff.Change) error {
	if c.Verb != diff.Alter || c.Aspect != diff.AspectComment {
		return nil
	}
	switch c.Kind {
	case diff.Table:
		return r.alter("comment on table "+r.name, nil, atlas.TableComment(r.after.Comment))
	case diff.Index:
		return r.alter(fmt.Sprintf("comment on index %s of %s", c.Name, r.name), nil, atlas.IndexComment(c.To.Index))
	case diff.Column, diff.PrimaryKey, diff.ForeignKey, diff.Check:
	}
	return nil
}
