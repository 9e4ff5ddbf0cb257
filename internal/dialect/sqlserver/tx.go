package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// tx is the transaction of one execution.
type tx struct {
	s       *session
	timeout time.Duration // of a statement; 0: none
	done    bool
	failed  bool // the server may have undone the transaction already
	read    bool // rows were read since the last statement; they may end in an error
	cancels []context.CancelFunc
}

// Begin implements dialect.Session. The lock is an application lock that belongs
// to the transaction, so that it ends with it however it ends:
// https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql
// The server waits for it, and gives it to who asked first. When the caller goes
// away the driver asks the server to stop waiting, and when the client dies the
// server does so by itself.
func (s *session) Begin(ctx context.Context, opts dialect.TxOptions) (dialect.Tx, error) {
	t := &tx{s: s, timeout: opts.StatementTimeout}
	if _, err := s.ExecContext(ctx, settings+";\nBEGIN TRANSACTION"); err != nil {
		return nil, t.abandon(ctx, err)
	}
	if err := t.lock(ctx, opts.LockWait); err != nil {
		return nil, t.abandon(ctx, err)
	}
	limit := int64(-1)
	if opts.LockTimeout > 0 { // a whole millisecond at least: 0 would not wait at all
		limit = max(1, opts.LockTimeout.Milliseconds())
	}
	begin := fmt.Sprintf("SET LOCK_TIMEOUT %d", limit)
	if opts.CreateNamespace {
		begin += ";\n" + createSchema
	}
	if _, err := s.ExecContext(ctx, begin); err != nil {
		return nil, t.abandon(ctx, err)
	}
	return t, nil
}

// abandon rolls back what Begin began and returns its error as a fault.
func (t *tx) abandon(ctx context.Context, err error) error {
	f := t.s.dialect.Classify(err)
	if rb := t.Rollback(ctx); rb != nil && f.Err == nil {
		f.Err = rb
	}
	return f
}

// lockName is the tenant's lock: locks are local to a database, and their names
// tell case apart where the database's own names may not.
func (s *session) lockName() string {
	name := s.schema
	if s.folds {
		name = strings.ToLower(name)
	}
	return "lockstep/" + name
}

// maxWait is the longest wait that sp_getapplock takes.
const maxWait = 1<<31 - 1

func (t *tx) lock(ctx context.Context, wait time.Duration) error {
	got, err := t.applicationLock(ctx, t.s.lockName(), wait)
	if err == nil && !got {
		err = fault.New(fault.Conflict, dialect.ReasonTenantLocked, "another execution holds schema %s of database %s", t.s.schema, t.s.database).
			Suggest("wait until it has ended, or allow a longer wait for the lock")
	}
	return err
}

// applicationLock takes a lock for the transaction, and tells whether it was to
// be had in time.
func (t *tx) applicationLock(ctx context.Context, name string, wait time.Duration) (bool, error) {
	rows, err := t.s.QueryContext(ctx, "DECLARE @got int;\n"+
		"EXEC @got = sys.sp_getapplock @Resource = @p1, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = @p2;\nSELECT @got",
		name, min(max(0, wait.Milliseconds()), maxWait))
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	got := int64(-999)
	for rows.Next() {
		if err := rows.Scan(&got); err != nil {
			return false, err
		}
	}
	if err := rows.Err(); err != nil {
		return false, withCause(ctx, err)
	}
	switch {
	case got >= 0:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case got == -1, got == -3:
		return false, nil
	}
	return false, fault.New(fault.Unsupported, "NO_APPLICATION_LOCKS", "the server gives no application lock: sp_getapplock answers %d", got).
		Suggest("lockstep needs them to keep two executions on one tenant apart; use SQL Server or Azure SQL")
}

// bounded is a context for one statement. Its end comes with that of the
// transaction, since the rows of a query outlive the call.
func (t *tx) bounded(ctx context.Context) context.Context {
	if t.timeout <= 0 {
		return ctx
	}
	ctx, cancel := context.WithTimeoutCause(ctx, t.timeout, errStatementTimeout)
	t.cancels = append(t.cancels, cancel)
	return ctx
}

var errStatementTimeout = errors.New("the statement's time is up")

// outcome of a statement: once one has failed, the server may have undone the
// transaction, and what came next would commit by itself.
func (t *tx) outcome(ctx, bounded context.Context, err error) error {
	if err == nil {
		return nil
	}
	t.failed = true
	if ctx.Err() == nil && errors.Is(context.Cause(bounded), errStatementTimeout) {
		return fault.Wrap(err, fault.Deadline, "STATEMENT_TIMEOUT", "a statement took longer than %s", t.timeout).
			Suggest("allow a longer statement timeout, or run it when the table is quieter")
	}
	return err
}

// usable refuses to go on after a failure or the end.
func (t *tx) usable() error {
	switch {
	case t.done:
		return fault.New(fault.Bug, "TX_DONE", "the transaction has ended already")
	case t.failed:
		return fault.New(fault.Bug, "TX_FAILED", "the transaction has failed and can only be rolled back")
	}
	return nil
}

// alive asks the server, after rows were read, whether the transaction still is:
// an error among them undoes it, and only who read them has seen it.
func (t *tx) alive(ctx context.Context) error {
	if !t.read {
		return nil
	}
	t.read = false
	_, err := t.s.ExecContext(ctx, "IF XACT_STATE() <> 1 THROW 50000, N'lockstep: the transaction has been undone', 1")
	return err
}

func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	bounded := t.bounded(ctx)
	if err := t.alive(bounded); err != nil {
		return nil, t.outcome(ctx, bounded, err)
	}
	res, err := t.s.ExecContext(bounded, query, args...)
	return res, t.outcome(ctx, bounded, err)
}

func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	bounded := t.bounded(ctx)
	t.read = true
	rows, err := t.s.QueryContext(bounded, query, args...)
	return rows, t.outcome(ctx, bounded, err)
}

// commit is refused by the server, with a number of its own, when it has undone
// the transaction.
const commit = "COMMIT TRANSACTION"

// Commit implements dialect.Tx.
func (t *tx) Commit(ctx context.Context) error {
	if err := t.usable(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return t.s.dialect.Classify(err)
	}
	// From here on the caller's context no longer counts: giving up half way
	// would leave nobody knowing whether the server committed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	if _, err := t.s.conn.ExecContext(ctx, commit); err != nil {
		t.failed = true
		f := t.s.dialect.Classify(err)
		if f.Kind == fault.Unavailable || f.Kind == fault.Deadline {
			return fault.Wrap(err, fault.Unavailable, "COMMIT_UNCERTAIN", "the connection was lost while committing: the execution may or may not have taken effect").
				Suggest("execute again: the tenant's history tells what happened, and nothing is done twice")
		}
		return f
	}
	t.end()
	_, _ = t.s.conn.ExecContext(ctx, readWait) // a session that cannot is dead, and its next user finds out
	return nil
}

// commitTime bounds the wait for the server's answer to COMMIT.
const commitTime = time.Minute

// rollbackTime bounds a rollback whose caller's context is dead.
const rollbackTime = 10 * time.Second

func (t *tx) end() {
	t.done = true
	for _, cancel := range t.cancels {
		cancel()
	}
}

// Rollback implements dialect.Tx. When the connection no longer answers it is
// thrown away: the server rolls back with it.
func (t *tx) Rollback(ctx context.Context) error {
	if t.done {
		return nil
	}
	t.end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	if _, err := t.s.conn.ExecContext(ctx, "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;\n"+readWait); err != nil {
		_ = t.s.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return nil
}
