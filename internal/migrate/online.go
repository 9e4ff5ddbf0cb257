package migrate

import (
	"context"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
)

// onlineOf is the part of a dialect that executes in phases; nil when it has none.
func onlineOf(d dialect.Dialect) dialect.Online {
	o, _ := d.(dialect.Online)
	return o
}

// canOnline refuses --online where it would promise what does not happen. An
// engine that needs a journal anyway alters its tables online by itself.
func (s *Service) canOnline(req Request) error {
	if !req.Online {
		return nil
	}
	d, err := s.dialectOf(req.Target)
	if err != nil || onlineOf(d) != nil || journalled(d) {
		return err
	}
	return fault.New(fault.Invalid, "ONLINE_UNSUPPORTED", "%s cannot change tables without locking them, so there is no online plan for it", req.Target.Engine).
		Suggest("leave --online out; preview says what each statement locks")
}

// onlineOnce carries a plan out in phases, under one lock: it prepares in a
// transaction that also opens the journal, builds what takes long statement by
// statement, and finishes in a transaction that also records the revision and
// ends the journal. A failure before that is taken back in one transaction, by
// this process or by the next that makes contact.
func (e *execution) onlineOnce(ctx context.Context) (*Result, error) {
	held, number, err := e.holdOnline(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.preflightOnline(ctx, held); err != nil {
		return e.fail(ctx, held, err) // nothing was touched yet
	}
	o := &onlineRun{e: e, held: held, number: number}
	if err := o.prepare(ctx); err != nil {
		if o.uncertain {
			return e.takeBack(ctx, held, number, err)
		}
		return e.fail(ctx, held, err)
	}
	if err := o.build(ctx); err != nil {
		return e.takeBack(ctx, held, number, err)
	}
	if err := o.finish(ctx); err != nil {
		return e.takeBack(ctx, held, number, err)
	}
	e.rollback(ctx, held) // gives the lock back
	e.progress(Event{Phase: PhaseDone, Attempt: e.attempt})
	return e.result(OutcomeApplied, number, nil), nil
}

// holdOnline takes the lock and proves that the tenant is where the plan starts.
func (e *execution) holdOnline(ctx context.Context) (dialect.Held, int64, error) {
	holder, ok := e.t.Session.(dialect.Holder)
	if !ok {
		return nil, 0, fault.New(fault.Bug, "ONLINE_SESSION", "the session cannot hold the tenant's lock over several transactions")
	}
	e.progress(Event{Phase: PhaseLocking, Attempt: e.attempt})
	got := e.seen.waiting()
	held, err := holder.Hold(ctx, dialect.TxOptions{
		LockWait: e.req.LockWait, LockTimeout: e.req.LockTimeout, StatementTimeout: e.req.StatementTimeout,
	})
	got(err)
	if err != nil {
		return nil, 0, err
	}
	number, _, err := e.recheck(ctx, held)
	if err == nil {
		err = e.dropInvalid(ctx, held)
	}
	if err == nil {
		err = e.intact(ctx, held)
	}
	if err == nil {
		err = e.undoable(ctx, held)
	}
	if err != nil {
		e.rollback(ctx, held)
		return nil, 0, err
	}
	return held, number, nil
}

// preflightOnline asks the rows in a transaction, as preflight wants, that ends
// before the first phase.
func (e *execution) preflightOnline(ctx context.Context, held dialect.Held) error {
	if err := held.BeginPhase(ctx); err != nil {
		return err
	}
	err := e.preflight(ctx, held)
	if end := held.RollbackPhase(ctx); err == nil {
		err = end
	}
	return err
}

// dropInvalid removes what a concurrent build of somebody else left behind under
// a name that the plan builds.
func (e *execution) dropInvalid(ctx context.Context, q dialect.Querier) error {
	var names []string
	for _, v := range e.plan.Verdicts {
		for _, c := range v.Now {
			if c.To != nil && c.To.Index != nil {
				names = append(names, c.Name, dialect.CutName(dialect.NewPrefix+c.Name, e.t.d.Capabilities().MaxIdentifier))
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	d := onlineOf(e.t.d)
	invalid, err := d.Invalid(ctx, q, names)
	if err != nil {
		return err
	}
	for _, name := range invalid {
		if _, err := q.ExecContext(ctx, d.DropInvalid(name)); err != nil {
			return e.t.d.Classify(err)
		}
		e.warnings = append(e.warnings, "the index "+name+" was there, unfinished and unused, from a build that had failed; it was dropped, and is built anew")
	}
	return nil
}

// onlineRun is one attempt at a plan in phases.
type onlineRun struct {
	e         *execution
	held      dialect.Held
	number    int64
	j         *journal
	uncertain bool // whether the prepared part was committed
}

// prepare commits the first phase together with the journal.
func (o *onlineRun) prepare(ctx context.Context) error {
	return o.inPhase(ctx, func() (err error) {
		if o.j, err = o.e.openJournal(ctx, o.held, o.number); err != nil {
			return err
		}
		return o.run(ctx, dialect.PhasePrepare)
	})
}

// finish commits the last phase together with the revision.
func (o *onlineRun) finish(ctx context.Context) error {
	e := o.e
	return o.inPhase(ctx, func() error {
		if err := o.run(ctx, dialect.PhaseFinish); err != nil {
			return err
		}
		e.progress(Event{Phase: PhaseVerifying, Attempt: e.attempt})
		if err := e.verify(ctx, o.held); err != nil {
			return err
		}
		e.progress(Event{Phase: PhaseRecording, Attempt: e.attempt})
		if err := e.t.history.Insert(ctx, o.held, e.revision(o.number, history.Applied, nil), e.plan.ResultSchema); err != nil {
			return err
		}
		return e.t.history.DropJournal(ctx, o.held)
	})
}

// inPhase runs one transaction. It is repeated while only a lock is missing: what
// was built for hours is not to be thrown away for that.
func (o *onlineRun) inPhase(ctx context.Context, run func() error) error {
	return patiently(ctx, func() error {
		o.uncertain = false
		err := o.held.BeginPhase(ctx)
		if err == nil {
			err = run()
		}
		if err == nil {
			if err = o.held.CommitPhase(ctx); err == nil {
				return nil
			}
			o.uncertain = true
		}
		if end := o.held.RollbackPhase(ctx); end != nil {
			return end
		}
		return err
	})
}

// run runs the statements of one phase, one after the other.
func (o *onlineRun) run(ctx context.Context, phase dialect.Phase) error {
	return o.each(phase, func(i int) error {
		_, err := o.held.ExecContext(ctx, o.e.plan.Statements[i].SQL)
		return err
	})
}

// build runs the second phase, each statement between its two entries.
func (o *onlineRun) build(ctx context.Context) error {
	err := o.each(dialect.PhaseOnline, func(i int) error {
		return o.j.act(ctx, history.Entry{Action: history.Apply, Statement: i}, o.e.plan.Statements[i].SQL)
	})
	if err != nil {
		return err
	}
	return o.j.settle(ctx)
}

// each follows the statements of one phase.
func (o *onlineRun) each(phase dialect.Phase, run func(i int) error) error {
	var w *watch
	for i := range o.e.plan.Statements {
		if o.e.plan.Statements[i].Phase != phase {
			continue
		}
		if w == nil {
			w = &watch{e: o.e, begun: o.e.s.cfg.Now(), next: i}
			w.announce()
		}
		if err := run(i); err != nil {
			return w.failed(err)
		}
		w.note(i)
		if i+1 < len(o.e.plan.Statements) && o.e.plan.Statements[i+1].Phase == phase {
			w.announce()
		}
	}
	return nil
}

// takeBackAtOnce undoes the phases before the finish, newest statement first, in
// the caller's transaction. The journal is there because the first phase was
// committed with it; of the second, everything can be undone whether or not it
// was done.
func (j *journal) takeBackAtOnce(ctx context.Context, a *account) ([]string, error) {
	outcomes := make([]string, len(j.p.Statements))
	for i, st := range slices.Backward(j.p.Statements) {
		switch {
		case st.Phase == dialect.PhaseFinish, st.Phase == dialect.PhaseOnline && a.applied[i].certainty == never:
			outcomes[i] = statementNotRun
			continue
		case st.Phase == dialect.PhaseOnline && a.applied[i].certainty == begun:
			outcomes[i] = statementFailed
		default:
			outcomes[i] = statementRolledBack
		}
		for _, sql := range st.Reverse {
			if _, err := j.q.ExecContext(ctx, sql); err != nil {
				f := *j.t.d.Classify(err)
				f.Detail = "statement " + itoa(int64(i+1)) + " (" + st.Summary + ") could not be taken back: " + f.Detail
				return nil, &f
			}
		}
	}
	return outcomes, nil
}

// end empties the journal, or removes it where it is there only as long as an
// execution is not through.
func (j *journal) end(ctx context.Context) error {
	if onlineOf(j.t.d) != nil {
		return j.t.history.DropJournal(ctx, j.q)
	}
	return j.t.history.ClearJournal(ctx, j.q)
}
