package sqlite

import (
	"context"
	"database/sql"
	"os"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// tx is the transaction of one execution.
type tx struct {
	s       *session
	opts    dialect.TxOptions
	open    bool // a transaction is open on the connection
	created bool // this execution created the file
	done    bool
	failed  bool

	views map[string]bool // views that were broken before
	keys  *keys
}

// ExecContext runs a statement. After a failure nothing more is run: SQLite
// ends a transaction by itself after some errors, and what followed would be
// committed at once.
func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if t.failed || t.done {
		return nil, fault.New(fault.Bug, "TX_FAILED", "the transaction has failed or ended; nothing more can be run in it")
	}
	if err := t.keys.expect(ctx, query); err != nil {
		t.failed = true
		return nil, err
	}
	if t.opts.StatementTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.opts.StatementTimeout)
		defer cancel()
	}
	res, err := t.s.conn.ExecContext(ctx, query, args...)
	if err != nil {
		t.failed = true
		if ctx.Err() != nil {
			err = ctx.Err() // the driver says "interrupted"
		} else {
			err = t.s.explain(ctx, query, err)
		}
	}
	return res, err
}

func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if t.done {
		return nil, fault.New(fault.Bug, "TX_DONE", "the transaction has ended already")
	}
	if err := t.keys.expect(ctx, query); err != nil {
		return nil, err
	}
	return t.s.conn.QueryContext(ctx, query, args...)
}

// Commit implements dialect.Tx: rows that refer to nothing and views that no
// longer work stop it, unless they were so before.
func (t *tx) Commit(ctx context.Context) error {
	if t.failed || t.done {
		return fault.New(fault.Bug, "TX_FAILED", "the transaction has failed or ended and cannot be committed")
	}
	if err := t.checks(ctx); err != nil {
		t.failed = true
		return t.s.dialect.Classify(err)
	}
	if err := ctx.Err(); err != nil {
		return t.s.dialect.Classify(err)
	}
	if _, err := t.s.conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		t.failed = true
		return t.s.dialect.Classify(err)
	}
	t.done, t.open, t.s.in = true, false, nil
	t.restore(context.WithoutCancel(ctx))
	return nil
}

// rollbackTime bounds a rollback whose caller's context is dead.
const rollbackTime = 10 * time.Second

// Rollback implements dialect.Tx. A file that this execution created goes away
// again, before the lock does: whoever waits for the lock must not be left with
// a file that is about to vanish.
func (t *tx) Rollback(ctx context.Context) error {
	if t.done {
		return nil
	}
	t.done, t.s.in = true, nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	removed := t.created
	t.remove()
	var err error
	if t.open && t.s.conn != nil {
		_, err = t.s.conn.ExecContext(ctx, "ROLLBACK")
		t.open = false
	}
	if err != nil || removed {
		// SQLite has ended the transaction by itself, or the connection is dead
		// or without a file: a new one is clean.
		return t.s.reopen(ctx)
	}
	t.restore(ctx)
	return nil
}

// abandon ends what Begin began, and returns err as a fault, or nil when there
// is no err.
func (t *tx) abandon(ctx context.Context, err error) error {
	rb := t.Rollback(ctx)
	t.done, t.created = false, false
	switch {
	case err != nil:
		return t.s.dialect.Classify(err)
	case rb != nil:
		return t.s.dialect.Classify(rb)
	case !t.s.same():
		return t.reconnect(ctx)
	}
	return nil
}

func (t *tx) reconnect(ctx context.Context) error {
	if err := t.s.reopen(ctx); err != nil {
		return t.s.dialect.Classify(err)
	}
	return nil
}

// remove takes the file away that this execution created.
func (t *tx) remove() {
	if !t.created {
		return
	}
	t.created = false
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		_ = os.Remove(t.s.path + suffix)
	}
}

// restore brings the connection's settings back.
func (t *tx) restore(ctx context.Context) {
	for _, pragma := range []string{"PRAGMA legacy_alter_table=OFF", "PRAGMA busy_timeout=5000"} {
		_, _ = t.s.conn.ExecContext(ctx, pragma)
	}
}
