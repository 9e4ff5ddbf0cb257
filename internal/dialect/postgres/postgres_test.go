package postgres_test

import (
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/dialecttest"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

const catalog = `
SELECT relkind::text || ' ' || relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind <> 'c'
UNION ALL
SELECT 'constraint ' || conname FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'
ORDER BY 1`

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			dialecttest.Run(t, dialecttest.Harness{
				New: func(wrap func(driver.Connector) driver.Connector) dialect.Dialect {
					if wrap == nil {
						return postgres.New()
					}
					return postgres.New(postgres.WithWrap(wrap))
				},
				Tenant: func(t testing.TB) string {
					t.Helper()
					_, url := enginetest.UnusedSchema(t, server)
					return url
				},
				Connect:  func(t testing.TB, url string) *sql.DB { t.Helper(); return enginetest.Connect(t, url) },
				Catalog:  catalog,
				Failures: failures(),
				Gorm: []string{
					`CREATE TABLE "owners" ("id" bigserial,"name" text,PRIMARY KEY ("id"))`,
					`CREATE TABLE "things" ("id" bigserial,"label" varchar(30) NOT NULL,"owner_id" bigint,"n" integer DEFAULT 1,"at" timestamptz,` +
						`"on" boolean NOT NULL DEFAULT true,"price" numeric(10, 2),"rate" decimal,"data" bytea,PRIMARY KEY ("id"),` +
						`CONSTRAINT "fk_things_owner" FOREIGN KEY ("owner_id") REFERENCES "owners"("id") ON DELETE CASCADE,` +
						`CONSTRAINT "uni_things_label" UNIQUE ("label"),CONSTRAINT "chk_things_n" CHECK (n >= 0))`,
					`CREATE INDEX IF NOT EXISTS "idx_things_n" ON "things" ("n","label")`,
				},
			})
		})
	}
}

func failures() []dialecttest.Failure {
	things := []string{"CREATE TABLE t (a text UNIQUE, b integer NOT NULL CHECK (b > 0))", "INSERT INTO t VALUES ('secret', 1)"}
	return []dialecttest.Failure{
		{Name: "duplicate", Setup: things, SQL: "INSERT INTO t VALUES ('secret', 2)", Kind: "refused", Reason: "DATA_DUPLICATE", Hidden: "secret"},
		{Name: "null", Setup: things, SQL: "ALTER TABLE t ADD COLUMN c text NOT NULL", Kind: "refused", Reason: "DATA_NULL", Hidden: "secret"},
		{Name: "check", Setup: things, SQL: "INSERT INTO t VALUES ('secret2', 0)", Kind: "refused", Reason: "DATA_CHECK", Hidden: "secret"},
		{Name: "orphan", Setup: []string{"CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (p int REFERENCES p)"}, SQL: "INSERT INTO c VALUES (424242)", Kind: "refused", Reason: "DATA_ORPHAN", Hidden: "424242"},
		{Name: "cast", Setup: things, SQL: "ALTER TABLE t ALTER a TYPE integer USING a::integer", Kind: "refused", Reason: "DATA_CAST", Hidden: "secret"},
		{Name: "too long", Setup: things, SQL: "ALTER TABLE t ALTER a TYPE varchar(2)", Kind: "refused", Reason: "DATA_CAST", Hidden: "secret"},
		{Name: "out of range", Setup: append(things[:2:2], "UPDATE t SET b = 424242"), SQL: "ALTER TABLE t ALTER b TYPE smallint", Kind: "refused", Reason: "DATA_CAST", Hidden: "424242"},
		{Name: "no cast", Setup: things, SQL: "ALTER TABLE t ALTER b TYPE jsonb", Kind: "refused", Reason: "TYPE_NOT_CONVERTIBLE"},
		{Name: "exists", Setup: things, SQL: "CREATE TABLE t (a int)", Kind: "drift", Reason: "OBJECT_EXISTS"},
		{Name: "column exists", Setup: things, SQL: "ALTER TABLE t ADD COLUMN a int", Kind: "drift", Reason: "OBJECT_EXISTS"},
		{Name: "missing", SQL: "DROP TABLE nowhere", Kind: "drift", Reason: "OBJECT_MISSING"},
		{Name: "missing constraint", Setup: things, SQL: "ALTER TABLE t DROP CONSTRAINT nothing", Kind: "drift", Reason: "OBJECT_MISSING"},
		{Name: "dependent", Setup: append(things[:2:2], "CREATE VIEW v AS SELECT a FROM t"), SQL: "ALTER TABLE t DROP COLUMN a", Kind: "refused", Reason: "DEPENDENT_OBJECTS"},
		{Name: "statement timeout", SQL: "SELECT pg_sleep(20)", Kind: "deadline", Reason: "STATEMENT_TIMEOUT"},
		{Name: "read only", Setup: []string{"SET TRANSACTION READ ONLY"}, SQL: "CREATE TABLE r (a int)", Kind: "unavailable", Reason: "DATABASE_READ_ONLY"},
		{Name: "permission", Setup: []string{"SET LOCAL ROLE pg_monitor"}, SQL: "CREATE SCHEMA forbidden", Kind: "denied", Reason: "DATABASE_PERMISSION"},
		{Name: "syntax", SQL: "CREATE nonsense", Kind: "refused", Reason: "STATEMENT_FAILED"},
	}
}
