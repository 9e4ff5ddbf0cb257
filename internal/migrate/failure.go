package migrate

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
)

// rollback undoes everything, on a context that outlives the caller's: who went
// away must not leave half an upgrade behind. A connection that died has rolled
// back by itself.
func (e *execution) rollback(ctx context.Context, tx dialect.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := tx.Rollback(ctx); err != nil {
		e.s.cfg.Logger.DebugContext(ctx, "rollback reported an error; the server rolls back when the connection ends",
			"target", e.req.Target, "reason", fault.ReasonOf(err))
	}
}

// fail rolls back after work began, records the failure, and returns the cause.
func (e *execution) fail(ctx context.Context, tx dialect.Tx, cause error) (*Result, error) {
	e.rollback(ctx, tx)
	return e.rolledBack(ctx, cause)
}

func (e *execution) rolledBack(ctx context.Context, cause error) (*Result, error) {
	for i := range e.statements {
		if e.statements[i].Outcome == statementApplied {
			e.statements[i].Outcome = statementRolledBack
		}
	}
	f := fault.As(cause)
	if f == nil {
		f = e.t.d.Classify(cause)
	}
	mended := *f
	mended.RolledBack = true
	number := e.recordFailure(ctx, &mended)
	return e.result(OutcomeRolledBack, number, &mended), &mended
}

// recordFailure writes the failed execution into the tenant's history, as well
// as it can: the tenant itself is in order either way. A tenant that was never
// initialised gets no history table for a failure, and so stays untouched.
func (e *execution) recordFailure(ctx context.Context, f *fault.Error) int64 {
	if e.head == nil || e.again(f) {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	number, err := e.insertFailure(ctx, f)
	if err != nil {
		e.s.cfg.Logger.WarnContext(ctx, "a failed execution could not be recorded in the tenant's history",
			"target", e.req.Target, "reason", fault.ReasonOf(err))
		return 0
	}
	return number
}

func (e *execution) insertFailure(ctx context.Context, f *fault.Error) (int64, error) {
	t, err := e.s.open(ctx, e.req.Target) // the old connection may be dead
	if err != nil {
		return 0, err
	}
	defer e.s.close(t)
	tx, err := t.Begin(ctx, dialect.TxOptions{LockWait: cleanupTimeout / 3, LockTimeout: cleanupTimeout / 3})
	if err != nil {
		return 0, err
	}
	at, err := t.history.Position(ctx, tx)
	if err == nil {
		err = e.unanswered(ctx, tx) // one request, one answer
	}
	if err == nil {
		err = t.history.Insert(ctx, tx, e.revision(at.Last+1, history.RolledBack, f), nil)
	}
	if err != nil {
		e.rollback(ctx, tx)
		return 0, err
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, t.d.Classify(err)
	}
	return at.Last + 1, nil
}

// commitFailed finds out what became of a commit whose reply was an error: a
// lost connection can mean either. A new connection tells.
func (e *execution) commitFailed(ctx context.Context, tx dialect.Tx, number int64, cause error) (*Result, error) {
	e.rollback(ctx, tx)
	fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	committed, err := e.committed(fresh, number)
	switch {
	case err != nil:
		f := fault.Wrap(cause, fault.Partial, "COMMIT_UNKNOWN",
			"the connection was lost while revision %d was being committed, and the tenant cannot be reached to see whether it was", number).
			Suggest("when the database is back, run lockstep history: revision %d is there if the upgrade was committed; otherwise the tenant is as before and can be upgraded again", number)
		return e.result(OutcomeNeedsOperator, 0, f), f
	case committed:
		e.progress(Event{Phase: PhaseDone, Attempt: e.attempt})
		return e.result(OutcomeApplied, number, nil), nil
	default:
		return e.rolledBack(ctx, cause)
	}
}

// committed waits for the tenant's lock, so that a transaction that is still
// ending on the server has ended, and looks for the revision.
func (e *execution) committed(ctx context.Context, number int64) (bool, error) {
	t, err := e.s.open(ctx, e.req.Target)
	if err != nil {
		return false, err
	}
	defer e.s.close(t)
	tx, err := t.Begin(ctx, dialect.TxOptions{LockWait: cleanupTimeout / 2, LockTimeout: cleanupTimeout / 2})
	if err != nil {
		return false, err
	}
	defer e.rollback(ctx, tx)
	exists, err := t.history.Exists(ctx, tx)
	if err != nil || !exists {
		return false, err
	}
	at, err := t.history.Position(ctx, tx)
	if err != nil || at.Last < number {
		return false, err
	}
	r, err := t.history.Get(ctx, tx, number)
	if err != nil {
		return false, err
	}
	return r.Outcome == history.Applied && r.Digest == e.plan.Digest && r.StartedAt.Equal(e.started), nil
}

// revision is the record of this execution.
func (e *execution) revision(number int64, o history.Outcome, f *fault.Error) *history.Revision {
	r := &history.Revision{
		Number: number, Outcome: o, Strategy: string(e.plan.Strategy),
		Engine: string(e.plan.Engine), EngineVersion: e.plan.EngineVersion, Modules: e.plan.Modules,
		Base: e.plan.Base, Target: e.plan.Target, Result: e.plan.Result, Digest: e.plan.Digest,
		Statements: e.statements, Error: f, Actor: e.req.Actor, Lockstep: e.s.cfg.LockstepVersion,
		StartedAt: e.started.UTC(), Duration: e.s.cfg.Now().Sub(e.started),
		RequestID: e.req.RequestID, RequestSum: e.requestSum(), Notes: e.notes(),
	}
	if o == history.RolledBack {
		r.Result = e.plan.Base
	}
	for _, v := range e.plan.Withheld() {
		for _, c := range v.Later {
			r.Withheld = append(r.Withheld, history.Withheld{Op: c.Op(), Object: c.Object(), Detail: c.String(), Reason: v.Reason})
		}
	}
	return r
}
