package enginetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
)

// FreshDatabase creates an empty database on the server and returns its target
// URL. It is dropped when the test ends, with whatever is still connected.
func FreshDatabase(t testing.TB, s Server) string {
	t.Helper()
	if s.Engine == "sqlserver" {
		return freshSQLServer(t, s)
	}
	if s.Engine != "postgres" {
		name, target := UnusedDatabase(t, s)
		run(t, connect(t, s), "CREATE DATABASE "+name)
		return target
	}
	name := uniqueName()
	admin := connect(t, s)
	run(t, admin, "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() { run(t, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	u := parse(t, s.DSN)
	u.Path = "/" + name
	return u.String()
}

// UnusedDatabase returns the name and the target URL of a database that does not
// exist yet, on a MySQL or MariaDB server. If the test creates it, it is dropped
// when the test ends.
func UnusedDatabase(t testing.TB, s Server) (name, target string) {
	t.Helper()
	name = uniqueName()
	admin := connect(t, s)
	t.Cleanup(func() { run(t, admin, "DROP DATABASE IF EXISTS "+name) })
	u := parse(t, s.DSN)
	u.Scheme, u.Path = s.Engine, "/"+name
	return name, u.String()
}

// FreshSchema creates an empty schema in the server's maintenance database and
// returns its target URL. It is dropped with its tables when the test ends.
func FreshSchema(t testing.TB, s Server) string {
	t.Helper()
	name, target := UnusedSchema(t, s)
	run(t, connect(t, s), "CREATE SCHEMA "+name)
	return target
}

// UnusedSchema returns the name and the target URL of a schema that does not
// exist yet, in the server's maintenance database. If the test creates it, it is
// dropped when the test ends.
func UnusedSchema(t testing.TB, s Server) (name, target string) {
	t.Helper()
	name = uniqueName()
	admin := connect(t, s)
	if s.Engine == "sqlserver" {
		unusedSQLServerSchema(t, admin, name)
	} else {
		t.Cleanup(func() { run(t, admin, "DROP SCHEMA IF EXISTS "+name+" CASCADE") })
	}
	u := parse(t, s.DSN)
	q := u.Query()
	q.Set("schema", name)
	u.RawQuery = q.Encode()
	return name, u.String()
}

// Connect opens the database of a target URL, without lockstep: for a test to
// put rows in and look at what is there. Unqualified names resolve in the
// target's schema.
func Connect(t testing.TB, target string) *sql.DB {
	t.Helper()
	u := parse(t, target)
	driver, dsn := "pgx", target
	switch u.Scheme {
	case "sqlite":
		driver, dsn = "sqlite", "file:"+u.Opaque+u.Path+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)"
	case "postgres", "postgresql":
		q := u.Query()
		if name := q.Get("schema"); name != "" {
			q.Del("schema")
			q.Set("search_path", name)
		}
		u.RawQuery = q.Encode()
		dsn = u.String()
	case "mysql", "mariadb":
		driver, dsn = "mysql", mysqlDSN(u)
	case "sqlserver":
		return connectSQLServer(t, u)
	default:
		t.Fatalf("enginetest cannot connect to %s", u.Scheme)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatalf("open %s: %v", u.Scheme, err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// mysqlDSN is a target as the MySQL driver writes it. The SQL mode makes it speak
// standard SQL, in which the suites are written.
func mysqlDSN(u *url.URL) string {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = u.User.Username(), "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	cfg.Passwd, _ = u.User.Password()
	cfg.Params = map[string]string{"sql_mode": "'ANSI,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'"}
	return cfg.FormatDSN()
}

// connect opens a server's maintenance database. Cleanups run last in, first
// out, so it is still open when those registered later need it.
func connect(t testing.TB, s Server) *sql.DB {
	t.Helper()
	return Connect(t, s.DSN)
}

func run(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	// Not the test's context: that one is over when cleanups run.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

func parse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal("a test DSN is not a URL") // without the error: it repeats the DSN
	}
	return u
}

// uniqueName returns a lower-case identifier that no other test uses.
func uniqueName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "lockstep_test_" + hex.EncodeToString(b[:])
}
