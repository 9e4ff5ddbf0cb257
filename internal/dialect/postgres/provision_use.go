package postgres

import (
	"context"
	"database/sql"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// use lists what a tenant's user is granted in its place, and by default on what
// is created there later.
func use(step dialect.ProvisionStep) (plain, byDefault []string) {
	schema := quote(schemaOr(step.Schema))
	plain = []string{
		"CONNECT ON DATABASE " + quote(step.Database),
		"USAGE ON SCHEMA " + schema,
		"SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + schema,
		"USAGE, SELECT ON ALL SEQUENCES IN SCHEMA " + schema,
	}
	return plain, []string{"SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE, SELECT ON SEQUENCES"}
}

func schemaOr(name string) string {
	if name == "" {
		return DefaultSchema
	}
	return name
}

// grantUse also grants what tables will have that the creator creates there
// later. A user who has privileges there already is refused: to undo would take
// those away, too.
func grantUse(ctx context.Context, q dialect.Querier, step dialect.ProvisionStep) error {
	if err := absent(ctx, q, step, granted, step.User.Name, schemaOr(step.Schema)); err != nil {
		return err
	}
	if err := run(ctx, q, spell(step, "GRANT ", " TO ")...); err != nil {
		return err
	}
	return exceptOwn(ctx, q, step)
}

// exceptOwn takes back what was granted on lockstep's tables with all others.
// Those that come later are taken care of by Conceal.
func exceptOwn(ctx context.Context, q dialect.Querier, step dialect.ProvisionStep) error {
	schema := schemaOr(step.Schema)
	names, err := tablesIn(ctx, q, " AND n.nspname = $1", schema)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !dialect.Own(name) {
			continue
		}
		if err := run(ctx, q, "REVOKE ALL ON TABLE "+quote(schema)+"."+quote(name)+" FROM "+quote(step.User.Name)); err != nil {
			return err
		}
	}
	return nil
}

// tablesIn names tables and views, those of the system left out.
func tablesIn(ctx context.Context, q dialect.Querier, where string, args ...any) (names []string, err error) {
	query := "SELECT c.relname" + strings.TrimPrefix(tables, "SELECT 1") + where + " ORDER BY 1"
	err = each(ctx, q, query, args, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

// Tables implements dialect.ProvisionSession.
func (p *provision) Tables(ctx context.Context, step dialect.ProvisionStep) (names []string, err error) {
	err = p.within(ctx, step.Database, func(q dialect.Querier) error {
		where, args := "", []any(nil)
		if step.Kind == dialect.CreateSchema {
			where, args = " AND n.nspname = $1", []any{step.Schema}
		}
		names, err = tablesIn(ctx, q, where, args...)
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

var _ dialect.Concealer = (*Dialect)(nil)

// Conceal implements dialect.Concealer: a new table has what ALTER DEFAULT
// PRIVILEGES says, https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html
func (*Dialect) Conceal(ctx context.Context, q dialect.Querier, table string) error {
	const query = `SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
		FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner ORDER BY 1`
	var statements []string
	err := each(ctx, q, query, []any{quote(table)}, func(rows *sql.Rows) error {
		var grantee string
		err := rows.Scan(&grantee)
		statements = append(statements, "REVOKE ALL ON TABLE "+quote(table)+" FROM "+grantee)
		return err
	})
	if err != nil {
		return err
	}
	return run(ctx, q, statements...)
}

// granted finds direct privileges of a role in the session's database.
const granted = `SELECT 1 FROM pg_roles r WHERE r.rolname = $1 AND (
	EXISTS (SELECT FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = current_database() AND a.grantee = r.oid)
	OR EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = $2 AND a.grantee = r.oid)
	OR EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a WHERE n.nspname = $2 AND a.grantee = r.oid)
	OR EXISTS (SELECT FROM pg_default_acl l, aclexplode(l.defaclacl) a WHERE a.grantee = r.oid))`

func revokeUse(ctx context.Context, q dialect.Querier, step dialect.ProvisionStep) error {
	for query, name := range map[string]string{roleThere: step.User.Name, schemaThere: schemaOr(step.Schema)} {
		if found, err := there(ctx, q, query, name); err != nil || !found {
			return err
		}
	}
	return run(ctx, q, spell(step, "REVOKE ", " FROM ")...)
}

// spell renders the statements that grant, or revoke, use.
func spell(step dialect.ProvisionStep, verb, preposition string) []string {
	creator := "CURRENT_USER"
	if step.Creator != "" {
		creator = quote(step.Creator)
	}
	user := preposition + quote(step.User.Name)
	plain, byDefault := use(step)
	var out []string
	for _, what := range plain {
		out = append(out, verb+what+user)
	}
	for _, what := range byDefault {
		out = append(out, "ALTER DEFAULT PRIVILEGES FOR ROLE "+creator+" IN SCHEMA "+quote(schemaOr(step.Schema))+" "+verb+what+user)
	}
	return out
}
