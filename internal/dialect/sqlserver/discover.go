package sqlserver

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// What is on a server is read from one connection: five queries for the server,
// and one for each database that the login may enter, since each keeps its own
// users and privileges. Databases are named in three parts, so that none of them
// needs a connection of its own. No server was at hand when this was written:
// tests hold the queries to a parser and to recorded answers.
// https://learn.microsoft.com/sql/relational-databases/system-catalog-views/security-catalog-views-transact-sql

var (
	_ dialect.Discoverer    = (*Dialect)(nil)
	_ dialect.ServerSession = (*server)(nil)
)

// server is a session to master.
type server struct {
	dialect *Dialect

	mu      sync.Mutex // one query at a time
	session dialect.Session
}

// OpenServer implements dialect.Discoverer.
func (d *Dialect) OpenServer(ctx context.Context, t dialect.Target) (dialect.ServerSession, error) {
	s, err := d.Open(ctx, t.On(t.Database, ""))
	if err != nil {
		return nil, err
	}
	return &server{dialect: d, session: s}, nil
}

// Close implements dialect.ServerSession.
func (s *server) Close() error { return s.session.Close() }

// Roster implements dialect.ServerSession.
func (s *server) Roster(ctx context.Context, opts dialect.RosterOptions) (dialect.Roster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out dialect.Roster
	steps := []struct {
		name string
		read func(context.Context, *dialect.Roster) error
	}{
		{"server", s.info},
		{"databases", s.databases},
		{"users", s.logins},
		{"memberships", s.memberships},
		{"grants", s.serverGrants},
	}
	for i, step := range steps {
		if err := step.read(ctx, &out); err != nil {
			return dialect.Roster{}, s.dialect.Classify(err)
		}
		opts.Told(step.name, i+1, len(steps))
	}
	if err := s.databaseGrants(ctx, &out, opts); err != nil {
		return dialect.Roster{}, s.dialect.Classify(err)
	}
	return out, nil
}

const infoQuery = `SELECT CAST(SERVERPROPERTY(N'Edition') AS nvarchar(128)), CAST(SERVERPROPERTY(N'Collation') AS nvarchar(128)), @@VERSION,
	CASE WHEN DATABASEPROPERTYEX(DB_NAME(), N'Updateability') = N'READ_ONLY' THEN 1 ELSE 0 END,
	COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DATABASE'), 0), COALESCE(HAS_PERMS_BY_NAME(NULL, NULL, N'VIEW ANY DEFINITION'), 0)`

func (s *server) info(ctx context.Context, out *dialect.Roster) error {
	info := dialect.ServerInfo{Engine: dialect.SQLServer, Version: s.session.Version(), DefaultSchema: DefaultSchema}
	var collation, told string
	var databases, definitions bool
	err := each(ctx, s.session, infoQuery, func(rows *sql.Rows) error {
		return rows.Scan(&info.Edition, &collation, &told, &info.ReadOnly, &databases, &definitions)
	})
	told, _, _ = strings.Cut(told, "\n")
	info.Flavour, _, _ = strings.Cut(strings.TrimSpace(told), " (")
	// Binary collations tell names apart, too.
	info.CaseSensitiveNames = !strings.Contains(strings.ToUpper(collation), "_CI")
	out.Server = info
	if !databases {
		out.Unread = append(out.Unread, dialect.PartDatabases)
		out.Notes = append(out.Notes, partly("DATABASES_PARTIAL", "databases", "VIEW ANY DATABASE"))
	}
	if !definitions {
		out.Unread = append(out.Unread, dialect.PartUsers, dialect.PartGrants)
		out.Notes = append(out.Notes, partly("USERS_PARTIAL", "logins and privileges", "VIEW ANY DEFINITION"))
	}
	return err
}

func partly(reason, what, permission string) dialect.Note {
	return dialect.Note{
		Reason: reason, Detail: "the admin login sees only the " + what + " that concern it",
		Suggestion: "grant it " + permission + " on the server",
	}
}

// The first four databases, snapshots and the distributor's are the system's.
const databasesQuery = `SELECT d.name, COALESCE(SUSER_SNAME(d.owner_sid), N''), COALESCE(d.collation_name, N''),
	CASE WHEN d.state <> 0 OR COALESCE(HAS_DBACCESS(d.name), 0) = 0 THEN 1 ELSE 0 END,
	CASE WHEN d.database_id <= 4 OR d.is_distributor = 1 OR d.source_database_id IS NOT NULL THEN 1 ELSE 0 END,
	COALESCE((SELECT SUM(CAST(f.size AS bigint)) * 8192 FROM sys.master_files f WHERE f.database_id = d.database_id), 0)
	FROM sys.databases d ORDER BY d.name`

func (s *server) databases(ctx context.Context, out *dialect.Roster) error {
	return each(ctx, s.session, databasesQuery, func(rows *sql.Rows) error {
		var d dialect.Database
		if err := rows.Scan(&d.Name, &d.Owner, &d.Collation, &d.Offline, &d.System, &d.Size); err != nil {
			return err
		}
		d.System = d.System || slices.Contains([]string{"rdsadmin", "cloudsqladmin"}, strings.ToLower(d.Name))
		out.Databases = append(out.Databases, d)
		return nil
	})
}

// Certificates and keys are no logins that anybody uses.
const loginsQuery = `SELECT p.name, p.type, p.is_disabled, COALESCE(p.is_fixed_role, 0),
	COALESCE(CAST(LOGINPROPERTY(p.name, N'IsLocked') AS int), 0), COALESCE(CAST(LOGINPROPERTY(p.name, N'IsExpired') AS int), 0)
	FROM sys.server_principals p WHERE p.type IN ('S', 'U', 'G', 'E', 'X', 'R') ORDER BY p.name`

func (s *server) logins(ctx context.Context, out *dialect.Roster) error {
	return each(ctx, s.session, loginsQuery, func(rows *sql.Rows) error {
		var u dialect.User
		var kind string
		var disabled, fixed, locked bool
		if err := rows.Scan(&u.Name, &kind, &disabled, &fixed, &locked, &u.Expired); err != nil {
			return err
		}
		role := strings.TrimSpace(kind) == "R"
		u.CanLogin, u.Locked = !role, disabled || locked
		u.System = systemLogin(u.Name) || (role && (fixed || u.Name == "public"))
		out.Users = append(out.Users, u)
		return nil
	})
}

// systemLogin tells the logins that the server makes for itself.
func systemLogin(name string) bool {
	for _, prefix := range []string{"##", `NT SERVICE\`, `NT AUTHORITY\`, "rdsa"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

const membershipsQuery = `SELECT m.name, r.name FROM sys.server_role_members x
	JOIN sys.server_principals m ON m.principal_id = x.member_principal_id
	JOIN sys.server_principals r ON r.principal_id = x.role_principal_id ORDER BY m.name, r.name`

// memberships also marks those that may do everything.
func (s *server) memberships(ctx context.Context, out *dialect.Roster) error {
	at := map[string]int{}
	for i, u := range out.Users {
		at[u.Name] = i
		out.Users[i].Superuser = u.Name == "sa"
	}
	return each(ctx, s.session, membershipsQuery, func(rows *sql.Rows) error {
		var member, role string
		if err := rows.Scan(&member, &role); err != nil {
			return err
		}
		if i, ok := at[member]; ok {
			u := &out.Users[i]
			u.MemberOf = append(u.MemberOf, dialect.Membership{Role: dialect.Account{Name: role}, Inherits: true})
			u.Superuser = u.Superuser || role == "sysadmin"
		}
		return nil
	})
}

const serverGrantsQuery = `SELECT g.name, p.permission_name, p.state FROM sys.server_permissions p
	JOIN sys.server_principals g ON g.principal_id = p.grantee_principal_id
	WHERE p.class = 100 AND g.type IN ('S', 'U', 'G', 'E', 'X', 'R') ORDER BY g.name, p.permission_name`

// serverGrants reads what counts in every database. CONNECT SQL, which every
// login has, is none of that.
func (s *server) serverGrants(ctx context.Context, out *dialect.Roster) error {
	byGrantee := map[string]permissions{}
	err := each(ctx, s.session, serverGrantsQuery, func(rows *sql.Rows) error {
		var name, word, state string
		if err := rows.Scan(&name, &word, &state); err != nil {
			return err
		}
		if word != "CONNECT SQL" {
			p := byGrantee[name]
			p.add(word, state)
			byGrantee[name] = p
		}
		return nil
	})
	for name, p := range byGrantee {
		g := p.grant(dialect.Grant{Grantee: dialect.Account{Name: name}})
		g.Public = name == "public"
		if g.Public {
			g.Grantee = dialect.Account{}
		}
		out.Grants = append(out.Grants, g)
	}
	return err
}

// databaseGrants reads each database that the login may enter. One that went
// away meanwhile is left out.
func (s *server) databaseGrants(ctx context.Context, out *dialect.Roster, opts dialect.RosterOptions) error {
	var gone []string
	known := map[string]bool{}
	for _, u := range out.Users {
		known[u.Name] = true
	}
	for i, d := range out.Databases {
		if d.Offline || d.System {
			continue
		}
		in, err := s.principals(ctx, d.Name)
		if err != nil {
			if fault.KindOf(s.dialect.Classify(err)) != fault.NotFound {
				return err
			}
			gone = append(gone, d.Name)
			continue
		}
		grants, contained := in.grants(d, known, "")
		out.Grants = append(out.Grants, grants...)
		out.Users = append(out.Users, contained...)
		opts.Told("grants of databases", i+1, len(out.Databases))
	}
	out.Databases = slices.DeleteFunc(out.Databases, func(d dialect.Database) bool { return slices.Contains(gone, d.Name) })
	return nil
}

// Schemas implements dialect.ServerSession. The schemas of fixed roles, which
// nobody uses, have numbers of their own.
func (s *server) Schemas(ctx context.Context, database string) (dialect.SchemaRoster, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out dialect.SchemaRoster
	err := each(ctx, s.session, strings.ReplaceAll(schemasQuery, inDatabase, mssql.Quote(database)), func(rows *sql.Rows) error {
		var x dialect.Schema
		if err := rows.Scan(&x.Name, &x.Owner); err != nil {
			return err
		}
		out.Schemas = append(out.Schemas, x)
		return nil
	})
	if err != nil {
		return dialect.SchemaRoster{}, s.dialect.Classify(err)
	}
	in, err := s.principals(ctx, database)
	if err != nil {
		return dialect.SchemaRoster{}, s.dialect.Classify(err)
	}
	for _, x := range out.Schemas {
		grants, _ := in.grants(dialect.Database{Name: database}, nil, x.Name)
		out.Grants = append(out.Grants, grants...)
	}
	return out, nil
}

// inDatabase stands for a database's quoted name in queries.
const inDatabase = "{database}"

const schemasQuery = `SELECT x.name, COALESCE(p.name, N'') FROM {database}.sys.schemas x
	LEFT JOIN {database}.sys.database_principals p ON p.principal_id = x.principal_id
	WHERE x.schema_id < 16384 AND x.name NOT IN (N'sys', N'INFORMATION_SCHEMA', N'guest') ORDER BY x.name`

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
