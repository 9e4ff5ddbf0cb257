package plan

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// onlineOf is the part of a planner that makes online plans; nil when the engine
// has none.
func onlineOf(d Planner) dialect.Online {
	o, _ := d.(dialect.Online)
	return o
}

// staging gives every change of an online plan its phase. Prepared is what the
// rest builds on and what can be undone: tables and columns that are added or
// renamed. What takes long on a table that is there goes online. Everything else
// is finished in the transaction that records the revision, in its old order, and
// with it what depends on something that comes about only there.
type staging struct {
	o       *orderer
	base    *schema.Schema
	taken   map[string]bool // names of present tables and indexes, which share one space
	retyped map[column]bool // columns that the finish gives another type
	altered map[string]bool // tables that have some
	keyed   map[string]bool // tables that get a key
	rekeyed map[string]bool // tables whose primary key changes
	strict  map[column]bool // columns that become NOT NULL
	dropped map[diff.Kind]map[column]bool
	late    map[string]bool // new tables that only the finish can make
}

// stage places the items; they are sorted afterwards.
func (o *orderer) stage(base *schema.Schema) {
	s := &staging{
		o: o, base: base, taken: map[string]bool{}, retyped: map[column]bool{}, altered: map[string]bool{}, keyed: map[string]bool{},
		rekeyed: map[string]bool{}, strict: map[column]bool{}, dropped: map[diff.Kind]map[column]bool{}, late: map[string]bool{},
	}
	for _, t := range base.Tables {
		s.taken[t.Name] = true
		for _, x := range t.Indexes {
			s.taken[x.Name] = true
		}
	}
	for i := range o.items {
		s.note(o.items[i].change)
	}
	for i := range o.items {
		if c := o.items[i].change; c.Kind == diff.Table && c.Verb == diff.Add {
			s.late[c.Table] = s.belated(c.To.Table) // those it refers to come before it
		}
	}
	for i := range o.items {
		it := &o.items[i]
		it.stage, it.online = s.place(it.change)
		if it.online && it.change.Kind == diff.Index {
			it.build = it.change.Name
			if s.taken[it.build] {
				it.build = dialect.CutName(dialect.NewPrefix+it.build, o.caps.MaxIdentifier)
			}
		}
	}
}

// note remembers what other changes may depend on.
func (s *staging) note(c diff.Change) {
	at := column{c.Table, c.Name}
	switch {
	case c.Kind == diff.Column && c.Verb == diff.Alter:
		if c.Aspect == diff.AspectType && !alike(c) || c.Aspect == diff.AspectAutoIncrement {
			s.retyped[at], s.altered[c.Table] = true, true
		}
		if c.Aspect == diff.AspectNull && !c.To.Column.Nullable {
			s.strict[at] = true
		}
	case c.Kind == diff.PrimaryKey:
		s.keyed[c.Table], s.rekeyed[c.Table] = true, true
	case c.Verb == diff.Drop:
		if s.dropped[c.Kind] == nil {
			s.dropped[c.Kind] = map[column]bool{}
		}
		s.dropped[c.Kind][at] = true
	case c.Kind == diff.Index && c.Verb == diff.Add && c.To.Index.Unique:
		s.keyed[c.Table] = true
	}
}

// alike tells whether a column keeps the type that it has in the database, while
// the neutral one changes.
func alike(c diff.Change) bool {
	return c.From != nil && c.From.Column.Physical != "" && c.From.Column.Physical == c.To.Column.Physical
}

// belated tells whether a new table needs a name that is still taken, or refers
// to one that does.
func (s *staging) belated(t *schema.Table) bool {
	return slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool { return s.taken[x.Name] }) ||
		slices.ContainsFunc(t.ForeignKeys, func(f *schema.ForeignKey) bool { return s.late[f.RefTable] })
}

func (s *staging) place(c diff.Change) (stage dialect.Phase, online bool) {
	switch c.Kind {
	case diff.Table:
		if c.Verb == diff.Rename || c.Verb == diff.Add && !s.late[c.Table] {
			return dialect.PhasePrepare, false
		}
	case diff.Column:
		return s.placeColumn(c)
	case diff.Index:
		return dialect.PhaseFinish, c.Verb == diff.Add && s.indexOnline(c)
	case diff.ForeignKey:
		if c.Verb == diff.Add && !s.keyLate(c) {
			return dialect.PhasePrepare, s.o.created[c.Table] == nil
		}
	case diff.Check:
		if c.Verb == diff.Add && !s.altered[c.Table] && !s.dropped[diff.Check][column{c.Table, c.Name}] {
			return dialect.PhasePrepare, true
		}
	case diff.PrimaryKey:
	}
	return dialect.PhaseFinish, false
}

func (s *staging) placeColumn(c diff.Change) (stage dialect.Phase, online bool) {
	at := column{c.Table, c.Name}
	switch {
	case c.Verb == diff.Rename, c.Verb == diff.Add:
		return dialect.PhasePrepare, false
	case c.Verb != diff.Alter, s.retyped[at]:
	case c.Aspect == diff.AspectDefault && s.strict[at]:
		return dialect.PhasePrepare, false // before present code may no longer write NULL
	case c.Aspect == diff.AspectNull && s.strict[at] && !s.rekeyed[c.Table]:
		return dialect.PhaseFinish, true
	}
	return dialect.PhaseFinish, false
}

// indexOnline tells whether an index can be built before the finish.
func (s *staging) indexOnline(c diff.Change) bool {
	x := c.To.Index
	free := x.Where != "" // an expression names columns that nobody has parsed
	for _, p := range x.Parts {
		free = free || p.Column == ""
		if s.retyped[column{c.Table, p.Column}] {
			return false
		}
	}
	return !free || !s.altered[c.Table]
}

// keyLate tells whether a foreign key depends on what only the finish makes.
func (s *staging) keyLate(c diff.Change) bool {
	f := c.To.ForeignKey
	return s.late[c.Table] || s.late[f.RefTable] || s.keyed[f.RefTable] && !s.leadsToPresentKey(f) || holds(c.Table, f, s.retyped) ||
		s.dropped[diff.ForeignKey][column{c.Table, c.Name}]
}

// leadsToPresentKey tells whether a foreign key leads to the primary key that is there.
func (s *staging) leadsToPresentKey(f *schema.ForeignKey) bool {
	t := s.base.Table(f.RefTable)
	return t != nil && !s.rekeyed[f.RefTable] && slices.Equal(t.PrimaryKey, f.RefColumns)
}

// sortsOnline keeps plain changes of a table together, before those that are not.
func (it *item) sortsOnline() int {
	if it.online {
		return 1
	}
	return 0
}

// renderOnline renders a step that is one change of a table that is there.
func (b *builder) renderOnline(s step, after *schema.Table) error {
	it := s.items[0]
	rendered, err := onlineOf(b.d).RenderOnline(b.ctx, after, it.change, it.build)
	if err != nil {
		return err
	}
	for _, st := range rendered {
		st.Hazards = b.known(st.Hazards)
		b.plan.Statements = append(b.plan.Statements, Statement{Statement: st, Table: s.table, Destructive: it.destructive})
	}
	return nil
}

// reversible refuses a prepared step that could not be undone.
func reversible(s step, reverse []string) error {
	if s.items[0].stage != dialect.PhasePrepare || len(reverse) > 0 {
		return nil
	}
	return fault.New(fault.Bug, "ONLINE_IRREVERSIBLE", "the online plan would begin with a change of %s that cannot be undone", s.table).
		Suggest("run it without --online, and please report this with the modules and the snapshot in lockstep_history")
}

// phased brings the phases one behind the other, and tells whether there is
// anything to do online.
func (p *Plan) phased() bool {
	slices.SortStableFunc(p.Statements, func(x, y Statement) int { return x.Phase.Order() - y.Phase.Order() })
	return slices.ContainsFunc(p.Statements, func(s Statement) bool { return s.Phase == dialect.PhaseOnline })
}
