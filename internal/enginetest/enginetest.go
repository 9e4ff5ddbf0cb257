// Package enginetest gives tests the real database engines of this machine. It
// is for tests only and never in the binary.
//
// Servers are named by environment variables, LOCKSTEP_TEST_<SERVER>_DSN, such
// as LOCKSTEP_TEST_POSTGRES18_DSN or, for one of any version,
// LOCKSTEP_TEST_POSTGRES_DSN. `make test` starts what it finds installed and
// sets them. An engine without a server skips the test and says so; the engines
// (or servers) listed in LOCKSTEP_REQUIRE_ENGINES fail it instead.
//
// Every test process writes what it used to the file that
// LOCKSTEP_TEST_ENGINES_LOG names, so that a run can tell at its end which
// engines it really saw.
package enginetest

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the version of the embedded SQLite
)

// The environment variables that this package reads.
const (
	RequireEnv = "LOCKSTEP_REQUIRE_ENGINES"
	LogEnv     = "LOCKSTEP_TEST_ENGINES_LOG"
)

// Server is a running database server that tests may fill and empty.
type Server struct {
	Engine  string // postgres
	Name    string // postgres18, or postgres when the variable names no version
	Version string // as the server tells it
	DSN     string // a target URL of its maintenance database
}

var serverVar = regexp.MustCompile(`^LOCKSTEP_TEST_(([A-Z]+)[0-9]*)_DSN=(.+)$`)

// Postgres returns the PostgreSQL servers of this run.
func Postgres(t testing.TB) []Server {
	t.Helper()
	return Servers(t, "postgres")
}

// Servers returns the servers of an engine, sorted by name. It skips the test
// when there is none, or fails it when the engine is required.
func Servers(t testing.TB, engine string) []Server {
	t.Helper()
	trackEnvironment(engine)
	servers := configured(os.Environ(), engine)
	for _, name := range missing(os.Getenv(RequireEnv), engine, servers) {
		t.Fatalf("%s requires %s, and no LOCKSTEP_TEST_%s_DSN is set", RequireEnv, name, strings.ToUpper(name))
	}
	if len(servers) == 0 {
		record("missing", engine)
		t.Skipf("SKIPPED, NOT TESTED: no %s server; run `make test`, or set LOCKSTEP_TEST_%s_DSN", engine, strings.ToUpper(engine))
	}
	for i := range servers {
		servers[i].Version = version(t, servers[i])
		record("used", engine+" "+servers[i].Version)
	}
	return servers
}

// MySQL returns the MySQL servers of this run.
func MySQL(t testing.TB) []Server {
	t.Helper()
	return Servers(t, "mysql")
}

// MariaDB returns the MariaDB servers of this run.
func MariaDB(t testing.TB) []Server {
	t.Helper()
	return Servers(t, "mariadb")
}

// SQLServer returns the SQL Server and Azure SQL servers of this run. Their DSN is
// sqlserver://user:password@host:1433?database=master, of a user who may make
// databases and, in that one, schemas and users.
func SQLServer(t testing.TB) []Server {
	t.Helper()
	return Servers(t, "sqlserver")
}

// SQLite returns the target URL of a database file that does not exist yet, in
// a directory of the test's own.
func SQLite(t testing.TB) string {
	t.Helper()
	record("used", "sqlite "+sqliteVersion())
	return "sqlite:" + filepath.Join(t.TempDir(), "tenant.db")
}

// trackEnvironment asks for the usual variables by name. The go command keeps
// test results until a variable changes that the test asked for; os.Environ
// does not count, and a skipped run would be taken for the run with servers.
func trackEnvironment(engine string) {
	name := "LOCKSTEP_TEST_" + strings.ToUpper(engine)
	_ = os.Getenv(name + "_DSN")
	for version := range 30 {
		_ = os.Getenv(fmt.Sprintf("%s%d_DSN", name, version))
	}
}

// configured lists the servers of engine in an environment.
func configured(environ []string, engine string) []Server {
	var out []Server
	for _, kv := range environ {
		m := serverVar.FindStringSubmatch(kv)
		if m != nil && strings.ToLower(m[2]) == engine {
			out = append(out, Server{Engine: engine, Name: strings.ToLower(m[1]), DSN: m[3]})
		}
	}
	slices.SortFunc(out, func(a, b Server) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// missing lists what required asks of engine, or of one server of it, and is
// not there.
func missing(required, engine string, servers []Server) []string {
	var out []string
	for name := range strings.SplitSeq(required, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if strings.TrimRight(name, "0123456789") != engine {
			continue
		}
		found := slices.ContainsFunc(servers, func(s Server) bool { return name == engine || s.Name == name })
		if !found {
			out = append(out, name)
		}
	}
	return out
}

var versions sync.Map // DSN to version: one question per process

// version asks the server, which also proves that it answers.
func version(t testing.TB, s Server) string {
	t.Helper()
	if v, ok := versions.Load(s.DSN); ok {
		return v.(string) //nolint:forcetypeassert // only strings are stored
	}
	question := map[string]string{
		"postgres": "SHOW server_version", "mysql": "SELECT VERSION()", "mariadb": "SELECT VERSION()",
		"sqlserver": "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))",
	}[s.Engine]
	if question == "" {
		return s.Name
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var v string
	if err := connect(t, s).QueryRowContext(ctx, question).Scan(&v); err != nil {
		t.Fatalf("%s is configured but does not answer: %v", s.Name, err)
	}
	v, _, _ = strings.Cut(v, " ")
	versions.Store(s.DSN, v)
	return v
}

var sqliteVersion = sync.OnceValue(func() string {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "unknown"
	}
	defer func() { _ = db.Close() }()
	var v string
	if err := db.QueryRowContext(context.Background(), "SELECT sqlite_version()").Scan(&v); err != nil {
		return "unknown"
	}
	return v
})

var recorded sync.Map // lines already written by this process

// record appends a line to the run's log. Appends of one short line are atomic,
// so processes do not disturb each other.
func record(what, engine string) {
	path := os.Getenv(LogEnv)
	line := what + "\t" + engine + "\n"
	if _, dup := recorded.LoadOrStore(line, true); dup || path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, "enginetest:", err)
		return
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(line); err != nil {
		fmt.Fprintln(os.Stderr, "enginetest:", err)
	}
}
