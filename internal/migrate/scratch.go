package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

const reasonNoScratch = "SCRATCH_UNSUPPORTED"

// openScratch opens an empty namespace beside a tenant.
func openScratch(ctx context.Context, d dialect.Dialect, target dialect.Target) (dialect.Scratch, error) {
	s, ok := d.(dialect.Scratcher)
	if !ok {
		return nil, fault.New(fault.Unsupported, reasonNoScratch, "lockstep cannot build a model beside a tenant on %s yet", d.Engine())
	}
	return s.Scratch(ctx, target)
}

// build makes a lowered model in an empty place.
func build(ctx context.Context, d dialect.Dialect, q dialect.Querier, model *schema.Schema) error {
	p, err := plan.Build(ctx, d, plan.Input{Strategy: strategy.Full, Target: model})
	if err != nil {
		return err
	}
	return runAll(ctx, d, q, p)
}

// runAll runs the statements of a plan, those that remove for good at the end.
func runAll(ctx context.Context, d dialect.Dialect, q dialect.Querier, p *plan.Plan) error {
	for _, final := range []bool{false, true} {
		for i := range p.Statements {
			st := &p.Statements[i]
			if st.Final != final {
				continue
			}
			if f := runOne(ctx, d, q, st); f != nil {
				f.Detail = fmt.Sprintf("statement %d of %d (%s) failed: %s", i+1, len(p.Statements), st.Summary, f.Detail)
				return f
			}
		}
	}
	return nil
}

// runOne runs a statement, by a weaker algorithm where the server refuses the
// stronger one.
func runOne(ctx context.Context, d dialect.Dialect, q dialect.Querier, st *plan.Statement) *fault.Error {
	sql := st.SQL
	if st.Plain != "" { // a scratch may be a transaction
		sql = st.Plain
	}
	_, err := q.ExecContext(ctx, sql)
	for _, sql := range st.Fallback {
		if err == nil || d.Classify(err).Reason != dialect.ReasonAlgorithmUnsupported {
			break
		}
		_, err = q.ExecContext(ctx, sql)
	}
	if err == nil {
		return nil
	}
	f := *d.Classify(err)
	return &f
}

// InspectBuilt returns a lowered model in the words of the engine: it is built in
// a scratch namespace beside the target, inspected there, and gone again.
func InspectBuilt(ctx context.Context, d dialect.Dialect, target dialect.Target, model *schema.Schema) (_ *schema.Schema, err error) {
	s, err := openScratch(ctx, d, target)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := s.Close(ctx); err == nil {
			err = closed
		}
	}()
	if err := build(ctx, d, s, model); err != nil {
		return nil, err
	}
	return d.Inspect(ctx, s, tableNames(model))
}

func tableNames(s *schema.Schema) []string {
	if s == nil {
		return nil
	}
	names := make([]string, len(s.Tables))
	for i, t := range s.Tables {
		names[i] = t.Name
	}
	return names
}

// part is the named tables of a model, with what they refer to: that much of it
// can be built by itself. Tables that are only referred to come without foreign
// keys of their own.
func part(model *schema.Schema, names []string) *schema.Schema {
	out := &schema.Schema{Engine: model.Engine, Mapping: model.Mapping}
	refs := map[string]bool{}
	for _, t := range model.Tables {
		if !slices.Contains(names, t.Name) {
			continue
		}
		out.Tables = append(out.Tables, t)
		for _, f := range t.ForeignKeys {
			refs[f.RefTable] = true
		}
	}
	for _, t := range model.Tables {
		if refs[t.Name] && !slices.Contains(names, t.Name) {
			bare := *t
			bare.ForeignKeys = nil
			out.Tables = append(out.Tables, &bare)
		}
	}
	return out
}
