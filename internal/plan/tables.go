package plan

import (
	"maps"
	"slices"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// createAll places the new tables so that a table comes after those it refers
// to. A foreign key that closes a cycle, or that needs a key which this plan
// only adds later, becomes a constraint added at the end.
func (o *orderer) createAll() {
	const visiting, done = 1, 2
	state := make(map[string]int, len(o.created))
	rank := 0
	var visit func(t *schema.Table)
	visit = func(t *schema.Table) {
		state[t.Name] = visiting
		for _, f := range t.ForeignKeys {
			if ref := o.created[f.RefTable]; ref != nil && state[f.RefTable] == 0 {
				visit(ref)
			}
		}
		now := t
		if !o.caps.AltersByCopy {
			now = o.splitLate(t, func(name string) bool { return state[name] == done })
		}
		state[t.Name] = done
		o.put(diff.Change{Verb: diff.Add, Kind: diff.Table, Table: t.Name, To: &diff.Part{Table: now}}, false, createTables, rank)
		rank++
	}
	for _, name := range slices.Sorted(maps.Keys(o.created)) {
		if state[name] == 0 {
			visit(o.created[name])
		}
	}
}

// splitLate returns t without the foreign keys that cannot be made together
// with it, and places those at the end.
func (o *orderer) splitLate(t *schema.Table, ready func(string) bool) *schema.Table {
	late := func(f *schema.ForeignKey) bool {
		switch {
		case f.RefTable == t.Name:
			return !slices.Equal(f.RefColumns, t.PrimaryKey)
		case o.created[f.RefTable] != nil:
			return !ready(f.RefTable)
		default:
			return o.touched[f.RefTable]
		}
	}
	if !slices.ContainsFunc(t.ForeignKeys, late) {
		return t
	}
	now := *t
	now.ForeignKeys = nil
	for _, f := range t.ForeignKeys {
		if !late(f) {
			now.ForeignKeys = append(now.ForeignKeys, f)
			continue
		}
		o.put(diff.Change{Verb: diff.Add, Kind: diff.ForeignKey, Table: t.Name, Name: f.Name, To: &diff.Part{ForeignKey: f}},
			false, addForeignKeys, 0)
	}
	return &now
}

// dropAll places the removed tables so that a table goes before those it
// refers to. A foreign key that closes a cycle, or that stands in the way of what
// is changed before tables go, is removed beforehand.
func (o *orderer) dropAll() {
	const visiting, done = 1, 2
	state := make(map[string]int, len(o.dropped))
	rank := 0
	referring := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(o.dropped)) {
		for _, f := range o.dropped[name].ForeignKeys {
			referring[f.RefTable] = append(referring[f.RefTable], name)
			if o.dropped[f.RefTable] == nil && !o.caps.AltersByCopy && o.losesKey(f) {
				o.cut(o.dropped[name], f.RefTable)
			}
		}
	}
	var visit func(name string)
	visit = func(name string) {
		state[name] = visiting
		for _, child := range referring[name] {
			switch {
			case o.dropped[child] == nil || child == name:
			case state[child] == 0:
				visit(child)
			case state[child] == visiting && !o.caps.AltersByCopy:
				o.cut(o.dropped[child], name)
			}
		}
		state[name] = done
		o.put(diff.Change{Verb: diff.Drop, Kind: diff.Table, Table: name, From: &diff.Part{Table: o.dropped[name]}}, true, dropTables, rank)
		rank++
	}
	for _, name := range slices.Sorted(maps.Keys(o.dropped)) {
		if state[name] == 0 {
			visit(name)
		}
	}
}

// losesKey tells whether the plan takes away, or gives another type, what a
// foreign key leads to in a table that stays.
func (o *orderer) losesKey(f *schema.ForeignKey) bool {
	return slices.ContainsFunc(o.items, func(it item) bool {
		c := it.change
		switch {
		case c.Table != f.RefTable || c.From == nil:
			return false
		case c.Kind == diff.PrimaryKey:
			return sameSet(c.From.PrimaryKey, f.RefColumns)
		case c.Kind == diff.Index:
			return c.Verb == diff.Drop && c.From.Index.Unique && sameSet(indexed(c.From.Index), f.RefColumns)
		case c.Kind == diff.Column:
			return slices.Contains(f.RefColumns, c.Name) && (c.Verb == diff.Drop || c.Verb == diff.Alter && c.Aspect == diff.AspectType)
		}
		return false
	})
}

func indexed(x *schema.Index) []string {
	out := make([]string, len(x.Parts))
	for i, p := range x.Parts {
		out[i] = p.Column
	}
	return out
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// cut removes child's foreign keys to parent before any table goes.
func (o *orderer) cut(child *schema.Table, parent string) {
	for _, f := range child.ForeignKeys {
		if f.RefTable == parent && !o.wasCut(child.Name, f.Name) {
			o.put(diff.Change{Verb: diff.Drop, Kind: diff.ForeignKey, Table: child.Name, Name: f.Name, From: &diff.Part{ForeignKey: f}},
				false, dropForeignKeys, 0)
		}
	}
}

func (o *orderer) wasCut(table, name string) bool {
	return slices.ContainsFunc(o.items, func(it item) bool {
		return it.phase == dropForeignKeys && it.change.Table == table && it.change.Name == name
	})
}

// vacateIndexNames removes an index of a table that goes, ahead of time, when
// another table needs its name in this plan.
func (o *orderer) vacateIndexNames() {
	needed := map[string]bool{}
	for _, t := range o.created {
		for _, x := range t.Indexes {
			needed[x.Name] = true
		}
	}
	for _, it := range o.items {
		if it.change.Kind == diff.Index && it.change.Verb == diff.Add {
			needed[it.change.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.dropped)) {
		for _, x := range o.dropped[name].Indexes {
			if needed[x.Name] {
				o.put(diff.Change{Verb: diff.Drop, Kind: diff.Index, Table: name, Name: x.Name, From: &diff.Part{Index: x}},
					false, dropIndexes, 0)
			}
		}
	}
}
