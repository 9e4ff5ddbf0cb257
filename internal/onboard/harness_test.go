package onboard_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/app"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/onboard"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// The times of the tests are short, so that a sweep is.
const (
	shortLease = 400 * time.Millisecond // of who is to lose it
	longLease  = 20 * time.Second
	shortPause = 30 * time.Millisecond
)

// yard is a database server with a store, and what breaks them.
type yard struct {
	server enginetest.Server
	store  control.Store
	keys   secretsOf
	admin  *sql.DB // nil for SQLite
	dir    string  // for SQLite
	module string
	name   string // what all names of the test begin with

	mu   sync.Mutex
	plan *faultdb.Plan // what breaks the next connections; nil: nothing does
}

type secretsOf struct{ *secret.Resolver }

func newYard(t *testing.T, server enginetest.Server) *yard {
	t.Helper()
	y := &yard{server: server, module: t.TempDir()}
	for name, text := range map[string]string{
		"go.mod": "module example.com/shop\n", "lockstep.yaml": "version: 1\n",
		"shop.go": "package shop\n\ntype Customer struct {\n\tID uint `gorm:\"primaryKey\"`\n}\n\ntype Order struct {\n\tID uint `gorm:\"primaryKey\"`\n\tCustomerID uint\n\tCustomer Customer\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(y.module, name), []byte(text), 0o600))
	}
	keys, err := secret.ParseKeyring(secret.NewKey())
	require.NoError(t, err)
	y.keys.Resolver, err = secret.NewResolver(secret.Config{Keys: keys, Getenv: func(string) string { return "" }})
	require.NoError(t, err)
	y.store, err = app.OpenStore(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"), sqlstore.Config{Now: time.Now, Keys: keys})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, y.store.Close()) })
	var random [5]byte
	_, err = rand.Read(random[:])
	require.NoError(t, err)
	y.name = "lsy" + hex.EncodeToString(random[:])
	address := "sqlite://"
	if server.Engine == "sqlite" {
		y.dir = t.TempDir()
		address += y.dir
	} else {
		u, err := url.Parse(server.DSN)
		require.NoError(t, err)
		u.Scheme = server.Engine
		address = u.String()
		y.admin = enginetest.Connect(t, server.DSN)
		t.Cleanup(func() { y.clean(t) })
	}
	_, err = y.store.CreateServer(t.Context(), control.NewServer{ID: "db1", Address: secret.New(address)})
	require.NoError(t, err)
	return y
}

// service is a replica. store stands before the store; nil: nothing does.
func (y *yard) service(t *testing.T, store onboard.Store, change ...func(*onboard.Config)) *onboard.Service {
	t.Helper()
	client, err := module.NewClient(module.Config{Replace: map[string]string{"example.com/shop": y.module}, CacheDir: t.TempDir()})
	require.NoError(t, err)
	wrap := func(c driver.Connector) driver.Connector {
		y.mu.Lock()
		defer y.mu.Unlock()
		if y.plan == nil {
			return c
		}
		return faultdb.Wrap(c, y.plan)
	}
	dialects := map[dialect.Engine]dialect.Dialect{
		dialect.Postgres: postgres.New(postgres.WithWrap(wrap)), dialect.SQLite: sqlite.New(sqlite.WithWrap(wrap)),
		dialect.MySQL: mysql.New(mysql.WithWrap(wrap)), dialect.MariaDB: mysql.New(mysql.WithMariaDB(), mysql.WithWrap(wrap)),
	}
	migrator, err := migrate.New(migrate.Config{Modules: client, Dialects: dialects, Now: time.Now, LockstepVersion: "test"})
	require.NoError(t, err)
	if store == nil {
		store = y.store
	}
	cfg := onboard.Config{
		Servers:  onboard.Servers{Store: store, Secrets: y.keys, Dialects: dialects},
		Migrator: migrator, Lease: longLease, Pause: shortPause,
	}
	for _, c := range change {
		c(&cfg)
	}
	return onboard.New(cfg)
}

func (y *yard) breakWith(p *faultdb.Plan) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.plan = p
}

func (y *yard) request(id string) onboard.Request {
	r := onboard.Request{ID: id, ServerID: "db1", Modules: []control.TenantModule{{Path: "example.com/shop"}}, Actor: "alice"}
	if y.server.Engine != "sqlite" {
		r.User = &dialect.Account{}
	}
	return r
}

func quiet(onboard.Event) {}

func accept(*onboard.Result) error { return nil }

// things are all databases, schemas and users that have a name, the newest that a
// tenant can have first.
func (y *yard) things(t testing.TB, name string) (out []string) {
	t.Helper()
	query := `SELECT concat('user ', user) FROM mysql.user WHERE user LIKE ?
		UNION ALL SELECT concat('database ', SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE ?`
	switch y.server.Engine {
	case "sqlite":
		files, err := filepath.Glob(filepath.Join(y.dir, name+"*"))
		require.NoError(t, err)
		for _, f := range files {
			out = append(out, "database "+filepath.Base(f))
		}
		return out
	case "postgres":
		query = `SELECT 'database ' || datname FROM pg_database WHERE datname LIKE $1 UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE $2
			UNION ALL SELECT 'user ' || rolname FROM pg_roles WHERE rolname LIKE $1`
	}
	rows, err := y.admin.QueryContext(context.Background(), query, name+"%", name+"%")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var thing string
		require.NoError(t, rows.Scan(&thing))
		out = append(out, thing)
	}
	require.NoError(t, rows.Err())
	return out
}

// drop drops a thing by hand.
func (y *yard) drop(t testing.TB, thing string) {
	t.Helper()
	kind, name, _ := strings.Cut(thing, " ")
	if y.server.Engine == "sqlite" {
		require.NoError(t, os.Remove(filepath.Join(y.dir, name)))
		return
	}
	statement := map[string]string{"database": "DROP DATABASE IF EXISTS ", "user": "DROP USER IF EXISTS ", "schema": "DROP SCHEMA IF EXISTS "}[kind] + name
	switch {
	case kind == "schema":
		statement += " CASCADE"
	case kind == "database" && y.server.Engine == "postgres":
		statement += " WITH (FORCE)"
	}
	_, err := y.admin.ExecContext(context.Background(), statement)
	assert.NoError(t, err, statement)
}

func (y *yard) clean(t testing.TB) {
	t.Helper()
	for _, thing := range y.things(t, y.name) {
		y.drop(t, thing)
	}
}

// gone asserts that neither the server nor the store knows anything of a tenant.
func (y *yard) gone(t testing.TB, id string, what ...any) {
	t.Helper()
	require.Empty(t, y.things(t, onboard.DatabaseName(id)), what...)
	_, err := y.store.GetTenant(context.Background(), id)
	require.Equal(t, control.ReasonTenantNotFound, fault.ReasonOf(err), what...)
}

func onEach(t *testing.T, test func(t *testing.T, server enginetest.Server)) {
	t.Helper()
	t.Parallel()
	enginetest.SQLite(t)
	servers := append([]enginetest.Server{{Name: "sqlite", Engine: "sqlite"}}, enginetest.Postgres(t)...)
	for _, server := range append(append(servers, enginetest.MySQL(t)...), enginetest.MariaDB(t)...) {
		t.Run(server.Name, func(t *testing.T) { t.Parallel(); test(t, server) })
	}
}

// urlOf is the URL of a database on the server.
func (y *yard) urlOf(t testing.TB, database string) string {
	t.Helper()
	u, err := url.Parse(y.server.DSN)
	require.NoError(t, err)
	u.Path = "/" + database
	return u.String()
}
