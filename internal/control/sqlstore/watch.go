package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// watch leads one query: a deadline, the observer, a fault. It is the only way
// to the engine for every query there is.
func (s *Store) watch(ctx context.Context, name string, run func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryDeadline)
	defer cancel()
	ctx, done := s.cfg.Observer.Query(ctx, name)
	err := s.failed(ctx, name, run(ctx))
	done(err)
	return err
}

// Reasons inside this package; callers give a better one.
const (
	reasonNoRow     = "NO_ROW"
	reasonDuplicate = "DUPLICATE"
)

// failed turns what the engine reports into the store's fault: the only place
// where that is done. The dialect has read the driver's code; here it gets its
// meaning for the store.
func (s *Store) failed(ctx context.Context, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case fault.As(err) != nil:
		return err
	case errors.Is(err, sql.ErrNoRows):
		return fault.Wrap(err, fault.NotFound, reasonNoRow, "the store has no such row (%s)", name)
	case errors.Is(ctx.Err(), context.Canceled):
		return fault.Wrap(err, fault.Canceled, "CANCELED", "the caller went away (%s)", name)
	case ctx.Err() != nil:
		return fault.Wrap(err, fault.Deadline, "STORE_DEADLINE", "the control store did not answer in time (%s)", name).
			Suggest("try again; if it stays so, look at the store's database")
	}
	f := s.engine.Classify(err)
	switch f.Kind {
	case fault.Conflict:
		return fault.Wrap(err, fault.Conflict, control.ReasonStoreBusy, "another transaction was quicker (%s)", name).Suggest("try again")
	case fault.Unavailable:
		return fault.Wrap(err, fault.Unavailable, unavailable(f), "the control store cannot be used: %s (%s)", f.Detail, name).Suggest("%s", f.Suggestion)
	case fault.Exhausted:
		return fault.Wrap(err, fault.Exhausted, "STORE_FULL", "the control store ran into a limit: %s (%s)", f.Detail, name).Suggest("%s", f.Suggestion)
	case fault.Deadline, fault.Canceled:
		return fault.Wrap(err, f.Kind, "STORE_DEADLINE", "the control store ended the query (%s)", name).Suggest("try again")
	case fault.Denied, fault.Corrupt:
		return f
	case fault.NotFound:
		return fault.Wrap(err, fault.Unavailable, control.ReasonStoreUnreachable, "the control store's database is not there: %s", f.Detail).
			Suggest("%s", f.Suggestion)
	case fault.Bug, fault.Invalid, fault.Exists, fault.Refused, fault.Drift, fault.Unsupported, fault.Unauthenticated, fault.Partial:
	}
	if f.Reason == "DATA_DUPLICATE" {
		return fault.Wrap(err, fault.Exists, reasonDuplicate, "the store has it already (%s)", name)
	}
	return fault.Wrap(err, fault.Bug, "STORE_FAILED", "a query of the control store failed: %s (%s)", f.Detail, name).
		Suggest("please report this; nothing was written")
}

func unavailable(f *fault.Error) string {
	if f.Reason == "DATABASE_READ_ONLY" {
		return "STORE_READ_ONLY"
	}
	return control.ReasonStoreUnreachable
}

// How often a transaction is tried that lost against another, and how long it
// waits before the second try; then twice as long each time.
const (
	attempts     = 6
	firstBackoff = 5 * time.Millisecond
)

// write runs a transaction that writes, and runs it anew when it lost against
// another one. work may be called several times.
func (s *Store) write(ctx context.Context, work func(ctx context.Context, q query.Queries) error) error {
	return s.writeWithin(ctx, s.limit(), work)
}

// limit is how long a transaction of a few queries may take.
func (s *Store) limit() time.Duration { return 2 * s.cfg.QueryDeadline }

// writeWithin is write for a transaction that may take so long.
func (s *Store) writeWithin(ctx context.Context, limit time.Duration, work func(ctx context.Context, q query.Queries) error) error {
	for attempt, wait := 1, firstBackoff; ; attempt, wait = attempt+1, 2*wait {
		err := s.transact(ctx, true, limit, work)
		if err == nil || !again(err) || attempt == attempts {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return s.failed(ctx, "retry", ctx.Err())
		}
	}
}

// again tells whether a transaction may succeed when it is run anew. One that
// made a duplicate looks again and then finds what it collided with.
func again(err error) bool {
	reason := fault.ReasonOf(err)
	return reason == control.ReasonStoreBusy || reason == reasonDuplicate
}

// look runs a transaction that reads one state of the store.
func (s *Store) look(ctx context.Context, work func(ctx context.Context, q query.Queries) error) error {
	return s.transact(ctx, false, s.limit(), work)
}

func (s *Store) transact(
	ctx context.Context, write bool, limit time.Duration, work func(ctx context.Context, q query.Queries) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var tx Tx
	err := s.watch(ctx, "Begin", func(context.Context) (err error) {
		tx, err = s.engine.Begin(ctx, write) // its context lasts as long as the transaction
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := work(ctx, tx.Queries(s.watch)); err != nil {
		return err
	}
	return uncertain(s.watch(ctx, "Commit", func(context.Context) error { return tx.Commit() }))
}

// uncertain says of a commit without an answer what is known of it: nothing. Only
// the engine's own refusal means that nothing was written.
func uncertain(err error) error {
	if err == nil || fault.KindOf(err) == fault.Conflict || fault.KindOf(err) == fault.Exhausted {
		return err
	}
	kind := fault.KindOf(err)
	if kind == fault.Bug {
		kind = fault.Unavailable
	}
	return fault.Wrap(err, kind, control.ReasonCommitUnknown, "the control store did not say whether the change was written").
		Suggest("read it again, and repeat the change if it is not there")
}

// randomID returns 128 random bits.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails: see crypto/rand
	return hex.EncodeToString(b[:])
}

// absent gives a missing row its name.
func absent(err error, reason, format string, args ...any) error {
	if fault.ReasonOf(err) == reasonNoRow {
		return fault.New(fault.NotFound, reason, format, args...)
	}
	return err
}
