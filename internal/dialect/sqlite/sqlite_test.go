package sqlite_test

import (
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/dialecttest"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	things := []string{"CREATE TABLE t (a text UNIQUE, b integer NOT NULL CHECK (b > 0))", "INSERT INTO t VALUES ('secret', 1)"}
	dialecttest.Run(t, dialecttest.Harness{
		New: func(wrap func(driver.Connector) driver.Connector) dialect.Dialect {
			if wrap == nil {
				return sqlite.New()
			}
			return sqlite.New(sqlite.WithWrap(wrap))
		},
		Tenant:  func(t testing.TB) string { t.Helper(); return enginetest.SQLite(t) },
		Connect: func(t testing.TB, url string) *sql.DB { t.Helper(); return enginetest.Connect(t, url) },
		Catalog: "SELECT type || ' ' || name FROM sqlite_master WHERE name NOT IN ('sqlite_sequence') ORDER BY 1",
		Gorm: []string{
			"CREATE TABLE `owners` (`id` integer PRIMARY KEY AUTOINCREMENT,`name` text)",
			"CREATE TABLE `things` (`id` integer PRIMARY KEY AUTOINCREMENT,`label` text NOT NULL,`owner_id` integer,`n` integer DEFAULT 1,`at` datetime," +
				"`on` numeric NOT NULL DEFAULT true,`price` real,`rate` real,`data` blob,CONSTRAINT `fk_things_owner` FOREIGN KEY (`owner_id`) " +
				"REFERENCES `owners`(`id`) ON DELETE CASCADE,CONSTRAINT `uni_things_label` UNIQUE (`label`),CONSTRAINT `chk_things_n` CHECK (n >= 0))",
			"CREATE INDEX `idx_things_n` ON `things`(`n`,`label`)",
		},
		Failures: []dialecttest.Failure{
			{Name: "duplicate", Setup: things, SQL: "INSERT INTO t VALUES ('secret', 2)", Kind: "refused", Reason: "DATA_DUPLICATE", Hidden: "secret"},
			{Name: "null", Setup: things, SQL: "INSERT INTO t VALUES ('secret2', NULL)", Kind: "refused", Reason: "DATA_NULL", Hidden: "secret"},
			{Name: "check", Setup: things, SQL: "INSERT INTO t VALUES ('secret2', 0)", Kind: "refused", Reason: "DATA_CHECK", Hidden: "secret"},
			{Name: "key", Setup: []string{"CREATE TABLE k (id integer PRIMARY KEY)", "INSERT INTO k VALUES (1)"}, SQL: "INSERT INTO k VALUES (1)", Kind: "refused", Reason: "DATA_DUPLICATE"},
			{Name: "mismatch", Setup: []string{"CREATE TABLE k (id integer PRIMARY KEY)"}, SQL: "INSERT INTO k VALUES ('secret')", Kind: "refused", Reason: "DATA_CAST", Hidden: "secret"},
			{Name: "syntax", SQL: "CREATE TABLE nonsense", Kind: "refused", Reason: "STATEMENT_FAILED"},
		},
	})
}
