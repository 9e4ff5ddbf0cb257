package preflight

import (
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// retype looks for values that do not fit a column's new type, and asks again
// about all that stays and rests on the column: a text that becomes a number may
// make two rows alike.
func (b *builder) retype(s *side, c diff.Change) {
	col := s.columns[c.Name]
	if col.before == nil || col.conv.Same {
		return
	}
	change := c.String()
	if col.conv.Unknown != "" {
		b.out = append(b.out, Check{Subject: s.subject(Unconvertible, change, []string{c.Name}, ""), Unchecked: col.conv.Unknown})
	}
	quoted := b.d.Quote(col.before.Name)
	for _, m := range col.conv.Misfits {
		b.misfit(s, col, m, change)
	}
	if col.conv.Try != "" {
		src := s.itself()
		check := Check{Subject: s.subject(Unconvertible, change, []string{c.Name}, ""), try: true, Suggestion: misfitSuggestion(col)}
		check.Total = fmt.Sprintf("SELECT count(%s) FROM %s", col.conv.Try, src.from)
		check.Show = fmt.Sprintf("SELECT %s FROM %s WHERE %s IS NOT NULL", list(append(slices.Clone(src.keys), quoted)), src.from, quoted)
		b.out = append(b.out, check)
	}
	if col.conv.Doubt != "" {
		check := Check{
			Subject: s.subject(Unconvertible, change, []string{c.Name}, ""),
			doubt:   fmt.Sprintf("whether the engine takes them as %s cannot be told beforehand", col.after.Physical),
		}
		b.add(s, check, s.itself(), col.conv.Doubt, []string{quoted})
	}
	if col.conv.Changed != "" {
		check := Check{
			Subject:    s.subject(ValuesChanged, change, []string{c.Name}, ""),
			Suggestion: fmt.Sprintf("keep a copy of %s if the exact values are still needed", col.before.Name),
		}
		b.add(s, check, s.itself(), col.conv.Changed, []string{quoted})
	}
	b.restsOn(s, c.Name, change)
	b.numbering(s, change)
}

func (b *builder) misfit(s *side, col column, m dialect.Misfit, change string) {
	quoted := b.d.Quote(col.before.Name)
	check := Check{Subject: s.subject(kindOf(m.Kind), change, []string{col.after.Name}, ""), Suggestion: misfitSuggestion(col)}
	mend := m.Mend
	if mend == "" && col.before.Nullable && col.after.Nullable {
		mend = "NULL"
	}
	if mend != "" && !m.QueryOnly {
		check.Mend = fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", tableName(b.d, s.before.Name), quoted, mend, m.Where)
	}
	b.add(s, check, s.itself(), m.Where, []string{quoted})
}

func misfitSuggestion(col column) string {
	return fmt.Sprintf("change these values of %s into ones that fit %s", col.before.Name, col.after.Physical)
}

func kindOf(k dialect.MisfitKind) Kind {
	switch k {
	case dialect.TooLong:
		return TooLong
	case dialect.OutOfRange:
		return OutOfRange
	case dialect.Unconvertible:
	}
	return Unconvertible
}

// restsOn asks about what stays and rests on a column whose values change.
func (b *builder) restsOn(s *side, name, change string) {
	t := s.after
	if slices.Contains(t.PrimaryKey, name) && b.once(diff.PrimaryKey, t.Name, "") {
		b.primaryKey(s, t.PrimaryKey, change, false)
	}
	for _, x := range t.Indexes {
		if x.Unique && slices.Contains(s.indexColumns(x), name) && b.once(diff.Index, t.Name, x.Name) {
			b.unique(s, x, change)
		}
	}
	for _, k := range t.Checks {
		if schema.MentionsIdentifier(k.Expr, name) && b.once(diff.Check, t.Name, k.Name) {
			b.check(s, k, change)
		}
	}
	for _, o := range sorted(b.sides) {
		for _, f := range o.after.ForeignKeys {
			concerns := o == s && slices.Contains(f.Columns, name) || f.RefTable == t.Name && slices.Contains(f.RefColumns, name)
			if concerns && b.once(diff.ForeignKey, o.after.Name, f.Name) {
				b.foreignKey(o, f, change, true)
			}
		}
	}
}

// once tells whether an object has not been asked about, nor will be by a change
// of its own.
func (b *builder) once(kind diff.Kind, table, name string) bool {
	key := object(kind, table, name)
	if b.asked[key] {
		return false
	}
	b.asked[key] = true
	return true
}

// numbering asks what the engine demands of the column that identifies rows.
func (b *builder) numbering(s *side, change string) {
	n := b.d.Numbering(s.before, s.after)
	c := s.columns[n.Column]
	if n.Column == "" || c.before == nil || b.asked["numbering "+s.after.Name] {
		return
	}
	b.asked["numbering "+s.after.Name] = true
	quoted := b.d.Quote(c.before.Name)
	if n.Misfit != "" {
		check := Check{Subject: s.subject(Unconvertible, change, []string{n.Column}, ""), Suggestion: misfitSuggestion(c)}
		b.add(s, check, s.itself(), n.Misfit, []string{quoted})
	}
	if n.Doubt != "" {
		check := Check{Subject: s.subject(Duplicates, change, []string{n.Column}, ""), doubt: n.Why}
		b.add(s, check, s.itself(), n.Doubt, []string{quoted})
	}
}
