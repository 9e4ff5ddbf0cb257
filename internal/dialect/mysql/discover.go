package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// What is on a server is read with at most nine queries. Databases and
// privileges come from information_schema, which both flavours and managed
// services have; states of accounts and roles come from the schema mysql, which
// a managed service may hide: then only what information_schema tells is found.

var (
	_ dialect.Discoverer    = (*Dialect)(nil)
	_ dialect.ServerSession = (*rosterSession)(nil)
)

// rosterSession is a session without a database.
type rosterSession struct {
	*session
	mandatory string // roles that everybody has
	literalDB bool   // _ and % in the names of databases are no patterns
	activates bool   // all roles count at login
}

// OpenServer implements dialect.Discoverer.
func (d *Dialect) OpenServer(ctx context.Context, t dialect.Target) (dialect.ServerSession, error) {
	s, err := d.openServer(ctx, t)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (d *Dialect) openServer(ctx context.Context, t dialect.Target) (*rosterSession, error) {
	cfg, err := config(t.On("", ""))
	if err != nil {
		return nil, err
	}
	s := &session{dialect: d, cfg: cfg}
	if err = s.connect(ctx); err == nil {
		err = s.greet(ctx)
	}
	if err != nil {
		s.drop()
		return nil, d.Classify(err)
	}
	return &rosterSession{session: s}, nil
}

// Schemas implements dialect.ServerSession: there are none.
func (*rosterSession) Schemas(context.Context, string) (dialect.SchemaRoster, error) {
	return dialect.SchemaRoster{}, nil
}

// Roster implements dialect.ServerSession.
func (s *rosterSession) Roster(ctx context.Context, opts dialect.RosterOptions) (dialect.Roster, error) {
	var out dialect.Roster
	steps := []struct {
		name string
		read func(context.Context, *dialect.Roster) error
	}{
		{"server", s.info},
		{"databases", s.databases},
		{"users", s.users},
		{"memberships", s.memberships},
		{"grants", s.grants},
	}
	for i, step := range steps {
		if err := step.read(ctx, &out); err != nil {
			return dialect.Roster{}, s.dialect.Classify(err)
		}
		opts.Told(step.name, i+1, len(steps))
	}
	return out, nil
}

// info asks for MySQL's own variables only where they exist.
func (s *rosterSession) info(ctx context.Context, out *dialect.Roster) error {
	query := "SELECT @@version_comment, @@global.read_only, @@version, '', 0, 0"
	if !s.server.maria() {
		query = "SELECT @@version_comment, @@global.read_only, @@version, @@global.mandatory_roles, @@global.activate_all_roles_on_login, @@global.partial_revokes"
	}
	info := dialect.ServerInfo{Engine: s.server.Engine, Version: s.server.Version, CaseSensitiveNames: !s.folds}
	var told string
	err := each(ctx, s, query, func(rows *sql.Rows) error {
		return rows.Scan(&info.Flavour, &info.ReadOnly, &told, &s.mandatory, &s.activates, &s.literalDB)
	})
	info.Edition = edition(told, info.Flavour)
	out.Server = info
	return err
}

// edition names a distribution or a managed service by what it says of itself.
func edition(texts ...string) string {
	told := strings.ToLower(strings.Join(texts, " "))
	for _, known := range []struct{ word, name string }{
		{"percona", "Percona Server"},
		{"google", "Google Cloud SQL"},
		{"azure", "Azure Database for MySQL"},
		{"rds", "Amazon RDS"},
		{"aurora", "Amazon Aurora"},
		{"enterprise", "Enterprise"},
	} {
		if strings.Contains(told, known.word) {
			return known.name
		}
	}
	return ""
}

// systemDatabases belong to the server, or to the service that manages it.
func systemDatabases() []string {
	return []string{
		"mysql", "information_schema", "performance_schema", "sys",
		"rdsadmin", "cloudsqladmin", "innodb", "tmp", "__recycle_bin__",
	}
}

func systemUser(name string) bool {
	return slices.Contains([]string{
		"mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys",
		"rdsadmin", "rdsrepladmin", "rdsproxyadmin", "azure_superuser", "cloudsqladmin", "cloudsqlimport", "cloudsqlexport", "cloudsqlreplica", "cloudiamgroup",
	}, name) || strings.HasPrefix(name, "rds_") || strings.HasPrefix(name, "AWS_")
}

func (s *rosterSession) databases(ctx context.Context, out *dialect.Roster) error {
	const query = "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
	return each(ctx, s, query, func(rows *sql.Rows) error {
		var d dialect.Database
		if err := rows.Scan(&d.Name, &d.Charset, &d.Collation); err != nil {
			return err
		}
		d.System = slices.Contains(systemDatabases(), strings.ToLower(d.Name))
		out.Databases = append(out.Databases, d)
		return nil
	})
}

// users reads the accounts' states. What a server is that hides them is left to
// grants, which names those it can.
func (s *rosterSession) users(ctx context.Context, out *dialect.Roster) error {
	query := "SELECT User, Host, account_locked = 'Y', password_expired = 'Y', authentication_string = '' AND account_locked = 'Y' FROM mysql.user"
	if s.server.maria() {
		query = `SELECT g.User, g.Host, COALESCE(JSON_VALUE(g.Priv, '$.account_locked'), 0) = 1,
			COALESCE(JSON_VALUE(g.Priv, '$.password_last_changed'), 1) = 0, COALESCE(JSON_VALUE(g.Priv, '$.is_role'), 0) = 1
			FROM mysql.global_priv g WHERE NOT (g.User = '' AND g.Host = '')`
	}
	err := each(ctx, s, query, func(rows *sql.Rows) error {
		var u dialect.User
		var role bool
		if err := rows.Scan(&u.Name, &u.Host, &u.Locked, &u.Expired, &role); err != nil {
			return err
		}
		u.CanLogin = !role
		if role {
			u.Locked, u.Expired = false, false
		}
		u.System = systemUser(u.Name)
		out.Users = append(out.Users, u)
		return nil
	})
	if !hidden(err) {
		return err
	}
	out.Users = nil
	out.Unread = append(out.Unread, dialect.PartUsers, dialect.PartGrants)
	out.Notes = append(out.Notes, dialect.Note{
		Reason:     "USERS_PARTIAL",
		Detail:     "the admin login may not read the schema mysql: only accounts and privileges that information_schema shows were found",
		Suggestion: "grant SELECT on mysql.* to the admin login, where the service allows it",
	})
	return nil
}

// hidden tells whether the login may not read a table, or there is none.
func hidden(err error) bool {
	return slices.Contains([]uint16{1044, 1142, 1143, 1146, 1356, 1370}, numberOf(err))
}

// each runs a query and calls scan for each row.
func each(ctx context.Context, q dialect.Querier, query string, scan func(*sql.Rows) error, args ...any) error {
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
