package migrate

import (
	"context"
	"slices"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
)

// journalledOnce carries the plan out on an engine whose DDL commits by itself:
// lock, re-check, DDL under the journal, proof, history, and only then the
// removal of what was moved aside. Whatever fails before the history row is
// there is taken back.
func (e *execution) journalledOnce(ctx context.Context) (*Result, error) {
	tx, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	number, fresh, err := e.recheck(ctx, tx)
	if err == nil {
		err = e.intact(ctx, tx)
	}
	if err == nil {
		err = e.undoable(ctx, tx)
	}
	if err != nil {
		e.rollback(ctx, tx)
		return nil, err
	}
	if err := e.preflight(ctx, tx); err != nil {
		return e.fail(ctx, tx, err) // nothing was touched yet
	}
	j, err := e.openJournal(ctx, tx, number)
	if err != nil {
		return e.takeBack(ctx, tx, number, err)
	}
	if fresh {
		if err := e.t.history.Create(ctx, tx); err != nil {
			return e.takeBack(ctx, tx, number, err)
		}
	}
	if err := e.act(ctx, j); err != nil {
		return e.takeBack(ctx, tx, number, err)
	}
	e.progress(Event{Phase: PhaseVerifying, Attempt: e.attempt})
	if err := e.verify(ctx, tx); err != nil {
		return e.takeBack(ctx, tx, number, err)
	}
	e.progress(Event{Phase: PhaseRecording, Attempt: e.attempt})
	if err := e.t.history.Insert(ctx, tx, e.revision(number, history.Applied, nil), e.plan.ResultSchema); err != nil {
		return e.takeBack(ctx, tx, number, err)
	}
	e.finish(ctx, tx, j, number)
	e.progress(Event{Phase: PhaseDone, Attempt: e.attempt})
	return e.result(OutcomeApplied, number, nil), nil
}

// openJournal notes what is going to be done, and how it is undone.
func (e *execution) openJournal(ctx context.Context, tx dialect.Tx, number int64) (*journal, error) {
	e.prepareStatements()
	p, err := newProgram(e.plan, e.t.d.Capabilities(), *e.revision(number, history.Applied, nil), e.sight.tables)
	if err != nil {
		return nil, err
	}
	body, err := p.encode()
	if err != nil {
		return nil, err
	}
	if err := e.t.history.CreateJournal(ctx, tx); err != nil {
		return nil, err
	}
	j := &journal{t: e.t, q: tx, now: e.s.cfg.Now, p: p}
	return j, j.note(ctx, history.Entry{Action: history.Begin, Body: body, Done: true})
}

// act runs all but the final statements.
func (e *execution) act(ctx context.Context, j *journal) error {
	w := e.watch()
	for i := range e.plan.Statements {
		st := &e.plan.Statements[i]
		if st.Final {
			e.statements[i].Outcome = statementDeferred
			continue
		}
		if err := e.actOn(ctx, j, i); err != nil {
			return w.failed(err)
		}
		w.done(i)
	}
	return j.settle(ctx)
}

// actOn runs one statement, and by the next weaker algorithm when the server
// refuses the one that the plan hoped for.
func (e *execution) actOn(ctx context.Context, j *journal, i int) error {
	entry := history.Entry{Action: history.Apply, Statement: i}
	err := j.act(ctx, entry, e.plan.Statements[i].SQL)
	for _, sql := range e.plan.Statements[i].Fallback {
		if fault.ReasonOf(err) != dialect.ReasonAlgorithmUnsupported {
			break
		}
		e.statements[i].SQL = sql
		err = j.act(ctx, entry, sql)
	}
	return err
}

// finish removes what was moved aside. The revision is recorded: what cannot be
// removed now, or on a second connection, is removed on the next contact with
// this tenant.
func (e *execution) finish(ctx context.Context, tx dialect.Tx, j *journal, number int64) {
	fresh := context.WithoutCancel(ctx)
	err := e.removeAside(fresh, tx, j, number)
	e.rollback(fresh, tx) // gives the lock back
	if err != nil {
		_, err = e.s.recoverAnew(fresh, e.req.Target, recovering{})
	}
	if err != nil {
		e.warnings = append(e.warnings, "the upgrade is complete, but what it moved aside could not be removed yet ("+
			e.t.d.Classify(err).Detail+"); the next execution on this tenant does it")
		return
	}
	for i := range e.statements {
		if e.statements[i].Outcome == statementDeferred {
			e.statements[i].Outcome = statementApplied
		}
	}
}

func (e *execution) removeAside(ctx context.Context, tx dialect.Tx, j *journal, number int64) error {
	began := e.s.cfg.Now()
	err := j.finish(ctx, &account{finished: make([]trace, len(j.p.Statements))}, func(i int) {
		e.statements[i].Outcome, e.statements[i].Duration = statementApplied, e.s.cfg.Now().Sub(began)
		began = e.s.cfg.Now()
	})
	if err == nil {
		err = e.t.history.Settle(ctx, tx, number)
	}
	if err == nil {
		err = e.t.history.ClearJournal(ctx, tx)
	}
	return err
}

// takeBack undoes what was done, on a context and a connection of its own: the
// caller may be gone, and the connection dead.
func (e *execution) takeBack(ctx context.Context, tx dialect.Tx, number int64, cause error) (*Result, error) {
	e.rollback(ctx, tx) // gives the lock back
	e.progress(Event{Phase: PhaseRecovering, Attempt: e.attempt})
	f := *e.t.d.Classify(cause)
	f.RolledBack = true
	fresh := context.WithoutCancel(ctx)
	r, err := e.s.recoverAnew(fresh, e.req.Target, recovering{cause: &f, silent: e.again(&f), statements: e.statements})
	if err != nil {
		return e.halfWay(&f, err)
	}
	if r == nil { // the journal was never begun, or another execution was quicker to recover
		committed, err := e.committed(fresh, number)
		switch {
		case err != nil:
			return e.halfWay(&f, err)
		case committed:
			r = &recovery{forward: true, revision: number}
		default:
			r = &recovery{}
		}
	}
	for i := range r.outcomes {
		e.statements[i].Outcome = r.outcomes[i]
	}
	if r.forward {
		e.progress(Event{Phase: PhaseDone, Attempt: e.attempt})
		return e.result(OutcomeApplied, r.revision, nil), nil
	}
	return e.result(OutcomeRolledBack, r.revision, &f), &f
}

// halfWay reports a tenant that could not be taken back now.
func (e *execution) halfWay(cause *fault.Error, err error) (*Result, error) {
	why := e.t.d.Classify(err)
	f := fault.Wrap(cause, fault.Partial, "RECOVERY_PENDING",
		"the execution failed (%s), and what it had done could not be taken back now: %s", cause.Detail, why.Detail)
	f = f.Suggest("the journal in the tenant's database holds how: when the database can be reached, run execute again, which takes it back first")
	if why.Kind == fault.Partial {
		f.Reason, f.Suggestion = why.Reason, why.Suggestion
	}
	return e.result(OutcomeNeedsOperator, 0, f), f
}

// recoverFirst brings a tenant in order that an earlier execution left half way.
func (e *execution) recoverFirst(ctx context.Context) error {
	entries, err := e.t.history.Journal(ctx, e.t)
	if err != nil || len(entries) == 0 {
		return err
	}
	e.progress(Event{Phase: PhaseRecovering, Attempt: 1})
	tx, err := e.t.Begin(ctx, dialect.TxOptions{LockWait: e.req.LockWait, LockTimeout: e.req.LockTimeout})
	if err != nil {
		return err
	}
	r, err := e.s.recover(ctx, e.t, tx, recovering{})
	if err != nil {
		e.rollback(ctx, tx)
		return err
	}
	if r != nil {
		e.warnings = append(e.warnings, r.String())
	}
	return tx.Commit(ctx)
}

// String says what was found and what became of it.
func (r *recovery) String() string {
	n := itoa(r.program.Revision.Number)
	if r.forward {
		return "revision " + n + " had been interrupted after it was recorded; what it had moved aside is removed now"
	}
	undone := 0
	for _, o := range r.outcomes {
		if o == statementRolledBack {
			undone++
		}
	}
	return "revision " + n + " had been interrupted after " + itoa(int64(undone)) + " of its " +
		itoa(int64(len(r.outcomes))) + " statements; it was taken back first"
}

// recoverAnew recovers on a new connection. A database that cannot be reached,
// or a lost session that still holds the lock, is waited for a while.
func (s *Service) recoverAnew(ctx context.Context, target dialect.Target, how recovering) (r *recovery, err error) {
	const tries = 6
	wait := firstBackoff
	for try := 1; ; try++ {
		r, err = s.recoverOnce(ctx, target, how)
		if err == nil || try == tries || !slices.Contains([]fault.Kind{fault.Unavailable, fault.Conflict}, fault.KindOf(err)) {
			return r, err
		}
		if ended := sleep(ctx, wait); ended != nil {
			return nil, err
		}
		wait = min(2*wait, 5*time.Second)
	}
}

func (s *Service) recoverOnce(ctx context.Context, target dialect.Target, how recovering) (*recovery, error) {
	t, err := s.open(ctx, target)
	if err != nil {
		return nil, err
	}
	defer s.close(t)
	tx, err := t.Begin(ctx, dialect.TxOptions{LockWait: recoveryLockWait, LockTimeout: defaultLockTimeout})
	if err != nil {
		return nil, err
	}
	r, err := s.recover(ctx, t, tx, how)
	if err != nil {
		if end := tx.Rollback(ctx); end != nil {
			s.cfg.Logger.DebugContext(ctx, "the tenant's lock was not given back cleanly", "target", target, "reason", fault.ReasonOf(end))
		}
		return nil, err
	}
	return r, tx.Commit(ctx)
}
