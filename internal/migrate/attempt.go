package migrate

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
)

// Outcomes of a single statement, as history records them.
const (
	statementApplied    = "applied"
	statementFailed     = "failed"
	statementNotRun     = "not_run"
	statementRolledBack = "rolled_back"
	// statementDeferred removes for good what was moved aside: it runs when the
	// revision is recorded.
	statementDeferred = history.Deferred
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// once carries the plan out in one transaction: lock, re-check, DDL, proof,
// history, commit.
func (e *execution) once(ctx context.Context) (*Result, error) {
	tx, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	number, fresh, err := e.recheck(ctx, tx)
	if err == nil {
		err = e.intact(ctx, tx)
	}
	if err == nil && fresh {
		err = e.t.history.Create(ctx, tx)
	}
	if err != nil {
		e.rollback(ctx, tx)
		return nil, err
	}
	if err := e.preflight(ctx, tx); err != nil {
		return e.fail(ctx, tx, err)
	}
	if err := e.apply(ctx, tx); err != nil {
		return e.fail(ctx, tx, err)
	}
	e.progress(Event{Phase: PhaseVerifying, Attempt: e.attempt})
	if err := e.verify(ctx, tx); err != nil {
		return e.fail(ctx, tx, err)
	}
	e.progress(Event{Phase: PhaseRecording, Attempt: e.attempt})
	if err := e.t.history.Insert(ctx, tx, e.revision(number, history.Applied, nil), e.plan.ResultSchema); err != nil {
		return e.fail(ctx, tx, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return e.commitFailed(ctx, tx, number, err)
	}
	e.progress(Event{Phase: PhaseDone, Attempt: e.attempt})
	return e.result(OutcomeApplied, number, nil), nil
}

// begin opens the transaction and takes the tenant's lock.
func (e *execution) begin(ctx context.Context) (dialect.Tx, error) {
	e.progress(Event{Phase: PhaseLocking, Attempt: e.attempt})
	got := e.seen.waiting()
	tx, err := e.t.Begin(ctx, dialect.TxOptions{
		LockWait: e.req.LockWait, LockTimeout: e.req.LockTimeout, StatementTimeout: e.req.StatementTimeout,
		CreateNamespace: e.head == nil && e.t.d.Capabilities().Namespaces,
		Rebuilds:        e.plan.Rebuilds(),
	})
	got(err)
	return tx, err
}

// recheck proves, under the lock, that the tenant is still where the plan
// starts, and that nobody has answered the request meanwhile. It returns the
// number of the new revision, and whether there is no history yet.
func (e *execution) recheck(ctx context.Context, tx dialect.Tx) (number int64, fresh bool, err error) {
	if e.head == nil {
		exists, err := e.t.history.Exists(ctx, tx)
		if err != nil || !exists {
			return 1, true, err
		}
	}
	at, err := e.t.history.Position(ctx, tx)
	if err != nil {
		return 0, false, err
	}
	var head int64
	var result string
	if e.head != nil {
		head, result = e.head.Number, e.head.Result
	}
	if at.Head != head || at.Result != result {
		return 0, false, fault.New(fault.Drift, reasonBaseMoved,
			"the tenant moved from revision %d to %d while this execution waited for its lock", head, at.Head).
			Suggest("preview again and execute with the new digest")
	}
	return at.Last + 1, false, e.unanswered(ctx, tx)
}

// apply runs the statements in order. The history of each is kept also when one
// fails.
func (e *execution) apply(ctx context.Context, tx dialect.Tx) error {
	e.prepareStatements()
	return e.send(ctx, tx)
}

func (e *execution) prepareStatements() {
	e.statements = make([]history.Statement, len(e.plan.Statements))
	for i := range e.plan.Statements {
		st := &e.plan.Statements[i]
		e.statements[i] = history.Statement{
			SQL: st.SQL, Summary: st.Summary, Table: st.Table, Destructive: st.Destructive, Outcome: statementNotRun,
		}
	}
}

// send runs the statements, each with its progress and duration, and says which
// one failed.
func (e *execution) send(ctx context.Context, tx dialect.Tx) error {
	sql := make([]string, len(e.plan.Statements))
	for i := range sql {
		sql[i] = e.plan.Statements[i].SQL
	}
	w := e.watch()
	return w.failed(inOrder(ctx, tx, sql, w.done))
}

// watch follows the statements of a plan as they run.
type watch struct {
	e     *execution
	next  int
	begun time.Time
}

func (e *execution) watch() *watch {
	w := &watch{e: e, begun: e.s.cfg.Now()}
	w.announce()
	return w
}

func (w *watch) announce() {
	if e := w.e; w.next < len(e.plan.Statements) {
		e.progress(Event{
			Phase: PhaseExecuting, Index: w.next + 1, Total: len(e.plan.Statements),
			Statement: &e.plan.Statements[w.next], Attempt: e.attempt,
		})
	}
}

// done notes that a statement has succeeded.
func (w *watch) done(i int) {
	w.note(i)
	w.announce()
}

func (w *watch) note(i int) {
	now := w.e.s.cfg.Now()
	w.e.statements[i].Outcome, w.e.statements[i].Duration = statementApplied, now.Sub(w.begun)
	w.begun, w.next = now, i+1
}

// failed says of an error which statement it stopped; nil stays nil.
func (w *watch) failed(err error) error {
	if err == nil {
		return nil
	}
	f := *w.e.t.d.Classify(err)
	w.e.seen.failed(&f)
	if i, total := w.next, len(w.e.plan.Statements); i < total {
		w.e.statements[i].Outcome, w.e.statements[i].Duration = statementFailed, w.e.s.cfg.Now().Sub(w.begun)
		f.Detail = fmt.Sprintf("statement %d of %d (%s) failed: %s", i+1, total, w.e.plan.Statements[i].Summary, f.Detail)
		advise(&f, w.e.plan, &w.e.plan.Statements[i], onlineOf(w.e.t.d) != nil)
	}
	return &f
}

// inOrder runs statements one after the other, without waiting for each answer
// where the engine can do that. done is called as each succeeds.
func inOrder(ctx context.Context, tx dialect.Tx, statements []string, done func(i int)) error {
	if p, ok := tx.(dialect.Pipeliner); ok {
		return p.ExecPipeline(ctx, statements, done)
	}
	for i, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
		done(i)
	}
	return nil
}
