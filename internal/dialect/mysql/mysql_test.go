package mysql_test

import (
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/dialecttest"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

const catalog = `
SELECT n FROM (
SELECT concat('table ', TABLE_NAME) AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()
UNION ALL SELECT DISTINCT concat('index ', TABLE_NAME, '.', INDEX_NAME) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()
UNION ALL SELECT concat('constraint ', TABLE_NAME, '.', CONSTRAINT_NAME) FROM information_schema.TABLE_CONSTRAINTS WHERE TABLE_SCHEMA = DATABASE()
) names ORDER BY BINARY n`

func conformance(t *testing.T, server enginetest.Server, base ...mysql.Option) {
	t.Helper()
	t.Parallel()
	dialecttest.Run(t, dialecttest.Harness{
		New: func(wrap func(driver.Connector) driver.Connector) dialect.Dialect {
			opts := base
			if wrap != nil {
				opts = append(opts[:len(opts):len(opts)], mysql.WithWrap(wrap))
			}
			return mysql.New(opts...)
		},
		Tenant: func(t testing.TB) string {
			t.Helper()
			_, url := enginetest.UnusedDatabase(t, server)
			return url
		},
		Connect: func(t testing.TB, url string) *sql.DB { t.Helper(); return enginetest.Connect(t, url) },
		Catalog: catalog,
	})
}

func TestConformanceOfMySQL(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.MySQL(t) {
		t.Run(server.Name, func(t *testing.T) { conformance(t, server) })
	}
}

func TestConformanceOfMariaDB(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.MariaDB(t) {
		t.Run(server.Name, func(t *testing.T) { conformance(t, server, mysql.WithMariaDB()) })
	}
}
