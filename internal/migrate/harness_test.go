package migrate_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

const shop = "example.com/entities/shop"

// versions of the module shop. Each tells one part of a tenant's life.
var versions = map[string]string{
	"v1.0.0": `package shop

type Customer struct {
	ID     uint64
	Mail   string  ` + "`gorm:\"size:100;not null;index\"`" + `
	Name   string  ` + "`gorm:\"size:50\"`" + `
	Legacy *string ` + "`gorm:\"size:20\"`" + `
}

type Order struct {
	ID         uint64
	CustomerID uint64   ` + "`gorm:\"not null\"`" + `
	Customer   Customer ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
	Total      int32
}
`,
	// v1.1.0 has a change of every kind that safe applies, and no other.
	"v1.1.0": `package shop

//lockstep:renamed_from customers
type Client struct {
	ID     uint64
	Email  string  ` + "`gorm:\"size:200;not null;index\" lockstep:\"renamed_from:mail\"`" + `
	Name   string  ` + "`gorm:\"size:50;not null;default:nobody;check:name <> ''\"`" + `
	Legacy *string ` + "`gorm:\"size:20\"`" + `
	Phone  *string ` + "`gorm:\"size:30;uniqueIndex\"`" + `
	Level  int     ` + "`gorm:\"not null;default:1\"`" + `
}

type Order struct {
	ID       uint64
	ClientID uint64 ` + "`gorm:\"not null\" lockstep:\"renamed_from:customer_id\"`" + `
	Client   Client ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
	Total    int64
	Lines    []Line ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
}

type Line struct {
	ID      uint64
	OrderID uint64 ` + "`gorm:\"not null;index\"`" + `
	Text    string
}
`,
	// v1.1.1 adds one column more.
	"v1.1.1": "",
	// v1.2.0 removes a column and a table.
	"v1.2.0": `package shop

//lockstep:renamed_from customers
type Client struct {
	ID    uint64
	Email string  ` + "`gorm:\"size:200;not null;index\" lockstep:\"renamed_from:mail\"`" + `
	Name  string  ` + "`gorm:\"size:50;not null;default:nobody;check:name <> ''\"`" + `
	Phone *string ` + "`gorm:\"size:30;uniqueIndex\"`" + `
	Level int     ` + "`gorm:\"not null;default:1\"`" + `
}

type Order struct {
	ID       uint64
	ClientID uint64 ` + "`gorm:\"not null\" lockstep:\"renamed_from:customer_id\"`" + `
	Client   Client ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
	Total    int64
}
`,
	// v1.3.0 only adds: a column without default, which add-only splits.
	"v1.3.0": `package shop

type Customer struct {
	ID     uint64
	Mail   string  ` + "`gorm:\"size:100;not null;index\"`" + `
	Name   string  ` + "`gorm:\"size:50\"`" + `
	Legacy *string ` + "`gorm:\"size:20\"`" + `
	Region string  ` + "`gorm:\"size:20;not null\"`" + `
}

type Order struct {
	ID         uint64
	CustomerID uint64   ` + "`gorm:\"not null\"`" + `
	Customer   Customer ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
	Total      int32
}
`,
	// v1.4.0 demands what the rows of the tests do not have: unique names.
	"v1.4.0": `package shop

type Extra struct {
	ID uint64 ` + "`gorm:\"primaryKey\"`" + `
}

type Customer struct {
	ID     uint64
	Mail   string  ` + "`gorm:\"size:100;not null;index\"`" + `
	Name   string  ` + "`gorm:\"size:50;uniqueIndex\"`" + `
	Legacy *string ` + "`gorm:\"size:20\"`" + `
}

type Order struct {
	ID         uint64
	CustomerID uint64   ` + "`gorm:\"not null\"`" + `
	Customer   Customer ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
	Total      int32
}
`,
}

// publish makes a file proxy with every version and returns its URL.
func publish(t testing.TB) string {
	t.Helper()
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	for version, source := range versions {
		if source == "" {
			source = strings.Replace(versions["v1.1.0"], "\tText    string", "\tText    string\n\tMore    string", 1)
		}
		publishModule(t, proxy, shop, version, source)
	}
	return proxy
}

func publishModule(t testing.TB, proxy, path, version, source string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+path+"\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "models.go"), []byte(source), 0o600))
	_, err := module.Publish(t.Context(), dir, version, proxy, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
}

// newService serves all engines; wrap, when not nil, is put around drivers.
func newService(t testing.TB, proxy string, wrap func(driver.Connector) driver.Connector) *migrate.Service {
	t.Helper()
	client, err := module.NewClient(module.Config{Sources: proxy, CacheDir: t.TempDir()})
	require.NoError(t, err)
	s, err := migrate.New(migrate.Config{Modules: client, Now: time.Now, LockstepVersion: "test", Dialects: dialects(wrap)})
	require.NoError(t, err)
	return s
}

// dialects are all that executions run on, as the service has them when there is
// nothing to wrap: what is wrapped does not pipeline.
func dialects(wrap func(driver.Connector) driver.Connector) map[dialect.Engine]dialect.Dialect {
	if wrap == nil {
		return map[dialect.Engine]dialect.Dialect{
			dialect.Postgres: postgres.New(),
			dialect.SQLite:   sqlite.New(),
			dialect.MySQL:    mysql.New(),
			dialect.MariaDB:  mysql.New(mysql.WithMariaDB()),
		}
	}
	return map[dialect.Engine]dialect.Dialect{
		dialect.Postgres: postgres.New(postgres.WithWrap(wrap)),
		dialect.SQLite:   sqlite.New(sqlite.WithWrap(wrap)),
		dialect.MySQL:    mysql.New(mysql.WithWrap(wrap)),
		dialect.MariaDB:  mysql.New(mysql.WithMariaDB(), mysql.WithWrap(wrap)),
	}
}

// lab makes tenants on one engine.
type lab struct {
	name       string
	journalled bool                      // the engine commits DDL by itself
	another    bool                      // another server of the engine was there before it
	fresh      func(t testing.TB) string // target URL of a tenant that does not exist yet
}

// eachEngine runs a test on SQLite and on every server that runs.
func eachEngine(t *testing.T, test func(t *testing.T, l lab)) {
	eachTransactional(t, test)
	eachJournalled(t, test)
}

// eachTransactional runs a test where DDL rolls back with its transaction.
func eachTransactional(t *testing.T, test func(t *testing.T, l lab)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, lab{name: "sqlite", fresh: func(t testing.TB) string { return enginetest.SQLite(t) }})
	})
	t.Run("postgres", func(t *testing.T) {
		for i, server := range enginetest.Postgres(t) {
			t.Run(server.Name, func(t *testing.T) {
				test(t, lab{name: server.Name, another: i > 0, fresh: func(t testing.TB) string {
					_, target := enginetest.UnusedSchema(t, server)
					return target
				}})
			})
		}
	})
}

// eachJournalled runs a test on every server whose DDL commits by itself.
func eachJournalled(t *testing.T, test func(t *testing.T, l lab)) {
	on := func(servers func(testing.TB) []enginetest.Server) func(t *testing.T) {
		return func(t *testing.T) {
			for _, server := range servers(t) {
				t.Run(server.Name, func(t *testing.T) {
					test(t, lab{name: server.Name, journalled: true, fresh: func(t testing.TB) string {
						return enginetest.FreshDatabase(t, server)
					}})
				})
			}
		}
	}
	t.Run("mysql", on(enginetest.MySQL))
	t.Run("mariadb", on(enginetest.MariaDB))
}

func target(t testing.TB, url string) dialect.Target {
	t.Helper()
	parsed, err := dialect.ParseTarget(url)
	require.NoError(t, err)
	return parsed
}

func request(t testing.TB, url, version string, name strategy.Name) migrate.Request {
	t.Helper()
	return migrate.Request{
		Modules: migrate.ModuleSet{Refs: []module.Ref{{Path: shop, Query: version}}},
		Target:  target(t, url), Strategy: name,
	}
}

// execute runs a version on a tenant; a destructive plan is previewed first.
func execute(t testing.TB, s *migrate.Service, url, version string, name strategy.Name) (*migrate.Result, error) {
	t.Helper()
	req := request(t, url, version, name)
	p, err := s.Preview(t.Context(), req)
	if err != nil {
		return nil, err
	}
	return s.Execute(t.Context(), migrate.ExecuteRequest{Request: req, Digest: p.Plan.Digest, Actor: "tester", LockWait: 10 * time.Second}, nil)
}

func mustExecute(t testing.TB, s *migrate.Service, url, version string, name strategy.Name) *migrate.Result {
	t.Helper()
	r, err := execute(t, s, url, version, name)
	require.NoError(t, err)
	return r
}

// rows puts customers and orders of v1.0.0 in; two customers share a name.
func rows(t testing.TB, url string) {
	t.Helper()
	run(t, url,
		"INSERT INTO customers (id, mail, name, legacy) VALUES (1, 'a@x', 'Ann', 'old'), (2, 'b@x', 'Bob', NULL), (3, 'c@x', 'Ann', NULL)",
		"INSERT INTO orders (id, customer_id, total) VALUES (10, 1, 5), (11, 1, 6), (12, 3, 7)")
}

func run(t testing.TB, url string, statements ...string) {
	t.Helper()
	db := enginetest.Connect(t, url)
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// query renders the rows of a query, one a line.
func query(t testing.TB, url, q string) string {
	t.Helper()
	db := enginetest.Connect(t, url)
	defer func() { _ = db.Close() }()
	result, err := db.QueryContext(t.Context(), q)
	require.NoError(t, err, q)
	defer func() { _ = result.Close() }()
	return render(t, result)
}

func render(t testing.TB, result *sql.Rows) string {
	t.Helper()
	columns, err := result.Columns()
	require.NoError(t, err)
	var b strings.Builder
	for result.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		require.NoError(t, result.Scan(values...))
		for i, v := range values {
			if i > 0 {
				b.WriteString(" ")
			}
			value := *v.(*any)
			if text, ok := value.([]byte); ok { // which is how MySQL's driver brings texts
				value = string(text)
			}
			fmt.Fprint(&b, value)
		}
		b.WriteString("\n")
	}
	require.NoError(t, result.Err())
	return b.String()
}

// inspect looks at a tenant with a connection of its own.
func inspect(t testing.TB, url string, tables ...string) *schema.Schema {
	t.Helper()
	d := dialects(nil)[target(t, url).Engine]
	session, err := d.Open(context.WithoutCancel(t.Context()), target(t, url))
	require.NoError(t, err)
	defer func(c io.Closer) { _ = c.Close() }(session)
	found, err := d.Inspect(t.Context(), session, tables)
	require.NoError(t, err)
	return found
}

var allTables = []string{"customers", "clients", "orders", "lines", "extras", "lockstep_history"}
