// Package postgres is the control store in a PostgreSQL database, or a schema in
// one, for any number of replicas.
//
// Transactions are at the default level, READ COMMITTED, and lock the rows that
// they read in order to write them; those that only read see one snapshot.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/lockstepdb/lockstep/internal/control/postgres/db"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/control/upgrade"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Limits of the pool of one replica.
const (
	connections = 10
	lifetime    = 30 * time.Minute
	idle        = 5 * time.Minute
)

// Config says where the store is and what it needs.
type Config struct {
	Target          dialect.Target  // postgres://user:password@host/database?schema=name
	Dialect         dialect.Dialect // of PostgreSQL
	LockstepVersion string
	Store           sqlstore.Config
	// Wrap goes around the driver's connector, for tests that inject faults.
	Wrap func(driver.Connector) driver.Connector
}

// Open upgrades the store's tables and opens the store. The schema is created
// when it is not there, the database is not.
func Open(ctx context.Context, cfg Config) (*sqlstore.Store, error) {
	pgxConfig, err := configure(cfg.Target)
	if err != nil {
		return nil, err
	}
	if err := upgrade.Run(ctx, upgrade.Config{
		Target: cfg.Target, Dialect: cfg.Dialect, Now: cfg.Store.Now, LockstepVersion: cfg.LockstepVersion, Logger: cfg.Store.Logger,
	}); err != nil {
		return nil, err
	}
	connector := stdlib.GetConnector(*pgxConfig)
	if cfg.Wrap != nil {
		connector = cfg.Wrap(connector)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxLifetime(lifetime)
	pool.SetConnMaxIdleTime(idle)
	e := &engine{dialect: cfg.Dialect, pool: pool}
	err = cfg.Store.Tell(map[string]*sql.DB{"control": pool})
	var s *sqlstore.Store
	if err == nil {
		s, err = sqlstore.New(ctx, e, cfg.Store)
	}
	if err != nil {
		_ = pool.Close()
		return nil, err
	}
	return s, nil
}

// configure sets the password after parsing, so that no parser's error can hold
// it, and so that neither the environment nor a file supplies one.
func configure(t dialect.Target) (*pgx.ConnConfig, error) {
	options := url.Values{"application_name": {"lockstep-control"}}
	for name, values := range t.Options {
		options[name] = values
	}
	u := url.URL{Scheme: "postgres", Host: t.Host, Path: "/" + t.Database, RawQuery: options.Encode()}
	if t.User != "" {
		u.User = url.User(t.User)
	}
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fault.New(fault.Invalid, "TARGET_INVALID", "the control store %s cannot be used: an option or the host is malformed", t)
	}
	cfg.Password = t.Password()
	schema := t.Schema
	if schema == "" {
		schema = "public"
	}
	cfg.RuntimeParams["search_path"] = `"` + strings.ReplaceAll(schema, `"`, `""`) + `"`
	cfg.RuntimeParams["client_min_messages"] = "warning"
	// A replica that stalls inside a transaction must not hold the others up.
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "30000"
	return cfg, nil
}

// engine implements sqlstore.Engine.
type engine struct {
	dialect dialect.Classifier
	pool    *sql.DB
}

func (e *engine) Reader(w query.Watch) query.Queries { return adapter{db.New(e.pool), w} }

func (e *engine) Begin(ctx context.Context, write bool) (sqlstore.Tx, error) {
	var options *sql.TxOptions
	if !write {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	t, err := e.pool.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return tx{t}, nil
}

func (e *engine) Classify(err error) *fault.Error { return e.dialect.Classify(err) }

func (e *engine) Close() error { return e.pool.Close() }

type tx struct{ *sql.Tx }

func (t tx) Queries(w query.Watch) query.Queries { return adapter{db.New(t.Tx), w} }
