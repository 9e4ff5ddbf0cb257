package migrate

import (
	"context"
	"fmt"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
)

// preflight asks the tenant's rows whether they allow the plan, under the lock
// and before the first statement. What could not be asked is said as a warning:
// the engine has the last word.
func (e *execution) preflight(ctx context.Context, tx dialect.Tx) error {
	e.progress(Event{Phase: PhasePreflight, Attempt: e.attempt})
	report, err := askRows(ctx, e.t.d, tx, e.plan, preflight.Options{Now: e.s.cfg.Now, Estimate: true})
	if err != nil || report == nil {
		return err
	}
	e.rows = report
	for _, g := range report.Unchecked {
		e.warnings = distinct(append(e.warnings, g.String())...)
	}
	refusal := report.Err()
	if refusal == nil {
		return nil
	}
	first := report.Blocking()[0]
	refusal.Detail = "the tenant's rows do not allow the plan: " + first.String() + ", for: " + first.Change
	if more := len(report.Blocking()) - 1; more > 0 {
		refusal.Detail += fmt.Sprintf(", and %d more", more)
	}
	return refusal
}

// askRows runs preflight; nil where the engine has none, or the plan asks nothing.
func askRows(ctx context.Context, d dialect.Dialect, q dialect.Querier, p *plan.Plan, opts preflight.Options) (*preflight.Report, error) {
	prober, ok := d.(dialect.Prober)
	if !ok {
		return nil, nil //nolint:nilnil // no report is a normal answer
	}
	checks := preflight.Checks(prober, p)
	if len(checks) == 0 {
		return &preflight.Report{}, nil
	}
	return preflight.Run(ctx, prober, q, checks, opts)
}

// sizes tells how much the tables hold that a plan changes, by the names they
// have before it.
func (s *Service) sizes(ctx context.Context, t *tenant, p *plan.Plan) (map[string]dialect.Size, error) {
	prober, ok := t.d.(dialect.Prober)
	if !ok || p.BaseSchema == nil || p.Empty() {
		return nil, nil
	}
	names := touched(p)
	for i := range p.Statements {
		for _, h := range p.Statements[i].Hazards { // locks reach the other sides of foreign keys
			names = append(names, h.Table)
		}
	}
	var present []string
	for _, name := range distinct(names...) {
		if p.BaseSchema.Table(name) != nil {
			present = append(present, name)
		}
	}
	return preflight.Sizes(ctx, prober, t, present)
}
