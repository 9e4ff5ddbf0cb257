// Package sqlstore is the control store over SQL: it implements control.Store
// once, over the queries of package query, for both engines. What differs
// between the engines is behind Engine.
//
// A write is one transaction, tried again when it lost against another one.
// Every single query goes through watch: a deadline, an observer, and driver
// errors turned into faults, in one place.
package sqlstore

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// Engine is a database below the store.
type Engine interface {
	// Reader returns the queries for use outside of a transaction.
	Reader(w query.Watch) query.Queries
	// Begin opens a transaction: one that reads sees one state of the store, one
	// that writes may lock what it reads.
	Begin(ctx context.Context, write bool) (Tx, error)
	// Classify turns a driver's error into a fault, as the dialect does.
	Classify(err error) *fault.Error
	Close() error
}

// Tx is a transaction. Rollback after Commit does nothing.
type Tx interface {
	Queries(w query.Watch) query.Queries
	Commit() error
	Rollback() error
}

// Config is what a store needs beside its engine.
type Config struct {
	Now      func() time.Time
	Keys     *secret.Keyring  // nil: no secret can be given inline
	Observer control.Observer // nil: nobody watches
	// Pool is told of each pool of connections; nil: nobody is.
	Pool   func(name string, db *sql.DB) error
	Logger *slog.Logger // nil: silent
	// QueryDeadline bounds each query, and twice of it each transaction, but for
	// syncs, which get more time for each change; 0: 10 s.
	QueryDeadline time.Duration
	NewID         func() string // of tokens, operations and requests; nil: random
}

const defaultDeadline = 10 * time.Second

// Store implements control.Store.
type Store struct {
	cfg    Config
	engine Engine
	read   query.Queries
}

var _ control.Store = (*Store)(nil)

// New makes a store over an engine whose tables are there, and begins its audit
// chain.
func New(ctx context.Context, engine Engine, cfg Config) (*Store, error) {
	if cfg.Now == nil {
		return nil, fault.New(fault.Bug, "STORE_CONFIG", "the control store needs a clock")
	}
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.QueryDeadline == 0 {
		cfg.QueryDeadline = defaultDeadline
	}
	if cfg.NewID == nil {
		cfg.NewID = randomID
	}
	s := &Store{cfg: cfg, engine: engine}
	s.read = engine.Reader(s.watch)
	return s, s.write(ctx, func(ctx context.Context, q query.Queries) error { return q.StartAuditChain(ctx) })
}

// Tell lets who counts connections know of an engine's pools, by name.
func (c *Config) Tell(pools map[string]*sql.DB) error {
	if c.Pool == nil {
		return nil
	}
	for name, db := range pools {
		if err := c.Pool(name, db); err != nil {
			return err
		}
	}
	return nil
}

// nobody watches nothing.
type nobody struct{}

func (nobody) Query(ctx context.Context, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// Ping implements control.Store.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.read.Ping(ctx)
	return err
}

// Close implements control.Store.
func (s *Store) Close() error {
	if err := s.engine.Close(); err != nil {
		return s.failed(context.Background(), "close", err)
	}
	return nil
}

// now is the time as the store keeps it: to the microsecond.
func (s *Store) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// micros is a time in a column; 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the inverse of micros.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// flag is a truth for a query.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
