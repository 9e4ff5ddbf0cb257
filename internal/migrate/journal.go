package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
)

// journal runs the statements of a program on an engine whose DDL commits by
// itself, and notes each one before and after.
type journal struct {
	t    *tenant
	q    dialect.Querier
	now  func() time.Time
	p    *program
	last int64 // number of the last entry
	// owed is the entry that the last action came to its end. It is written
	// together with the next one; should the process die in between, the
	// definitions tell what it would have said.
	owed []history.Entry
}

// note writes an entry, and what is owed before it.
func (j *journal) note(ctx context.Context, e history.Entry) error {
	j.number(&e)
	entries := append(j.owed, e)
	if err := j.t.history.Note(ctx, j.q, entries...); err != nil {
		return err
	}
	j.owed = nil
	return nil
}

func (j *journal) number(e *history.Entry) {
	j.last++
	e.Number, e.At = j.last, j.now()
}

// settle writes what is owed.
func (j *journal) settle(ctx context.Context) error {
	if err := j.t.history.Note(ctx, j.q, j.owed...); err != nil {
		return err
	}
	j.owed = nil
	return nil
}

// act runs one statement between its two entries.
func (j *journal) act(ctx context.Context, e history.Entry, sql string) error {
	var err error
	if e.Witness, err = j.witness(ctx, j.p.Statements[e.Statement].Tables); err != nil {
		return err
	}
	if err := j.note(ctx, e); err != nil {
		return err
	}
	if _, err := j.q.ExecContext(ctx, sql); err != nil {
		return j.t.d.Classify(err)
	}
	e.Done, e.Witness = true, ""
	j.number(&e)
	j.owed = append(j.owed, e)
	return nil
}

// witness is a hash of what the tables are now.
func (j *journal) witness(ctx context.Context, tables []string) (string, error) {
	w, ok := j.t.d.(dialect.Witness)
	if !ok || len(tables) == 0 {
		return "", nil
	}
	found, err := w.Definitions(ctx, j.q, tables)
	if err != nil {
		return "", j.t.d.Classify(err)
	}
	h := sha256.New()
	for _, name := range tables {
		text, there := found[name]
		_, _ = fmt.Fprintf(h, "%d:%s%t%d:%s", len(name), name, there, len(text), text) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// happened tells whether an action took place: what the journal is sure of, or
// else whether the tables concerned are no longer what they were before it.
func (j *journal) happened(ctx context.Context, t trace, tables []string) (bool, error) {
	if t.certainty != begun {
		return t.certainty == surely, nil
	}
	now, err := j.witness(ctx, tables)
	return now != t.witness, err
}

// takeBack undoes every statement that took place, newest first. It returns the
// outcome of each for the record.
func (j *journal) takeBack(ctx context.Context, a *account) ([]string, error) {
	outcomes := make([]string, len(j.p.Statements))
	for i := len(j.p.Statements) - 1; i >= 0; i-- {
		st := &j.p.Statements[i]
		outcomes[i] = statementNotRun
		if a.applied[i].certainty == never {
			continue
		}
		applied := a.undoing(i)
		if !applied {
			var err error
			if applied, err = j.happened(ctx, a.applied[i], st.Tables); err != nil {
				return nil, err
			}
		}
		if !applied {
			outcomes[i] = statementFailed
			continue
		}
		outcomes[i] = statementRolledBack
		if err := j.reverse(ctx, a, i); err != nil {
			return nil, err
		}
	}
	return outcomes, j.settle(ctx)
}

// reverse runs what is left of one statement's reverse.
func (j *journal) reverse(ctx context.Context, a *account, i int) error {
	st := &j.p.Statements[i]
	for k, sql := range st.Reverse {
		done, err := j.happened(ctx, a.undone[i][k], st.Tables)
		if err != nil {
			return err
		}
		if done {
			continue
		}
		err = patiently(ctx, func() error {
			return j.act(ctx, history.Entry{Action: history.Undo, Statement: i, Part: k}, sql)
		})
		if err != nil {
			f := *j.t.d.Classify(err)
			f.Detail = fmt.Sprintf("statement %d (%s) could not be taken back by %q: %s", i+1, st.Summary, sql, f.Detail)
			return &f
		}
	}
	return nil
}

// finish runs the statements that remove for good what was moved aside.
func (j *journal) finish(ctx context.Context, a *account, done func(statement int)) error {
	for i := range j.p.Statements {
		st := &j.p.Statements[i]
		if !st.Final {
			continue
		}
		ran, err := j.happened(ctx, a.finished[i], st.Tables)
		if err != nil {
			return err
		}
		if !ran {
			if err := patiently(ctx, func() error {
				return j.act(ctx, history.Entry{Action: history.Final, Statement: i}, st.SQL)
			}); err != nil {
				return err
			}
		}
		done(i)
	}
	return nil
}

// proveBefore looks at every table that the program touched, and compares it
// with what was found there before the first statement.
func (j *journal) proveBefore(ctx context.Context) error {
	before, err := j.p.before()
	if err != nil {
		return err
	}
	now, err := j.t.d.Inspect(ctx, j.q, j.p.Tables)
	if err != nil {
		return err
	}
	var differences []string
	for _, name := range j.p.Tables {
		was, is := before.Table(name), now.Table(name)
		if was != nil && is != nil && was.Equal(is) {
			continue
		}
		said := j.t.d.Compare(was, is)
		if len(said) == 0 && was != nil {
			said = []string{"table " + name + " has another text of a default, a check, an expression or a comment"}
		}
		differences = append(differences, said...)
	}
	if len(differences) == 0 {
		return nil
	}
	return fault.New(fault.Partial, "ROLLBACK_INCOMPLETE", "after everything was taken back, the tables are not what they were: %s", strings.Join(differences, "; ")).
		Suggest("somebody else changed them meanwhile, or this is a fault of lockstep; bring the tables back to what is said, and run execute again, which proves it anew; the table %s holds what was done", history.JournalTable)
}

// patiently runs what must not be given up because a table is in use: a lock
// that is not to be had is waited for.
func patiently(ctx context.Context, run func() error) error {
	const tries = 12
	wait := firstBackoff
	for try := 1; ; try++ {
		err := run()
		reason := fault.ReasonOf(err)
		if err == nil || try == tries || reason != dialect.ReasonLockTimeout && reason != dialect.ReasonDeadlock {
			return err
		}
		if ended := sleep(ctx, wait); ended != nil {
			return err
		}
		wait = min(2*wait, 8*time.Second)
	}
}
