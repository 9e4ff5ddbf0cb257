package dialect

import (
	"strings"
	"unicode"
)

// NameRule tells which names of databases, schemas and files are the same. It is
// the one place that decides; what the rule is on a server is read from it:
//
//   - PostgreSQL keeps names as they are.
//   - MySQL and MariaDB fold unless lower_case_table_names is 0:
//     https://dev.mysql.com/doc/refman/8.4/en/identifier-case-sensitivity.html
//   - SQL Server follows the server's collation (_CI_ folds).
//   - SQLite follows the file system of the directory.
//
// Names of users are exact everywhere but for SQL Server, where they follow the
// collation; hosts of MySQL users fold everywhere.
type NameRule uint8

// The rules.
const (
	NamesExact NameRule = iota
	NamesFold
)

// Key returns what two names have in common when, and only when, they are the
// same. Characters are lowered one by one, as the servers do, so that a name
// never gets longer; no other equality of Unicode counts.
func (r NameRule) Key(name string) string {
	if r == NamesExact {
		return name
	}
	return strings.Map(unicode.ToLower, name)
}

// Same tells whether two names are one.
func (r NameRule) Same(a, b string) bool { return r.Key(a) == r.Key(b) }

// UserRule returns the server's rule for names of users and roles.
func (s ServerInfo) UserRule() NameRule {
	if s.Engine == SQLServer {
		return s.Names()
	}
	return NamesExact
}

// UserKey returns the account as a key that is equal for the same account only.
func (s ServerInfo) UserKey(a Account) Account {
	host := NamesFold.Key(a.Host)
	if s.Engine == SQLServer {
		host = s.Names().Key(a.Host)
	}
	return Account{Name: s.UserRule().Key(a.Name), Host: host}
}
