package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// grantWord is one privilege of an account, as information_schema tells it.
type grantWord struct {
	account   dialect.Account
	on        string // a pattern for databases; "" for all
	word      string
	grantable bool
}

// grants reads global privileges, those on databases, and those on tables taken
// together by database.
func (s *rosterSession) grants(ctx context.Context, out *dialect.Roster) error {
	global, err := s.words(ctx, "SELECT GRANTEE, '', PRIVILEGE_TYPE, IS_GRANTABLE = 'YES' FROM information_schema.USER_PRIVILEGES")
	if err != nil {
		return err
	}
	onDatabases, err := s.words(ctx, "SELECT GRANTEE, TABLE_SCHEMA, PRIVILEGE_TYPE, IS_GRANTABLE = 'YES' FROM information_schema.SCHEMA_PRIVILEGES")
	if err != nil {
		return err
	}
	onTables, err := s.words(ctx, "SELECT DISTINCT GRANTEE, TABLE_SCHEMA, CONCAT('TABLES:', PRIVILEGE_TYPE), IS_GRANTABLE = 'YES' FROM information_schema.TABLE_PRIVILEGES")
	if err != nil {
		return err
	}
	var current string
	if err := each(ctx, s, "SELECT CURRENT_USER()", func(rows *sql.Rows) error { return rows.Scan(&current) }); err != nil {
		return err
	}
	at := strings.LastIndex(current, "@")
	sees(out, global, dialect.Account{Name: current[:max(at, 0)], Host: current[at+1:]})
	if slices.Contains(out.Unread, dialect.PartUsers) {
		addUsers(out, global)
	}
	out.Grants = append(out.Grants, gather(global)...)
	out.Grants = append(out.Grants, s.onDatabases(out.Databases, gather(onDatabases))...)
	out.Grants = append(out.Grants, gather(onTables)...)
	supers(out)
	return nil
}

func (s *rosterSession) words(ctx context.Context, query string) ([]grantWord, error) {
	var out []grantWord
	err := each(ctx, s, query, func(rows *sql.Rows) error {
		var w grantWord
		var grantee string
		if err := rows.Scan(&grantee, &w.on, &w.word, &w.grantable); err != nil {
			return err
		}
		w.account = parseGrantee(grantee)
		out = append(out, w)
		return nil
	})
	return out, err
}

// parseGrantee reads 'user'@'host', in which quotes are not doubled: a host has
// none, so the last '@' between quotes divides.
func parseGrantee(text string) dialect.Account {
	at := strings.LastIndex(text, "'@'")
	if at < 1 || !strings.HasPrefix(text, "'") || !strings.HasSuffix(text, "'") {
		return dialect.Account{Name: strings.Trim(text, "'")}
	}
	return dialect.Account{Name: text[1:at], Host: text[at+len("'@'") : len(text)-1]}
}

// sees marks the databases as partly read unless the login has a global
// privilege: without one, SHOW DATABASES lists only those it may use.
// https://dev.mysql.com/doc/refman/8.4/en/show-databases.html
func sees(out *dialect.Roster, global []grantWord, login dialect.Account) {
	if slices.ContainsFunc(global, func(w grantWord) bool { return w.account == login && w.word != "USAGE" }) {
		return
	}
	out.Unread = append(out.Unread, dialect.PartDatabases)
	out.Notes = append(out.Notes, dialect.Note{
		Reason:     "DATABASES_PARTIAL",
		Detail:     "the admin login sees only the databases that it may use",
		Suggestion: "grant it SHOW DATABASES on *.*",
	})
}

// addUsers names the accounts that the privileges name.
func addUsers(out *dialect.Roster, global []grantWord) {
	known := map[dialect.Account]bool{}
	for _, w := range global {
		if !known[w.account] {
			known[w.account] = true
			out.Users = append(out.Users, dialect.User{Account: w.account, CanLogin: true, System: systemUser(w.account.Name)})
		}
	}
}

// everybody is the role of MariaDB that all have, since 10.11; on MySQL no
// account is without a host: https://mariadb.com/kb/en/grant/#to-public
func everybody() dialect.Account { return dialect.Account{Name: "PUBLIC"} }

// gather joins the words of one account on one pattern.
func gather(words []grantWord) []dialect.Grant {
	type key struct {
		account dialect.Account
		on      string
	}
	at := map[key]int{}
	var out []dialect.Grant
	for _, w := range words {
		if w.word == "USAGE" {
			continue // no privilege
		}
		k := key{w.account, w.on}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, dialect.Grant{Grantee: w.account, Public: w.account == everybody(), Database: w.on})
			if out[i].Public {
				out[i].Grantee = dialect.Account{}
			}
		}
		out[i].Raw = append(out[i].Raw, w.word)
		if w.grantable {
			out[i].Privileges |= dialect.MayGrant
		}
	}
	for i := range out {
		slices.Sort(out[i].Raw)
		out[i].Raw = slices.Compact(out[i].Raw)
		out[i].Privileges |= normalised(out[i].Raw)
	}
	return out
}

// normalised reads privileges by their names:
// https://dev.mysql.com/doc/refman/8.4/en/privileges-provided.html
// Whoever has any of them on a database may also enter it.
func normalised(words []string) dialect.Privileges {
	var p dialect.Privileges
	have := map[string]bool{}
	for _, word := range words {
		have[word] = true
		switch strings.TrimPrefix(word, "TABLES:") {
		case "SELECT":
			p |= dialect.MayConnect | dialect.MayRead
		case "INSERT", "UPDATE", "DELETE":
			p |= dialect.MayConnect | dialect.MayWrite
		case "CREATE":
			p |= dialect.MayConnect | dialect.MayCreate
		case "ALTER", "DROP", "INDEX":
			p |= dialect.MayConnect | dialect.MayDDL
		case "SHOW VIEW", "CREATE VIEW", "EXECUTE", "REFERENCES", "EVENT", "TRIGGER",
			"CREATE ROUTINE", "ALTER ROUTINE", "CREATE TEMPORARY TABLES", "LOCK TABLES":
			p |= dialect.MayConnect
		}
	}
	for _, word := range allOnDatabase() {
		if !have[word] {
			return p
		}
	}
	return p | dialect.MayAll
}

// allOnDatabase are the privileges that ALL gives on a database, on every
// version that is served.
func allOnDatabase() []string {
	return []string{
		"ALTER", "ALTER ROUTINE", "CREATE", "CREATE ROUTINE", "CREATE TEMPORARY TABLES", "CREATE VIEW", "DELETE", "DROP",
		"EVENT", "EXECUTE", "INDEX", "INSERT", "LOCK TABLES", "REFERENCES", "SELECT", "SHOW VIEW", "TRIGGER", "UPDATE",
	}
}

// supers marks the accounts that have all privileges everywhere.
func supers(out *dialect.Roster) {
	super := map[dialect.Account]bool{}
	for _, g := range out.Grants {
		if g.Database == "" && g.Privileges.Has(dialect.MayAll|dialect.MayGrant) && slices.Contains(g.Raw, "CREATE USER") {
			super[g.Grantee] = true
		}
	}
	for i := range out.Users {
		out.Users[i].Superuser = super[out.Users[i].Account]
	}
}

// onDatabases gives each database the privileges whose pattern matches it. Of
// several patterns of one account the most specific counts, and no other:
// https://dev.mysql.com/doc/refman/8.4/en/request-access.html
func (s *rosterSession) onDatabases(databases []dialect.Database, given []dialect.Grant) []dialect.Grant {
	byAccount := map[dialect.Account][]dialect.Grant{}
	exact := map[dialect.Account]map[string]dialect.Grant{}
	for _, g := range given {
		if name, literal := s.literalName(g.Database); literal {
			if exact[g.Grantee] == nil {
				exact[g.Grantee] = map[string]dialect.Grant{}
			}
			exact[g.Grantee][s.fold(name)] = g
			continue
		}
		byAccount[g.Grantee] = append(byAccount[g.Grantee], g)
	}
	var out []dialect.Grant
	names := map[string]string{}
	for _, d := range databases {
		names[s.fold(d.Name)] = d.Name
	}
	for _, grants := range exact {
		for key, g := range grants {
			if name, there := names[key]; there {
				g.Database = name
				out = append(out, g)
			}
		}
	}
	for account, grants := range byAccount {
		slices.SortFunc(grants, func(a, b dialect.Grant) int { return specificity(b.Database) - specificity(a.Database) })
		for _, d := range databases {
			if _, more := exact[account][s.fold(d.Name)]; more {
				continue
			}
			i := slices.IndexFunc(grants, func(g dialect.Grant) bool { return like(s.fold(g.Database), s.fold(d.Name)) })
			if i >= 0 {
				g := grants[i]
				g.Database, g.Via = d.Name, grants[i].Database
				out = append(out, g)
			}
		}
	}
	return out
}

func (s *rosterSession) fold(name string) string {
	if s.folds {
		return dialect.NamesFold.Key(name)
	}
	return name
}

// literalName returns the one name that a pattern matches, if it is only one.
func (s *rosterSession) literalName(pattern string) (string, bool) {
	if s.literalDB {
		return unescape(pattern), true
	}
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '_', '%':
			return "", false
		}
	}
	return unescape(pattern), true
}

// unescape takes the backslashes away that keep _ and % from being wild.
func unescape(pattern string) string {
	return strings.NewReplacer(`\_`, "_", `\%`, "%", `\\`, `\`).Replace(pattern)
}

// escape is its inverse for the name of one database.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(name)
}

// specificity is greater for the pattern whose first wild character comes later,
// which is how the server sorts them.
func specificity(pattern string) int {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '_', '%':
			return i
		}
	}
	return len(pattern) + 1
}

// like matches a name against a pattern in which _ stands for one character, %
// for any number, and a backslash takes the next one as it is.
func like(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, mark := -1, 0
	for i, j := 0, 0; ; {
		switch {
		case i < len(p) && p[i] == '%':
			star, mark = i, j
			i++
		case j == len(n):
			for i < len(p) && p[i] == '%' {
				i++
			}
			return i == len(p)
		case i < len(p) && p[i] == '\\' && i+1 < len(p) && p[i+1] == n[j]:
			i, j = i+2, j+1
		case i < len(p) && p[i] != '\\' && (p[i] == '_' || p[i] == n[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
}
