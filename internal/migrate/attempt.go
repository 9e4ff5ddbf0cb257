package migrate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Outcomes of a single statement, as history records them.
const (
	statementApplied    = "applied"
	statementFailed     = "failed"
	statementNotRun     = "not_run"
	statementRolledBack = "rolled_back"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// once carries the plan out in one transaction: lock, re-check, DDL, proof,
// history, commit.
func (e *execution) once(ctx context.Context) (*Result, error) {
	e.progress(Event{Phase: PhaseLocking, Attempt: e.attempt})
	tx, err := e.t.Begin(ctx, dialect.TxOptions{
		LockWait: e.req.LockWait, LockTimeout: e.req.LockTimeout, StatementTimeout: e.req.StatementTimeout,
		CreateNamespace: e.head == nil && e.t.d.Capabilities().Namespaces,
		Rebuilds:        e.plan.Rebuilds(),
	})
	if err != nil {
		return nil, err
	}
	number, err := e.recheck(ctx, tx)
	if err != nil {
		e.rollback(ctx, tx)
		return nil, err
	}
	if err := e.intact(ctx, tx); err != nil {
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

// intact proves that the tables which the plan rebuilds by copying are what the
// snapshot says: an index or a column that somebody added would be lost by the
// copy without a word.
func (e *execution) intact(ctx context.Context, tx dialect.Tx) error {
	names := e.plan.Rebuilds()
	if len(names) == 0 || e.plan.BaseSchema == nil {
		return nil
	}
	found, err := e.t.d.Inspect(ctx, tx, names)
	if err != nil {
		return err
	}
	differences := e.differences(names, e.plan.BaseSchema, found)
	if len(differences) == 0 {
		return nil
	}
	return fault.New(fault.Drift, "TABLE_DRIFTED",
		"a table that must be rebuilt is not what was last recorded, and the rebuild would lose the difference: %s", strings.Join(differences, "; ")).
		Suggest("bring the table back to what the last revision recorded, or declare the difference in the entity, and preview again")
}

// differences compares tables with what they should be, one clause each.
func (e *execution) differences(names []string, want, found *schema.Schema) []string {
	var out []string
	for _, name := range names {
		promised, have := want.Table(name), found.Table(name)
		switch {
		case promised == nil && have == nil:
		case promised == nil:
			out = append(out, "the table "+name+" is still there")
		case have == nil:
			out = append(out, "the table "+name+" is not there")
		default:
			for _, d := range e.t.d.Compare(promised, have) {
				out = append(out, name+": "+d)
			}
		}
	}
	return out
}

// recheck proves, under the lock, that the tenant is still where the plan
// starts, and returns the number of the new revision.
func (e *execution) recheck(ctx context.Context, tx dialect.Tx) (int64, error) {
	if e.head == nil {
		exists, err := e.t.history.Exists(ctx, tx)
		if err != nil {
			return 0, err
		}
		if !exists {
			return 1, e.t.history.Create(ctx, tx)
		}
	}
	at, err := e.t.history.Position(ctx, tx)
	if err != nil {
		return 0, err
	}
	var head int64
	var result string
	if e.head != nil {
		head, result = e.head.Number, e.head.Result
	}
	if at.Head != head || at.Result != result {
		return 0, fault.New(fault.Drift, reasonBaseMoved,
			"the tenant moved from revision %d to %d while this execution waited for its lock", head, at.Head).
			Suggest("preview again and execute with the new digest")
	}
	return at.Last + 1, nil
}

// apply runs the statements in order. The history of each is kept also when one
// fails.
func (e *execution) apply(ctx context.Context, tx dialect.Tx) error {
	total := len(e.plan.Statements)
	e.statements = make([]history.Statement, total)
	for i := range e.plan.Statements {
		st := &e.plan.Statements[i]
		e.statements[i] = history.Statement{
			SQL: st.SQL, Summary: st.Summary, Table: st.Table, Destructive: st.Destructive, Outcome: statementNotRun,
		}
	}
	return e.send(ctx, tx)
}

// send runs the statements, each with its progress and duration, and says which
// one failed.
func (e *execution) send(ctx context.Context, tx dialect.Tx) error {
	total, next := len(e.plan.Statements), 0
	sql := make([]string, total)
	for i := range sql {
		sql[i] = e.plan.Statements[i].SQL
	}
	begin := e.s.cfg.Now()
	announce := func() {
		if next < total {
			e.progress(Event{Phase: PhaseExecuting, Index: next + 1, Total: total, Statement: &e.plan.Statements[next], Attempt: e.attempt})
		}
	}
	announce()
	err := inOrder(ctx, tx, sql, func(i int) {
		now := e.s.cfg.Now()
		e.statements[i].Outcome, e.statements[i].Duration = statementApplied, now.Sub(begin)
		begin, next = now, i+1
		announce()
	})
	if err == nil {
		return nil
	}
	f := *e.t.d.Classify(err)
	if next < total {
		e.statements[next].Outcome, e.statements[next].Duration = statementFailed, e.s.cfg.Now().Sub(begin)
		f.Detail = fmt.Sprintf("statement %d of %d (%s) failed: %s", next+1, total, e.plan.Statements[next].Summary, f.Detail)
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

// verify looks at every touched table again and compares it with what the plan
// promised.
func (e *execution) verify(ctx context.Context, tx dialect.Tx) error {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for i := range e.plan.Statements {
		add(e.plan.Statements[i].Table)
	}
	for _, v := range e.plan.Verdicts {
		if len(v.Now) > 0 && v.Name == "" {
			add(v.OldName)
		}
	}
	if len(names) == 0 {
		return nil
	}
	found, err := e.t.d.Inspect(ctx, tx, names)
	if err != nil {
		return err
	}
	differences := e.differences(names, e.plan.ResultSchema, found)
	if len(differences) == 0 {
		return nil
	}
	return fault.New(fault.Drift, "VERIFICATION_FAILED",
		"after the statements had run, the database was not what the plan promised: %s", strings.Join(differences, "; ")).
		Suggest("a table was changed outside lockstep: compare it with the last revision in lockstep history and bring it back, then preview again")
}
