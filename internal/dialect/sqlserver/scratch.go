package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

var _ dialect.Scratcher = (*Dialect)(nil)

const (
	// scratchLockTimeout is how long a scratch waits for another transaction's
	// changes. It is shorter than an execution waits by default: who waits for the
	// scratch meanwhile does not fail for it.
	scratchLockTimeout = 2 * time.Second
	// scratchWait is how long a scratch waits for its turn, holding nothing.
	scratchWait = 30 * time.Second
	// scratchLock is the turn of a database's scratches. The locks of tenants begin
	// with lockstep/.
	scratchLock = "lockstep scratch"
	// beginScratch makes the scratch the one that a deadlock undoes:
	// https://learn.microsoft.com/sql/t-sql/statements/set-deadlock-priority-transact-sql
	beginScratch = "SET DEADLOCK_PRIORITY LOW;\nSET LOCK_TIMEOUT %d;\nBEGIN TRANSACTION"
	// newSchema is alone in its batch, as CREATE SCHEMA has to be:
	// https://learn.microsoft.com/sql/t-sql/statements/create-schema-transact-sql
	newSchema = "EXEC(N'CREATE SCHEMA [" + SchemaVariable + "]')"
)

// scratch is an open transaction that is never committed. It is no dialect.Tx, so
// that nobody can.
type scratch struct {
	tx *tx
}

// Scratch implements dialect.Scratcher with a schema in a transaction that is
// always rolled back, in the tenant's database: there names of types, functions
// and sequences mean what they mean in the tenant. Plans name the schema by
// SchemaVariable, which stands for the scratch here.
//
// What is not committed yet is locked in the catalogue, and the server reads its
// catalogue as READ COMMITTED whatever the session asks for:
// https://learn.microsoft.com/sql/t-sql/language-elements/transaction-isolation-levels
// So who looks at the catalogue of this database, tables of other schemas
// included, may wait until the scratch is closed; rows and compiled queries of
// tenants are not touched. The scratch in turn may wait for executions. It gives
// up soon, is the one to be undone in a deadlock, and there is one at a time in a
// database: two would wait for each other. Close it as soon as it was read.
func (d *Dialect) Scratch(ctx context.Context, t dialect.Target) (dialect.Scratch, error) {
	s, err := d.open(ctx, t)
	if err != nil {
		return nil, err
	}
	s.schema = dialect.ScratchName()
	out := &scratch{&tx{s: s}}
	if err := out.begin(ctx); err != nil {
		_ = out.Close(ctx)
		return nil, d.Classify(err)
	}
	return out, nil
}

func (s *scratch) begin(ctx context.Context) error {
	database, permitted, err := s.permitted(ctx)
	switch {
	case err != nil:
		return err
	case !permitted:
		return scratchDenied(nil, "the user may not create schemas and tables in database "+database)
	}
	if _, err := s.ExecContext(ctx, fmt.Sprintf(beginScratch, scratchLockTimeout.Milliseconds())); err != nil {
		return err
	}
	got, err := s.tx.applicationLock(ctx, scratchLock, scratchWait)
	switch {
	case err != nil:
		return err
	case !got:
		return fault.New(fault.Unavailable, dialect.ReasonLockTimeout, "other models were being built in database %s for longer than %s", database, scratchWait).
			Suggest("try again when fewer plans are proved and databases compared there")
	}
	return s.create(ctx, database)
}

// create makes the schema. What the server refuses here, to this user or to
// everybody, cannot be had at all.
func (s *scratch) create(ctx context.Context, database string) error {
	_, err := s.ExecContext(ctx, newSchema)
	if err == nil {
		return nil
	}
	switch f := s.tx.s.dialect.Classify(err); f.Reason {
	case "DATABASE_PERMISSION", "SCHEMA_UNKNOWN": // 2760: who has no user of one's own
		return scratchDenied(err, "the user may not create a schema in database "+database)
	case "DATABASE_READ_ONLY":
		return scratchDenied(err, "nothing can be created in database "+database+", which is read-only")
	}
	return err
}

func scratchDenied(err error, what string) *fault.Error {
	return fault.Wrap(err, fault.Denied, dialect.ReasonScratchDenied, "%s", what).
		Suggest("GRANT CREATE SCHEMA, CREATE TABLE to the tenant's user in that database, on its primary replica; nothing is ever left behind")
}

// permitted tells in which database the session is, and whether its user may make
// a schema with tables there; NULL stands for the database in use.
// https://learn.microsoft.com/sql/t-sql/functions/has-perms-by-name-transact-sql
func (s *scratch) permitted(ctx context.Context) (database string, yes bool, err error) {
	err = each(ctx, s.tx.s, `SELECT DB_NAME(), CASE WHEN HAS_PERMS_BY_NAME(NULL, N'DATABASE', N'CREATE SCHEMA') = 1
  AND HAS_PERMS_BY_NAME(NULL, N'DATABASE', N'CREATE TABLE') = 1 THEN 1 ELSE 0 END`,
		func(rows *sql.Rows) error { return rows.Scan(&database, &yes) })
	return database, yes, err
}

// ExecContext implements dialect.Querier. After a failure, which undoes the
// transaction, nothing more is sent: it would be committed.
func (s *scratch) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	res, err := s.tx.ExecContext(ctx, query, args...)
	return res, s.hindered(err)
}

// QueryContext implements dialect.Querier.
func (s *scratch) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := s.tx.QueryContext(ctx, query, args...)
	return rows, s.hindered(err)
}

// hindered tells that a statement failed because of others, and not for what it
// is: no plan is to be blamed for that.
func (s *scratch) hindered(err error) error {
	if err == nil {
		return nil
	}
	f := s.tx.s.dialect.Classify(err)
	if f.Reason != dialect.ReasonLockTimeout && f.Reason != dialect.ReasonDeadlock {
		return err
	}
	return fault.Wrap(err, fault.Unavailable, f.Reason, "the database is being changed, and a model cannot be built beside the tenant meanwhile: %s", f.Detail).
		Suggest("try again when it is quieter")
}

// Close implements dialect.Scratch. The end of the connection rolls back as well.
func (s *scratch) Close(ctx context.Context) error {
	_ = s.tx.Rollback(ctx) // never fails
	return s.tx.s.Close()
}

// Circumstances implements dialect.Scratcher: the database, what it is set to, and
// the schema in which the user's unqualified names of types are looked up.
func (d *Dialect) Circumstances(ctx context.Context, q dialect.Querier) (string, error) {
	var database, home, collation, level sql.NullString
	err := each(ctx, q, `SELECT DB_NAME(), SCHEMA_NAME(), d.collation_name, d.compatibility_level
FROM (SELECT 1 AS one) AS o LEFT JOIN sys.databases AS d ON d.name = DB_NAME()`, func(rows *sql.Rows) error {
		return rows.Scan(&database, &home, &collation, &level)
	})
	if err != nil {
		return "", d.unreadable(err)
	}
	return fmt.Sprintf("%q %q %s %s", database.String, home.String, collation.String, level.String), nil
}
