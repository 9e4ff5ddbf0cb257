package sqlserver

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// columnChange is everything that changes about one column in one step.
type columnChange struct {
	from, to *schema.Column
	aspects  map[diff.Aspect]bool
	// gone: the column goes and, if it is computed, comes back in another form.
	gone bool
}

// collect merges the changes of each column.
func (r *render) collect() error {
	for _, c := range r.changes {
		if c.Kind != diff.Column || c.Verb != diff.Alter {
			continue
		}
		m := r.altered(c.Name)
		if m == nil {
			m = &columnChange{to: r.current(c), from: r.previous(c), aspects: map[diff.Aspect]bool{}}
			r.columns = append(r.columns, m)
		}
		m.aspects[c.Aspect] = true
	}
	for _, m := range r.columns {
		if err := r.settle(m); err != nil {
			return err
		}
	}
	return nil
}

// current is a column as it is after the step.
func (r *render) current(c diff.Change) *schema.Column {
	if col := r.after.Column(c.Name); col != nil {
		return col
	}
	return c.To.Column
}

// previous is a column as it is before the step, which need not be what it was
// in the base: an earlier step of the plan may have changed other aspects.
func (r *render) previous(c diff.Change) *schema.Column {
	if r.before != nil {
		if col := r.before.Column(c.Name); col != nil {
			return col
		}
	}
	return c.From.Column
}

// settle finds out how a column changes, and refuses what SQL Server cannot do.
func (r *render) settle(m *columnChange) error {
	f, t := parseType(m.from.Physical), parseType(m.to.Physical)
	switch {
	case m.aspects[diff.AspectAutoIncrement]:
		return fault.New(fault.Unsupported, "IDENTITY_FIXED", "SQL Server can neither give IDENTITY to column %s of %s nor take it away", m.to.Name, r.name).
			Suggest("add a new column, move the values there, and drop the old one in a later version")
	case f.isComputed() != t.isComputed():
		return fault.New(fault.Unsupported, "COMPUTED_FIXED", "SQL Server can neither compute column %s of %s from now on nor stop it", m.to.Name, r.name).
			Suggest("add a new column, move the values there, and drop the old one in a later version")
	case t.isComputed():
		m.gone = f.expr != t.expr || f.persisted != t.persisted
		delete(m.aspects, diff.AspectType)
		delete(m.aspects, diff.AspectNull) // the server finds out by itself
		return nil
	}
	if f.String() == t.String() {
		delete(m.aspects, diff.AspectType) // the neutral type alone changes
	}
	if m.aspects[diff.AspectType] {
		return convertible(r.name, m.to.Name, f, t)
	}
	return nil
}

// typed tells whether ALTER COLUMN is needed.
func (m *columnChange) typed() bool { return m.aspects[diff.AspectType] || m.aspects[diff.AspectNull] }

// grows tells whether the column only takes longer values than before, which
// most objects on it allow.
func (m *columnChange) grows() bool {
	f, t := parseType(m.from.Physical), parseType(m.to.Physical)
	return t.variable() && f.base == t.base && f.collate == t.collate && t.number() >= f.number() && m.from.Nullable == m.to.Nullable
}

// relaxes tells whether the column only takes NULL from now on.
func (m *columnChange) relaxes() bool {
	return canonicalType(m.from.Physical) == canonicalType(m.to.Physical) && m.to.Nullable
}

// alterColumns changes columns one by one. A default is in the way of another
// type, and is put back behind it.
func (r *render) alterColumns() error {
	for _, m := range r.columns {
		if err := r.alterColumn(m); err != nil {
			return err
		}
	}
	return nil
}

func (r *render) alterColumn(m *columnChange) error {
	name := m.to.Name
	if m.gone && slices.ContainsFunc(r.held, func(h held) bool { return h.kind == "column" && h.name == name }) {
		return nil // it comes back as it is to be
	}
	if m.gone {
		summary := fmt.Sprintf("compute %s of %s anew", name, r.name)
		return r.alter(summary, hazards(computing(r.name, m.to)...), atlas.DropColumnOf(m.from), atlas.AddColumn(m.to))
	}
	var said []string
	var h []dialect.Hazard
	a := atlas.Aspects{Type: m.aspects[diff.AspectType], Null: m.aspects[diff.AspectNull], Default: m.aspects[diff.AspectDefault]}
	if a.Type {
		said = append(said, fmt.Sprintf("change %s of %s from %s to %s", name, r.name, m.from.Physical, m.to.Physical))
		h = append(h, retypeHazards(r.name, name, m)...)
		a.Default = a.Default || !m.grows() && (m.from.Default != nil || m.to.Default != nil)
	}
	if a.Null && m.to.Nullable {
		said = append(said, fmt.Sprintf("allow NULL in %s of %s", name, r.name))
	} else if a.Null {
		said = append(said, fmt.Sprintf("forbid NULL in %s of %s", name, r.name))
		h = append(h, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when " + name + " holds NULL"})
	}
	if m.aspects[diff.AspectDefault] {
		verb := "set"
		if m.to.Default == nil {
			verb = "drop"
		}
		said = append(said, fmt.Sprintf("%s the default of %s of %s", verb, name, r.name))
	}
	if a.Type || a.Null || a.Default {
		if err := r.alterAspects(m, a, strings.Join(said, "; "), append(h, r.altering(m, a)...)); err != nil {
			return err
		}
	}
	if m.aspects[diff.AspectComment] {
		return r.alter(fmt.Sprintf("comment on column %s of %s", name, r.name), nil, atlas.ColumnComment(m.to))
	}
	return nil
}

// altering is the lock of a change of a column: present rows are written for
// another type, and read for NOT NULL.
func (r *render) altering(m *columnChange, a atlas.Aspects) []dialect.Hazard {
	switch {
	case a.Type && !m.grows():
		return hazards(exclusive(r.name, "while it is altered", dialect.LockRewrite))
	case a.Null && !m.to.Nullable:
		return hazards(dialect.Scan(r.name), exclusive(r.name, "while it is altered", dialect.LockScan))
	}
	return hazards(momentary(r.name))
}

// alterAspects puts the hazards at ALTER COLUMN, or at the default when there is
// none.
func (r *render) alterAspects(m *columnChange, a atlas.Aspects, summary string, h []dialect.Hazard) error {
	stmts, err := r.d.planner.Alter(r.ctx, r.after, atlas.AlterColumn(m.from, m.to, a))
	at := slices.IndexFunc(stmts, func(s string) bool { return strings.Contains(s, "] ALTER COLUMN [") })
	for i, s := range stmts {
		if i == max(at, 0) {
			r.emit(s, summary, dialect.Once(h)...)
		} else {
			r.emit(s, summary, momentary(r.name))
		}
	}
	return err
}

// addColumns adds the new columns in one statement, but computed ones after it:
// they may name the others.
func (r *render) addColumns() error {
	var plain, computed []*schema.Column
	for _, c := range r.changes {
		if c.Kind != diff.Column || c.Verb != diff.Add {
			continue
		}
		col := r.current(c)
		if parseType(col.Physical).isComputed() {
			computed = append(computed, col)
		} else {
			plain = append(plain, col)
		}
	}
	for _, group := range [][]*schema.Column{plain, computed} {
		if err := r.addGroup(group); err != nil {
			return err
		}
	}
	return nil
}

func (r *render) addGroup(columns []*schema.Column) error {
	if len(columns) == 0 {
		return nil
	}
	var actions []atlas.Action
	var said []string
	var h []dialect.Hazard
	for _, c := range columns {
		actions = append(actions, atlas.AddColumn(c))
		said = append(said, fmt.Sprintf("add column %s to %s", c.Name, r.name))
		h = append(h, r.addHazards(c)...)
	}
	if !slices.ContainsFunc(h, func(one dialect.Hazard) bool { return one.Kind == dialect.HazardLock }) {
		h = append(hazards(momentary(r.name)), h...)
	}
	stmts, err := r.d.planner.Alter(r.ctx, r.after, actions...)
	for i, s := range stmts {
		if i == 0 {
			r.emit(s, strings.Join(said, "; "), dialect.Once(h)...)
		} else {
			r.emit(s, "comment on new columns of "+r.name)
		}
	}
	return err
}

func (r *render) addHazards(c *schema.Column) []dialect.Hazard {
	switch t := parseType(c.Physical); {
	case t.isComputed():
		return computing(r.name, c)
	case c.AutoIncrement:
		return r.filling("every row of " + r.name + " gets a number")
	case c.Default == nil && !c.Nullable:
		return hazards(dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when " + r.name + " has rows: " + c.Name + " is NOT NULL without a default"})
	case c.Default != nil:
		return r.filling("every row of " + r.name + " gets the default of " + c.Name + ", on editions that do not keep it aside")
	}
	return nil
}

// filling is what a new column with a value in every row costs.
func (r *render) filling(what string) []dialect.Hazard {
	return hazards(dialect.Rewrite(r.name, what), exclusive(r.name, "while it is added", dialect.LockRewrite))
}

// dropColumns drops columns with their defaults, computed ones first.
func (r *render) dropColumns() error {
	for _, first := range []bool{true, false} {
		for _, c := range r.changes {
			if c.Kind != diff.Column || c.Verb != diff.Drop || parseType(c.From.Column.Physical).isComputed() != first {
				continue
			}
			if err := r.dropColumn(c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *render) dropColumn(c diff.Change) error {
	from := c.From.Column
	if r.before != nil && r.before.Column(c.Name) != nil {
		from = r.before.Column(c.Name)
	}
	return r.alter(fmt.Sprintf("drop column %s from %s", c.Name, r.name),
		hazards(dialect.Hazard{Kind: dialect.HazardDataLoss, Detail: "all values of " + c.Name + " in " + r.name + " are removed"}, momentary(r.name)),
		atlas.DropColumnOf(from))
}
