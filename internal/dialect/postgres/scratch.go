package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

var (
	_ dialect.Scratcher = (*Dialect)(nil)
	_ dialect.Surveyor  = (*Dialect)(nil)
)

// scratch is an open transaction that is never committed.
type scratch struct {
	*session
}

// scratchLockTimeout keeps a scratch from waiting for anybody: it has no business
// with objects that others use.
const scratchLockTimeout = 2 * time.Second

// Scratch implements dialect.Scratcher with a transaction that is always rolled
// back. The namespace is a schema; a user who may not create one gets the
// session's schema for temporary tables, where all of this works as well:
// https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-SEARCH-PATH
func (d *Dialect) Scratch(ctx context.Context, t dialect.Target) (dialect.Scratch, error) {
	opened, err := d.Open(ctx, t)
	if err != nil {
		return nil, err
	}
	s, ok := opened.(*session)
	if !ok {
		return nil, fault.New(fault.Bug, "SESSION_FOREIGN", "a session of PostgreSQL is not this package's own")
	}
	out := &scratch{session: s}
	if err := out.begin(ctx); err != nil {
		_ = out.Close(ctx)
		return nil, d.Classify(err)
	}
	return out, nil
}

func (s *scratch) begin(ctx context.Context) error {
	if _, err := s.ExecContext(ctx, fmt.Sprintf("BEGIN; SET LOCAL lock_timeout = %d", scratchLockTimeout.Milliseconds())); err != nil {
		return err
	}
	permitted, err := s.permitted(ctx)
	if err != nil {
		return err
	}
	path, create := "pg_temp", ""
	switch {
	case permitted.schema:
		name := quote(dialect.ScratchName())
		path, create = name, "CREATE SCHEMA "+name+"; "
	case !permitted.temporary:
		return fault.New(fault.Denied, dialect.ReasonScratchDenied, "the user may neither create schemas nor temporary tables in database %s", s.database).
			Suggest("GRANT TEMPORARY ON DATABASE %s to the tenant's user; nothing is ever left behind", quote(s.database))
	}
	if permitted.types {
		path += ", " + quote(s.schema)
	}
	_, err = s.ExecContext(ctx, create+"SET LOCAL search_path TO "+path)
	return err
}

// permission is what a scratch needs to know of the database and of the tenant.
type permission struct {
	schema, temporary bool
	types             bool // the tenant's schema holds types or functions that its columns may use
}

// ownTypes asks whether a schema brings types (an extension's, an enum), or
// functions. Both depend on their schema, and the row types of tables and arrays do
// not; pg_depend has an index from there, which spares reading the types of all the
// schemas that the database has:
// https://www.postgresql.org/docs/current/catalog-pg-depend.html
const ownTypes = `EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_namespace'::regclass
  AND d.refobjid = (SELECT oid FROM pg_namespace WHERE nspname = $1)
  AND d.classid IN ('pg_type'::regclass, 'pg_proc'::regclass))`

func (s *scratch) permitted(ctx context.Context) (permission, error) {
	var p permission
	rows, err := s.QueryContext(ctx, `
SELECT has_database_privilege(current_database(), 'CREATE'), has_database_privilege(current_database(), 'TEMPORARY'),
       `+ownTypes, s.schema)
	if err != nil {
		return p, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&p.schema, &p.temporary, &p.types); err != nil {
			return p, err
		}
	}
	return p, rows.Err()
}

// Close implements dialect.Scratch.
func (s *scratch) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	_, _ = s.conn.ExecContext(ctx, "ROLLBACK") // the end of the connection does the same
	return s.session.Close()
}

// Circumstances implements dialect.Scratcher: the database and, where the
// tenant's schema brings types or functions of its own, the schema.
func (d *Dialect) Circumstances(ctx context.Context, q dialect.Querier) (string, error) {
	rows, err := q.QueryContext(ctx, `
SELECT current_database(), CASE WHEN `+strings.ReplaceAll(ownTypes, "$1", "current_schema()")+`
       THEN current_schema()::text ELSE '' END`)
	if err != nil {
		return "", d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	var database, schema string
	for rows.Next() {
		if err := rows.Scan(&database, &schema); err != nil {
			return "", d.Classify(err)
		}
	}
	if err := rows.Err(); err != nil {
		return "", d.Classify(err)
	}
	return fmt.Sprintf("%q %q", database, schema), nil
}
