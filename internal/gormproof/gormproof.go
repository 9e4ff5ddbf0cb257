// Package gormproof holds lockstep against GORM: structs are given to GORM's
// AutoMigrate, and as source to lockstep, and the two databases must be the
// same. It is a module of its own so that GORM's drivers stay out of the
// product's go.mod; nothing but its tests is ever run.
//
// engine.go has the engines, build.go lockstep's way from source to tables,
// likewithlike.go the comparison of a database with a model by way of a scratch
// schema. catalogue_….go read the catalogues of the engines with queries of
// their own, so that an error of a dialect's Inspect cannot hide. fixtures/ has
// the structs, grammar/ makes random ones; evolve/ makes a later version of their
// schema, and oldcode/ is the code that still has the old structs.
package gormproof

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// Engine is a database that the proof runs on.
type Engine struct {
	Name    string // of the server, such as postgres18
	Dialect dialect.Dialect
	// Fresh returns the target URL of an empty tenant that goes away with the
	// test.
	Fresh func(t testing.TB) string
	// Connect opens a tenant without lockstep and without GORM.
	Connect func(t testing.TB, target string) *sql.DB
	// Catalogue lists everything in a tenant, one line a thing.
	Catalogue func(ctx context.Context, db *sql.DB) ([]string, error)
}

// Engine returns the engine's kind: that of its dialect.
func (e Engine) Engine() dialect.Engine { return e.Dialect.Engine() }

// EachEngine runs a test on every engine at hand.
func EachEngine(t *testing.T, test func(t *testing.T, e Engine)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, sqliteEngine())
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		for _, server := range enginetest.Postgres(t) {
			eachServer(t, server, postgresEngine(server), test)
		}
	})
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		for _, server := range enginetest.MySQL(t) {
			eachServer(t, server, mysqlEngine(server, mysql.New()), test)
		}
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		for _, server := range enginetest.MariaDB(t) {
			eachServer(t, server, mysqlEngine(server, mysql.New(mysql.WithMariaDB())), test)
		}
	})
}

func eachServer(t *testing.T, server enginetest.Server, e Engine, test func(*testing.T, Engine)) {
	t.Helper()
	t.Run(server.Name, func(t *testing.T) {
		t.Parallel()
		test(t, e)
	})
}

func sqliteEngine() Engine {
	return Engine{
		Name: "sqlite", Dialect: sqlite.New(), Fresh: enginetest.SQLite, Connect: enginetest.Connect,
		Catalogue: sqliteCatalogue,
	}
}

func postgresEngine(server enginetest.Server) Engine {
	return Engine{
		Name: server.Name, Dialect: postgres.New(), Connect: enginetest.Connect, Catalogue: postgresCatalogue,
		Fresh: func(t testing.TB) string { return enginetest.FreshSchema(t, server) },
	}
}

func mysqlEngine(server enginetest.Server, d dialect.Dialect) Engine {
	return Engine{
		Name: server.Name, Dialect: d, Connect: enginetest.Connect, Catalogue: mysqlCatalogue,
		Fresh: func(t testing.TB) string { return enginetest.FreshDatabase(t, server) },
	}
}

// Dump is the catalogue of a tenant as one text.
func (e Engine) Dump(t testing.TB, target string) string {
	t.Helper()
	db := e.Connect(t, target)
	defer func() { _ = db.Close() }()
	lines, err := e.Catalogue(t.Context(), db)
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}
