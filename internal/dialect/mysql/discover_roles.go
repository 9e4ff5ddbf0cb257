package mysql

import (
	"context"
	"database/sql"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// memberships reads which roles were given to whom, and which of them count as
// soon as the user logs in:
// https://dev.mysql.com/doc/refman/8.4/en/roles.html
// https://mariadb.com/kb/en/roles_overview/
func (s *rosterSession) memberships(ctx context.Context, out *dialect.Roster) error {
	if len(out.Unread) > 0 {
		return nil
	}
	g := edges{byMember: map[dialect.Account][]dialect.Membership{}, defaults: map[[2]dialect.Account]bool{}}
	edgesOf, defaultsOf := mysqlEdges, mysqlDefaults
	if s.server.maria() {
		edgesOf, defaultsOf = mariaEdges, mariaDefaults
	}
	if err := each(ctx, s, defaultsOf, g.byDefault); err != nil {
		return err
	}
	if err := each(ctx, s, edgesOf, g.edge); err != nil {
		return err
	}
	for i := range out.Users {
		u := &out.Users[i]
		u.MemberOf = g.byMember[u.Account]
		if u.CanLogin {
			u.MemberOf = append(u.MemberOf, s.mandatoryRoles(u.MemberOf)...)
		}
		for j := range u.MemberOf {
			m := &u.MemberOf[j]
			// What a role was given counts as soon as the role itself does.
			m.Inherits = !u.CanLogin || s.activates || g.defaults[[2]dialect.Account{u.Account, m.Role}]
		}
	}
	return nil
}

const (
	mysqlEdges    = "SELECT TO_USER, TO_HOST, FROM_USER, FROM_HOST, WITH_ADMIN_OPTION = 'Y' FROM mysql.role_edges"
	mysqlDefaults = "SELECT USER, HOST, DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles"
	// MariaDB's roles have no host; a role that holds a role has none either.
	mariaEdges    = "SELECT User, Host, Role, '', Admin_option = 'Y' FROM mysql.roles_mapping WHERE Role <> ''"
	mariaDefaults = "SELECT User, Host, JSON_VALUE(Priv, '$.default_role'), '' FROM mysql.global_priv WHERE JSON_VALUE(Priv, '$.default_role') <> ''"
)

// edges collects memberships by member.
type edges struct {
	byMember map[dialect.Account][]dialect.Membership
	defaults map[[2]dialect.Account]bool
}

func (e edges) byDefault(rows *sql.Rows) error {
	var member, role dialect.Account
	if err := rows.Scan(&member.Name, &member.Host, &role.Name, &role.Host); err != nil {
		return err
	}
	e.defaults[[2]dialect.Account{member, role}] = true
	return nil
}

func (e edges) edge(rows *sql.Rows) error {
	var member dialect.Account
	var m dialect.Membership
	if err := rows.Scan(&member.Name, &member.Host, &m.Role.Name, &m.Role.Host, &m.Admin); err != nil {
		return err
	}
	e.byMember[member] = append(e.byMember[member], m)
	return nil
}

// mandatoryRoles are those of the server's variable that are not in have.
func (s *rosterSession) mandatoryRoles(have []dialect.Membership) []dialect.Membership {
	var out []dialect.Membership
	for role := range strings.SplitSeq(s.mandatory, ",") {
		a := parseRole(role)
		known := a.Name == ""
		for _, m := range have {
			known = known || m.Role == a
		}
		if !known {
			out = append(out, dialect.Membership{Role: a})
		}
	}
	return out
}

// parseRole reads a role of mandatory_roles: role, `role`@`%` and the like.
func parseRole(text string) dialect.Account {
	name, host, found := strings.Cut(strings.TrimSpace(text), "@")
	if !found {
		host = "%"
	}
	unquoted := func(s string) string { return strings.Trim(strings.TrimSpace(s), "`'\"") }
	return dialect.Account{Name: unquoted(name), Host: unquoted(host)}
}
