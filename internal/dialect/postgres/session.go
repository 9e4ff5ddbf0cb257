package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// DefaultSchema is the tenant's schema when the target names none.
const DefaultSchema = "public"

// session is one pinned connection whose search_path is the tenant's schema.
type session struct {
	dialect  *Dialect
	db       *sql.DB
	conn     *sql.Conn
	pgx      *pgx.Conn // the driver's own connection, below any wrapper
	version  dialect.Version
	schema   string
	database string

	prepared     map[string]string // names of prepared questions, by their text
	preparations int
}

// Open implements dialect.Connector.
func (d *Dialect) Open(ctx context.Context, t dialect.Target) (dialect.Session, error) {
	cfg, err := config(t)
	if err != nil {
		return nil, err
	}
	s := &session{dialect: d, schema: schemaOf(t), database: t.Database}
	keep := stdlib.OptionAfterConnect(func(_ context.Context, c *pgx.Conn) error {
		s.pgx = c
		return nil
	})
	connector := stdlib.GetConnector(*cfg, keep)
	if d.wrap != nil {
		connector = d.wrap(connector)
	}
	s.db = sql.OpenDB(connector)
	s.db.SetMaxOpenConns(1)
	if s.conn, err = s.db.Conn(ctx); err != nil {
		_ = s.db.Close()
		return nil, d.Classify(err)
	}
	s.version = parseVersion(s.pgx.PgConn().ParameterStatus("server_version"))
	return s, nil
}

func schemaOf(t dialect.Target) string {
	if t.Schema == "" {
		return DefaultSchema
	}
	return t.Schema
}

// options that a target may carry. Everything else is refused: several of
// libpq's options read files of the machine that lockstep runs on.
func allowedOption(name string) bool {
	return slices.Contains([]string{"sslmode", "connect_timeout", "application_name", "target_session_attrs"}, name)
}

// config builds the driver's configuration. The password is set after parsing,
// so that no parser's error can hold it, and so that neither the environment nor
// ~/.pgpass supplies one.
func config(t dialect.Target) (*pgx.ConnConfig, error) {
	query := url.Values{"application_name": {"lockstep"}}
	for name, values := range t.Options {
		if !allowedOption(name) {
			return nil, fault.New(fault.Invalid, "TARGET_OPTION_REFUSED", "the target option %q is not allowed", name).
				Suggest("use sslmode, connect_timeout, application_name or target_session_attrs")
		}
		query[name] = values
	}
	u := url.URL{Scheme: "postgres", Host: t.Host, Path: "/" + t.Database, RawQuery: query.Encode()}
	if t.User != "" {
		u.User = url.User(t.User)
	}
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, fault.New(fault.Invalid, "TARGET_INVALID", "the target %s cannot be used: an option or the host is malformed", t)
	}
	cfg.Password = t.Password()
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.RuntimeParams["search_path"] = quote(schemaOf(t))
	cfg.RuntimeParams["standard_conforming_strings"] = "on"
	cfg.RuntimeParams["client_min_messages"] = "warning"
	// Compiling a question to the catalogue takes ten times as long as answering it:
	// https://www.postgresql.org/docs/current/jit-decision.html
	cfg.RuntimeParams["jit"] = "off"
	return cfg, nil
}

// parseVersion reads "15.18 (Debian …)", "18beta1" and the like.
func parseVersion(s string) dialect.Version {
	var n [3]int
	s, _, _ = strings.Cut(s, " ")
	for i, part := range strings.SplitN(s, ".", 3) {
		end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if end >= 0 {
			part = part[:end]
		}
		n[i], _ = strconv.Atoi(part)
	}
	return dialect.Version{Major: n[0], Minor: n[1], Patch: n[2]}
}

func (s *session) Version() dialect.Version { return s.version }

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

func (s *session) Close() error {
	err := s.conn.Close()
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		err = nil
	}
	if dbErr := s.db.Close(); err == nil {
		err = dbErr
	}
	s.settle()
	if err != nil {
		return s.dialect.Classify(err)
	}
	return nil
}

// settleTime bounds the wait for a broken connection's end.
const settleTime = 3 * time.Second

// settle waits until the driver has cancelled what ran on a connection that a
// dead context broke, so that the server rolls back before the caller goes on.
func (s *session) settle() {
	if !s.pgx.IsClosed() {
		return
	}
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-s.pgx.PgConn().CleanupDone():
	case <-timer.C:
	}
}
