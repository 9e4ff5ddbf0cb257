package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Begin implements dialect.Session. The tenant's lock is SQLite's own write
// lock, taken at once by BEGIN IMMEDIATE:
// https://www.sqlite.org/lang_transaction.html#immediate
func (s *session) Begin(ctx context.Context, opts dialect.TxOptions) (dialect.Tx, error) {
	wait, cancel := context.WithTimeout(ctx, opts.LockWait)
	defer cancel()
	t := &tx{s: s, opts: opts}
	for {
		if err := t.create(ctx); err != nil {
			return nil, s.dialect.Classify(err)
		}
		err := t.lock(ctx, wait)
		if err == nil && s.same() {
			break
		}
		if err != nil && (s.same() || fault.As(err) != nil || ctx.Err() != nil) {
			return nil, t.abandon(ctx, err)
		}
		// Another session created the file, failed, and took it away while this
		// one waited: what is open has no name any more.
		t.created = false
		if err := t.abandon(ctx, nil); err != nil {
			return nil, err
		}
	}
	if err := t.prepare(ctx); err != nil {
		return nil, t.abandon(ctx, err)
	}
	s.in = t
	return t, nil
}

// create makes the file when there is none and connects to it.
func (t *tx) create(ctx context.Context) error {
	if t.s.conn != nil && t.s.file != nil {
		return nil
	}
	// 0644 is what SQLite itself creates; who may use a tenant's file is for the
	// umask and the directory to say.
	f, err := os.OpenFile(t.s.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644) //nolint:gosec // see above
	switch {
	case err == nil:
		t.created = true
		if err := f.Close(); err != nil {
			return fault.Wrap(err, fault.Unavailable, "DATABASE_FILE", "the database file %s cannot be created", t.s.path)
		}
	case errors.Is(err, fs.ErrExist):
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(err, fault.NotFound, "DATABASE_UNKNOWN", "the directory of %s does not exist", t.s.path).Suggest("create the directory first")
	case errors.Is(err, fs.ErrPermission):
		return fault.Wrap(err, fault.Denied, "DATABASE_PERMISSION", "the database file %s may not be created", t.s.path)
	default:
		return fault.Wrap(err, fault.Unavailable, "DATABASE_FILE", "the database file %s cannot be created", t.s.path)
	}
	if err := t.s.reopen(ctx); err != nil {
		t.remove()
		return err
	}
	return nil
}

// same tells whether the path still names the file that is open.
func (s *session) same() bool {
	now, err := os.Stat(s.path)
	return err == nil && os.SameFile(now, s.file)
}

// Polling starts quickly, for executions that take milliseconds, and slows down.
const (
	firstPause = 2 * time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// lock polls: SQLite's own waiting does not notice that the caller went away.
// It tries at least once, and until wait is over.
func (t *tx) lock(ctx, wait context.Context) error {
	for _, pragma := range []string{"PRAGMA busy_timeout=0", "PRAGMA foreign_keys=OFF", "PRAGMA legacy_alter_table=OFF"} {
		if _, err := t.s.conn.ExecContext(ctx, pragma); err != nil {
			return err
		}
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		over := wait.Err() != nil
		_, err := t.s.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		switch {
		case err == nil:
			t.open = true
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !isBusy(err):
			return err
		case over:
			return fault.New(fault.Conflict, "TENANT_LOCKED", "another session is writing to %s", t.s.path).
				Suggest("wait until it has ended, or allow a longer wait for the lock")
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-wait.Done(): // the caller's end included
			timer.Stop()
		}
	}
}

// prepare looks at what the execution must not break.
func (t *tx) prepare(ctx context.Context) error {
	busy := defaultBusy
	if t.opts.LockTimeout > 0 {
		busy = int(max(1, t.opts.LockTimeout.Milliseconds()))
	}
	if _, err := t.s.conn.ExecContext(ctx, "PRAGMA busy_timeout="+strconv.Itoa(busy)); err != nil {
		return err
	}
	if t.created {
		var objects int
		if err := scanOne(ctx, t.s, "SELECT count(*) FROM sqlite_master", nil, &objects); err != nil {
			return err
		}
		t.created = objects == 0 // else somebody else was faster, and it is theirs
	}
	if err := t.refuseLosses(ctx); err != nil {
		return err
	}
	names, triggers, err := dependents(ctx, t.s.conn)
	if err != nil {
		return err
	}
	t.keys = newKeys(t.s.conn, triggers)
	t.views, err = brokenViews(ctx, t.s.conn, names)
	return err
}
