package migrate

import (
	"context"
	"slices"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// AdoptRequest asks to make a tenant of a database that something else created.
type AdoptRequest struct {
	Modules  ModuleSet
	Target   dialect.Target
	Actor    string        // who asks, for the record
	Preview  bool          // only compare; nothing is recorded
	Again    bool          // the tenant has a history, and was changed outside lockstep
	LockWait time.Duration // for the tenant's lock; 0: 10 s
}

// AdoptReport is how a database differs from its target, and what was recorded.
type AdoptReport struct {
	Revision    int64 // the revision recorded; 0: none
	Modules     []module.Version
	Method      Method
	Reason      string // why not like with like; "" when it was
	Tables      int    // of the target
	Differences []Difference
	Unowned     []string // tables that no module owns, sorted
	References  []dialect.Referrer
	Warnings    []string
}

// Adopt implements Migrator. Not a statement is run on the tenant's tables: it is
// inspected under its lock, and recorded as it is, so that the next preview shows
// what is missing. What cannot be taken for the target's refuses it.
func (s *Service) Adopt(ctx context.Context, req AdoptRequest) (report *AdoptReport, err error) {
	started := s.cfg.Now()
	ctx, ended := s.observedAdoption(ctx, &req)
	defer func() { ended(report, err) }()
	w, err := s.prepare(ctx, Request{Modules: req.Modules, Target: req.Target})
	if err != nil {
		return nil, err
	}
	t, err := s.open(ctx, req.Target)
	if err != nil {
		return nil, err
	}
	defer s.close(t)
	model, err := s.physical(t, w)
	if err != nil {
		return nil, err
	}
	a := &adoption{s: s, req: req, w: w, t: t, model: model, started: started}
	if req.Preview {
		head, err := t.history.Head(ctx, t)
		if err != nil {
			return nil, err
		}
		return a.report(ctx, t, head)
	}
	return a.record(ctx)
}

// physical is the target in the form of the tenant's engine.
func (s *Service) physical(t *tenant, w *work) (*schema.Schema, error) {
	if w.physical == nil {
		var err error
		if w.physical, err = s.lower(t.d, t.variant, w.target); err != nil {
			return nil, err
		}
	}
	return w.physical.schema, nil
}

// adoption is one call of Adopt.
type adoption struct {
	s       *Service
	req     AdoptRequest
	w       *work
	t       *tenant
	model   *schema.Schema
	started time.Time

	found *schema.Schema // the model as the database really is
}

// report compares the database, seen through q, with the target.
func (a *adoption) report(ctx context.Context, q dialect.Querier, head *history.Revision) (*AdoptReport, error) {
	if err := a.admissible(head); err != nil {
		return nil, err
	}
	names := tableNames(a.model)
	c, err := a.s.differing(ctx, a.t, q, a.model, names)
	if err != nil {
		return nil, err
	}
	if len(c.found.Tables) == 0 {
		return nil, fault.New(fault.NotFound, "NOTHING_TO_ADOPT", "%s has none of the target's %d tables", a.req.Target, len(names)).
			Suggest("initialise it: preview and execute the modules")
	}
	a.found = c.found
	restore(ctx, a.t.d, a.model, c, names)
	out := &AdoptReport{
		Modules: a.w.target.Modules, Method: c.method, Reason: c.reason, Tables: len(names),
		Differences: c.differences, Warnings: a.w.target.Warnings,
	}
	out.Unowned, out.References, err = survey(ctx, a.t, q, names)
	return out, err
}

func (a *adoption) admissible(head *history.Revision) error {
	switch {
	case head != nil && !a.req.Again:
		return fault.New(fault.Exists, "TENANT_EXISTS", "%s is a tenant already, at revision %d", a.req.Target, head.Number).
			Suggest("preview and execute bring it to other module versions; adopt it --again only to record what was changed outside lockstep")
	case head == nil && a.req.Again:
		return notInitialised(a.req.Target)
	}
	return nil
}

// record reports and records under the tenant's lock.
func (a *adoption) record(ctx context.Context) (*AdoptReport, error) {
	if err := a.settled(ctx); err != nil {
		return nil, err
	}
	names := tableNames(a.model)
	_, _ = a.s.inWords(ctx, a.t, a.t, a.model, names) // so that nobody waits for it under the lock; it fails again there
	tx, err := a.t.Begin(ctx, dialect.TxOptions{LockWait: orDefault(a.req.LockWait, defaultLockWait), LockTimeout: defaultLockTimeout})
	if err != nil {
		return nil, err
	}
	report, err := a.recordIn(ctx, tx)
	if err != nil {
		_ = tx.Rollback(context.WithoutCancel(ctx)) // the server rolls back when the connection ends
		return nil, err
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, a.t.d.Classify(err)
	}
	a.s.cfg.Logger.InfoContext(ctx, "database adopted", "target", a.req.Target, "actor", a.req.Actor,
		"revision", report.Revision, "differences", len(report.Differences))
	return report, nil
}

// settled refuses a database in which an execution is not through, or left
// something aside: inspection does not show that, and it would be recorded so.
func (a *adoption) settled(ctx context.Context) error {
	unfinished, err := a.s.unfinished(ctx, a.t, onlineOf(a.t.d) != nil)
	if err == nil && unfinished == "" {
		var names []string
		if names, err = a.owned(ctx); err == nil {
			unfinished, err = a.s.leftovers(ctx, a.t, names)
		}
	}
	if err != nil || unfinished == "" {
		return err
	}
	return fault.New(fault.Refused, "EXECUTION_UNFINISHED", "%s", unfinished).
		Suggest("execute the modules that it was about: that takes back what was left half way; then adopt again")
}

// owned names the tables that are going to be recorded: the target's, and of a
// tenant that is recorded again, those that it has.
func (a *adoption) owned(ctx context.Context) ([]string, error) {
	names := tableNames(a.model)
	if !a.req.Again {
		return names, nil
	}
	head, err := a.t.history.Head(ctx, a.t)
	if err != nil || head == nil {
		return names, err
	}
	snapshot, err := a.t.history.Snapshot(ctx, a.t, head.Number)
	if err != nil {
		return nil, err
	}
	if err := trusted(snapshot, head); err != nil {
		return nil, err
	}
	return distinct(append(names, tableNames(snapshot)...)...), nil
}

func (a *adoption) recordIn(ctx context.Context, tx dialect.Tx) (*AdoptReport, error) {
	store := a.t.history
	exists, err := store.Exists(ctx, tx)
	if err != nil {
		return nil, err
	}
	var head *history.Revision
	var at history.Position
	if exists {
		if head, err = store.Head(ctx, tx); err == nil {
			at, err = store.Position(ctx, tx)
		}
		if err != nil {
			return nil, err
		}
	}
	report, err := a.report(ctx, tx, head)
	if err != nil {
		return nil, err
	}
	if head != nil {
		if err := a.keep(ctx, tx, head); err != nil {
			return nil, err
		}
	}
	if err := blocked(report); err != nil {
		return nil, err
	}
	if !exists {
		if err := store.Create(ctx, tx); err != nil {
			return nil, err
		}
	}
	report.Revision = at.Last + 1
	return report, store.Insert(ctx, tx, a.revision(report.Revision, head), a.found)
}

// keep adds, of a tenant that is recorded again, the tables that it had and the
// target lacks: they are still there, and still to be removed.
func (a *adoption) keep(ctx context.Context, tx dialect.Tx, head *history.Revision) error {
	snapshot, err := a.t.history.Snapshot(ctx, tx, head.Number)
	if err != nil {
		return err
	}
	if err := trusted(snapshot, head); err != nil {
		return err
	}
	names := slices.DeleteFunc(tableNames(snapshot), func(name string) bool { return a.model.Table(name) != nil })
	if len(names) == 0 {
		return nil
	}
	c, err := a.s.differing(ctx, a.t, tx, snapshot, names)
	if err != nil {
		return err
	}
	kept := *a.found
	kept.Tables = slices.Concat(a.found.Tables, c.found.Tables)
	a.found = &kept
	return nil
}

// strategyAdopt stands in history for the strategy, which nothing was decided by.
const strategyAdopt = "adopt"

func (a *adoption) revision(number int64, head *history.Revision) *history.Revision {
	r := &history.Revision{
		Number: number, Outcome: history.Applied, Strategy: strategyAdopt, Engine: string(a.t.d.Engine()),
		EngineVersion: a.t.Version().Major, Modules: a.w.target.Modules,
		Target: a.model.Fingerprint(), Result: a.found.Fingerprint(),
		Notes: history.Notes{Adopted: true}, Actor: a.req.Actor, Lockstep: a.s.cfg.LockstepVersion,
		StartedAt: a.started.UTC(), Duration: a.s.cfg.Now().Sub(a.started),
	}
	if head != nil {
		r.Base = head.Result
	}
	return r
}

// blocked refuses an adoption when something cannot be taken for what the target
// wants, or is not known well enough.
func blocked(r *AdoptReport) error {
	found := slices.DeleteFunc(slices.Clone(r.Differences), func(d Difference) bool { return d.Severity != Blocking })
	if len(found) == 0 {
		return nil
	}
	f := fault.New(fault.Refused, "ADOPTION_BLOCKED", "%d thing(s) of the database cannot be taken for what the target wants", len(found)).
		Suggest("change the database, with the SQL that adopt --preview shows, or the entities; then adopt it again")
	if r.Method == ByStructure {
		f.Suggestion = "only the structure could be compared (" + r.Reason + "): give the user a scratch schema, or bring the tables to the target"
	}
	for i := range found {
		f.Violations = append(f.Violations, fault.Violation{
			Subject: found[i].Table, Description: said(&found[i]), Suggestion: found[i].Accept,
		})
	}
	return f
}

// said is a difference with what is there.
func said(d *Difference) string {
	if d.Kind == diff.Column && slices.Contains(d.Aspects, diff.AspectType) {
		return d.String() + ": " + d.Have.Column.Physical + " instead of " + d.Want.Column.Physical
	}
	return d.String()
}
