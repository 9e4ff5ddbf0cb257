package migrate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
)

// Limits of one execution.
const (
	defaultLockWait    = 10 * time.Second // for the tenant's lock
	defaultLockTimeout = 5 * time.Second  // for the lock of a statement
	// shortestLockTimeout stands for "not at all": to engines, 0 is for ever.
	shortestLockTimeout = time.Millisecond
	attempts            = 4 // after lock timeouts, or when the base moved
	firstBackoff        = 250 * time.Millisecond
	cleanupTimeout      = 15 * time.Second // for rolling back and recording after the caller is gone
)

// execution is one call of Execute.
type execution struct {
	s        *Service
	req      ExecuteRequest
	w        *work
	t        *tenant
	progress func(Event)
	seen     *seen
	started  time.Time
	attempt  int

	head       *history.Revision
	plan       *plan.Plan
	sight      sight
	statements []history.Statement
	warnings   []string
	rows       *preflight.Report // what the rows said; nil before they were asked
}

// Execute implements Migrator.
func (s *Service) Execute(ctx context.Context, req ExecuteRequest, progress func(Event)) (r *Result, err error) {
	e := &execution{s: s, req: req, started: s.cfg.Now()}
	ctx, e.seen = s.observed(ctx, &req, progress)
	e.progress = e.seen.progress
	defer func() {
		e.log(ctx, r, err)
		e.seen.end(&req, r, err, e.attempt)
	}()
	e.req.LockWait = orDefault(req.LockWait, defaultLockWait)
	e.req.LockTimeout = max(orDefault(req.LockTimeout, defaultLockTimeout), shortestLockTimeout)
	e.progress(Event{Phase: PhasePlanning, Attempt: 1})
	if err := s.canRollBack(req.Target); err != nil {
		return nil, err
	}
	if e.w, err = s.prepare(ctx, req.Request); err != nil {
		return nil, err
	}
	if e.t, err = s.open(ctx, req.Target); err != nil {
		return nil, err
	}
	defer func() { s.close(e.t) }()
	return e.run(ctx)
}

// canRollBack refuses engines whose DDL commits by itself, and where no journal
// can be kept: what fails half way there could not be undone.
func (s *Service) canRollBack(t dialect.Target) error {
	d, err := s.dialectOf(t)
	if err != nil || d.Capabilities().TransactionalDDL || journalled(d) {
		return err
	}
	return fault.New(fault.Unsupported, "ENGINE_WITHOUT_ROLLBACK",
		"%s commits each statement by itself, and lockstep cannot undo a failed execution there", t.Engine).
		Suggest("preview shows what would be done; see the engine table in the README")
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return max(d, 0)
}

// run answers a request that was answered before with the same answer, and
// carries out any other.
func (e *execution) run(ctx context.Context) (*Result, error) {
	if journalled(e.t.d) {
		if err := e.recoverFirst(ctx); err != nil {
			return nil, err
		}
	}
	if before, err := e.answered(ctx); before != nil || err != nil {
		return before, failureOf(before, err)
	}
	r, err := e.tries(ctx)
	switch fault.ReasonOf(err) {
	case reasonAnswered, reasonBaseMoved, reasonPlanChanged:
		// The same request may have been carried out by another replica meanwhile.
		if before, failed := e.answered(ctx); before != nil || failed != nil {
			return before, failureOf(before, failed)
		}
	}
	return r, err
}

// tries goes on until the plan is applied, or fails for a reason that waiting
// does not mend.
func (e *execution) tries(ctx context.Context) (*Result, error) {
	wait, once := firstBackoff, e.once
	if journalled(e.t.d) {
		once = e.journalledOnce
	}
	for e.attempt = 1; ; e.attempt++ {
		recovered, err := e.planNow(ctx)
		if err != nil {
			return nil, err
		}
		if recovered { // and what was taken back may have been this very request
			if before, err := e.answered(ctx); before != nil || err != nil {
				return before, failureOf(before, err)
			}
		}
		if !changes(e.plan, e.head) {
			return e.nothing(ctx)
		}
		if err := e.permitted(); err != nil {
			return nil, err
		}
		carryOut := once
		if e.plan.Online {
			carryOut = e.onlineOnce
		}
		r, err := carryOut(ctx)
		if err == nil || !e.again(err) {
			return r, err
		}
		e.seen.retry(err)
		if err := sleep(ctx, wait); err != nil {
			return r, err
		}
		wait *= 2
		if before, err := e.answered(ctx); before != nil || err != nil {
			return before, failureOf(before, err)
		}
	}
}

// again tells whether the failure goes away by itself: a statement did not get
// its lock in time, or another execution was quicker and nothing was promised.
func (e *execution) again(err error) bool {
	if e.attempt >= attempts {
		return false
	}
	switch fault.ReasonOf(err) {
	case dialect.ReasonLockTimeout, dialect.ReasonDeadlock:
		return true
	case reasonBaseMoved:
		return e.req.Digest == ""
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return canceled(ctx)
	}
}

func canceled(ctx context.Context) error {
	kind := fault.Canceled
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		kind = fault.Deadline
	}
	return fault.Wrap(context.Cause(ctx), kind, "EXECUTION_CANCELED", "the execution was given up before it could begin again")
}

// planNow reads where the tenant is and plans from there. It tells whether an
// execution in phases had to be taken back before.
func (e *execution) planNow(ctx context.Context) (recovered bool, err error) {
	var open bool
	if e.head, open, err = e.t.history.HeadOrOpen(ctx, e.t); err != nil {
		return false, err
	}
	if open {
		if err := e.recoverFirst(ctx); err != nil {
			return false, err
		}
		if e.head, err = e.t.history.Head(ctx, e.t); err != nil {
			return false, err
		}
	}
	e.plan, err = e.s.plan(ctx, e.t, e.w, e.head)
	e.statements = nil
	if err == nil {
		e.s.learnWords(ctx, e.t, e.plan, e.req.Drift)
	}
	return open, err
}

const (
	reasonBaseMoved   = "BASE_MOVED"
	reasonPlanChanged = "PLAN_CHANGED"
)

// permitted enforces that what runs is what was previewed, and that nobody
// removes what they have not seen.
func (e *execution) permitted() error {
	if e.req.Digest == "" {
		if !e.plan.Destructive() {
			return nil
		}
		return fault.New(fault.Refused, "DESTRUCTIVE_NEEDS_DIGEST",
			"the plan removes data, and no digest says that it was seen").
			Suggest("preview with the same modules and strategy, look at the destructive statements, and execute with --plan and the digest shown")
	}
	if e.req.Digest == e.plan.Digest {
		return nil
	}
	return fault.New(fault.Drift, reasonPlanChanged, "the plan previewed as %s is not the plan computed now (%s): %s",
		e.req.Digest, e.plan.Digest, e.moved()).
		Suggest("preview again, look at what changed, and execute with the new digest")
}

// moved says what differs from the plan that the digest was given for, as far
// as this process still knows that plan.
func (e *execution) moved() string {
	for _, old := range e.s.plans.Values() {
		if old.Digest != e.req.Digest {
			continue
		}
		switch {
		case old.Engine != e.plan.Engine || old.EngineVersion != e.plan.EngineVersion:
			return "it was made for another engine or version"
		case old.Strategy != e.plan.Strategy:
			return "the strategy was " + string(old.Strategy) + " and is " + string(e.plan.Strategy)
		case old.Online != e.plan.Online:
			return "it was previewed with --online, and this is without, or the other way round"
		case old.Base != e.plan.Base:
			return "the tenant has moved since: " + e.where()
		case old.Target != e.plan.Target:
			return "the modules now resolve to another target"
		}
		return "the modules' versions or hashes differ"
	}
	return "the tenant, the modules, the strategy or the engine has changed since; " + e.where()
}

func (e *execution) where() string {
	if e.head == nil {
		return "it was never initialised"
	}
	return "it is at revision " + itoa(e.head.Number) + ", recorded " + e.head.StartedAt.UTC().Format(time.RFC3339) + " by " + e.head.Actor
}

func (e *execution) result(o Outcome, revision int64, failure *fault.Error) *Result {
	return &Result{
		Outcome: o, Revision: revision, Plan: e.plan, Statements: e.statements, Error: failure,
		Warnings: append(slices.Clone(e.w.target.Warnings), e.warnings...), Preflight: e.rows, Actor: e.req.Actor, StartedAt: e.started, Duration: e.s.cfg.Now().Sub(e.started),
	}
}

// log writes the one line of the execution.
func (e *execution) log(ctx context.Context, r *Result, err error) {
	attrs := []any{
		"target", e.req.Target, "actor", e.req.Actor, "strategy", string(e.req.Strategy), "attempt", e.attempt,
		"duration", e.s.cfg.Now().Sub(e.started),
	}
	if r != nil {
		attrs = append(attrs, "outcome", string(r.Outcome), "revision", r.Revision, "statements", len(r.Statements))
		if r.Plan != nil {
			attrs = append(attrs, "digest", r.Plan.Digest)
		}
	}
	if err != nil {
		e.s.cfg.Logger.ErrorContext(ctx, "execution failed", append(attrs, "kind", fault.KindOf(err).String(), "reason", fault.ReasonOf(err))...)
		return
	}
	e.s.cfg.Logger.InfoContext(ctx, "execution finished", attrs...)
}
