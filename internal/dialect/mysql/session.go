package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// session is one pinned connection whose default database is the tenant's.
type session struct {
	dialect  *Dialect
	cfg      *mysql.Config
	db       *sql.DB
	conn     *sql.Conn
	server   Server
	id       uint64 // of the connection, for KILL
	folds    bool   // the server does not tell database names apart by case
	database string
	missing  bool // the database does not exist yet
	open     atomic.Bool
}

// unknownDatabase is ER_BAD_DB_ERROR.
const unknownDatabase = 1049

// Open implements dialect.Connector. When the tenant's database does not exist
// the session has none: queries fail as DATABASE_UNKNOWN, Inspect finds nothing,
// and Begin with CreateNamespace creates it.
func (d *Dialect) Open(ctx context.Context, t dialect.Target) (dialect.Session, error) {
	cfg, err := config(t)
	if err != nil {
		return nil, err
	}
	s := &session{dialect: d, cfg: cfg, database: t.Database}
	err = s.connect(ctx)
	if numberOf(err) == unknownDatabase {
		s.missing, cfg.DBName = true, ""
		err = s.connect(ctx)
	}
	if err == nil {
		err = s.greet(ctx)
	}
	if err != nil {
		s.drop()
		return nil, d.Classify(err)
	}
	return s, nil
}

// connect opens the one connection.
func (s *session) connect(ctx context.Context) error {
	s.drop()
	c, err := mysql.NewConnector(s.cfg)
	if err != nil { // TLS settings that contradict each other
		return fault.New(fault.Invalid, "TARGET_INVALID", "the target cannot be used: an option or the host is malformed")
	}
	s.db = sql.OpenDB(s.dialect.wrap(c))
	s.db.SetMaxOpenConns(1)
	s.conn, err = s.db.Conn(ctx)
	return err
}

func (s *session) drop() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if s.db != nil {
		_ = s.db.Close()
	}
}

// greet asks whom the session speaks to.
func (s *session) greet(ctx context.Context) error {
	var told string
	row := s.conn.QueryRowContext(ctx, "SELECT VERSION(), CONNECTION_ID(), @@lower_case_table_names <> 0")
	err := row.Scan(&told, &s.id, &s.folds)
	if err != nil {
		return err
	}
	s.server, err = s.dialect.admit(told)
	return err
}

func (s *session) Version() dialect.Version { return s.server.Version }

func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := s.conn.ExecContext(ctx, query, args...)
	return res, withCause(ctx, err)
}

func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := s.conn.QueryContext(ctx, query, args...)
	return rows, withCause(ctx, err)
}

// withCause puts a dead context in front of the error it led to: the driver
// closes the connection then, and reports only that.
func withCause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return errors.Join(ctx.Err(), err)
}

// Close ends the connection, and with it the lock that it holds.
func (s *session) Close() error {
	if s.open.Load() && s.broken() {
		s.kill("CONNECTION")
	}
	err := s.conn.Close()
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		err = nil
	}
	if dbErr := s.db.Close(); err == nil {
		err = dbErr
	}
	if err != nil {
		return s.dialect.Classify(err)
	}
	return nil
}

// broken tells whether the driver has given the connection up.
func (s *session) broken() bool {
	err := s.conn.Raw(func(c any) error {
		if v, ok := c.(driver.Validator); ok && !v.IsValid() {
			return driver.ErrBadConn
		}
		return nil
	})
	return err != nil
}

// lockOwner is the tenant by the name that all its sessions agree on.
func (s *session) lockOwner() string {
	if s.folds {
		return strings.ToLower(s.database)
	}
	return s.database
}
