package mysql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// tx is one execution's hold of the tenant. It is no transaction: every
// statement commits by itself, so that what a journal writes is there whatever
// happens next. Ending it, either way, gives the lock back.
type tx struct {
	s       *session
	opts    dialect.TxOptions
	done    bool
	lockSet bool // the session's timeouts are changed
	made    bool // the tenant's database did not exist before
}

// Begin implements dialect.Session. The lock is a named one of the server, bound
// to the connection, so that it ends with it:
// https://dev.mysql.com/doc/refman/8.4/en/locking-functions.html
func (s *session) Begin(ctx context.Context, opts dialect.TxOptions) (dialect.Tx, error) {
	if s.open.Load() {
		return nil, fault.New(fault.Bug, "TX_OPEN", "the session has an open execution already")
	}
	t := &tx{s: s, opts: opts}
	if err := t.lock(ctx, opts.LockWait); err != nil {
		return nil, t.abandon(ctx, err)
	}
	s.open.Store(true)
	if err := t.database(ctx); err != nil {
		return nil, t.abandon(ctx, err)
	}
	if err := t.timeouts(ctx); err != nil {
		return nil, t.abandon(ctx, err)
	}
	return t, nil
}

// abandon ends what Begin began and returns its error as a fault.
func (t *tx) abandon(ctx context.Context, err error) error {
	f := t.s.dialect.Classify(err)
	if end := t.Rollback(ctx); end != nil && f.Err == nil {
		f.Err = end
	}
	return f
}

// databaseExists is ER_DB_CREATE_EXISTS.
const databaseExists = 1007

// database creates the tenant's database when asked to. It is the lock's first
// act, and the only DDL that an execution runs outside its plan.
func (t *tx) database(ctx context.Context) error {
	if !t.s.missing {
		return nil
	}
	if t.opts.CreateNamespace {
		_, err := t.s.ExecContext(ctx, "CREATE DATABASE "+quote(t.s.database)+" CHARACTER SET utf8mb4")
		if err != nil && numberOf(err) != databaseExists {
			return err
		}
		t.made = err == nil
	}
	if _, err := t.s.ExecContext(ctx, "USE "+quote(t.s.database)); err != nil {
		return err // another session may have created it meanwhile
	}
	t.s.missing = false
	return nil
}

// timeouts sets how long a statement waits for a table's lock and for a row's,
// in whole seconds: less cannot be said.
// https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_lock_wait_timeout
func (t *tx) timeouts(ctx context.Context) error {
	if t.opts.LockTimeout <= 0 {
		return nil
	}
	seconds := int64((t.opts.LockTimeout + time.Second - 1) / time.Second)
	t.lockSet = true
	_, err := t.s.ExecContext(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d, SESSION innodb_lock_wait_timeout = %d", seconds, seconds))
	return err
}

// lockName is the tenant's name in the server's one space of them, which has
// room for 64 characters.
func (s *session) lockName() string {
	sum := sha256.Sum256([]byte("lockstep\x00" + s.lockOwner()))
	return "lockstep:" + hex.EncodeToString(sum[:20])
}

// Polling starts quickly, for executions that take milliseconds, and slows down.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

// lock polls rather than waits: a waiting session would hold its place after its
// client died, and counts in whole seconds.
func (t *tx) lock(ctx context.Context, wait time.Duration) error {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		got, err := t.tryLock(ctx)
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
			if got, err := t.tryLock(ctx); err != nil || got {
				return err
			}
			return fault.New(fault.Conflict, dialect.ReasonTenantLocked, "another execution holds database %s", t.s.database).
				Suggest("wait until it has ended, or allow a longer wait for the lock")
		}
	}
}

func (t *tx) tryLock(ctx context.Context) (bool, error) {
	rows, err := t.s.QueryContext(ctx, "SELECT GET_LOCK(?, 0)", t.s.lockName())
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	var got sql.NullBool // NULL: the server could not tell
	for rows.Next() {
		if err := rows.Scan(&got); err != nil {
			return false, err
		}
	}
	return got.Bool, rows.Err()
}

func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	var res sql.Result
	late, err := t.bounded(func() (err error) { //nolint:contextcheck // what kills it has a connection and a time of its own
		res, err = t.s.ExecContext(ctx, query, args...)
		return err
	})
	if late && err == nil { // it had ended before it was killed: let the next one be spared
		_, err = t.s.ExecContext(ctx, "DO 0")
		if numberOf(err) == interrupted {
			err = nil
		}
	}
	return res, err
}

func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	var rows *sql.Rows
	late, err := t.bounded(func() (err error) { //nolint:contextcheck // what kills it has a connection and a time of its own
		rows, err = t.s.QueryContext(ctx, query, args...) //nolint:rowserrcheck,sqlclosecheck // the caller reads and closes them
		return err
	})
	if late && err == nil { // it was killed as its rows began to come
		_ = rows.Close()
		return nil, t.tooLong()
	}
	return rows, err
}

// interrupted is ER_QUERY_INTERRUPTED.
const interrupted = 1317

// bounded ends a statement after the time it has. MySQL bounds only SELECT by
// itself, so the statement is killed from a second connection. late tells that it
// was, which may have come too late for it.
func (t *tx) bounded(run func() error) (late bool, err error) {
	if t.opts.StatementTimeout <= 0 {
		return false, run()
	}
	over := make(chan struct{})
	timer := time.AfterFunc(t.opts.StatementTimeout, func() {
		defer close(over)
		t.s.kill("QUERY")
	})
	err = run()
	if late = !timer.Stop(); late {
		<-over // so that it cannot hit the next statement
	}
	if late && numberOf(err) == interrupted {
		err = t.tooLong()
	}
	return late, err
}

func (t *tx) tooLong() error {
	return fault.New(fault.Deadline, "STATEMENT_TIMEOUT", "the statement took longer than %s", t.opts.StatementTimeout).
		Suggest("allow a longer statement timeout, or run it when the table is quieter")
}

// Commit implements dialect.Tx: it gives the lock back. There is nothing left to
// commit, but a caller that is gone must not be told that all went well.
func (t *tx) Commit(ctx context.Context) error {
	if t.done {
		return fault.New(fault.Bug, "TX_DONE", "the execution has ended already")
	}
	if err := ctx.Err(); err != nil {
		return t.s.dialect.Classify(err)
	}
	t.end(ctx)
	return nil
}

// Rollback implements dialect.Tx: it gives the lock back, and undoes nothing but a
// database that Begin made, if it is empty. When the connection no longer answers,
// it is ended on the server, and an empty database may stay.
func (t *tx) Rollback(ctx context.Context) error {
	if !t.done {
		t.unmake(ctx)
		t.end(ctx)
	}
	return nil
}

// somethingIn finds what a database holds.
const somethingIn = `
SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
UNION ALL SELECT 1 FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
UNION ALL SELECT 1 FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() LIMIT 1`

// unmake drops the database that this execution made and left empty, while it holds
// the tenant's lock.
func (t *tx) unmake(ctx context.Context) {
	if !t.made {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	empty := true
	err := dialect.QueryText(ctx, t.s, somethingIn, func([]sql.NullString) error { empty = false; return nil })
	if err != nil || !empty {
		return
	}
	if _, err := t.s.ExecContext(ctx, "DROP DATABASE "+quote(t.s.database)); err == nil {
		t.s.missing = true
	}
}

// endTime bounds the end of an execution whose caller's context is dead.
const endTime = 10 * time.Second

func (t *tx) end(ctx context.Context) {
	t.done = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	statements := []string{"ROLLBACK"} // should a statement have opened a transaction
	if t.lockSet {
		statements = append(statements, "SET SESSION lock_wait_timeout = DEFAULT, SESSION innodb_lock_wait_timeout = DEFAULT")
	}
	statements = append(statements, "DO RELEASE_LOCK("+literal(t.s.lockName())+")")
	for _, sql := range statements {
		if _, err := t.s.conn.ExecContext(ctx, sql); err != nil {
			// An error from Raw makes database/sql close the connection for good.
			_ = t.s.conn.Raw(func(any) error { return driver.ErrBadConn })
			t.s.kill("CONNECTION") //nolint:contextcheck // this context may be what is dead
			break
		}
	}
	t.s.open.Store(false)
}
