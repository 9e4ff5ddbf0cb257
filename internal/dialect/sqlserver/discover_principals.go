package sqlserver

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
)

// principalsQuery reads one database's users, roles and permissions, in rows of
// one shape: U (user, its login), M (member, role), P (grantee, permission, its
// state, and the schema that it is about). Permissions on tables count for their
// schema; objects of the system are left out.
const principalsQuery = `SELECT 'U', p.name, COALESCE(l.name, N''), p.type, N'' FROM {database}.sys.database_principals p
	LEFT JOIN sys.server_principals l ON l.sid = p.sid WHERE p.type IN ('S', 'U', 'G', 'E', 'X')
	UNION ALL SELECT 'M', m.name, r.name, '', N'' FROM {database}.sys.database_role_members x
	JOIN {database}.sys.database_principals m ON m.principal_id = x.member_principal_id
	JOIN {database}.sys.database_principals r ON r.principal_id = x.role_principal_id
	UNION ALL SELECT 'P', g.name, x.permission_name, x.state, COALESCE(n.name, N'') FROM {database}.sys.database_permissions x
	JOIN {database}.sys.database_principals g ON g.principal_id = x.grantee_principal_id
	LEFT JOIN {database}.sys.schemas n ON n.schema_id = x.major_id AND x.class = 3 WHERE x.class IN (0, 3)
	UNION ALL SELECT 'P', g.name, CONCAT(N'TABLES:', x.permission_name), x.state, n.name FROM {database}.sys.database_permissions x
	JOIN {database}.sys.database_principals g ON g.principal_id = x.grantee_principal_id
	JOIN {database}.sys.objects o ON o.object_id = x.major_id AND o.is_ms_shipped = 0
	JOIN {database}.sys.schemas n ON n.schema_id = o.schema_id WHERE x.class = 1`

// principals are the users, roles and permissions of one database.
type principals struct {
	logins  map[string]string         // of users; "": it has none
	roles   map[string][]string       // of members
	allowed map[[2]string]permissions // by grantee and schema
}

func (s *server) principals(ctx context.Context, database string) (principals, error) {
	out := principals{logins: map[string]string{}, roles: map[string][]string{}, allowed: map[[2]string]permissions{}}
	query := strings.ReplaceAll(principalsQuery, inDatabase, mssql.Quote(database))
	err := each(ctx, s.session, query, func(rows *sql.Rows) error {
		var kind, name, other, state, schema string
		if err := rows.Scan(&kind, &name, &other, &state, &schema); err != nil {
			return err
		}
		switch strings.TrimSpace(kind) {
		case "U":
			out.logins[name] = other
		case "M":
			out.roles[name] = append(out.roles[name], other)
		case "P":
			p := out.allowed[[2]string{name, schema}]
			p.add(other, state)
			out.allowed[[2]string{name, schema}] = p
		}
		return nil
	})
	return out, err
}

// acts returns a user and all roles that it is in, by however many steps.
func (p principals) acts(name string) []string {
	seen := []string{}
	for todo := []string{name}; len(todo) > 0; {
		name, todo = todo[0], todo[1:]
		if !slices.Contains(seen, name) {
			seen = append(seen, name)
			todo = append(todo, p.roles[name]...)
		}
	}
	return seen
}

// grants tells what each login may do in a database, or in a schema of it, its
// roles there included, and what everybody may. Users without a login are
// returned, too, as accounts of this database.
func (p principals) grants(d dialect.Database, known map[string]bool, schema string) (grants []dialect.Grant, contained []dialect.User) {
	for _, name := range sortedKeys(p.logins) {
		if name == "guest" || name == "sys" || name == "INFORMATION_SCHEMA" {
			continue
		}
		account := dialect.Account{Name: p.logins[name]}
		switch {
		case account.Name == "" && name == "dbo":
			account.Name = d.Owner // whose login may be gone
		case account.Name == "":
			account = dialect.Account{Name: name, Host: d.Name}
			contained = append(contained, dialect.User{Account: account, CanLogin: true})
		case known != nil && !known[account.Name]:
			continue
		}
		all := p.permissions(name, schema)
		if len(all.words) > 0 {
			grants = append(grants, all.grant(dialect.Grant{Grantee: account, Database: d.Name, Schema: schema}))
		}
	}
	for _, everybody := range []string{"public", "guest"} {
		all := p.allowed[[2]string{everybody, schema}]
		// The guest is nobody unless it may connect.
		if all.allowed() != 0 && (everybody == "public" || all.allowed().Has(dialect.MayConnect)) {
			grants = append(grants, all.grant(dialect.Grant{Public: true, Database: d.Name, Schema: schema}))
		}
	}
	return grants, contained
}

// permissions joins those of a user, of its roles, and of what the fixed roles
// stand for. What is permitted in a database is so in its schemas.
func (p principals) permissions(name, schema string) permissions {
	var out permissions
	if name == "dbo" {
		out.add("ROLE:db_owner", "G")
	}
	for _, as := range p.acts(name) {
		out.merge(p.allowed[[2]string{as, ""}])
		if schema != "" {
			out.merge(p.allowed[[2]string{as, schema}])
		}
		if _, fixed := fixedRoles()[as]; fixed {
			out.add("ROLE:"+as, "G")
		}
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// fixedRoles are what the roles of every database may do:
// https://learn.microsoft.com/sql/relational-databases/security/authentication-access/database-level-roles
func fixedRoles() map[string]dialect.Privileges {
	return map[string]dialect.Privileges{
		"db_owner":          dialect.Everything,
		"db_datareader":     dialect.MayRead,
		"db_datawriter":     dialect.MayWrite,
		"db_ddladmin":       dialect.MayCreate | dialect.MayDDL,
		"db_securityadmin":  dialect.MayGrant,
		"db_accessadmin":    0,
		"db_backupoperator": 0,
		"db_denydatareader": 0,
		"db_denydatawriter": 0,
	}
}

// permissions are those that one grantee has in one place. What is denied
// outdoes what is granted.
type permissions struct {
	words  []string // as granted; what is denied begins with DENY
	grants bool
}

// add takes a permission in: state is G granted, W with the grant option, D denied.
func (p *permissions) add(word, state string) {
	switch strings.TrimSpace(state) {
	case "D":
		word = "DENY " + word
	case "W":
		p.grants = true
	}
	if !slices.Contains(p.words, word) {
		p.words = append(p.words, word)
	}
}

func (p *permissions) merge(q permissions) {
	for _, word := range q.words {
		p.add(word, "G")
	}
	p.grants = p.grants || q.grants
}

// allowed normalises.
func (p *permissions) allowed() dialect.Privileges {
	var out, denied dialect.Privileges
	for _, word := range p.words {
		if forbidden, is := strings.CutPrefix(word, "DENY "); is {
			denied |= wordPrivileges(forbidden)
		} else {
			out |= wordPrivileges(word)
		}
		switch word {
		case "ROLE:db_denydatareader":
			denied |= dialect.MayRead
		case "ROLE:db_denydatawriter":
			denied |= dialect.MayWrite
		}
	}
	if p.grants {
		out |= dialect.MayGrant
	}
	return out &^ denied
}

// wordPrivileges reads one permission:
// https://learn.microsoft.com/sql/relational-databases/security/permissions-database-engine
func wordPrivileges(word string) dialect.Privileges {
	if role, is := strings.CutPrefix(word, "ROLE:"); is {
		return fixedRoles()[role]
	}
	switch strings.TrimPrefix(word, "TABLES:") {
	case "CONNECT", "CONNECT ANY DATABASE":
		return dialect.MayConnect
	case "SELECT", "SELECT ALL USER SECURABLES":
		return dialect.MayRead
	case "INSERT", "UPDATE", "DELETE":
		return dialect.MayWrite
	case "ALTER", "ALTER ANY SCHEMA":
		return dialect.MayDDL
	case "CONTROL", "CONTROL SERVER":
		return dialect.Everything
	case "TAKE OWNERSHIP":
		return dialect.MayGrant
	}
	if strings.HasPrefix(word, "CREATE ") {
		return dialect.MayCreate
	}
	return 0
}

// grant fills in a grant.
func (p *permissions) grant(g dialect.Grant) dialect.Grant {
	g.Raw = slices.Sorted(slices.Values(p.words))
	g.Privileges = p.allowed()
	return g
}
