package sqlserver

import (
	"context"
	"database/sql"
	"errors"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/lockstepdb/lockstep/internal/dialect"
	spell "github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

var (
	_ dialect.Provisioner      = (*Dialect)(nil)
	_ dialect.ProvisionSession = (*provision)(nil)
)

// provision is the admin's session to master. What is in a database is made on a
// connection of its own, in one transaction. Batches go to the connection as
// they are: names here are not a plan's, and what a session keeps of a batch for
// an error must hold no password.
type provision struct {
	dialect *Dialect
	target  dialect.Target
	session *session
}

// OpenProvision implements dialect.Provisioner.
func (d *Dialect) OpenProvision(ctx context.Context, t dialect.Target) (dialect.ProvisionSession, error) {
	s, err := d.pinned(ctx, t.On(t.Database, ""))
	if err != nil {
		return nil, err
	}
	return &provision{dialect: d, target: t, session: s}, nil
}

// pinned opens a session and returns it as what it is.
func (d *Dialect) pinned(ctx context.Context, t dialect.Target) (*session, error) {
	opened, err := d.Open(ctx, t)
	if err != nil {
		return nil, err
	}
	s, ok := opened.(*session)
	if !ok {
		return nil, fault.New(fault.Bug, "SESSION_TYPE", "a session of SQL Server is %T", opened)
	}
	return s, nil
}

// Close implements dialect.ProvisionSession.
func (p *provision) Close() error { return p.session.Close() }

// within runs batches in one transaction in a database. XACT_ABORT undoes it at
// the first that fails.
func (p *provision) within(ctx context.Context, database string, work func(*sql.Conn) error) error {
	s, err := p.dialect.pinned(ctx, p.target.On(database, ""))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // which undoes what was not committed
	if err := send(ctx, s.conn, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	if err := work(s.conn); err != nil {
		return err
	}
	return send(ctx, s.conn, "COMMIT TRANSACTION")
}

func send(ctx context.Context, c *sql.Conn, batch string, args ...any) error {
	_, err := c.ExecContext(ctx, batch, args...)
	return withCause(ctx, err)
}

// found tells whether a query gives a row.
func found(ctx context.Context, c *sql.Conn, query string, args ...any) (is bool, err error) {
	err = each(ctx, c, query, func(*sql.Rows) error { is = true; return nil }, args...)
	return is, withCause(ctx, err)
}

const (
	databaseThere = "SELECT 1 FROM sys.databases WHERE name = @p1"
	loginThere    = "SELECT 1 FROM sys.server_principals WHERE name = @p1"
	schemaThere   = "SELECT 1 FROM sys.schemas WHERE name = @p1"
	userThere     = "SELECT 1 FROM sys.database_principals WHERE name = @p1"
	tablesThere   = "SELECT 1 FROM sys.tables WHERE is_ms_shipped = 0 AND (@p1 = N'' OR SCHEMA_NAME(schema_id) = @p1)"
)

// There implements dialect.ProvisionSession.
func (p *provision) There(ctx context.Context, step dialect.ProvisionStep) (bool, error) {
	is, err := p.there(ctx, step)
	if err != nil {
		return false, p.dialect.Classify(err)
	}
	return is, nil
}

func (p *provision) there(ctx context.Context, step dialect.ProvisionStep) (is bool, err error) {
	look := func(query, name string) func(*sql.Conn) error {
		return func(c *sql.Conn) (err error) {
			is, err = found(ctx, c, query, name)
			return err
		}
	}
	switch step.Kind {
	case dialect.CreateDatabase:
		err = look(databaseThere, step.Database)(p.session.conn)
	case dialect.CreateUser:
		err = look(loginThere, step.User.Name)(p.session.conn)
	case dialect.CreateSchema:
		err = p.within(ctx, step.Database, look(schemaThere, step.Schema))
	case dialect.GrantUse:
		err = p.within(ctx, step.Database, look(userThere, step.User.Name))
	case dialect.RefreshUse:
	}
	return is, err
}

// Do implements dialect.ProvisionSession.
func (p *provision) Do(ctx context.Context, step dialect.ProvisionStep, password secret.Redacted) error {
	if err := p.do(ctx, step, password); err != nil {
		return p.dialect.Classify(err)
	}
	return nil
}

// createLogin builds its statement on the server out of parameters, so that no
// text of a statement ever holds the password.
const createLogin = `DECLARE @statement nvarchar(max) = N'CREATE LOGIN ' + QUOTENAME(@p1) + N' WITH PASSWORD = ' + QUOTENAME(@p2, '''') + N', CHECK_EXPIRATION = OFF';
EXEC(@statement)`

func (p *provision) do(ctx context.Context, step dialect.ProvisionStep, password secret.Redacted) error {
	if step.Kind == dialect.CreateUser && password.Empty() {
		return fault.New(fault.Invalid, "PASSWORD_MISSING", "the user %s would have no password", step.User)
	}
	if schema := schemaProblem(orDefaultSchema(step.Schema)); schema != "" {
		return fault.New(fault.Invalid, "TARGET_INVALID", "the schema %q cannot be used: it %s", step.Schema, schema)
	}
	if is, err := p.there(ctx, step); err != nil || is {
		return orExists(err, step)
	}
	var err error
	switch step.Kind {
	case dialect.CreateDatabase:
		err = send(ctx, p.session.conn, "CREATE DATABASE "+spell.Quote(step.Database))
	case dialect.CreateUser:
		err = send(ctx, p.session.conn, createLogin, step.User.Name, password.Reveal())
	case dialect.CreateSchema:
		err = p.within(ctx, step.Database, func(c *sql.Conn) error { return send(ctx, c, "CREATE SCHEMA "+spell.Quote(step.Schema)) })
	case dialect.GrantUse:
		err = p.within(ctx, step.Database, func(c *sql.Conn) error { return grantUse(ctx, c, step) })
	case dialect.RefreshUse: // the schema is granted, with all that comes
	}
	if tooLate(err) {
		return exists(step)
	}
	return err
}

func orDefaultSchema(name string) string {
	if name == "" {
		return DefaultSchema
	}
	return name
}

func orExists(err error, step dialect.ProvisionStep) error {
	if err != nil {
		return err
	}
	return exists(step)
}

// tooLate tells that somebody else made it since it was looked for.
func tooLate(err error) bool {
	var server mssql.Error
	if !errors.As(err, &server) {
		return false
	}
	switch decisive(server).Number {
	case 1801, 15025, 2714, 2759, 15023: // database, login, object, schema, user
		return true
	}
	return false
}

func exists(step dialect.ProvisionStep) error {
	reason := map[dialect.StepKind]string{
		dialect.CreateDatabase: "DATABASE_EXISTS", dialect.CreateSchema: "SCHEMA_EXISTS",
		dialect.CreateUser: "USER_EXISTS", dialect.GrantUse: "GRANTS_EXIST",
	}[step.Kind]
	return fault.New(fault.Exists, reason, "the server already has the %s", step.Describe()).
		Suggest("take another name, or use what is there without making it")
}

// grantUse maps the login to a user of the database, whose privileges are on the
// one schema: the roles db_datareader and db_datawriter would be on all of them.
func grantUse(ctx context.Context, c *sql.Conn, step dialect.ProvisionStep) error {
	user, schema := spell.Quote(step.User.Name), spell.Quote(orDefaultSchema(step.Schema))
	for _, batch := range []string{
		"CREATE USER " + user + " FOR LOGIN " + user + " WITH DEFAULT_SCHEMA = " + schema,
		"GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON SCHEMA::" + schema + " TO " + user,
	} {
		if err := send(ctx, c, batch); err != nil {
			return err
		}
	}
	return exceptOwn(ctx, c, step)
}

const ownTables = `SELECT name FROM sys.tables WHERE SCHEMA_NAME(schema_id) = @p1 AND name LIKE N'lockstep[_]%' ORDER BY name`

// exceptOwn denies what was granted with the schema on lockstep's tables: a denial
// counts more than any grant.
func exceptOwn(ctx context.Context, c *sql.Conn, step dialect.ProvisionStep) error {
	schema := orDefaultSchema(step.Schema)
	names, err := namesOf(ctx, c, ownTables, schema)
	if err != nil {
		return err
	}
	for _, name := range names {
		batch := "DENY SELECT, INSERT, UPDATE, DELETE ON OBJECT::" + spell.Quote(schema) + "." + spell.Quote(name) + " TO " + spell.Quote(step.User.Name)
		if err := send(ctx, c, batch); err != nil {
			return err
		}
	}
	return nil
}

// namesOf reads a query's only column.
func namesOf(ctx context.Context, c *sql.Conn, query string, args ...any) (names []string, err error) {
	err = each(ctx, c, query, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, args...)
	return names, withCause(ctx, err)
}

const allTables = `SELECT name FROM sys.objects WHERE type IN ('U', 'V') AND is_ms_shipped = 0 AND (@p1 = N'' OR SCHEMA_NAME(schema_id) = @p1) ORDER BY name`

// Tables implements dialect.ProvisionSession.
func (p *provision) Tables(ctx context.Context, step dialect.ProvisionStep) (names []string, err error) {
	err = p.within(ctx, step.Database, func(c *sql.Conn) error {
		names, err = namesOf(ctx, c, allTables, step.Schema)
		return err
	})
	if err == nil {
		return names, nil
	}
	if f := p.dialect.Classify(err); f.Reason != "DATABASE_UNKNOWN" {
		return nil, f
	}
	return nil, nil
}

// Undo implements dialect.ProvisionSession.
func (p *provision) Undo(ctx context.Context, step dialect.ProvisionStep, contents bool) error {
	is, err := p.there(ctx, step)
	if err != nil && p.dialect.Classify(err).Reason == "DATABASE_UNKNOWN" {
		return nil // all that was in it went with it
	}
	if err == nil && is {
		err = p.undo(ctx, step, contents)
	}
	if err != nil {
		return p.dialect.Classify(err)
	}
	return nil
}

func (p *provision) undo(ctx context.Context, step dialect.ProvisionStep, contents bool) error {
	switch step.Kind {
	case dialect.CreateDatabase:
		if !contents {
			if err := p.within(ctx, step.Database, func(c *sql.Conn) error { return empty(ctx, c, step) }); err != nil {
				return err
			}
		}
		name := spell.Quote(step.Database)
		return send(ctx, p.session.conn, "ALTER DATABASE "+name+" SET SINGLE_USER WITH ROLLBACK IMMEDIATE;\nDROP DATABASE "+name)
	case dialect.CreateUser:
		return send(ctx, p.session.conn, "DROP LOGIN "+spell.Quote(step.User.Name))
	case dialect.CreateSchema:
		return p.within(ctx, step.Database, func(c *sql.Conn) error {
			if contents {
				if err := send(ctx, c, dropContents, step.Schema); err != nil {
					return err
				}
			} else if err := empty(ctx, c, step); err != nil {
				return err
			}
			return send(ctx, c, "DROP SCHEMA "+spell.Quote(step.Schema))
		})
	case dialect.GrantUse:
		return p.within(ctx, step.Database, func(c *sql.Conn) error { return send(ctx, c, "DROP USER "+spell.Quote(step.User.Name)) })
	case dialect.RefreshUse:
	}
	return nil
}

// dropContents is what CASCADE is elsewhere, for views and tables and the foreign
// keys that point to them.
const dropContents = `DECLARE @statement nvarchar(max) = N'';
SELECT @statement += N'DROP VIEW ' + QUOTENAME(@p1) + N'.' + QUOTENAME(v.name) + N';' FROM sys.views v WHERE SCHEMA_NAME(v.schema_id) = @p1;
SELECT @statement += N'ALTER TABLE ' + QUOTENAME(SCHEMA_NAME(t.schema_id)) + N'.' + QUOTENAME(t.name) + N' DROP CONSTRAINT ' + QUOTENAME(f.name) + N';'
FROM sys.foreign_keys f JOIN sys.tables t ON t.object_id = f.parent_object_id JOIN sys.tables r ON r.object_id = f.referenced_object_id
WHERE SCHEMA_NAME(r.schema_id) = @p1;
SELECT @statement += N'DROP TABLE ' + QUOTENAME(@p1) + N'.' + QUOTENAME(t.name) + N';' FROM sys.tables t WHERE SCHEMA_NAME(t.schema_id) = @p1;
EXEC(@statement)`

// empty refuses to go on when there are tables.
func empty(ctx context.Context, c *sql.Conn, step dialect.ProvisionStep) error {
	is, err := found(ctx, c, tablesThere, step.Schema)
	if err != nil || !is {
		return err
	}
	return fault.New(fault.Refused, "NOT_EMPTY", "the %s holds tables and was kept", step.Describe()).
		Suggest("ask for its contents to be dropped, too, if nobody needs them")
}
