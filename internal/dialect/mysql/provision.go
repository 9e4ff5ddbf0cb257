package mysql

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

var (
	_ dialect.Provisioner      = (*Dialect)(nil)
	_ dialect.ProvisionSession = (*provision)(nil)
)

// provision is the admin's session without a database. Each step is one
// statement, which is atomic. The password goes to the server as it is, since
// the ways to store it differ by version and plugin; the server keeps it out of
// its own logs: https://dev.mysql.com/doc/refman/8.4/en/password-logging.html
type provision struct{ *rosterSession }

// anyHost is from where a user may come who was given no host.
const anyHost = "%"

// OpenProvision implements dialect.Provisioner.
func (d *Dialect) OpenProvision(ctx context.Context, t dialect.Target) (dialect.ProvisionSession, error) {
	s, err := d.openServer(ctx, t)
	if err != nil {
		return nil, err
	}
	p := &provision{s}
	if err := p.prepare(ctx); err != nil {
		s.drop()
		return nil, d.Classify(err)
	}
	return p, nil
}

// prepare keeps MariaDB from making users by GRANT, and asks MySQL how it reads
// names in one: https://dev.mysql.com/doc/refman/8.4/en/partial-revokes.html
func (p *provision) prepare(ctx context.Context) error {
	if p.server.maria() {
		return p.run(ctx, "SET SESSION sql_mode = "+literal(sqlMode+",NO_AUTO_CREATE_USER"))
	}
	return each(ctx, p, "SELECT @@global.partial_revokes", func(rows *sql.Rows) error { return rows.Scan(&p.literalDB) })
}

func (p *provision) run(ctx context.Context, statement string) error {
	_, err := p.ExecContext(ctx, statement)
	return err
}

// Do implements dialect.ProvisionSession.
func (p *provision) Do(ctx context.Context, step dialect.ProvisionStep, password secret.Redacted) error {
	if err := p.do(ctx, step, password); err != nil {
		return p.dialect.Classify(err)
	}
	return nil
}

func (p *provision) do(ctx context.Context, step dialect.ProvisionStep, password secret.Redacted) error {
	if step.Kind == dialect.CreateSchema {
		return fault.New(fault.Unsupported, "NOT_SUPPORTED", "%s has no schemas in a database", p.server.Engine).
			Suggest("give each tenant a database of its own")
	}
	if step.Kind == dialect.CreateUser && password.Empty() {
		return fault.New(fault.Invalid, "PASSWORD_MISSING", "the user %s would have no password", step.User)
	}
	found, err := p.there(ctx, step)
	switch {
	case err != nil:
		return err
	case found:
		return exists(step)
	}
	switch step.Kind {
	case dialect.CreateDatabase:
		err = p.run(ctx, "CREATE DATABASE "+quote(step.Database)+" CHARACTER SET utf8mb4")
	case dialect.CreateUser:
		err = p.run(ctx, "CREATE USER "+accountText(step.User)+" IDENTIFIED BY "+literal(password.Reveal()))
	case dialect.GrantUse:
		return p.run(ctx, "GRANT "+use+" ON "+p.place(step)+" TO "+accountText(step.User))
	case dialect.CreateSchema:
	}
	if number := numberOf(err); number == 1007 || number == 1396 { // somebody was faster
		return exists(step)
	}
	return err
}

func exists(step dialect.ProvisionStep) error {
	reason := map[dialect.StepKind]string{
		dialect.CreateDatabase: "DATABASE_EXISTS", dialect.CreateUser: "USER_EXISTS", dialect.GrantUse: "GRANTS_EXIST",
	}[step.Kind]
	return fault.New(fault.Exists, reason, "the server already has the %s", step.Describe()).
		Suggest("take another name, or use what is there without making it")
}

// use is what a tenant's user may do in the tenant's database.
const use = "SELECT, INSERT, UPDATE, DELETE, EXECUTE"

// place is the database as GRANT names it: with wild characters escaped, or the
// privileges would count in other tenants' databases, too.
func (p *provision) place(step dialect.ProvisionStep) string {
	name := step.Database
	if !p.literalDB {
		name = escape(name)
	}
	return quote(name) + ".*"
}

// hostOf is the account's host, as the server keeps it.
func hostOf(a dialect.Account) string { return cmp.Or(a.Host, anyHost) }

// accountText spells an account.
func accountText(a dialect.Account) string { return literal(a.Name) + "@" + literal(hostOf(a)) }

// grantee spells an account as information_schema does, which doubles no quotes.
func grantee(a dialect.Account) string { return "'" + a.Name + "'@'" + hostOf(a) + "'" }

// There implements dialect.ProvisionSession.
func (p *provision) There(ctx context.Context, step dialect.ProvisionStep) (bool, error) {
	found, err := p.there(ctx, step)
	if err != nil {
		return false, p.dialect.Classify(err)
	}
	return found, nil
}

func (p *provision) there(ctx context.Context, step dialect.ProvisionStep) (bool, error) {
	switch step.Kind {
	case dialect.CreateDatabase:
		return p.any(ctx, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", step.Database)
	case dialect.CreateUser:
		return p.userThere(ctx, step.User)
	case dialect.GrantUse:
		known, err := p.userThere(ctx, step.User)
		if err == nil && !known {
			err = fault.New(fault.NotFound, "USER_UNKNOWN", "the server has no user %s", step.User).Suggest("make the user first")
		}
		if err != nil {
			return false, err
		}
		return p.any(ctx, `SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ? AND TABLE_SCHEMA IN (?, ?)
			UNION ALL SELECT 1 FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ? AND TABLE_SCHEMA = ?`,
			grantee(step.User), step.Database, escape(step.Database), grantee(step.User), step.Database)
	case dialect.CreateSchema:
	}
	return false, nil
}

func (p *provision) userThere(ctx context.Context, a dialect.Account) (bool, error) {
	return p.any(ctx, "SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ?", grantee(a))
}

// any tells whether a query gives a row.
func (p *provision) any(ctx context.Context, query string, args ...any) (found bool, err error) {
	err = each(ctx, p, query, func(*sql.Rows) error { found = true; return nil }, args...)
	return found, err
}

// nothingToRevoke are the answers to a REVOKE of what is not granted.
func nothingToRevoke() []uint16 { return []uint16{1141, 1147, 3523} }

// Undo implements dialect.ProvisionSession.
func (p *provision) Undo(ctx context.Context, step dialect.ProvisionStep, contents bool) error {
	if err := p.undo(ctx, step, contents); err != nil {
		return p.dialect.Classify(err)
	}
	return nil
}

func (p *provision) undo(ctx context.Context, step dialect.ProvisionStep, contents bool) error {
	switch step.Kind {
	case dialect.CreateDatabase:
		if err := p.empty(ctx, step.Database, contents); err != nil {
			return err
		}
		return p.run(ctx, "DROP DATABASE IF EXISTS "+quote(step.Database))
	case dialect.CreateUser:
		return p.run(ctx, "DROP USER IF EXISTS "+accountText(step.User))
	case dialect.GrantUse:
		if known, err := p.userThere(ctx, step.User); err != nil || !known {
			return err
		}
		err := p.run(ctx, "REVOKE "+use+" ON "+p.place(step)+" FROM "+accountText(step.User))
		if slices.Contains(nothingToRevoke(), numberOf(err)) {
			return nil
		}
		return err
	case dialect.CreateSchema:
	}
	return nil
}

// empty refuses to go on when a database holds tables that nobody gave up.
func (p *provision) empty(ctx context.Context, database string, contents bool) error {
	if contents {
		return nil
	}
	found, err := p.any(ctx, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? LIMIT 1", database)
	if err != nil || !found {
		return err
	}
	return fault.New(fault.Refused, "NOT_EMPTY", "the database %s holds tables and was kept", database).
		Suggest("ask for its contents to be dropped, too, if nobody needs them")
}
