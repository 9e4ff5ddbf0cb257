package sqlserver

import (
	"fmt"

	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// renameTable also renames what is named after the table: its primary key and
// its defaults.
func (r *render) renameTable(c diff.Change) error {
	if c.Kind != diff.Table || c.Verb != diff.Rename {
		return nil
	}
	from := &schema.Table{Name: c.OldName}
	if r.before != nil {
		from = r.before
	}
	stmts, err := r.d.planner.RenameTableOf(r.ctx, from, c.Table)
	if err != nil {
		return err
	}
	for i, s := range stmts {
		now := c.Table // of what is named after it
		if i == 0 {
			now = c.OldName
		}
		r.emit(s, fmt.Sprintf("rename table %s to %s", c.OldName, c.Table), momentary(now))
	}
	return nil
}

// renameColumns renames columns. Checks, filtered indexes and computed columns
// that name one are in its way (error 15336), and come back with the new name.
func (r *render) renameColumns() error {
	for _, c := range r.changes {
		if c.Kind != diff.Column || c.Verb != diff.Rename {
			continue
		}
		from := &schema.Column{Name: c.OldName}
		if r.before != nil && r.before.Column(c.OldName) != nil {
			from = r.before.Column(c.OldName)
		}
		h := r.naming(c.OldName)
		if err := r.take(h); err != nil {
			return err
		}
		summary := fmt.Sprintf("rename column %s of %s to %s", c.OldName, r.name, c.Name)
		if err := r.alter(summary, hazards(momentary(r.name)), atlas.RenameColumnOf(from, c.Name)); err != nil {
			return err
		}
		if err := r.bring(h); err != nil {
			return err
		}
	}
	return nil
}

// naming is what names a column in an expression.
func (r *render) naming(column string) []held {
	var out []held
	if r.before == nil {
		return nil
	}
	for _, k := range r.before.Checks {
		if now := r.after.Check(k.Name); now != nil && schema.MentionsIdentifier(k.Expr, column) {
			out = append(out, heldCheck(k, now))
		}
	}
	for _, x := range r.before.Indexes {
		if now := r.after.Index(x.Name); now != nil && schema.MentionsIdentifier(x.Where, column) {
			out = append(out, heldIndex(x, now))
		}
	}
	for _, c := range r.before.Columns {
		now := r.after.Column(c.Name)
		if now == nil || !schema.MentionsIdentifier(parseType(c.Physical).expr, column) {
			continue
		}
		renamed := *now
		renamed.Physical = schema.RewriteIdentifier(c.Physical, column, r.newName(column))
		out = append(out, r.inTheWay(&columnChange{from: c, to: &renamed, gone: true})...)
		out = append(out, heldColumn(c, &renamed))
	}
	return distinct(out)
}

// newName is a column's name after the step.
func (r *render) newName(column string) string {
	for _, c := range r.changes {
		if c.Kind == diff.Column && c.Verb == diff.Rename && c.OldName == column {
			return c.Name
		}
	}
	return column
}

// renameOther renames indexes and constraints.
func (r *render) renameOther(c diff.Change) error {
	if c.Verb != diff.Rename {
		return nil
	}
	summary := func(what string) string {
		return fmt.Sprintf("rename %s %s of %s to %s", what, c.OldName, r.name, c.Name)
	}
	lock := hazards(momentary(r.name))
	switch c.Kind {
	case diff.Index: // of a constraint too, which takes the name of its index
		return r.alter(summary("index"), lock, atlas.RenameIndex(c.OldName, c.Name))
	case diff.ForeignKey:
		return r.alter(summary("foreign key"), lock, atlas.RenameForeignKey(c.OldName, c.Name))
	case diff.Check:
		return r.alter(summary("check"), lock, atlas.RenameCheck(c.OldName, c.Name))
	case diff.Table, diff.Column, diff.PrimaryKey:
	}
	return nil
}
