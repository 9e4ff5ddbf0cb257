package postgres

import (
	"fmt"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
)

// renameTable also renames what PostgreSQL named after the table when it was
// created: the primary key's index, and with it the constraint, and the
// sequences of serial columns. So names equal those of a fresh build. IF EXISTS:
// an adopted database may have named them otherwise.
func (r *render) renameTable(c diff.Change) error {
	if c.Kind != diff.Table || c.Verb != diff.Rename {
		return nil
	}
	stmts, err := r.d.planner.RenameTable(r.ctx, c.OldName, c.Table)
	if err != nil {
		return err
	}
	for _, s := range stmts {
		r.emit(s, fmt.Sprintf("rename table %s to %s", c.OldName, c.Table), momentary(c.OldName))
	}
	if r.before == nil {
		return nil
	}
	if len(r.before.PrimaryKey) > 0 {
		r.renameObject("INDEX", pkeyName(c.OldName), pkeyName(c.Table), "primary key of "+c.Table)
	}
	for _, col := range r.before.Columns {
		if col.AutoIncrement {
			r.renameObject("SEQUENCE", sequenceName(c.OldName, col.Name), sequenceName(c.Table, col.Name),
				"sequence of "+c.Table+"."+col.Name)
		}
	}
	return nil
}

func (r *render) renameObject(kind, from, to, what string) {
	if from == to {
		return
	}
	r.emit(fmt.Sprintf("ALTER %s IF EXISTS %s RENAME TO %s", kind, quote(from), quote(to)),
		fmt.Sprintf("rename the %s to %s", what, to))
}

func (r *render) renameColumn(c diff.Change) error {
	if c.Kind != diff.Column || c.Verb != diff.Rename {
		return nil
	}
	summary := fmt.Sprintf("rename column %s of %s to %s", c.OldName, r.name, c.Name)
	if err := r.alter(summary, hazards(momentary(r.name)), atlas.RenameColumn(c.OldName, c.Name)); err != nil {
		return err
	}
	if r.before != nil {
		if old := r.before.Column(c.OldName); old != nil && old.AutoIncrement {
			r.renameObject("SEQUENCE", sequenceName(r.name, c.OldName), sequenceName(r.name, c.Name),
				"sequence of "+r.name+"."+c.Name)
		}
	}
	return nil
}

// renameOther renames indexes and constraints.
func (r *render) renameOther(c diff.Change) error {
	if c.Verb != diff.Rename {
		return nil
	}
	switch c.Kind {
	case diff.Index:
		if c.To == nil || c.To.Index == nil || !c.To.Index.Constraint {
			return r.alter(fmt.Sprintf("rename index %s of %s to %s", c.OldName, r.name, c.Name), nil,
				atlas.RenameIndex(c.OldName, c.Name))
		}
		r.renameConstraint("unique constraint", c)
	case diff.ForeignKey:
		r.renameConstraint("foreign key", c)
	case diff.Check:
		r.renameConstraint("check", c)
	case diff.Table, diff.Column, diff.PrimaryKey:
	}
	return nil
}

// renameConstraint is ours: Atlas has no such change.
func (r *render) renameConstraint(what string, c diff.Change) {
	r.emit(fmt.Sprintf("ALTER TABLE %s RENAME CONSTRAINT %s TO %s", quote(r.name), quote(c.OldName), quote(c.Name)),
		fmt.Sprintf("rename %s %s of %s to %s", what, c.OldName, r.name, c.Name), momentary(r.name))
}

func hazards(h ...dialect.Hazard) []dialect.Hazard { return h }
