package plan

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// known leaves out what nobody can meet: the locks, scans and rewrites of tables
// that the plan itself makes, and all of them where the tenant has no tables yet.
func (b *builder) known(in []dialect.Hazard) []dialect.Hazard {
	return slices.DeleteFunc(slices.Clone(in), func(h dialect.Hazard) bool {
		about := h.Kind == dialect.HazardLock || h.Kind == dialect.HazardScan || h.Kind == dialect.HazardRewrite
		return about && (b.plan.BaseSchema == nil || b.created[h.Table])
	})
}

// created are the names of the tables that a plan makes.
func created(p *Plan) map[string]bool {
	out := map[string]bool{}
	for _, v := range p.Verdicts {
		for _, c := range v.Now {
			if c.Kind == diff.Table && c.Verb == diff.Add {
				out[c.Table] = true
			}
		}
	}
	return out
}

// referrers are the tables whose foreign keys lead to a column of which a step
// changes the type; nil when it changes none.
func (b *builder) referrers(s step, before *schema.Table) []string {
	var out []string
	if before == nil || !slices.ContainsFunc(s.items, func(it item) bool { return it.change.Aspect == diff.AspectType }) {
		return nil
	}
	retyped := func(f *schema.ForeignKey) bool {
		return f.RefTable == s.table && slices.ContainsFunc(s.items, func(it item) bool {
			return it.change.Aspect == diff.AspectType && slices.Contains(f.RefColumns, it.change.Name)
		})
	}
	for _, name := range b.draft.Referring(s.table) {
		if name != s.table && slices.ContainsFunc(b.draft.Table(name).ForeignKeys, retyped) {
			out = append(out, name)
		}
	}
	return out
}
