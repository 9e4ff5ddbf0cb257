package rpc_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/rpc"
	secrets "github.com/lockstepdb/lockstep/internal/secret"
)

// adminPassword is that of servers which trust whoever comes.
const adminPassword = "adm1n-s3cret-of-the-server"

// shop is the entity module that tenants are onboarded with; more goes into its
// only file.
func shop(t testing.TB, dir, more string) {
	t.Helper()
	for name, text := range map[string]string{
		"go.mod":        "module example.com/shop\n",
		"lockstep.yaml": "version: 1\n",
		"shop.go": "package shop\n\ntype Customer struct {\n\tID uint\n\tEmail string `gorm:\"size:320;not null\"`\n}\n\n" +
			"type Order struct {\n\tID uint `gorm:\"primaryKey\"`\n\tCustomerID uint\n\tCustomer Customer\n}\n" + more,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
}

// wrapper goes around a driver, to break it.
type wrapper = func(driver.Connector) driver.Connector

func dialects(wrap wrapper) map[dialect.Engine]dialect.Dialect {
	if wrap == nil {
		wrap = func(c driver.Connector) driver.Connector { return c }
	}
	return map[dialect.Engine]dialect.Dialect{
		dialect.Postgres: postgres.New(postgres.WithWrap(wrap)), dialect.SQLite: sqlite.New(sqlite.WithWrap(wrap)),
		dialect.MySQL: mysql.New(mysql.WithWrap(wrap)), dialect.MariaDB: mysql.New(mysql.WithMariaDB(), mysql.WithWrap(wrap)),
	}
}

// branch is a lockstep server that onboards tenants on one database server.
type branch struct {
	store  control.Store
	file   string // of the store
	client lockstepv1.TenantServiceClient
	conn   *grpc.ClientConn
	log    *lockedBuffer
	server enginetest.Server
	admin  *sql.DB // nil for SQLite
	dir    string  // for SQLite
	module string  // where the entity module is
	id     string  // of a tenant, and the beginning of all names
}

// open opens a lockstep server for a database server, whose driver is wrapped.
func open(t *testing.T, server enginetest.Server, wrap wrapper, change ...func(*rpc.Config)) *branch {
	t.Helper()
	b := &branch{server: server, module: t.TempDir()}
	shop(t, b.module, "")
	client, err := module.NewClient(module.Config{Replace: map[string]string{"example.com/shop": b.module}, CacheDir: t.TempDir()})
	require.NoError(t, err)
	ours := dialects(wrap)
	migrator, err := migrate.New(migrate.Config{Modules: client, Dialects: ours, Now: time.Now, LockstepVersion: "test", Logger: logTo(&lockedBuffer{})})
	require.NoError(t, err)
	store, file, withStore := stored(t)
	b.store, b.file = store, file
	b.conn, b.log = start(t, migrator, append([]func(*rpc.Config){withStore, func(c *rpc.Config) {
		c.Dialects, c.Modules, c.Now = ours, client, time.Now
	}}, change...)...)
	b.client = lockstepv1.NewTenantServiceClient(b.conn)
	var random [5]byte
	_, err = rand.Read(random[:])
	require.NoError(t, err)
	b.id = "lso" + hex.EncodeToString(random[:])
	address := b.address(t)
	_, err = store.CreateServer(t.Context(), control.NewServer{ID: "db1", Address: secrets.New(address)})
	require.NoError(t, err)
	return b
}

// address is the server's URL, and prepares to clean up there.
func (b *branch) address(t *testing.T) string {
	t.Helper()
	if b.server.Engine == "sqlite" {
		b.dir = t.TempDir()
		return "sqlite://" + b.dir
	}
	u, err := url.Parse(b.server.DSN)
	require.NoError(t, err)
	u.Scheme = b.server.Engine
	b.admin = enginetest.Connect(t, b.server.DSN)
	if b.server.Engine == "postgres" {
		u.User = url.UserPassword(u.User.Username(), adminPassword)
	}
	t.Cleanup(func() { b.clean(t) })
	return u.String()
}

// clean drops whatever has the test's names.
func (b *branch) clean(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, thing := range b.things(t) {
		kind, name, _ := strings.Cut(thing, " ")
		statement := map[string]string{"database": "DROP DATABASE IF EXISTS ", "user": "DROP USER IF EXISTS ", "schema": "DROP SCHEMA IF EXISTS "}[kind] + name
		if kind == "schema" {
			statement += " CASCADE"
		}
		if kind == "database" && b.server.Engine == "postgres" {
			statement += " WITH (FORCE)"
		}
		_, err := b.admin.ExecContext(ctx, statement)
		assert.NoError(t, err, statement)
	}
}

// things are all databases, schemas and users on the server that have the test's
// names, in the order in which they can be dropped.
func (b *branch) things(t testing.TB) (out []string) {
	t.Helper()
	query := `SELECT concat('database ', SCHEMA_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE ?
		UNION ALL SELECT concat('user ', user) FROM mysql.user WHERE user LIKE ?`
	switch b.server.Engine {
	case "sqlite":
		files, err := filepath.Glob(filepath.Join(b.dir, "*"))
		require.NoError(t, err)
		for _, f := range files {
			out = append(out, "database "+filepath.Base(f))
		}
		return out
	case "postgres":
		query = `SELECT 'database ' || datname FROM pg_database WHERE datname LIKE $1 UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE $2
			UNION ALL SELECT 'user ' || rolname FROM pg_roles WHERE rolname LIKE $1`
	}
	rows, err := b.admin.QueryContext(context.Background(), query, b.id+"%", b.id+"%")
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

func (b *branch) request() *lockstepv1.OnboardTenantRequest {
	req := &lockstepv1.OnboardTenantRequest{
		Id: b.id, Server: "db1", Labels: map[string]string{"team": "crm"}, Actor: "alice",
		Modules: []*lockstepv1.ModuleRef{{Path: "example.com/shop"}}, User: &lockstepv1.OnboardingUser{},
	}
	if b.server.Engine == "sqlite" {
		req.User = nil
	}
	return req
}

// onboard makes the call, and returns its progress in words with its result.
func (b *branch) onboard(ctx context.Context, req *lockstepv1.OnboardTenantRequest) (told []string, result *lockstepv1.OnboardingResult, err error) {
	stream, err := b.client.OnboardTenant(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return told, result, nil
		}
		if err != nil {
			return told, result, err
		}
		if r := msg.GetResult(); r != nil {
			result = r
			continue
		}
		p := msg.GetProgress()
		word := strings.ToLower(strings.TrimPrefix(p.GetPhase().String(), "ONBOARDING_PHASE_"))
		if p.GetStep() != "" {
			word += " " + p.GetStep()
		}
		if p.GetExecution().GetStatement() != nil {
			word += " statement"
		}
		told = append(told, word)
	}
}

// gone asserts that neither the server nor the store knows anything of the tenant.
func (b *branch) gone(t *testing.T, what ...any) {
	t.Helper()
	require.Empty(t, b.things(t), what...)
	_, err := b.store.GetTenant(t.Context(), b.id)
	require.Equal(t, control.ReasonTenantNotFound, fault.ReasonOf(err), what...)
}

// connectAs logs in as the application.
func (b *branch) connectAs(t *testing.T, r *lockstepv1.OnboardingResult, password string) *sql.DB {
	t.Helper()
	u, err := url.Parse(b.server.DSN)
	require.NoError(t, err)
	u.Path, u.User = "/"+r.GetDatabase(), url.UserPassword(r.GetUser(), password)
	if r.GetSchema() != "" {
		u.RawQuery = url.Values{"schema": {r.GetSchema()}}.Encode()
	}
	return enginetest.Connect(t, u.String())
}

// onEach runs a test on each server that tenants are onboarded on.
func onEach(t *testing.T, test func(t *testing.T, server enginetest.Server)) {
	t.Helper()
	t.Parallel()
	enginetest.SQLite(t)
	servers := append([]enginetest.Server{{Name: "sqlite", Engine: "sqlite"}}, enginetest.Postgres(t)...)
	for _, server := range append(append(servers, enginetest.MySQL(t)...), enginetest.MariaDB(t)...) {
		t.Run(server.Name, func(t *testing.T) { t.Parallel(); test(t, server) })
	}
}
