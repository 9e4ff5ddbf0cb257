package postgres

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// tx is the transaction of one execution.
type tx struct {
	s    *session
	done bool
}

// Begin implements dialect.Session. The lock is an advisory one, bound to the
// transaction, so that it ends with it however it ends:
// https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
func (s *session) Begin(ctx context.Context, opts dialect.TxOptions) (dialect.Tx, error) {
	t := &tx{s: s}
	var begin strings.Builder
	begin.WriteString("BEGIN")
	for _, set := range []struct {
		name  string
		value time.Duration
	}{{"lock_timeout", opts.LockTimeout}, {"statement_timeout", opts.StatementTimeout}} {
		if set.value > 0 { // a whole millisecond at least: 0 would switch it off
			fmt.Fprintf(&begin, "; SET LOCAL %s = %d", set.name, max(1, set.value.Milliseconds()))
		}
	}
	if _, err := s.ExecContext(ctx, begin.String()); err != nil {
		return nil, t.abandon(ctx, err)
	}
	if err := t.lock(ctx, opts.LockWait); err != nil {
		return nil, t.abandon(ctx, err)
	}
	if opts.CreateNamespace {
		if err := t.createSchema(ctx); err != nil {
			return nil, t.abandon(ctx, err)
		}
	}
	if s.dialect.wrap == nil {
		return pipelineTx{t}, nil
	}
	return t, nil
}

// createSchema makes the tenant's schema unless it is there. It asks first:
// CREATE SCHEMA IF NOT EXISTS wants the right to create one even when there is
// nothing to create, and a tenant's own user often lacks it. Reading the
// catalogue also makes the server process take in what others committed while
// this one waited for the advisory lock, which does not.
// https://www.postgresql.org/docs/current/sql-createschema.html
func (t *tx) createSchema(ctx context.Context) error {
	rows, err := t.s.conn.QueryContext(ctx, "SELECT FROM pg_namespace WHERE nspname = $1", t.s.schema)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	exists := rows.Next()
	if err := rows.Err(); err != nil || exists {
		return err
	}
	if err := rows.Close(); err != nil {
		return err
	}
	_, err = t.s.conn.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+quote(t.s.schema))
	return err
}

// abandon rolls back what Begin began and returns its error as a fault.
func (t *tx) abandon(ctx context.Context, err error) error {
	f := t.s.dialect.Classify(err)
	if rb := t.Rollback(ctx); rb != nil && f.Err == nil {
		f.Err = rb
	}
	return f
}

// lockKey is the tenant's key in the server's one space of 64-bit keys. Advisory
// locks are local to a database; its name is hashed in all the same, for the
// poolers that hide it.
func (s *session) lockKey() int64 {
	sum := sha256.Sum256([]byte("lockstep\x00" + s.database + "\x00" + s.schema))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // any 64 bits are a key
}

// Polling starts quickly, for executions that take milliseconds, and slows down.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// lock polls rather than waits: a waiting session would be subject to
// lock_timeout, and would hold its place after its client died.
func (t *tx) lock(ctx context.Context, wait time.Duration) error {
	return t.lockBy(ctx, wait, "SELECT pg_try_advisory_xact_lock($1)")
}

func (t *tx) lockBy(ctx context.Context, wait time.Duration, try string) error {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		got, err := t.tryLock(ctx, try)
		if err != nil || got {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-deadline.C:
			timer.Stop()
			if got, err := t.tryLock(ctx, try); err != nil || got {
				return err
			}
			return fault.New(fault.Conflict, "TENANT_LOCKED", "another execution holds schema %s of database %s", t.s.schema, t.s.database).
				Suggest("wait until it has ended, or allow a longer wait for the lock")
		}
	}
}

func (t *tx) tryLock(ctx context.Context, try string) (got bool, err error) {
	rows, err := t.s.QueryContext(ctx, try, t.s.lockKey())
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&got); err != nil {
			return false, err
		}
	}
	return got, rows.Err()
}

func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.s.ExecContext(ctx, query, args...)
}

func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.s.QueryContext(ctx, query, args...)
}

// Commit implements dialect.Tx. PostgreSQL answers COMMIT of a failed
// transaction with success and the word ROLLBACK, so its state is asked first;
// the driver knows it without a round trip.
func (t *tx) Commit(ctx context.Context) error {
	if t.done {
		return fault.New(fault.Bug, "TX_DONE", "the transaction has ended already")
	}
	if t.s.pgx.PgConn().TxStatus() == 'E' {
		return fault.New(fault.Bug, "TX_FAILED", "the transaction has failed and cannot be committed")
	}
	if err := ctx.Err(); err != nil {
		return t.s.dialect.Classify(err)
	}
	// From here on the caller's context no longer counts: giving up half way
	// would leave nobody knowing whether the server committed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	if _, err := t.s.conn.ExecContext(ctx, "COMMIT"); err != nil {
		f := t.s.dialect.Classify(err)
		if f.Kind == fault.Unavailable || f.Kind == fault.Deadline {
			return fault.Wrap(err, fault.Unavailable, "COMMIT_UNCERTAIN", "the connection was lost while committing: the execution may or may not have taken effect").
				Suggest("execute again: the tenant's history tells what happened, and nothing is done twice")
		}
		return f
	}
	t.done = true
	return nil
}

// commitTime bounds the wait for the server's answer to COMMIT.
const commitTime = time.Minute

// rollbackTime bounds a rollback whose caller's context is dead.
const rollbackTime = 10 * time.Second

// Rollback implements dialect.Tx. When the connection no longer answers it is
// thrown away: the server rolls back with it.
func (t *tx) Rollback(ctx context.Context) error {
	if t.done {
		return nil
	}
	t.done = true
	return t.endBy(ctx, "ROLLBACK")
}

// endBy ends what the session holds, by a statement or with the connection.
func (t *tx) endBy(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	_, err := t.s.conn.ExecContext(ctx, statement)
	if err == nil {
		return nil
	}
	// An error from Raw makes database/sql close the connection for good.
	_ = t.s.conn.Raw(func(any) error { return driver.ErrBadConn })
	if !t.s.pgx.IsClosed() {
		_ = t.s.pgx.Close(ctx)
	}
	t.s.settle()
	return nil
}
