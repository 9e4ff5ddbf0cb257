package migrate

import (
	"context"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// DriftRequest asks how a tenant's database differs from what was last recorded.
type DriftRequest struct {
	Target  dialect.Target
	Unowned bool // also list the tables that no module owns
}

// DriftReport is what differs. Tables that no module owns are no drift.
type DriftReport struct {
	Revision    *history.Revision // that the database was compared with
	Method      Method
	Reason      string // why not like with like; "" when it was
	Tables      int    // that were compared
	Differences []Difference
	Restore     []string // SQL that would bring everything back, in order
	Script      string   // the same for the engine's own shell; "": nothing drifted
	Unowned     []string // when asked for, sorted
	// References are foreign keys of such tables into the tenant's.
	References []dialect.Referrer
}

// Drift implements Migrator.
func (s *Service) Drift(ctx context.Context, req DriftRequest) (*DriftReport, error) {
	t, err := s.open(ctx, req.Target)
	if err != nil {
		return nil, err
	}
	defer s.close(t)
	head, snapshot, err := s.recorded(ctx, t)
	if err != nil {
		return nil, err
	}
	names := tableNames(snapshot)
	c, err := s.differing(ctx, t, t, snapshot, names)
	if err != nil {
		return nil, err
	}
	out := &DriftReport{Revision: head, Method: c.method, Reason: c.reason, Tables: len(names)}
	if out.Unowned, out.References, err = survey(ctx, t, t, names); err != nil {
		return nil, err
	}
	if err := c.renamedByHand(ctx, t.d, t, out.Unowned); err != nil {
		return nil, err
	}
	if out.Restore = restore(ctx, t.d, snapshot, c, names); len(out.Restore) > 0 {
		out.Script = t.d.Script(req.Target, out.Restore)
	}
	out.Differences = c.differences
	s.cfg.Observer.Drift(ctx, string(req.Target.Engine), len(out.Differences) > 0)
	if !req.Unowned {
		out.Unowned = nil
	}
	return out, nil
}

// recorded returns the tenant's last applied revision and its snapshot.
func (s *Service) recorded(ctx context.Context, t *tenant) (*history.Revision, *schema.Schema, error) {
	head, err := t.history.Head(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	if head == nil {
		return nil, nil, notInitialised(t.target)
	}
	snapshot, err := t.history.Snapshot(ctx, t, head.Number)
	if err != nil {
		return nil, nil, err
	}
	return head, snapshot, trusted(snapshot, head)
}

func notInitialised(target dialect.Target) error {
	return fault.New(fault.NotFound, "TENANT_NOT_INITIALISED", "%s was never initialised by lockstep", target).
		Suggest("preview and execute its modules to initialise it, or adopt it when its tables are there already")
}

// survey lists the tables of a tenant that are not owned, and their foreign keys
// into those that are. Engines that cannot tell have none.
func survey(ctx context.Context, t *tenant, q dialect.Querier, owned []string) ([]string, []dialect.Referrer, error) {
	surveyor, ok := t.d.(dialect.Surveyor)
	if !ok {
		return nil, nil, nil
	}
	all, err := surveyor.Tables(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	unowned := slices.DeleteFunc(all, func(name string) bool {
		return strings.HasPrefix(strings.ToLower(name), dialect.ReservedPrefix) ||
			slices.ContainsFunc(owned, func(o string) bool { return strings.EqualFold(o, name) })
	})
	references, err := surveyor.Referrers(ctx, q, owned)
	return unowned, references, err
}

// DriftPolicy is what an execution does when a table that its plan touches is
// not what was last recorded.
type DriftPolicy string

// The policies. Whatever the policy, a table that the plan rebuilds by copying
// must be as recorded, because the copy would lose the difference.
const (
	DriftFail   DriftPolicy = "fail" // the default
	DriftWarn   DriftPolicy = "warn"
	DriftIgnore DriftPolicy = "ignore"
)

const reasonTableDrifted = "TABLE_DRIFTED"

// bringBack is what to do about drift under any policy.
const bringBack = "`lockstep drift` shows the SQL that brings them back, and what to declare to accept them, for `lockstep adopt --again`"

// tolerated applies a policy to what drifted of the tables that a plan touches. It
// returns warnings, or a fault of kind Drift that names every difference.
func tolerated(found []Difference, rebuilt []string, policy DriftPolicy) ([]string, error) {
	if len(found) == 0 {
		return nil, nil
	}
	lost := slices.DeleteFunc(slices.Clone(found), func(d Difference) bool { return !slices.Contains(rebuilt, d.Table) })
	switch {
	case len(lost) > 0:
		return nil, driftFault(lost, "%d thing(s) of a table that must be rebuilt are not what was last recorded, and the rebuild would lose them").
			Suggest(bringBack + "; no drift policy lets this pass")
	case policy == DriftWarn:
		warnings := make([]string, len(found))
		for i := range found {
			warnings[i] = "drift: " + found[i].String()
		}
		return warnings, nil
	}
	return nil, driftFault(found, "%d thing(s) that the plan touches are not what was last recorded").
		Suggest(bringBack + "; or execute with the drift policy warn")
}

// learnWords has what drifted needs ready before the tenant's lock is taken,
// so that nobody waits for it. What fails here fails again, and is told, there.
func (s *Service) learnWords(ctx context.Context, t *tenant, p *plan.Plan, policy DriftPolicy) {
	if p.BaseSchema == nil {
		return
	}
	names := before(p)
	if policy == DriftIgnore {
		names = p.Rebuilds()
	}
	names = slices.DeleteFunc(names, func(name string) bool { return p.BaseSchema.Table(name) == nil })
	if len(names) > 0 {
		_, _ = s.inWords(ctx, t, t, p.BaseSchema, names)
	}
}

// drifted compares tables, as they were found, with the plan's base; those that the
// plan makes are not in it.
func (s *Service) drifted(ctx context.Context, t *tenant, q dialect.Querier, p *plan.Plan, found *schema.Schema, names []string) ([]Difference, error) {
	known := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return p.BaseSchema == nil || p.BaseSchema.Table(name) == nil })
	if len(known) == 0 {
		return nil, nil
	}
	c, err := s.differs(ctx, t, q, p.BaseSchema, found, known)
	if err != nil {
		return nil, err
	}
	return c.differences, nil
}

func driftFault(found []Difference, format string) *fault.Error {
	f := fault.New(fault.Drift, reasonTableDrifted, format, len(found))
	for i := range found {
		f.Violations = append(f.Violations, fault.Violation{
			Subject: found[i].Table, Description: found[i].String(), Suggestion: found[i].Accept,
		})
	}
	return f
}
