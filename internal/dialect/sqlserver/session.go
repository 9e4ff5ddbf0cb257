package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// session is one pinned connection. Batches name the tenant's schema by
// SchemaVariable, which it fills in.
type session struct {
	dialect  *Dialect
	db       *sql.DB
	conn     *sql.Conn
	version  dialect.Version
	schema   string
	database string
	folds    bool // the database does not tell names apart by case
}

// oldest is the first version served, SQL Server 2017.
const oldest = 14

// readWait bounds how long a session outside of an execution waits for another's
// changes: readers of the catalogue and of the history wait for who is changing
// them.
const readWait = "SET LOCK_TIMEOUT 30000"

// Open implements dialect.Connector.
func (d *Dialect) Open(ctx context.Context, t dialect.Target) (dialect.Session, error) {
	s, err := d.open(ctx, t)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (d *Dialect) open(ctx context.Context, t dialect.Target) (*session, error) {
	name, err := tenantSchema(t)
	if err != nil {
		return nil, err
	}
	c, err := d.connect(t)
	if err != nil {
		return nil, err
	}
	s := &session{dialect: d, schema: name, database: t.Database, db: sql.OpenDB(d.wrap(c))}
	s.db.SetMaxOpenConns(1)
	if s.conn, err = s.db.Conn(ctx); err == nil {
		err = s.greet(ctx)
	}
	if err != nil {
		if s.conn != nil {
			_ = s.conn.Close()
		}
		_ = s.db.Close()
		return nil, d.Classify(withCause(ctx, err))
	}
	return s, nil
}

// greet sets the session up and asks whom it speaks to.
func (s *session) greet(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, settings+";\n"+readWait); err != nil {
		return err
	}
	var version sql.NullString
	var edition sql.NullInt64
	row := s.conn.QueryRowContext(ctx, "SELECT CAST(SERVERPROPERTY(N'ProductVersion') AS nvarchar(128)), CAST(SERVERPROPERTY(N'EngineEdition') AS int), "+
		"CASE WHEN N'a' COLLATE DATABASE_DEFAULT = N'A' THEN 1 ELSE 0 END")
	if err := row.Scan(&version, &edition, &s.folds); err != nil {
		return err
	}
	s.version = parseVersion(version.String)
	if s.version.Major >= oldest || isAzure(edition.Int64) {
		return nil
	}
	return fault.New(fault.Unsupported, "ENGINE_VERSION", "the server says that it is version %q; lockstep serves SQL Server 2017 (14) and later, and Azure SQL", version.String).
		Suggest("upgrade the server")
}

// isAzure tells the editions that are always the newest, whatever version they
// tell: https://learn.microsoft.com/sql/t-sql/functions/serverproperty-transact-sql
func isAzure(edition int64) bool { return edition == 5 || edition == 8 || edition == 12 }

// parseVersion reads "16.0.4165.4": major, minor, build.
func parseVersion(s string) dialect.Version {
	var n [3]int
	for i, part := range strings.SplitN(s, ".", 4)[:min(3, strings.Count(s, ".")+1)] {
		n[i], _ = strconv.Atoi(part)
	}
	return dialect.Version{Major: n[0], Minor: n[1], Patch: n[2]}
}

func (s *session) Version() dialect.Version { return s.version }

// fill writes the tenant's schema into a batch.
func (s *session) fill(batch string) string {
	return strings.ReplaceAll(batch, SchemaVariable, s.schema)
}

func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := s.conn.ExecContext(ctx, s.fill(query), args...)
	return res, withBatch(withCause(ctx, err), query)
}

func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := s.conn.QueryContext(ctx, s.fill(query), args...)
	return rows, withBatch(withCause(ctx, err), query)
}

// withCause puts a dead context in front of the error it led to.
func withCause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return errors.Join(ctx.Err(), err)
}

func withBatch(err error, batch string) error {
	if err == nil {
		return nil
	}
	return batchError{err, batch}
}

// Close ends the connection; the server undoes what was not committed.
func (s *session) Close() error {
	// An error from Raw makes database/sql close the connection for good.
	err := s.conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) {
		err = nil
	}
	_ = s.conn.Close()
	if dbErr := s.db.Close(); err == nil {
		err = dbErr
	}
	if err != nil {
		return s.dialect.Classify(err)
	}
	return nil
}
