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
	"strconv"
	"strings"

	"modernc.org/sqlite"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// defaultBusy is how long, in milliseconds, a statement waits for readers and
// writers of the file that are not lockstep.
const defaultBusy = 5000

// session is one pinned connection to one file. Opening never creates the file:
// while there is none the session reads an empty database in memory, and Begin
// creates it.
type session struct {
	dialect *Dialect
	path    string
	db      *sql.DB
	conn    *sql.Conn
	file    os.FileInfo // of the open file; nil while in memory
	version dialect.Version
	in      *tx // the execution that is open
}

// Open implements dialect.Connector.
func (d *Dialect) Open(ctx context.Context, t dialect.Target) (dialect.Session, error) {
	for name := range t.Options {
		return nil, fault.New(fault.Invalid, "TARGET_OPTION_REFUSED", "the target option %q is not allowed", name).
			Suggest("a SQLite target takes no options")
	}
	if strings.HasPrefix(t.Database, ":memory:") {
		return nil, fault.New(fault.Invalid, "TARGET_INVALID", "a database in memory ends with its session").Suggest("name a file")
	}
	path, err := filepath.Abs(t.Database)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "TARGET_INVALID", "the path of the database file cannot be resolved")
	}
	s := &session{dialect: d, path: path}
	if err := s.reopen(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// reopen pins a connection to the file if there is one, else to memory.
func (s *session) reopen(ctx context.Context) error {
	s.drop()
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		info = nil
	case err != nil:
		return fault.Wrap(err, fault.Denied, "DATABASE_PERMISSION", "the database file %s cannot be looked at", s.path)
	case info.IsDir():
		return fault.New(fault.Invalid, "TARGET_INVALID", "%s is a directory", s.path).Suggest("name a file")
	}
	dsn := "file::memory:"
	if info != nil {
		dsn = (&url.URL{Scheme: "file", Path: s.path, RawQuery: "mode=rw"}).String()
	}
	s.db = sql.OpenDB(s.dialect.wrap(connector{dsn}))
	s.db.SetMaxOpenConns(1)
	if s.conn, err = s.db.Conn(ctx); err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		s.drop()
		return s.dialect.Classify(err)
	}
	s.file = info
	return nil
}

// prepare also proves that the file is a database, which opening does not.
func (s *session) prepare(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, "PRAGMA busy_timeout="+strconv.Itoa(defaultBusy)); err != nil {
		return err
	}
	var version string
	var count int
	err := scanOne(ctx, s.conn, "SELECT sqlite_version(), (SELECT count(*) FROM sqlite_master)", nil, &version, &count)
	s.version = parseVersion(version)
	return err
}

// drop closes the connection, if any, for good.
func (s *session) drop() {
	if s.conn != nil {
		_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
		_ = s.conn.Close()
	}
	if s.db != nil {
		_ = s.db.Close()
	}
	s.conn, s.db, s.file = nil, nil, nil
}

// connector opens one file with the driver, which has no connector of its own.
type connector struct{ dsn string }

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(c.dsn) }
func (connector) Driver() driver.Driver                          { return &sqlite.Driver{} }

func parseVersion(s string) dialect.Version {
	var n [3]int
	for i, part := range strings.SplitN(s, ".", 3) {
		n[i], _ = strconv.Atoi(part)
	}
	return dialect.Version{Major: n[0], Minor: n[1], Patch: n[2]}
}

func (s *session) Version() dialect.Version { return s.version }

func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s.conn == nil {
		return nil, sql.ErrConnDone
	}
	if err := s.expect(ctx, query); err != nil {
		return nil, err
	}
	return s.conn.ExecContext(ctx, query, args...)
}

func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s.conn == nil {
		return nil, sql.ErrConnDone
	}
	if err := s.expect(ctx, query); err != nil {
		return nil, err
	}
	return s.conn.QueryContext(ctx, query, args...)
}

// expect tells an open execution of a statement that runs beside it.
func (s *session) expect(ctx context.Context, query string) error {
	if s.in == nil {
		return nil
	}
	return s.in.keys.expect(ctx, query)
}

func (s *session) Close() error {
	s.drop()
	return nil
}

// scanOne runs a query and scans its only row.
func scanOne(ctx context.Context, q dialect.Querier, query string, args []any, dest ...any) error {
	return scanEach(ctx, q, query, args, func(rows *sql.Rows) error { return rows.Scan(dest...) })
}

// scanEach runs a query and calls scan for each row.
func scanEach(ctx context.Context, q dialect.Querier, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
