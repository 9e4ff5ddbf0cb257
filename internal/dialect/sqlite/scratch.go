package sqlite

import (
	"context"
	"database/sql"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

var (
	_ dialect.Scratcher = (*Dialect)(nil)
	_ dialect.Surveyor  = (*Dialect)(nil)
)

// scratch is a database in memory that nobody else sees.
type scratch struct {
	d    *Dialect
	db   *sql.DB
	conn *sql.Conn
}

// Scratch implements dialect.Scratcher with a database in memory. The tenant's
// file is not opened: all that it could set for a connection is its encoding.
func (d *Dialect) Scratch(ctx context.Context, _ dialect.Target) (dialect.Scratch, error) {
	s := &scratch{d: d, db: sql.OpenDB(d.wrap(connector{"file::memory:"}))}
	s.db.SetMaxOpenConns(1)
	var err error
	if s.conn, err = s.db.Conn(ctx); err != nil {
		_ = s.db.Close()
		return nil, d.Classify(err)
	}
	// As in an execution: tables are copied with foreign keys off.
	for _, pragma := range []string{"PRAGMA foreign_keys=OFF", "PRAGMA legacy_alter_table=OFF"} {
		if _, err := s.conn.ExecContext(ctx, pragma); err != nil {
			_ = s.Close(ctx)
			return nil, d.Classify(err)
		}
	}
	return s, nil
}

// Circumstances implements dialect.Scratcher: there are none.
func (*Dialect) Circumstances(context.Context, dialect.Querier) (string, error) { return "", nil }

func (s *scratch) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return s.conn.ExecContext(ctx, query, args...)
}

func (s *scratch) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.conn.QueryContext(ctx, query, args...)
}

// Close implements dialect.Scratch.
func (s *scratch) Close(context.Context) error {
	_ = s.conn.Close() // a connection that is dead already is as good
	if err := s.db.Close(); err != nil {
		return s.d.Classify(err)
	}
	return nil
}
