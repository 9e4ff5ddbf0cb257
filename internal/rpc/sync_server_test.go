package rpc_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

// These tests share their servers with others that run at the same time, so each
// only looks at what begins with its own prefix.

// host is a database server that a test may change behind lockstep's back.
type host struct {
	engine dialect.Engine
	url    string // of the server, with its administrator
	prefix string
	run    func(t testing.TB, statements ...string) // nil: there is no SQL for it
	dsn    string                                   // of the server, as the test engines name it
	dir    string                                   // of SQLite
}

func (h host) quote(name string) string {
	if h.engine == dialect.Postgres {
		return `"` + name + `"`
	}
	return "`" + name + "`"
}

// create makes a database; it is dropped when the test ends.
func (h host) create(t testing.TB, name string) {
	t.Helper()
	if h.engine == dialect.SQLite {
		db := enginetest.Connect(t, "sqlite:"+filepath.Join(h.dir, name))
		_, err := db.ExecContext(t.Context(), "CREATE TABLE t (id integer)")
		require.NoError(t, err)
		require.NoError(t, db.Close())
		return
	}
	h.run(t, "CREATE DATABASE "+h.quote(name))
	t.Cleanup(func() { h.drop(t, name) })
}

func (h host) drop(t testing.TB, name string) {
	t.Helper()
	if h.engine == dialect.SQLite {
		require.NoError(t, os.Remove(filepath.Join(h.dir, name)))
		return
	}
	h.run(t, "DROP DATABASE IF EXISTS "+h.quote(name))
}

// account is how statements name a user.
func (h host) account(name string) string {
	if h.engine == dialect.Postgres {
		return h.quote(name)
	}
	return "'" + name + "'@'%'"
}

// login makes a user.
func (h host) login(t testing.TB, name string) {
	t.Helper()
	if h.engine == dialect.Postgres {
		h.run(t, "CREATE ROLE "+h.quote(name)+" LOGIN PASSWORD '"+secret+"'")
		t.Cleanup(func() { h.run(t, "DROP ROLE IF EXISTS "+h.quote(name)) })
		return
	}
	h.run(t, "CREATE USER "+h.account(name)+" IDENTIFIED BY '"+secret+"-Aa1'")
	t.Cleanup(func() { h.run(t, "DROP USER IF EXISTS "+h.account(name)) })
}

// admin returns an administrator with a password: the PostgreSQL of tests takes
// any, the others get a user.
func (h host) admin(t testing.TB, name string) string {
	t.Helper()
	if h.engine == dialect.Postgres {
		return name
	}
	h.login(t, h.prefix+"_admin")
	h.run(t, "GRANT ALL ON *.* TO "+h.account(h.prefix+"_admin")+" WITH GRANT OPTION")
	return h.prefix + "_admin"
}

// grant and revoke a privilege on a database.
func (h host) grant(t testing.TB, user, database string) {
	h.privilege(t, "GRANT", "TO", h.account(user), database)
}

func (h host) revoke(t testing.TB, user, database string) {
	h.privilege(t, "REVOKE", "FROM", h.account(user), database)
}

func (h host) privilege(t testing.TB, verb, to, grantee, database string) {
	t.Helper()
	if h.engine == dialect.Postgres {
		h.run(t, verb+" CREATE ON DATABASE "+h.quote(database)+" "+to+" "+grantee)
		return
	}
	h.run(t, verb+" SELECT, INSERT ON "+h.quote(database)+".* "+to+" "+grantee)
}

// target is the URL of a database there, without a password.
func (h host) target(t testing.TB, database string) string {
	t.Helper()
	if h.engine == dialect.SQLite {
		return "sqlite:" + filepath.Join(h.dir, database)
	}
	u, err := url.Parse(h.url)
	require.NoError(t, err)
	u.User, u.Path = url.User(u.User.Username()), "/"+database
	return u.String()
}

// hosts runs a test on every engine that can be had: a directory of SQLite files,
// MySQL, MariaDB, and the PostgreSQL servers.
func hosts(t *testing.T, test func(t *testing.T, h host)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "tenants")
		require.NoError(t, os.Mkdir(dir, 0o700))
		test(t, host{engine: dialect.SQLite, url: "sqlite:" + dir, prefix: "p", dir: dir})
	})
	serverHosts(t, test, dialect.Postgres, dialect.MySQL, dialect.MariaDB)
}

// serverHosts runs a test on every server of some engines.
func serverHosts(t *testing.T, test func(t *testing.T, h host), engines ...dialect.Engine) {
	t.Helper()
	for _, engine := range engines {
		scheme := string(engine)
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			for _, server := range enginetest.Servers(t, scheme) {
				t.Run(server.Name, func(t *testing.T) {
					t.Parallel()
					u, err := url.Parse(server.DSN)
					require.NoError(t, err)
					u.Scheme, u.Path = scheme, "" // the database of a server may be left out
					h := host{engine: engine, dsn: server.DSN, prefix: "lsr" + strings.ToLower(rand.Text()[:10]), run: runOn(enginetest.Connect(t, server.DSN))}
					u.User = url.UserPassword(h.admin(t, u.User.Username()), secret+"-Aa1")
					h.url = u.String()
					test(t, h)
				})
			}
		})
	}
}

// within runs statements in a database.
func (h host) within(t testing.TB, database string, statements ...string) {
	t.Helper()
	u, err := url.Parse(h.dsn)
	require.NoError(t, err)
	u.Path = "/" + database
	db := enginetest.Connect(t, u.String())
	runOn(db)(t, statements...)
	require.NoError(t, db.Close())
}

// runOn runs statements, in cleanups too.
func runOn(db *sql.DB) func(testing.TB, ...string) {
	return func(t testing.TB, statements ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for _, s := range statements {
			_, err := db.ExecContext(ctx, s)
			require.NoError(t, err)
		}
	}
}

// engines are the dialects, over connections that a test may break.
func engines(wrap func(driver.Connector) driver.Connector) func(*rpc.Config) {
	if wrap == nil {
		wrap = func(c driver.Connector) driver.Connector { return c }
	}
	return func(cfg *rpc.Config) {
		cfg.Engines = map[dialect.Engine]dialect.Discoverer{
			dialect.Postgres: postgres.New(postgres.WithWrap(wrap)), dialect.MySQL: mysql.New(mysql.WithWrap(wrap)),
			dialect.MariaDB: mysql.New(mysql.WithMariaDB(), mysql.WithWrap(wrap)), dialect.SQLite: sqlite.New(sqlite.WithWrap(wrap)),
		}
	}
}

// desk is a client of the API with a server registered as "main".
type desk struct {
	host
	servers lockstepv1.ServerServiceClient
	tenants lockstepv1.TenantServiceClient
	audit   lockstepv1.AuditServiceClient
}

// register makes a service and registers the host.
func (h host) register(t *testing.T, change ...func(*rpc.Config)) desk {
	t.Helper()
	_, _, withStore := stored(t)
	conn, _ := start(t, &fakeMigrator{}, append([]func(*rpc.Config){withStore, engines(nil)}, change...)...)
	d := desk{
		host: h, servers: lockstepv1.NewServerServiceClient(conn), tenants: lockstepv1.NewTenantServiceClient(conn),
		audit: lockstepv1.NewAuditServiceClient(conn),
	}
	made, err := d.servers.CreateServer(t.Context(), &lockstepv1.CreateServerRequest{Id: "main", Address: h.url})
	require.NoError(t, err)
	require.Nil(t, made.GetServer().GetLastSync(), "nobody has synced it")
	return d
}

// sync makes a sync, and returns its result and the phases that were told.
func (d desk) sync(t testing.TB, req *lockstepv1.SyncServerRequest) (*lockstepv1.SyncResult, []lockstepv1.SyncPhase, error) {
	t.Helper()
	req.Server = "main"
	stream, err := d.servers.SyncServer(t.Context(), req)
	require.NoError(t, err)
	var phases []lockstepv1.SyncPhase
	var out *lockstepv1.SyncResult
	for {
		msg, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			require.NotNil(t, out)
			return d.own(out), phases, nil
		case err != nil:
			require.Nil(t, out)
			return nil, phases, err
		case msg.GetResult() != nil:
			out = msg.GetResult()
		default:
			phases = append(phases, msg.GetProgress().GetPhase())
		}
	}
}

func (d desk) mustSync(t testing.TB) *lockstepv1.SyncResult {
	t.Helper()
	out, _, err := d.sync(t, &lockstepv1.SyncServerRequest{})
	require.NoError(t, err)
	return out
}

// own keeps of a result what has the test's prefix.
func (d desk) own(r *lockstepv1.SyncResult) *lockstepv1.SyncResult {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(strings.ToLower(n), d.prefix) })
	}
	r.Databases = slices.DeleteFunc(r.GetDatabases(), func(c *lockstepv1.DatabaseChange) bool {
		return !has(c.GetBefore().GetName(), c.GetAfter().GetName())
	})
	r.Users = slices.DeleteFunc(r.GetUsers(), func(c *lockstepv1.UserChange) bool {
		return !has(c.GetBefore().GetAccount().GetName(), c.GetAfter().GetAccount().GetName())
	})
	r.Grants = slices.DeleteFunc(r.GetGrants(), func(c *lockstepv1.GrantChange) bool {
		return !has(c.GetBefore().GetGrantee().GetName(), c.GetAfter().GetGrantee().GetName())
	})
	return r
}

// databases lists by the API, in pages of two.
func (d desk) databases(t testing.TB, status lockstepv1.DatabaseStatus) []*lockstepv1.ServerDatabase {
	t.Helper()
	var out []*lockstepv1.ServerDatabase
	req := &lockstepv1.ListDatabasesRequest{Server: "main", Status: status, Prefix: d.prefix, PageSize: 2}
	for {
		page, err := d.servers.ListDatabases(t.Context(), req)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.GetDatabases()), 2)
		out = append(out, page.GetDatabases()...)
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return out
		}
	}
}

func namesOf(list []*lockstepv1.ServerDatabase) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.GetName())
	}
	return out
}

// inventory is all that the API tells of the server, but for others' things.
func (d desk) inventory(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, db := range d.databases(t, lockstepv1.DatabaseStatus_DATABASE_STATUS_UNSPECIFIED) {
		out = append(out, db.String())
	}
	users, err := d.servers.ListUsers(t.Context(), &lockstepv1.ListUsersRequest{Server: "main", Prefix: d.prefix})
	require.NoError(t, err)
	for _, u := range users.GetUsers() {
		out = append(out, u.String())
		access, err := d.servers.GetServerAccess(t.Context(), &lockstepv1.GetServerAccessRequest{Server: "main", User: u.GetAccount().GetName()})
		require.NoError(t, err)
		for _, a := range access.GetAccess() {
			if strings.HasPrefix(a.GetDatabase(), d.prefix) {
				out = append(out, a.String())
			}
		}
	}
	return out
}

func (d desk) server(t testing.TB) *lockstepv1.Server {
	t.Helper()
	got, err := d.servers.GetServer(t.Context(), &lockstepv1.GetServerRequest{Server: "main"})
	require.NoError(t, err)
	return got.GetServer()
}

// noSecrets looks for passwords in the audit chain and in answers.
func (d desk) noSecrets(t testing.TB, answers ...proto.Message) {
	t.Helper()
	found, err := d.audit.SearchAudit(t.Context(), &lockstepv1.SearchAuditRequest{PageSize: 1000})
	require.NoError(t, err)
	u, err := url.Parse(d.url)
	require.NoError(t, err)
	for _, m := range append(answers, found) {
		text := protoOptions(m)
		assert.NotContains(t, text, secret)
		if password, ok := u.User.Password(); ok && len(password) > 4 {
			assert.NotContains(t, text, password)
		}
	}
}
