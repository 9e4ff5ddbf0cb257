package migrate

import (
	"context"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Proof is what came of trying a plan out beside the tenant: its base was built
// in a scratch namespace, the plan was carried out there, and the outcome was
// held against its result, built fresh.
type Proof struct {
	Statements int // of the plan that ran
	Tables     int // that were compared
	// Differences is what the plan leads to and its result is not; none: proved.
	Differences []string
	// Failure is the statement of the plan that failed; nil: none did.
	Failure *fault.Error
}

// Proved tells whether the plan leads where it says.
func (p *Proof) Proved() bool { return p.Failure == nil && len(p.Differences) == 0 }

// Prove tries a plan out beside a target, and touches nothing there. It fails
// when no proof could be had: the engine or the user cannot have a scratch
// namespace, or the server went away.
func Prove(ctx context.Context, d dialect.Dialect, target dialect.Target, p *plan.Plan) (*Proof, error) {
	names := provenTables(p)
	out := &Proof{Statements: len(p.Statements), Tables: len(names)}
	led, err := carriedOut(ctx, d, target, p, names)
	if f := fault.As(err); f != nil && f.Reason == reasonPlanFails {
		out.Failure = f
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	fresh, err := InspectBuilt(ctx, d, target, p.ResultSchema)
	if err != nil {
		return nil, err
	}
	like, err := compare(p.ResultSchema, fresh, led, names)
	if err != nil {
		return nil, err
	}
	for i := range like.differences {
		out.Differences = append(out.Differences, like.differences[i].String())
	}
	for _, name := range names {
		if p.ResultSchema.Table(name) == nil && led.Table(name) != nil {
			out.Differences = append(out.Differences, "table "+name+" is still there")
		}
	}
	return out, nil
}

const reasonPlanFails = "PLAN_FAILS"

// carriedOut inspects what becomes of the plan's base in a scratch namespace. It
// is empty there: what only rows can make fail does not fail.
func carriedOut(ctx context.Context, d dialect.Dialect, target dialect.Target, p *plan.Plan, names []string) (_ *schema.Schema, err error) {
	s, err := openScratch(ctx, d, target)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := s.Close(ctx); err == nil {
			err = closed
		}
	}()
	if p.BaseSchema != nil {
		if err := build(ctx, d, s, p.BaseSchema); err != nil {
			return nil, err
		}
	}
	if err := runAll(ctx, d, s, p); err != nil {
		f := fault.As(err)
		if f == nil || f.Kind == fault.Unavailable || ctx.Err() != nil {
			return nil, err
		}
		return nil, fault.Wrap(err, fault.Bug, reasonPlanFails, "tried out beside the tenant, %s", f.Detail).
			Suggest("do not execute this plan; please report it with the modules and the snapshot in lockstep_history")
	}
	return d.Inspect(ctx, s, names)
}

// provenTables are the tables of the plan's result, and those of its base.
func provenTables(p *plan.Plan) []string {
	names := slices.Concat(tableNames(p.ResultSchema), tableNames(p.BaseSchema))
	slices.Sort(names)
	return slices.Compact(names)
}

// Error is a failed proof as an error.
func (p *Proof) Error() *fault.Error {
	switch {
	case p.Failure != nil:
		return p.Failure
	case len(p.Differences) > 0:
		return fault.New(fault.Bug, "PROOF_FAILED", "carried out in a scratch namespace, the plan does not lead to its result: %s",
			strings.Join(p.Differences, "; ")).
			Suggest("do not execute this plan; please report it with the modules and the snapshot in lockstep_history")
	}
	return nil
}
