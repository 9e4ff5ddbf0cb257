package postgres

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// What is on a server is read from the shared catalogs, which every database
// has: five queries on one connection and in one snapshot, however many
// databases and roles there are. Only schemas need a connection of their own.
// https://www.postgresql.org/docs/current/catalogs-overview.html

var (
	_ dialect.Discoverer    = (*Dialect)(nil)
	_ dialect.ServerSession = (*server)(nil)
)

// server is a session to the maintenance database.
type server struct {
	dialect *Dialect
	target  dialect.Target
	session dialect.Session
}

// OpenServer implements dialect.Discoverer.
func (d *Dialect) OpenServer(ctx context.Context, t dialect.Target) (dialect.ServerSession, error) {
	s, err := d.Open(ctx, t.On(t.Database, ""))
	if err != nil {
		return nil, err
	}
	return &server{dialect: d, target: t, session: s}, nil
}

// Close implements dialect.ServerSession.
func (s *server) Close() error { return s.session.Close() }

// snapshot runs read in one snapshot that cannot write. The end of the snapshot
// changes nothing: where it fails, the session is of no use any more.
func snapshot(ctx context.Context, q dialect.Querier, read func() error) error {
	if _, err := q.ExecContext(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return err
	}
	if err := read(); err != nil {
		_, _ = q.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	_, err := q.ExecContext(ctx, "COMMIT")
	return err
}

// Roster implements dialect.ServerSession.
func (s *server) Roster(ctx context.Context, opts dialect.RosterOptions) (dialect.Roster, error) {
	var out dialect.Roster
	steps := []struct {
		name string
		read func(context.Context, *dialect.Roster) error
	}{
		{"server", s.info}, {"databases", s.databases}, {"users", s.users}, {"memberships", s.memberships}, {"grants", s.grants},
	}
	err := snapshot(ctx, s.session, func() error {
		for i, step := range steps {
			if err := step.read(ctx, &out); err != nil {
				return err
			}
			opts.Told(step.name, i+1, len(steps))
		}
		return nil
	})
	if err != nil {
		return dialect.Roster{}, s.dialect.Classify(err)
	}
	return out, nil
}

// services are the roles that tell which managed service a server is.
const services = `SELECT version(), pg_is_in_recovery(), COALESCE((
	SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles
	WHERE rolname IN ('rdsadmin', 'cloudsqladmin', 'azuresu', 'alloydbadmin', 'supabase_admin', 'neon_superuser')), '')`

func (s *server) info(ctx context.Context, out *dialect.Roster) error {
	var told, service string
	info := dialect.ServerInfo{Engine: dialect.Postgres, Version: s.session.Version(), DefaultSchema: DefaultSchema, CaseSensitiveNames: true}
	err := each(ctx, s.session, services, nil, func(rows *sql.Rows) error { return rows.Scan(&told, &info.ReadOnly, &service) })
	info.Flavour, _, _ = strings.Cut(told, " on ")
	info.Edition = edition(service)
	out.Server = info
	return err
}

// edition names the managed service by the role of its administrators.
func edition(roles string) string {
	switch {
	case strings.Contains(roles, "rdsadmin"):
		return "Amazon RDS or Aurora"
	case strings.Contains(roles, "alloydbadmin"):
		return "Google AlloyDB"
	case strings.Contains(roles, "cloudsqladmin"):
		return "Google Cloud SQL"
	case strings.Contains(roles, "azuresu"):
		return "Azure Database for PostgreSQL"
	case strings.Contains(roles, "supabase_admin"):
		return "Supabase"
	case strings.Contains(roles, "neon_superuser"):
		return "Neon"
	}
	return ""
}

// systemDatabases belong to the server, or to the service that manages it. The
// database postgres is one of them unless it is asked for.
func systemDatabases() []string {
	return []string{
		"postgres", "template0", "template1",
		"rdsadmin", "cloudsqladmin", "azure_maintenance", "azure_sys", "alloydbadmin", "alloydbmetadata",
	}
}

// systemRole tells whether a role belongs to the server (the prefix pg_ is
// reserved) or to the service that manages it.
func systemRole(name string) bool {
	for _, prefix := range []string{"pg_", "rds_", "cloudsql", "azure_", "alloydb"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"rdsadmin", "rdsrepladmin", "rdstopmgr", "rdsproxyadmin", "azuresu"}, name)
}

func (s *server) databases(ctx context.Context, out *dialect.Roster) error {
	const query = `SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datistemplate, NOT datallowconn OR datconnlimit = -2
		FROM pg_database ORDER BY datname COLLATE "C"`
	return each(ctx, s.session, query, nil, func(rows *sql.Rows) error {
		var d dialect.Database
		var template bool
		if err := rows.Scan(&d.Name, &d.Owner, &d.Charset, &d.Collation, &template, &d.Offline); err != nil {
			return err
		}
		d.System = template || slices.Contains(systemDatabases(), d.Name)
		out.Databases = append(out.Databases, d)
		return nil
	})
}

func (s *server) users(ctx context.Context, out *dialect.Roster) error {
	const query = `SELECT rolname, rolcanlogin, rolsuper, COALESCE(rolvaliduntil < now(), false)
		FROM pg_roles ORDER BY rolname COLLATE "C"`
	return each(ctx, s.session, query, nil, func(rows *sql.Rows) error {
		var u dialect.User
		if err := rows.Scan(&u.Name, &u.CanLogin, &u.Superuser, &u.Expired); err != nil {
			return err
		}
		u.System = systemRole(u.Name)
		out.Users = append(out.Users, u)
		return nil
	})
}

// inheritsSince16: since PostgreSQL 16 each membership says whether it is
// inherited, before that the member's own attribute does; the same membership
// may then be there several times, by several grantors.
const inheritsSince16 = 16

func (s *server) memberships(ctx context.Context, out *dialect.Roster) error {
	inherits := "u.rolinherit"
	if s.session.Version().Major >= inheritsSince16 {
		inherits = "m.inherit_option"
	}
	query := `SELECT u.rolname, g.rolname, bool_or(` + inherits + `), bool_or(m.admin_option)
		FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
		GROUP BY u.rolname, g.rolname ORDER BY u.rolname COLLATE "C", g.rolname COLLATE "C"`
	at := map[string]int{}
	for i, u := range out.Users {
		at[u.Name] = i
	}
	return each(ctx, s.session, query, nil, func(rows *sql.Rows) error {
		var member string
		var m dialect.Membership
		if err := rows.Scan(&member, &m.Role.Name, &m.Inherits, &m.Admin); err != nil {
			return err
		}
		if i, ok := at[member]; ok {
			out.Users[i].MemberOf = append(out.Users[i].MemberOf, m)
		}
		return nil
	})
}

// grants reads the access lists of the databases, those that are implied by an
// empty one included: https://www.postgresql.org/docs/current/ddl-priv.html
func (s *server) grants(ctx context.Context, out *dialect.Roster) error {
	const query = `SELECT d.datname, a.grantee = 0, COALESCE(r.rolname, ''),
			string_agg(DISTINCT a.privilege_type, ','), bool_or(a.is_grantable)
		FROM pg_database d
		CROSS JOIN LATERAL aclexplode(COALESCE(d.datacl, acldefault('d', d.datdba))) a
		LEFT JOIN pg_roles r ON r.oid = a.grantee
		GROUP BY d.datname, a.grantee, r.rolname`
	return each(ctx, s.session, query, nil, func(rows *sql.Rows) error {
		var g dialect.Grant
		var privileges string
		var grantable bool
		if err := rows.Scan(&g.Database, &g.Public, &g.Grantee.Name, &privileges, &grantable); err != nil {
			return err
		}
		g.Raw = strings.Split(privileges, ",")
		slices.Sort(g.Raw)
		g.Privileges = databasePrivileges(g.Raw, grantable)
		out.Grants = append(out.Grants, g)
		return nil
	})
}

// databasePrivileges reads the words of a database's access list. TEMPORARY has
// no normalised word: temporary tables are nobody else's.
func databasePrivileges(words []string, grantable bool) dialect.Privileges {
	var p dialect.Privileges
	for _, word := range words {
		switch word {
		case "CONNECT":
			p |= dialect.MayConnect
		case "CREATE":
			p |= dialect.MayCreate
		}
	}
	if grantable {
		p |= dialect.MayGrant
	}
	return p
}

// each runs a query and calls scan for each row.
func each(ctx context.Context, q dialect.Querier, query string, args []any, scan func(*sql.Rows) error) error {
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
