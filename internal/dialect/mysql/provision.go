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
	_ dialect.PiecemealGranter = (*Dialect)(nil)
)

// provision is the admin's session without a database. Each step but the granting
// is one statement, which is atomic. The password goes to the server as it is, since
// the ways to store it differ by version and plugin; the server keeps it out of
// its own logs: https://dev.mysql.com/doc/refman/8.4/en/password-logging.html
type provision struct{ *rosterSession }

// GrantsPiecemeal implements dialect.PiecemealGranter.
func (*Dialect) GrantsPiecemeal() bool { return true }

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
		if err = p.grant(ctx, step); err != nil { // what is granted already was not there before
			_ = p.undo(context.WithoutCancel(ctx), step, false)
		}
		return err
	case dialect.RefreshUse:
		return p.grantTables(ctx, step)
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

// A privilege on a database counts for all tables in it, lockstep's included, and
// cannot be taken back for one of them: a tenant's user could write into the
// journal what lockstep then runs as an administrator. So tables are granted one
// by one, https://dev.mysql.com/doc/refman/8.4/en/grant.html#grant-table-privileges
const (
	tableUse = "SELECT, INSERT, UPDATE, DELETE"
	placeUse = "EXECUTE"
)

func (p *provision) grant(ctx context.Context, step dialect.ProvisionStep) error {
	if err := p.run(ctx, "GRANT "+placeUse+" ON "+p.place(step)+" TO "+accountText(step.User)); err != nil {
		return err
	}
	return p.grantTables(ctx, step)
}

// grantTables grants the tables that are there, but for lockstep's.
func (p *provision) grantTables(ctx context.Context, step dialect.ProvisionStep) error {
	names, err := p.tables(ctx, step.Database)
	if err != nil {
		return err
	}
	granted, err := p.granted(ctx, step)
	if err != nil {
		return err
	}
	for _, name := range names {
		if dialect.Own(name) || slices.Contains(granted, name) {
			continue
		}
		if err := p.run(ctx, "GRANT "+tableUse+" ON "+quote(step.Database)+"."+quote(name)+" TO "+accountText(step.User)); err != nil {
			return err
		}
	}
	return nil
}

// granted names the tables on which the user has all that it is granted.
func (p *provision) granted(ctx context.Context, step dialect.ProvisionStep) ([]string, error) {
	return p.names(ctx, `SELECT TABLE_NAME FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ? AND TABLE_SCHEMA = ?
		AND PRIVILEGE_TYPE IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') GROUP BY TABLE_NAME HAVING COUNT(*) = 4`, grantee(step.User), step.Database)
}

func (p *provision) tables(ctx context.Context, database string) ([]string, error) {
	return p.names(ctx, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME", database)
}

func (p *provision) names(ctx context.Context, query string, args ...any) (names []string, err error) {
	err = each(ctx, p, query, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, args...)
	return names, err
}

// Tables implements dialect.ProvisionSession.
func (p *provision) Tables(ctx context.Context, step dialect.ProvisionStep) ([]string, error) {
	names, err := p.tables(ctx, step.Database)
	if err != nil {
		return nil, p.dialect.Classify(err)
	}
	return names, nil
}

// revoke takes back what was granted on the database, and on its tables.
func (p *provision) revoke(ctx context.Context, step dialect.ProvisionStep) error {
	for _, privileges := range []string{placeUse, tableUse} { // an older lockstep granted both on the database
		if err := p.revokeOn(ctx, privileges, p.place(step), step.User); err != nil {
			return err
		}
	}
	names, err := p.names(ctx, "SELECT DISTINCT TABLE_NAME FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE = ? AND TABLE_SCHEMA = ?",
		grantee(step.User), step.Database)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := p.revokeOn(ctx, tableUse, quote(step.Database)+"."+quote(name), step.User); err != nil {
			return err
		}
	}
	return nil
}

func (p *provision) revokeOn(ctx context.Context, privileges, place string, from dialect.Account) error {
	err := p.run(ctx, "REVOKE "+privileges+" ON "+place+" FROM "+accountText(from))
	if slices.Contains(nothingToRevoke(), numberOf(err)) {
		return nil
	}
	return err
}

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
	case dialect.CreateSchema, dialect.RefreshUse:
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
		return p.revoke(ctx, step)
	case dialect.CreateSchema, dialect.RefreshUse:
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
