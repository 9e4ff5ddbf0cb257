package plan

import (
	"context"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// Input is everything a plan depends on.
type Input struct {
	EngineVersion int    // major version
	Variant       string // names the SQL of that version more exactly, where it counts; see dialect.Versioned
	Strategy      strategy.Name
	Modules       []module.Version
	Base          *schema.Schema // the recorded snapshot; nil when the tenant is being initialised
	Target        *schema.Schema // lowered for the engine
	Online        bool           // in phases that block nobody for long, where the engine can; see dialect.Online
}

// Planner is what Build needs of a dialect.
type Planner interface {
	Engine() dialect.Engine
	Capabilities() dialect.Capabilities
	dialect.Renderer
}

// Build computes the plan: diff, verdicts, order, SQL, digest. Equal input
// gives an equal plan, byte for byte.
func Build(ctx context.Context, d Planner, in Input) (*Plan, error) {
	if in.Base != nil && in.Base.Engine != in.Target.Engine {
		return nil, fault.New(fault.Corrupt, "SNAPSHOT_ENGINE",
			"the recorded snapshot belongs to %s, this database is %s", in.Base.Engine, in.Target.Engine).
			Suggest("this database was copied from another engine together with its history; empty lockstep_history, and start from there")
	}
	if in.Online && in.Base != nil && onlineOf(d) != nil {
		p, err := build(ctx, d, in)
		if err != nil || p.Online {
			return p, err
		}
	}
	in.Online = false // or nothing takes long: one transaction does it all
	return build(ctx, d, in)
}

func build(ctx context.Context, d Planner, in Input) (*Plan, error) {
	changes, err := diff.Diff(in.Base, in.Target)
	if err != nil {
		return nil, err
	}
	verdicts, err := fit(d, in.Base, strategy.Decide(in.Strategy, diff.Assess(changes)))
	if err != nil {
		return nil, err
	}
	p := &Plan{
		Engine: d.Engine(), EngineVersion: in.EngineVersion, Variant: in.Variant, Strategy: in.Strategy,
		Modules: slices.Clone(in.Modules), Target: in.Target.Fingerprint(), Verdicts: verdicts, BaseSchema: in.Base,
	}
	if in.Base != nil {
		p.Base = in.Base.Fingerprint()
	}
	b := builder{ctx: ctx, d: d, draft: schema.NewDraft(in.Base), plan: p, created: created(p)}
	steps, err := order(d, in.Base, verdicts, in.Online)
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		if err := b.step(s); err != nil {
			return nil, err
		}
	}
	p.Online = in.Online && p.phased()
	return p, b.finish(in, len(changes) > 0)
}

type builder struct {
	ctx   context.Context
	d     Planner
	draft *schema.Draft
	plan  *Plan

	created map[string]bool // tables that the plan makes
}

// step renders one step and moves the draft past it.
func (b *builder) step(s step) error {
	name := s.table
	if c := s.items[0].change; c.Kind == diff.Table && c.Verb == diff.Rename {
		name = c.OldName
	}
	before := b.draft.Table(name).Clone()
	for _, it := range s.items {
		if err := it.change.Apply(b.draft); err != nil {
			return err
		}
	}
	after := b.draft.Table(s.table)
	if s.items[0].online {
		return b.renderOnline(s, after)
	}
	rendered, err := b.d.Render(b.ctx, dialect.Step{Changes: s.changes(), Before: before, After: after, Referrers: b.referrers(s, before)})
	if err != nil {
		return err
	}
	destructive := destroyers(s, rendered)
	reverse := b.reverse(s, before, after)
	if err := reversible(s, reverse); err != nil {
		return err
	}
	for i, st := range rendered {
		st.Hazards = b.known(st.Hazards)
		out := Statement{Statement: st, Table: s.table, Destructive: destructive[i], Rebuild: s.rebuild && len(rendered) > 1}
		out.Phase = s.items[0].stage
		if i == len(rendered)-1 && b.d.Capabilities().TransactionalDDL {
			out.Reverse = reverse
		}
		out.Irreversible = irreversible(s, &out, b.d.Capabilities(), i == len(rendered)-1)
		b.plan.Statements = append(b.plan.Statements, out)
	}
	return nil
}

// destroyers tells which statements of a step may remove data: those that the
// dialect says lose some; when it names none, as for a type that values may not fit,
// those that write the rows anew; and all of a destructive step when none does that.
func destroyers(s step, rendered []dialect.Statement) []bool {
	if !s.destructive() {
		return make([]bool, len(rendered))
	}
	for _, kind := range []dialect.HazardKind{dialect.HazardDataLoss, dialect.HazardRewrite} {
		if out := bearing(kind, rendered); slices.Contains(out, true) {
			return out
		}
	}
	return slices.Repeat([]bool{true}, len(rendered))
}

// bearing tells which statements have a hazard of a kind.
func bearing(kind dialect.HazardKind, rendered []dialect.Statement) []bool {
	out := make([]bool, len(rendered))
	for i, st := range rendered {
		out[i] = slices.ContainsFunc(st.Hazards, func(h dialect.Hazard) bool { return h.Kind == kind })
	}
	return out
}

// reverse renders what undoes a step, or nothing when that would lose data or
// the engine cannot do it.
func (b *builder) reverse(s step, before, after *schema.Table) []string {
	inverse := make([]diff.Change, 0, len(s.items))
	for _, it := range slices.Backward(s.items) {
		if it.destructive || it.change.Verb == diff.Drop && (it.change.Kind == diff.Table || it.change.Kind == diff.Column) {
			return nil
		}
		inverse = append(inverse, it.change.Inverse())
	}
	rendered, err := b.d.Render(b.ctx, dialect.Step{Changes: inverse, Before: after, After: before})
	if err != nil {
		return nil // an inverse that the engine cannot do makes the step irreversible, not impossible
	}
	out := make([]string, len(rendered))
	for i, st := range rendered {
		out[i] = st.SQL
	}
	return out
}

// finish records where the plan leads and proves that nothing was lost between
// the diff and the last step.
func (b *builder) finish(in Input, changed bool) error {
	slices.SortStableFunc(b.plan.Statements, func(x, y Statement) int { return later(x.Final) - later(y.Final) })
	result := in.Base
	if changed || result == nil {
		result = b.draft.Schema()
	}
	if result.Engine != in.Target.Engine || result.Mapping != in.Target.Mapping {
		r := *result
		r.Engine, r.Mapping = in.Target.Engine, in.Target.Mapping
		result = &r
	}
	b.plan.ResultSchema = result
	b.plan.Result = result.Fingerprint()
	if len(b.plan.Withheld()) == 0 && b.plan.Result != b.plan.Target {
		return fault.New(fault.Bug, "PLAN_INCOMPLETE", "the plan does not lead to its target although nothing is withheld").
			Suggest("please report this with the modules and the snapshot in lockstep_history; nothing was executed")
	}
	if err := checkReferences(b.plan.Strategy, result); err != nil {
		return err
	}
	b.plan.Digest = digest(b.plan)
	return nil
}

// later places what is removed for good behind everything that can be undone.
func later(final bool) int {
	if final {
		return 1
	}
	return 0
}

// checkReferences refuses a partial result whose foreign keys lead nowhere,
// which an engine would refuse halfway through.
func checkReferences(name strategy.Name, s *schema.Schema) error {
	tables := make(map[string]*schema.Table, len(s.Tables))
	for _, t := range s.Tables {
		tables[t.Name] = t
	}
	for _, t := range s.Tables {
		for _, f := range t.ForeignKeys {
			ref := tables[f.RefTable]
			missing := ref == nil
			for _, c := range f.RefColumns {
				missing = missing || ref.Column(c) == nil
			}
			if missing {
				return fault.New(fault.Refused, "STRATEGY_INCONSISTENT",
					"under %s the foreign key %s of %s would refer to %s, which would not be there", name, f.Name, t.Name, f.RefTable).
					Suggest("use a wider strategy for this upgrade")
			}
		}
	}
	return nil
}
