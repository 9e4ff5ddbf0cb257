package mysql

import (
	"context"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// group collects actions for one ALTER TABLE, each with what undoes it: an ALTER
// TABLE is atomic, so it is undone by one that does the opposite.
type group struct {
	parts     []part
	summaries []string
	hazards   []dialect.Hazard
	// Statements of the reverse before and after the one ALTER TABLE that undoes
	// the parts.
	first, then []string
}

// part is one action, or several that belong together.
type part struct {
	do, undo []atlas.Action
	method   method
	place    place
	reshapes bool // a column comes or goes, which is at once or by a rebuild
}

// place orders the parts of a group that is split.
type place int

const (
	goesFirst place = iota - 1 // generated columns that go, before those that they rest on
	anywhere
	comesLast // generated columns that come
)

// add collects an action and what undoes it.
func (g *group) add(summary string, m method, do, undo []atlas.Action, hazards ...dialect.Hazard) {
	g.parts = append(g.parts, part{do: do, undo: undo, method: m})
	g.say(summary)
	g.hazards = append(g.hazards, hazards...)
}

func (g *group) say(summary string) {
	if summary != "" {
		g.summaries = append(g.summaries, summary)
	}
}

// last is the part that was added last.
func (g *group) last() *part { return &g.parts[len(g.parts)-1] }

// weakest is the method that can carry all parts out.
func weakest(parts []part) method {
	out := instant
	for _, p := range parts {
		out = max(out, p.method)
	}
	return out
}

// acts is a short way to write a list of actions.
func acts(a ...atlas.Action) []atlas.Action { return a }

// flush renders a group as one ALTER TABLE, or as several where that saves a
// rebuild of the table.
func (r *render) flush(g group) error {
	pieces := r.split(g)
	for i, parts := range pieces {
		st := dialect.Statement{Summary: strings.Join(g.summaries, "; "), On: r.name, Hazards: g.hazards}
		if i > 0 {
			st.Hazards = nil
		}
		if err := r.alter(&st, parts); err != nil {
			return err
		}
		if i == len(pieces)-1 { // which is undone first
			st.Reverse = append(slices.Clone(g.first), st.Reverse...)
		}
		if i == 0 {
			st.Reverse = append(st.Reverse, g.then...)
		}
		r.out = append(r.out, st)
	}
	return nil
}

// alter renders parts into a statement: by their method, with its fallbacks, and
// with the ALTER TABLE that undoes them, for which the server chooses the method.
func (r *render) alter(st *dialect.Statement, parts []part) error {
	var do, undo []atlas.Action
	for i, p := range parts {
		do = append(do, p.do...)
		undo = append(undo, parts[len(parts)-1-i].undo...)
	}
	sql, err := r.d.altered(r.ctx, r.after, do)
	if err != nil {
		return err
	}
	back, err := r.d.altered(r.ctx, r.earlier(), undo)
	if err != nil {
		return err
	}
	m := weakest(parts)
	st.SQL = sql + ", " + r.d.server.clause(m)
	for _, clause := range r.d.server.weaker(m) {
		st.Fallback = append(st.Fallback, sql+", "+clause)
	}
	if back != "" {
		st.Reverse = append(st.Reverse, back)
	}
	st.Hazards = dialect.Once(append(slices.Clone(st.Hazards), r.d.server.methodHazards(m, r.name)...))
	return nil
}

// altered is one ALTER TABLE, or nothing.
func (d *Dialect) altered(ctx context.Context, t *schema.Table, actions []atlas.Action) (string, error) {
	if len(actions) == 0 {
		return "", nil
	}
	stmts, err := d.planner.Alter(ctx, t, actions...)
	return strings.Join(stmts, "; "), err
}

// earlier is the table before the step, under the name that it has by now.
func (r *render) earlier() *schema.Table {
	t := *r.after
	if r.before != nil {
		t = *r.before
	}
	t.Name = r.name
	return &t
}

// split cuts a group where one ALTER TABLE would need a weaker method than any of
// its parts: for virtual columns beside others, and on MySQL for a column that
// comes or goes at once beside an index or a longer string, which is done in
// place.
func (r *render) split(g group) [][]part {
	if len(g.parts) == 0 {
		return nil
	}
	all := weakest(g.parts)
	if all == copying {
		return [][]part{g.parts}
	}
	key := func(p part) int {
		k := 2 * int(p.place)
		if all == nocopy && !r.d.server.maria() && (!p.reshapes || p.method > instant) {
			k++
		}
		return k
	}
	parts := slices.Clone(g.parts)
	slices.SortStableFunc(parts, func(a, b part) int { return key(a) - key(b) })
	var out [][]part
	for i, p := range parts {
		if i == 0 || key(p) != key(parts[i-1]) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], p)
	}
	return slices.DeleteFunc(out, func(parts []part) bool {
		return !slices.ContainsFunc(parts, func(p part) bool { return len(p.do) > 0 })
	})
}
