// Package sqlite is the control store in one SQLite file, for a single replica.
//
// The file is in WAL mode: one connection writes, so that writers queue in this
// process and not in busy loops, and a few others read meanwhile. A commit is on
// disk when it returns, because an audit entry must not be lost to a power cut.
// https://www.sqlite.org/wal.html
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	lite "modernc.org/sqlite"

	"github.com/lockstepdb/lockstep/internal/control/sqlite/db"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/control/upgrade"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

const (
	readers = 4
	// filePerm: the store holds hashes of tokens and sealed secrets.
	filePerm = 0o600
)

// Config says where the store is and what it needs.
type Config struct {
	Target          dialect.Target  // sqlite:path
	Dialect         dialect.Dialect // of SQLite
	LockstepVersion string
	Store           sqlstore.Config
	// Wrap goes around the driver's connector, for tests that inject faults.
	Wrap func(driver.Connector) driver.Connector
}

// Open creates the file if need be, upgrades its tables and opens the store.
func Open(ctx context.Context, cfg Config) (*sqlstore.Store, error) {
	path, err := filepath.Abs(cfg.Target.Database)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "TARGET_INVALID", "the path of the control store cannot be resolved")
	}
	if err := create(path); err != nil {
		return nil, err
	}
	if err := upgrade.Run(ctx, upgrade.Config{
		Target: cfg.Target, Dialect: cfg.Dialect, Now: cfg.Store.Now, LockstepVersion: cfg.LockstepVersion, Logger: cfg.Store.Logger,
	}); err != nil {
		return nil, err
	}
	e := &engine{
		dialect: cfg.Dialect,
		writer:  open(cfg, path, 1, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)"),
		reader:  open(cfg, path, readers, "_pragma=query_only(1)"),
	}
	err = cfg.Store.Tell(map[string]*sql.DB{"control_writer": e.writer, "control_reader": e.reader})
	var s *sqlstore.Store
	if err == nil {
		s, err = sqlstore.New(ctx, e, cfg.Store)
	}
	if err != nil {
		_ = e.Close()
		return nil, err
	}
	return s, nil
}

// create makes the file before anybody else does it with wider permissions. An
// empty file is an empty database.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, filePerm) //nolint:gosec // the operator names the file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(err, fault.NotFound, "DATABASE_UNKNOWN", "the directory of the control store %s does not exist", path).
			Suggest("create the directory first")
	case err != nil:
		return fault.Wrap(err, fault.Denied, "DATABASE_PERMISSION", "the control store %s cannot be opened for writing", path)
	}
	if err := f.Close(); err != nil {
		return fault.Wrap(err, fault.Unavailable, "DATABASE_FILE", "the control store %s cannot be created", path)
	}
	return nil
}

// open makes a pool. Pragmas are of the connection, so each of them sets them.
func open(cfg Config, path string, connections int, options ...string) *sql.DB {
	query := "_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
	for _, o := range options {
		query += "&" + o
	}
	var c driver.Connector = connector{(&url.URL{Scheme: "file", Path: path, RawQuery: query}).String()}
	if cfg.Wrap != nil {
		c = cfg.Wrap(c)
	}
	pool := sql.OpenDB(c)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(10 * time.Minute)
	return pool
}

// connector opens one file with the driver, which has no connector of its own.
type connector struct{ dsn string }

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }
func (connector) Driver() driver.Driver                          { return &lite.Driver{} }

// engine implements sqlstore.Engine.
type engine struct {
	dialect        dialect.Classifier
	writer, reader *sql.DB
}

func (e *engine) Reader(w query.Watch) query.Queries { return adapter{db.New(e.reader), w} }

func (e *engine) Begin(ctx context.Context, write bool) (sqlstore.Tx, error) {
	pool := e.reader
	if write {
		pool = e.writer
	}
	t, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return tx{t}, nil
}

func (e *engine) Classify(err error) *fault.Error { return e.dialect.Classify(err) }

func (e *engine) Close() error { return errors.Join(e.reader.Close(), e.writer.Close()) }

type tx struct{ *sql.Tx }

func (t tx) Queries(w query.Watch) query.Queries { return adapter{db.New(t.Tx), w} }
