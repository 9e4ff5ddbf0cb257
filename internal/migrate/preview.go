package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Preview implements Migrator.
func (s *Service) Preview(ctx context.Context, req Request) (*Preview, error) {
	w, err := s.prepare(ctx, req)
	if err != nil {
		return nil, err
	}
	t, err := s.open(ctx, req.Target)
	if err != nil {
		return nil, err
	}
	defer s.close(t)
	head, open, err := t.history.HeadOrOpen(ctx, t)
	if err != nil {
		return nil, err
	}
	warnings := slices.Clone(w.target.Warnings)
	unfinished, err := s.unfinished(ctx, t, open)
	if err != nil {
		return nil, err
	}
	p, err := s.plan(ctx, t, w, head)
	if err != nil {
		return nil, err
	}
	if unfinished == "" {
		if unfinished, err = s.leftovers(ctx, t, concerned(p)); err != nil {
			return nil, err
		}
	}
	if unfinished != "" {
		warnings = append(warnings, unfinished)
	}
	broken, err := s.foreignReferences(ctx, t, t, p)
	if err != nil {
		return nil, err
	}
	warnings = slices.Concat(warnings, w.lost, broken)
	var proof *Proof
	if req.Prove {
		if proof, err = Prove(ctx, t.d, req.Target, p); err != nil {
			return nil, err
		}
	}
	out := &Preview{
		Plan: p, Current: head, Warnings: warnings, Proof: proof,
		Changed: changes(p, head), Script: script(t.d, req.Target, p),
	}
	return out, s.look(ctx, t, req, out)
}

// script is a plan's SQL for the engine's own shell.
func script(d dialect.Dialect, target dialect.Target, p *plan.Plan) string {
	sql, statements := make([]string, len(p.Statements)), make([]dialect.Statement, len(p.Statements))
	for i := range p.Statements {
		sql[i], statements[i] = p.Statements[i].SQL, p.Statements[i].Statement
	}
	if o := onlineOf(d); o != nil && p.Online {
		return o.OnlineScript(target, statements)
	}
	return d.Script(target, sql)
}

// look asks the tenant's tables how much they hold, and, when asked to, whether
// their rows allow the plan.
func (s *Service) look(ctx context.Context, t *tenant, req Request, out *Preview) error {
	var err error
	if out.Sizes, err = s.sizes(ctx, t, out.Plan); err != nil || !req.Preflight {
		return err
	}
	out.Preflight, err = askRows(ctx, t.d, t, out.Plan, preflight.Options{Now: s.cfg.Now, Estimate: req.Estimate})
	return err
}

// work is a request with everything that does not depend on the tenant's state.
type work struct {
	Request
	target   *Target
	physical *lowered // nil until the version of the server is known, where it counts

	hints string   // of a revert: what the names of the target have become
	lost  []string // of a revert: what does not come back
}

// prepare composes and lowers the target. The database is not contacted yet, so
// that a wrong module costs nothing there.
func (s *Service) prepare(ctx context.Context, req Request) (*work, error) {
	d, err := s.dialectOf(req.Target)
	if err != nil {
		return nil, err
	}
	if err := s.canOnline(req); err != nil {
		return nil, err
	}
	if req.revertTo > 0 {
		return &work{Request: req, target: &Target{}}, nil // history says the rest
	}
	target, err := s.Compose(ctx, req.Modules)
	if err != nil {
		return nil, err
	}
	if c, ok := d.(dialect.Caveated); ok {
		target.Warnings = append(slices.Clone(target.Warnings), c.Caveat())
	}
	w := &work{Request: req, target: target}
	if _, follows := d.(dialect.Versioned); !follows {
		w.physical, err = s.lower(d, "", target)
	}
	return w, err
}

// plan returns the plan from head to the target. A plan that another tenant at
// the same fingerprint needed is shared, and then the snapshot is not even read.
func (s *Service) plan(ctx context.Context, t *tenant, w *work, head *history.Revision) (*plan.Plan, error) {
	if w.revertTo > 0 {
		if err := s.retrace(ctx, t, w, head); err != nil {
			return nil, err
		}
	} else if err := s.sameContent(w.target.Modules, head); err != nil {
		return nil, err
	}
	base := ""
	if head != nil {
		base = head.Result
	}
	if w.physical == nil {
		var err error
		if w.physical, err = s.lower(t.d, t.variant, w.target); err != nil {
			return nil, err
		}
	}
	key := fmt.Sprintf("%t %s %d %s %s %s %s %q %s", w.Online, t.d.Engine(), t.Version().Major, t.variant, w.Strategy, base, w.physical.fingerprint, w.target.Modules, w.hints)
	p, ok := s.plans.Get(key)
	s.cfg.Observer.PlanCache(ctx, ok)
	if ok {
		return p, nil
	}
	in := plan.Input{
		EngineVersion: t.Version().Major, Variant: t.variant, Strategy: w.Strategy,
		Modules: w.target.Modules, Target: w.physical.schema, Online: w.Online,
	}
	switch {
	case head == nil:
	case base == w.physical.fingerprint:
		in.Base = w.physical.schema
	default:
		snapshot, err := t.history.Snapshot(ctx, t, head.Number)
		if err != nil {
			return nil, err
		}
		if err := trusted(snapshot, head); err != nil {
			return nil, err
		}
		in.Base = snapshot
	}
	p, err := plan.Build(ctx, t.d, in)
	if err != nil {
		return nil, err
	}
	s.plans.Add(key, p)
	return p, nil
}

// trusted proves that the snapshot is the one that was recorded.
func trusted(snapshot *schema.Schema, head *history.Revision) error {
	if snapshot != nil && snapshot.Fingerprint() == head.Result {
		return nil
	}
	return fault.New(fault.Corrupt, "SNAPSHOT_CHANGED",
		"the snapshot of revision %d does not have the fingerprint that was recorded with it", head.Number).
		Suggest("somebody edited lockstep_history; restore it from a backup before going on")
}

// changes tells whether executing p would record anything.
func changes(p *plan.Plan, head *history.Revision) bool {
	return head == nil || !p.Empty() || p.Result != head.Result ||
		p.Target != head.Target || !slices.Equal(p.Modules, head.Modules)
}
