package plan

import (
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// Pinner is a Planner of an engine on which a foreign key holds the types of the
// columns it leads from and to, or whether they number rows.
type Pinner interface {
	// Pins tells whether a column that a foreign key leads from or to cannot
	// change so while the key is there.
	Pins(from, to *schema.Column) bool
}

// column names a column of the schema.
type column struct{ table, name string }

// release puts the foreign keys that stay out of the way of columns whose types or
// numbering they hold, and back when all have changed.
func (o *orderer) release(p Pinner, base *schema.Schema, verdicts []strategy.Verdict) error {
	retyped, moved := map[column]bool{}, map[column]bool{}
	for _, v := range verdicts {
		for _, c := range v.Now {
			switch {
			case c.Kind == diff.Column && c.Verb == diff.Alter && (c.Aspect == diff.AspectType || c.Aspect == diff.AspectAutoIncrement) && p.Pins(c.From.Column, c.To.Column):
				retyped[column{c.Table, c.Name}] = true
			case c.Kind == diff.ForeignKey:
				moved[column{c.Table, c.Name}] = true
			}
		}
	}
	if len(retyped) == 0 {
		return nil
	}
	draft := schema.NewDraft(base)
	for _, v := range verdicts {
		for _, c := range v.Now {
			if err := c.Apply(draft); err != nil {
				return err
			}
		}
	}
	for _, t := range draft.Schema().Tables {
		if o.created[t.Name] != nil {
			continue
		}
		for _, f := range t.ForeignKeys {
			if !moved[column{t.Name, f.Name}] && holds(t.Name, f, retyped) {
				c := diff.Change{Kind: diff.ForeignKey, Table: t.Name, Name: f.Name}
				drop, add := c, c
				drop.Verb, drop.From = diff.Drop, &diff.Part{ForeignKey: f}
				add.Verb, add.To = diff.Add, &diff.Part{ForeignKey: f}
				o.put(drop, false, dropForeignKeys, 0)
				o.put(add, false, addForeignKeys, 0)
			}
		}
	}
	return nil
}

// holds tells whether a foreign key leads from or to one of the columns.
func holds(table string, f *schema.ForeignKey, columns map[column]bool) bool {
	for _, c := range f.Columns {
		if columns[column{table, c}] {
			return true
		}
	}
	for _, c := range f.RefColumns {
		if columns[column{f.RefTable, c}] {
			return true
		}
	}
	return false
}
