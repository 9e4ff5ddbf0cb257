package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// phase is the place of a change in the order of a plan. Names are vacated
// before they are taken, what is referred to exists before what refers to it,
// and what removes data comes last.
type phase int

const (
	renameTables phase = iota
	renameColumns
	dropForeignKeys
	dropIndexes // and checks; renames of indexes and constraints
	createTables
	alterTables
	addIndexes // and checks
	addForeignKeys
	removeColumns
	dropTables
)

// item is one change at its place.
type item struct {
	change      diff.Change
	destructive bool
	phase       phase
	rank        int // within the phase, where the order of tables matters

	stage  dialect.Phase // of an online plan
	online bool          // rendered by dialect.Online
	build  string        // of an index that is built online: its first name
}

// step is the changes of one table that are rendered together.
type step struct {
	table   string
	items   []item
	rebuild bool
}

func (s step) changes() []diff.Change {
	out := make([]diff.Change, len(s.items))
	for i, it := range s.items {
		out[i] = it.change
	}
	return out
}

func (s step) destructive() bool {
	return slices.ContainsFunc(s.items, func(it item) bool { return it.destructive })
}

// order arranges what the verdicts apply into steps.
func order(d Planner, base *schema.Schema, verdicts []strategy.Verdict, online bool) ([]step, error) {
	var o orderer
	caps := d.Capabilities()
	o.caps, o.created, o.touched = caps, map[string]*schema.Table{}, map[string]bool{}
	o.dropped = map[string]*schema.Table{}
	for _, v := range verdicts {
		for _, c := range v.Now {
			destructive := v.Effect == diff.Destructive && v.Decision == strategy.Apply
			for _, part := range decompose(c) {
				o.place(part, destructive)
			}
		}
	}
	if p, ok := d.(Pinner); ok {
		if err := o.release(p, base, verdicts); err != nil {
			return nil, err
		}
	}
	o.createAll()
	o.dropAll()
	if caps.IndexNamesPerSchema {
		o.vacateIndexNames()
	}
	if online {
		o.stage(base)
	}
	return o.steps(), nil
}

// decompose turns the replacement of a named object into removal and addition,
// which have different places in the order.
func decompose(c diff.Change) []diff.Change {
	if c.Verb != diff.Alter || c.Aspect != diff.AspectDefinition || c.Kind == diff.PrimaryKey {
		return []diff.Change{c}
	}
	drop, add := c, c
	drop.Verb, drop.To, drop.Aspect = diff.Drop, nil, diff.AspectNone
	add.Verb, add.From, add.Aspect = diff.Add, nil, diff.AspectNone
	return []diff.Change{drop, add}
}

type orderer struct {
	caps    dialect.Capabilities
	items   []item
	created map[string]*schema.Table // new tables
	dropped map[string]*schema.Table
	touched map[string]bool // present tables whose keys may change
}

func (o *orderer) put(c diff.Change, destructive bool, p phase, rank int) {
	o.items = append(o.items, item{change: c, destructive: destructive, phase: p, rank: rank})
}

func (o *orderer) place(c diff.Change, destructive bool) {
	if c.Kind == diff.Table {
		o.placeTable(c)
		return
	}
	if c.Kind == diff.PrimaryKey || c.Kind == diff.Index || c.Kind == diff.Column {
		o.touched[c.Table] = true
	}
	o.put(c, destructive, o.phaseOf(c), 0)
}

func (o *orderer) placeTable(c diff.Change) {
	switch c.Verb {
	case diff.Add:
		o.created[c.Table] = c.To.Table
	case diff.Drop:
		o.dropped[c.Table] = c.From.Table
	case diff.Rename:
		o.put(c, false, renameTables, len(o.items))
	case diff.Alter:
		o.put(c, false, alterTables, 0)
	}
}

func (o *orderer) phaseOf(c diff.Change) phase {
	byCopy := o.caps.AltersByCopy
	switch c.Kind {
	case diff.Column:
		switch {
		case c.Verb == diff.Rename:
			return renameColumns
		case !byCopy && c.Verb == diff.Drop:
			return removeColumns
		}
	case diff.Index:
		inTable := byCopy && constraint(c)
		switch {
		case inTable:
		case c.Verb == diff.Add:
			return addIndexes
		default:
			return dropIndexes
		}
	case diff.ForeignKey:
		switch {
		case byCopy:
		case c.Verb == diff.Add:
			return addForeignKeys
		case c.Verb == diff.Drop:
			return dropForeignKeys
		default:
			return dropIndexes
		}
	case diff.Check:
		switch {
		case byCopy:
		case c.Verb == diff.Add:
			return addIndexes
		default:
			return dropIndexes
		}
	case diff.Table, diff.PrimaryKey:
	}
	return alterTables
}

func constraint(c diff.Change) bool {
	return c.From != nil && c.From.Index.Constraint || c.To != nil && c.To.Index.Constraint
}

// steps sorts the items and groups those of one table and phase.
func (o *orderer) steps() []step {
	slices.SortStableFunc(o.items, func(a, b item) int {
		if a.stage != b.stage {
			return cmp.Compare(a.stage.Order(), b.stage.Order())
		}
		if a.phase != b.phase {
			return cmp.Compare(a.phase, b.phase)
		}
		if a.rank != b.rank {
			return cmp.Compare(a.rank, b.rank)
		}
		if a.change.Table != b.change.Table {
			return strings.Compare(a.change.Table, b.change.Table)
		}
		return a.sortsOnline() - b.sortsOnline()
	})
	var out []step
	for _, it := range o.items {
		last := len(out) - 1
		alone := it.phase <= renameColumns || it.phase == createTables || it.phase == dropTables || it.online
		if !alone && last >= 0 && out[last].takes(it) {
			out[last].items = append(out[last].items, it)
			continue
		}
		out = append(out, step{
			table: it.change.Table, items: []item{it},
			rebuild: o.caps.AltersByCopy && it.phase == alterTables,
		})
	}
	return out
}

// takes tells whether an item belongs to the same step.
func (s step) takes(it item) bool {
	first := s.items[0]
	return s.table == it.change.Table && first.phase == it.phase && first.stage == it.stage && !first.online
}
