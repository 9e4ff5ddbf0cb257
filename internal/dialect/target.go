package dialect

import (
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Target is where a tenant lives. Its secret is unexported, and every way of
// printing a Target leaves it out.
type Target struct {
	Engine   Engine
	Host     string // host:port; "" for SQLite
	User     string
	Database string // database name; the file's path for SQLite
	Schema   string // the tenant's schema where the engine has namespaces; "": the default
	Options  url.Values

	password string
}

// ParseTarget reads a target URL:
//
//	postgres://u:p@h/db?schema=acme   mysql://…/db   mariadb://…/db
//	sqlserver://…?database=db&schema=acme   sqlite:///abs/path.db   sqlite:relative.db
//
// Errors never repeat the URL, which may hold a password.
func ParseTarget(raw string) (Target, error) {
	invalid := func(format string, args ...any) (Target, error) {
		return Target{}, fault.New(fault.Invalid, "TARGET_INVALID", format, args...).
			Suggest("a target looks like postgres://user:password@host/database?schema=acme or sqlite:///path/to/file.db")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return invalid("the target is not a valid URL")
	}
	t := Target{Host: u.Host, Database: strings.TrimPrefix(u.Path, "/"), Options: u.Query()}
	if u.User != nil {
		t.User = u.User.Username()
		t.password, _ = u.User.Password()
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		t.Engine = Postgres
	case "mysql":
		t.Engine = MySQL
	case "mariadb":
		t.Engine = MariaDB
	case "sqlserver":
		t.Engine = SQLServer
		t.Database = t.Options.Get("database")
		t.Options.Del("database")
	case "sqlite":
		t.Engine = SQLite
		t.Host, t.Database = "", u.Host+u.Path
		if u.Opaque != "" { // unlike Path, not decoded yet
			if t.Database, err = url.PathUnescape(u.Opaque); err != nil {
				return invalid("the target is not a valid URL")
			}
		}
	case "":
		return invalid("the target has no scheme")
	default:
		return invalid("no engine has the scheme %q", u.Scheme)
	}
	t.Schema = t.Options.Get("schema")
	t.Options.Del("schema")
	return t.check(invalid)
}

func (t Target) check(invalid func(string, ...any) (Target, error)) (Target, error) {
	switch {
	case t.Database == "":
		return invalid("the target names no database")
	case t.Engine == SQLite && t.Schema != "":
		return invalid("SQLite has no schemas; use one file per tenant")
	case t.Engine != SQLite && t.Host == "":
		return invalid("the target names no host")
	}
	if t.Engine == SQLite {
		t.Database = filepath.Clean(t.Database)
	}
	return t, nil
}

// Password returns the secret, for the connector only.
func (t Target) Password() string { return t.password }

// String renders the target without its secret and options.
func (t Target) String() string {
	if t.Engine == SQLite {
		return "sqlite:" + t.Database
	}
	s := string(t.Engine) + "://" + t.Host + "/" + t.Database
	if t.Schema != "" {
		s += "?schema=" + url.QueryEscape(t.Schema)
	}
	return s
}

// GoString keeps %#v from printing the secret.
func (t Target) GoString() string { return "dialect.Target(" + t.String() + ")" }

// LogValue keeps slog from printing the secret.
func (t Target) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText keeps encoders from printing the secret.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
