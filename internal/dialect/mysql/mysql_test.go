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

func conformance(t *testing.T, server enginetest.Server, unable []string, base ...mysql.Option) {
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
			return enginetest.FreshDatabase(t, server)
		},
		Connect:  func(t testing.TB, url string) *sql.DB { t.Helper(); return enginetest.Connect(t, url) },
		Catalog:  catalog,
		Unable:   unable,
		Failures: failures(),
		Gorm: []string{
			"CREATE TABLE `owners` (`id` bigint unsigned AUTO_INCREMENT,`name` longtext,PRIMARY KEY (`id`))",
			"CREATE TABLE `things` (`id` bigint unsigned AUTO_INCREMENT,`label` varchar(30) NOT NULL,`owner_id` bigint unsigned,`n` int DEFAULT 1,`at` datetime(3) NULL," +
				"`on` boolean NOT NULL DEFAULT true,`price` decimal(10, 2),`rate` double,`data` longblob,PRIMARY KEY (`id`),INDEX `idx_things_n` (`n`,`label`)," +
				"CONSTRAINT `fk_things_owner` FOREIGN KEY (`owner_id`) REFERENCES `owners`(`id`) ON DELETE CASCADE," +
				"CONSTRAINT `uni_things_label` UNIQUE (`label`),CONSTRAINT `chk_things_n` CHECK (n >= 0))",
		},
	})
}

func TestConformanceOfMySQL(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.MySQL(t) {
		t.Run(server.Name, func(t *testing.T) { conformance(t, server, []string{"partial index", "foreign key set default"}) })
	}
}

func TestConformanceOfMariaDB(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.MariaDB(t) {
		t.Run(server.Name, func(t *testing.T) {
			conformance(t, server, []string{"partial index", "foreign key set default", "expression index", "expression of columns"}, mysql.WithMariaDB())
		})
	}
}

func failures() []dialecttest.Failure {
	things := []string{"CREATE TABLE t (a varchar(20) UNIQUE, b integer NOT NULL CHECK (b > 0), c integer)", "INSERT INTO t (a, b) VALUES ('secret', 1)"}
	family := []string{"CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (p int, CONSTRAINT fk_c FOREIGN KEY (p) REFERENCES p (id))"}
	return []dialecttest.Failure{
		{Name: "duplicate", Setup: things, SQL: "INSERT INTO t (a, b) VALUES ('secret', 2)", Kind: "refused", Reason: "DATA_DUPLICATE", Hidden: "secret"},
		{Name: "duplicate in an index", Setup: append(things[:2:2], "INSERT INTO t (a, b) VALUES ('other', 1)"), SQL: "CREATE UNIQUE INDEX u ON t (b)", Kind: "refused", Reason: "DATA_DUPLICATE", Hidden: "'1'"},
		{Name: "null", Setup: things, SQL: "INSERT INTO t (a, b) VALUES ('secret2', NULL)", Kind: "refused", Reason: "DATA_NULL", Hidden: "secret"},
		{Name: "no value", Setup: things, SQL: "INSERT INTO t (a) VALUES ('secret2')", Kind: "refused", Reason: "DATA_NULL", Hidden: "secret"},
		{Name: "check", Setup: things, SQL: "INSERT INTO t (a, b) VALUES ('secret2', 0)", Kind: "refused", Reason: "DATA_CHECK", Hidden: "secret"},
		{Name: "orphan", Setup: family, SQL: "INSERT INTO c VALUES (424242)", Kind: "refused", Reason: "DATA_ORPHAN", Hidden: "424242"},
		{Name: "orphan in the making", Setup: append(family[:2:2], "INSERT INTO p VALUES (424242)", "INSERT INTO c VALUES (424242)"), SQL: "DELETE FROM p", Kind: "refused", Reason: "DATA_ORPHAN", Hidden: "424242"},
		{Name: "cast", Setup: things, SQL: "ALTER TABLE t MODIFY a integer", Kind: "refused", Reason: "DATA_CAST", Hidden: "secret"},
		{Name: "cast to a date", Setup: things, SQL: "ALTER TABLE t MODIFY a datetime", Kind: "refused", Reason: "DATA_CAST", Hidden: "secret"},
		{Name: "too long", Setup: things, SQL: "ALTER TABLE t MODIFY a varchar(2)", Kind: "refused", Reason: "DATA_CAST", Hidden: "secret"},
		{Name: "out of range", Setup: append(things[:2:2], "UPDATE t SET b = 424242"), SQL: "ALTER TABLE t MODIFY b smallint", Kind: "refused", Reason: "DATA_CAST", Hidden: "424242"},
		{Name: "exists", Setup: things, SQL: "CREATE TABLE t (a int)", Kind: "drift", Reason: "OBJECT_EXISTS"},
		{Name: "column exists", Setup: things, SQL: "ALTER TABLE t ADD COLUMN a int", Kind: "drift", Reason: "OBJECT_EXISTS"},
		{Name: "index exists", Setup: things, SQL: "CREATE INDEX a ON t (b)", Kind: "drift", Reason: "OBJECT_EXISTS"},
		{Name: "missing", SQL: "DROP TABLE nowhere", Kind: "drift", Reason: "OBJECT_MISSING"},
		{Name: "missing column", Setup: things, SQL: "ALTER TABLE t MODIFY nothing int", Kind: "drift", Reason: "OBJECT_MISSING"},
		{Name: "missing constraint", Setup: things, SQL: "ALTER TABLE t DROP CONSTRAINT nothing", Kind: "drift", Reason: "OBJECT_MISSING"},
		{Name: "missing index", Setup: things, SQL: "DROP INDEX nothing ON t", Kind: "drift", Reason: "OBJECT_MISSING"},
		{Name: "dependent index", Setup: family, SQL: "DROP INDEX fk_c ON c", Kind: "refused", Reason: "DEPENDENT_OBJECTS"},
		{Name: "dependent column", Setup: family, SQL: "ALTER TABLE p DROP COLUMN id, ADD COLUMN x int", Kind: "refused", Reason: "DEPENDENT_OBJECTS"},
		{Name: "foreign key of another type", Setup: family, SQL: "ALTER TABLE c MODIFY p bigint", Kind: "refused", Reason: "FOREIGN_KEY_TYPES"},
		{Name: "key too long", SQL: "CREATE TABLE k (a varchar(769) CHARACTER SET utf8mb4, b varchar(10), PRIMARY KEY (a, b))", Kind: "exhausted", Reason: "LIMIT_REACHED"},
		{Name: "statement timeout", SQL: "SELECT count(*) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b, information_schema.COLLATIONS c, information_schema.COLLATIONS d", Kind: "deadline", Reason: "STATEMENT_TIMEOUT"},
		{Name: "read only", Setup: []string{"SET SESSION TRANSACTION READ ONLY"}, SQL: "CREATE TABLE r (a int)", Kind: "unavailable", Reason: "DATABASE_READ_ONLY"},
		{Name: "no database", SQL: "USE nowhere_at_all", Kind: "not_found", Reason: "DATABASE_UNKNOWN"},
		{Name: "syntax", SQL: "CREATE nonsense", Kind: "refused", Reason: "STATEMENT_FAILED"},
	}
}
