package sqlserver

import (
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// held is an object that stands in the way of a change of a column and is
// neither dropped nor made by the step: it goes before, and comes back after.
// https://learn.microsoft.com/sql/t-sql/statements/alter-table-transact-sql#alter-column
type held struct {
	kind, name string
	take       func(r *render) error
	bring      func(r *render) error
}

func (r *render) take(list []held) error {
	for _, h := range list {
		if err := h.take(r); err != nil {
			return err
		}
	}
	return nil
}

// bring brings objects back, last taken first.
func (r *render) bring(list []held) error {
	for _, h := range slices.Backward(list) {
		if err := h.bring(r); err != nil {
			return err
		}
	}
	return nil
}

func heldCheck(k, now *schema.Check) held {
	return held{
		"check", k.Name,
		func(r *render) error {
			return r.alter(fmt.Sprintf("release check %s of %s", k.Name, r.name), hazards(momentary(r.name)), atlas.DropCheck(k.Name))
		},
		func(r *render) error {
			return r.alter(fmt.Sprintf("bring check %s of %s back", k.Name, r.name),
				checked(r.name), atlas.AddCheck(now))
		},
	}
}

func heldIndex(x, now *schema.Index) held {
	return held{
		"index", x.Name,
		func(r *render) error {
			return r.alter(fmt.Sprintf("release %s %s of %s", indexWord(x), x.Name, r.name), hazards(momentary(r.name)), atlas.DropIndex(x))
		},
		func(r *render) error { return r.addIndex(now, false) },
	}
}

func heldForeignKey(f *schema.ForeignKey) held {
	return held{
		"foreign key", f.Name,
		func(r *render) error {
			return r.alter(fmt.Sprintf("release foreign key %s of %s", f.Name, r.name), hazards(momentary(r.name)), atlas.DropForeignKey(f.Name))
		},
		func(r *render) error {
			return r.alter(fmt.Sprintf("bring foreign key %s of %s back", f.Name, r.name),
				referring(r.name, f.RefTable), atlas.AddForeignKey(f))
		},
	}
}

func heldKey(columns []string) held {
	return held{
		"primary key", "",
		func(r *render) error {
			return r.alter("release the primary key of "+r.name, hazards(rewritten(r.name), exclusive(r.name, "while it is rewritten", dialect.LockRewrite)), atlas.DropPrimaryKey(""))
		},
		func(r *render) error {
			return r.alter(fmt.Sprintf("bring the primary key of %s back", r.name), append(building(r.name, true), rewritten(r.name)),
				atlas.AddPrimaryKeyOnline(columns))
		},
	}
}

func heldColumn(c, now *schema.Column) held {
	return held{
		"column", c.Name,
		func(r *render) error {
			return r.alter(fmt.Sprintf("release the computed column %s of %s", c.Name, r.name), hazards(momentary(r.name)), atlas.DropColumnOf(c))
		},
		func(r *render) error {
			return r.alter(fmt.Sprintf("bring the computed column %s of %s back", c.Name, r.name), hazards(computing(r.name, now)...), atlas.AddColumn(now))
		},
	}
}

// release takes away what is in the way of the step's columns.
func (r *render) release() error {
	if r.before == nil {
		return nil
	}
	for _, c := range r.columns {
		if c.typed() || c.gone {
			r.held = append(r.held, r.around(c)...)
		}
	}
	r.held = distinct(r.held)
	return r.take(r.held)
}

// around is everything in the way of a column, in the order in which it can be
// taken away: what is on a computed column goes before that. Computed columns
// are made of plain ones only.
func (r *render) around(c *columnChange) []held {
	out := r.inTheWay(c)
	if parseType(c.from.Physical).isComputed() {
		return out
	}
	for _, x := range r.after.Columns {
		old := r.before.Column(x.Name)
		if old == nil || !schema.MentionsIdentifier(parseType(old.Physical).expr, c.to.Name) {
			continue
		}
		out = append(out, r.inTheWay(&columnChange{from: old, to: x, gone: true})...)
		out = append(out, heldColumn(old, x))
	}
	return out
}

// distinct keeps the first of each object.
func distinct(list []held) []held {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(h held) bool {
		key := h.kind + "\x00" + h.name
		again := seen[key]
		seen[key] = true
		return again
	})
}

// restore is the end of what release began.
func (r *render) restore() error {
	h := r.held
	r.held = nil
	return r.bring(h)
}

// inTheWay are the objects that forbid the change of a column.
func (r *render) inTheWay(c *columnChange) []held {
	var out []held
	name := c.to.Name
	grows := c.grows() && !c.gone
	for _, k := range r.before.Checks {
		if now := r.after.Check(k.Name); now != nil && !r.changed(diff.Check, k.Name) && !grows && schema.MentionsIdentifier(k.Expr, name) {
			out = append(out, heldCheck(k, now))
		}
	}
	for _, x := range r.before.Indexes {
		now := r.after.Index(x.Name)
		if now == nil || r.changed(diff.Index, x.Name) {
			continue
		}
		over := slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == name })
		if filters := schema.MentionsIdentifier(x.Where, name); filters || over && !grows && (c.gone || !c.relaxes() || x.Unique) {
			out = append(out, heldIndex(x, now))
		}
	}
	for _, f := range r.before.ForeignKeys {
		if now := r.after.ForeignKey(f.Name); now != nil && !r.changed(diff.ForeignKey, f.Name) && slices.Contains(f.Columns, name) {
			out = append(out, heldForeignKey(now))
		}
	}
	if slices.Contains(r.before.PrimaryKey, name) && slices.Equal(r.before.PrimaryKey, r.after.PrimaryKey) {
		out = append(out, heldKey(r.after.PrimaryKey))
	}
	return out
}

// changed tells whether the step itself drops or makes an object.
func (r *render) changed(kind diff.Kind, name string) bool {
	return slices.ContainsFunc(r.changes, func(c diff.Change) bool {
		return c.Kind == kind && c.Name == name && (drops(c) || adds(c))
	})
}

// altered is the change of a column in this step, or nil.
func (r *render) altered(column string) *columnChange {
	for _, c := range r.columns {
		if c.to.Name == column {
			return c
		}
	}
	return nil
}

// Pins tells plans that a foreign key holds the types of its columns, at both
// ends (error 5074).
func (*Dialect) Pins(from, to *schema.Column) bool {
	return canonicalType(from.Physical) != canonicalType(to.Physical)
}
