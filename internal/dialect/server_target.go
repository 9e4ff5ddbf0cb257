package dialect

import (
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/lockstepdb/lockstep/internal/secret"
)

// ParseServer reads the URL of a server: a target URL whose database may be left
// out. It is the maintenance database then (PostgreSQL: postgres, SQL Server:
// master), and none on MySQL and MariaDB. For SQLite the path is a directory.
// Errors never repeat the URL, which may hold a password.
func ParseServer(raw string) (Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return ParseTarget(raw)
	}
	none := false
	switch u.Scheme {
	case "postgres", "postgresql":
		u.Path = orElse(u.Path, "/postgres")
	case "mysql", "mariadb":
		none = strings.Trim(u.Path, "/") == ""
		u.Path = orElse(u.Path, "/none")
	case "sqlserver":
		if query := u.Query(); query.Get("database") == "" {
			query.Set("database", "master")
			u.RawQuery = query.Encode()
		}
	}
	t, err := ParseTarget(u.String())
	if err == nil && none {
		t.Database = ""
	}
	return t, err
}

func orElse(p, other string) string {
	if strings.Trim(p, "/") == "" {
		return other
	}
	return p
}

// On returns the target of one of the databases on the server that t names: a
// file of the directory for SQLite, and a schema of it where there are schemas.
func (t Target) On(database, schema string) Target {
	t.Options = maps.Clone(t.Options)
	if t.Engine == SQLite {
		t.Database = filepath.Join(t.Database, filepath.FromSlash(path.Clean("/"+database)))
		return t
	}
	t.Database, t.Schema = database, schema
	return t
}

// As returns the same target for another login.
func (t Target) As(user string, password secret.Redacted) Target {
	t.Options = maps.Clone(t.Options)
	t.User, t.password = user, password.Reveal()
	return t
}
