package migrate

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// Method is how a database was compared with a model.
type Method string

// The methods.
const (
	// ByScratch compares like with like: the model was built in a scratch
	// namespace on the same server and inspected there, so texts count, too.
	ByScratch Method = "scratch"
	// ByStructure compares with the model itself: texts count by presence only.
	ByStructure Method = "structure"
)

// comparison is a likeness with the way it was found.
type comparison struct {
	*likeness
	method Method
	reason string // why not by scratch
	// renamed gives the tables that somebody renamed the names that they have.
	renamed map[string]string
}

// differing compares tables of a tenant, seen through q, with a model. Where no
// scratch namespace can be had it compares by structure.
func (s *Service) differing(ctx context.Context, t *tenant, q dialect.Querier, model *schema.Schema, names []string) (*comparison, error) {
	have, err := t.d.Inspect(ctx, q, names)
	if err != nil {
		return nil, err
	}
	return s.differs(ctx, t, q, model, have, names)
}

// differs is differing, of tables as they were found.
func (s *Service) differs(ctx context.Context, t *tenant, q dialect.Querier, model, have *schema.Schema, names []string) (*comparison, error) {
	have = withoutAside(have)
	want, err := s.inWords(ctx, t, q, model, names)
	switch fault.ReasonOf(err) {
	case dialect.ReasonScratchDenied, reasonNoScratch:
		f := fault.As(err)
		like := structural(t.d, model, have, names)
		return &comparison{likeness: like, method: ByStructure, reason: f.Detail}, nil
	}
	if err != nil {
		return nil, err
	}
	like, err := judged(model, want, have, names)
	if err != nil {
		return nil, err
	}
	return &comparison{likeness: like, method: ByScratch}, nil
}

// judged is compare, with what each difference means.
func judged(model, want, have *schema.Schema, names []string) (*likeness, error) {
	like, err := compare(model, want, have, names)
	if err != nil {
		return nil, err
	}
	for i := range like.differences {
		d := &like.differences[i]
		d.Severity, d.Accept = severity(d, model), accept(d)
	}
	return like, nil
}

// LikeWithLike tells how a database, seen through q, differs from a lowered
// model, to the last text: the model is built in a scratch namespace beside the
// target and inspected there. The SQL that it returns would bring the database
// to the model.
func LikeWithLike(ctx context.Context, d dialect.Dialect, target dialect.Target, q dialect.Querier, model *schema.Schema) ([]Difference, []string, error) {
	names := tableNames(model)
	have, err := d.Inspect(ctx, q, names)
	if err != nil {
		return nil, nil, err
	}
	want, err := InspectBuilt(ctx, d, target, model)
	if err != nil {
		return nil, nil, err
	}
	like, err := judged(model, want, have, names)
	if err != nil {
		return nil, nil, err
	}
	c := &comparison{likeness: like, method: ByScratch}
	sql := restore(ctx, d, model, c, names)
	return c.differences, sql, nil
}

// structural compares without knowing the engine's words for the model: a table
// that differs is one difference, with a clause for each thing.
func structural(d dialect.Dialect, model, have *schema.Schema, names []string) *likeness {
	out := &likeness{found: &schema.Schema{Engine: model.Engine, Mapping: model.Mapping}}
	for _, t := range model.Tables {
		if !slices.Contains(names, t.Name) {
			continue
		}
		found := have.Table(t.Name)
		clauses := d.Compare(t, found)
		switch {
		case found == nil:
			out.differences = append(out.differences, Difference{
				Kind: diff.Table, Table: t.Name, Status: Missing, Want: &diff.Part{Table: t}, Severity: Acceptable,
				back: []diff.Change{{Verb: diff.Add, Kind: diff.Table, Table: t.Name, To: &diff.Part{Table: t}}},
			})
			continue
		case len(clauses) > 0:
			out.differences = append(out.differences, Difference{
				Kind: diff.Table, Table: t.Name, Status: Altered, Clauses: clauses, Severity: Blocking,
				Want: &diff.Part{Table: t}, Have: &diff.Part{Table: found},
			})
		}
		out.found.Tables = append(out.found.Tables, t)
	}
	return out
}

// restore gives each difference the SQL that would settle it, and returns the SQL
// that would settle them all, in order.
func restore(ctx context.Context, d dialect.Dialect, model *schema.Schema, c *comparison, names []string) []string {
	found, hinted, others := c.sides(model)
	for i := range c.differences {
		one := &c.differences[i]
		if one.Kind == diff.Table && one.OtherName != "" {
			one.Restore = statements(ctx, d, around(found, hinted, []string{one.OtherName}), around(hinted, hinted, []string{one.Table}))
			continue
		}
		if len(one.back) == 0 {
			continue
		}
		base := around(c.found, model, []string{one.Table})
		draft := schema.NewDraft(base)
		applied := !slices.ContainsFunc(one.back, func(b diff.Change) bool { return b.Apply(draft) != nil })
		if applied {
			one.Restore = statements(ctx, d, base, draft.Schema())
		}
	}
	if len(c.differences) == 0 || c.method != ByScratch {
		return nil
	}
	names = append(slices.Clone(names), others...)
	return statements(ctx, d, around(found, hinted, names), around(hinted, hinted, names))
}

// statements is the SQL from one model to another; none where there is no way.
func statements(ctx context.Context, d dialect.Dialect, base, target *schema.Schema) []string {
	p, err := plan.Build(ctx, d, plan.Input{Strategy: strategy.Full, Base: base, Target: target})
	if err != nil {
		return nil
	}
	out := make([]string, 0, len(p.Statements))
	for _, final := range []bool{false, true} {
		for i := range p.Statements {
			st := &p.Statements[i]
			switch n := len(st.Fallback); {
			case st.Final != final:
			case n > 0: // a person's shell tries no second one
				out = append(out, st.Fallback[n-1])
			default:
				out = append(out, st.SQL)
			}
		}
	}
	return out
}

// around is the named tables as found, and, bare, whatever they refer to in
// either state, so that a plan between the two can be made without the rest.
func around(found, model *schema.Schema, names []string) *schema.Schema {
	out := &schema.Schema{Engine: model.Engine, Mapping: model.Mapping}
	refs := map[string][]string{}
	for i, s := range []*schema.Schema{found, model} {
		for _, t := range s.Tables {
			if !slices.Contains(names, t.Name) {
				continue
			}
			if i == 0 {
				out.Tables = append(out.Tables, t)
			}
			for _, f := range t.ForeignKeys {
				refs[f.RefTable] = append(refs[f.RefTable], f.RefColumns...)
			}
		}
	}
	for name, columns := range refs {
		if slices.Contains(names, name) && found.Table(name) != nil {
			continue
		}
		bare := &schema.Table{Name: name}
		if t := model.Table(name); t != nil {
			copied := *t
			copied.ForeignKeys = nil
			bare = &copied
		}
		for _, c := range columns {
			if bare.Column(c) == nil {
				bare.Columns = append(slices.Clip(bare.Columns), &schema.Column{Name: c})
			}
		}
		if !slices.Contains(names, name) {
			out.Tables = append(out.Tables, bare)
		}
	}
	return out
}

// inWords returns the named tables of a model in the words of the tenant's
// engine. Tenants with the same tables on one server share the building.
func (s *Service) inWords(ctx context.Context, t *tenant, q dialect.Querier, model *schema.Schema, names []string) (*schema.Schema, error) {
	own := part(model, names)
	scratcher, ok := t.d.(dialect.Scratcher)
	if !ok {
		return nil, fault.New(fault.Unsupported, reasonNoScratch, "lockstep cannot build a model beside a tenant on %s yet", t.d.Engine())
	}
	if t.circumstances == nil {
		at, err := scratcher.Circumstances(ctx, q)
		if err != nil {
			return nil, err
		}
		t.circumstances = &at
	}
	key := fmt.Sprintf("%s %v %s %s %s", t.d.Engine(), t.Version(), t.target.Host, *t.circumstances, own.Fingerprint())
	if found, ok := s.words.Get(key); ok {
		return found, nil
	}
	found, err := InspectBuilt(ctx, t.d, t.target, own)
	if err != nil {
		return nil, err
	}
	deviating(own, found)
	s.words.Add(key, found)
	return found, nil
}

// deviating gives what was built from a model the deviations that the model has: an
// adopted database may have some, and nothing is ever built with one.
func deviating(model, built *schema.Schema) {
	for _, t := range model.Tables {
		b := built.Table(t.Name)
		if b == nil {
			continue
		}
		for _, x := range t.Indexes {
			if same := b.Index(x.Name); same != nil {
				same.Deviation = cmp.Or(x.Deviation, same.Deviation)
			}
		}
		for _, f := range t.ForeignKeys {
			if same := b.ForeignKey(f.Name); same != nil {
				same.Deviation = cmp.Or(f.Deviation, same.Deviation)
			}
		}
		for _, k := range t.Checks {
			if same := b.Check(k.Name); same != nil {
				same.Deviation = cmp.Or(k.Deviation, same.Deviation)
			}
		}
	}
}
