package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/dialecttest"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// catalog lists what has a name; what the server named by itself counts as if
// lockstep had.
const catalog = `
SELECT n FROM (
SELECT CONCAT('table ', t.name) AS n FROM sys.tables AS t JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = SCHEMA_NAME()
UNION ALL SELECT CONCAT('key ', CASE WHEN k.is_system_named = 1 THEN CONCAT('PK_', t.name) ELSE k.name END) FROM sys.key_constraints AS k
  JOIN sys.tables AS t ON t.object_id = k.parent_object_id JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = SCHEMA_NAME()
UNION ALL SELECT CONCAT('default ', CASE WHEN d.is_system_named = 1 THEN CONCAT('DF_', t.name, '_', c.name) ELSE d.name END) FROM sys.default_constraints AS d
  JOIN sys.tables AS t ON t.object_id = d.parent_object_id JOIN sys.columns AS c ON c.object_id = t.object_id AND c.column_id = d.parent_column_id
  JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = SCHEMA_NAME()
UNION ALL SELECT CONCAT('check ', k.name) FROM sys.check_constraints AS k
  JOIN sys.tables AS t ON t.object_id = k.parent_object_id JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = SCHEMA_NAME()
UNION ALL SELECT CONCAT('foreign key ', k.name) FROM sys.foreign_keys AS k
  JOIN sys.tables AS t ON t.object_id = k.parent_object_id JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = SCHEMA_NAME()
UNION ALL SELECT CONCAT('index ', t.name, '.', i.name) FROM sys.indexes AS i
  JOIN sys.tables AS t ON t.object_id = i.object_id JOIN sys.schemas AS s ON s.schema_id = t.schema_id
  WHERE s.name = SCHEMA_NAME() AND i.type > 0 AND i.is_primary_key = 0
) AS names ORDER BY n`

// harness is what holds for real servers and for the simulation.
func harness() dialecttest.Harness {
	return dialecttest.Harness{
		Catalog: catalog,
		Unable:  []string{"expression index", "expression of columns"},
		Unplanned: map[string]string{
			"auto increment": "IDENTITY_FIXED", "auto increment ends in a float": "IDENTITY_FIXED", "auto increment gained goes on behind the rows": "IDENTITY_FIXED",
			"text to bytes": "TYPE_NOT_CONVERTIBLE", "text becomes bytes and back": "TYPE_NOT_CONVERTIBLE",
		},
		Queries: map[string]string{
			"SELECT a || c FROM t ORDER BY id": "SELECT CONCAT(a, c) FROM t ORDER BY id",
			"SELECT a || '!' FROM t":           "SELECT CONCAT(a, '!') FROM t",
		},
		Adapt: func(s *schema.Schema) {
			if _, err := New().Lower(s); fault.ReasonOf(err) != "SCHEMA_NOT_LOWERABLE" {
				return
			}
			for _, t := range s.Tables { // cascades that meet
				for _, f := range t.ForeignKeys {
					f.OnDelete, f.OnUpdate = schema.NoAction, schema.NoAction
				}
			}
		},
		// What GORM's AutoMigrate runs, with the schema in front.
		Gorm: []string{
			`CREATE TABLE [$(schema)].[owners] ("id" bigint IDENTITY(1,1),"name" nvarchar(MAX),PRIMARY KEY ("id"))`,
			`CREATE TABLE [$(schema)].[things] ("id" bigint IDENTITY(1,1),"label" nvarchar(30) NOT NULL,"owner_id" bigint,"n" bigint DEFAULT 1,"at" datetimeoffset,` +
				`"on" bit NOT NULL DEFAULT 1,"price" decimal(10, 2),"rate" float,"data" varbinary(MAX),PRIMARY KEY ("id"),` +
				`CONSTRAINT "fk_things_owner" FOREIGN KEY ("owner_id") REFERENCES [$(schema)].[owners]("id") ON DELETE CASCADE,` +
				`CONSTRAINT "uni_things_label" UNIQUE ("label"),CONSTRAINT "chk_things_n" CHECK (n >= 0))`,
			`CREATE INDEX "idx_things_n" ON [$(schema)].[things]("n","label")`,
		},
	}
}

// TestConformance runs the whole suite on real servers: a database per tenant,
// and a schema per tenant.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.SQLServer(t) {
		for name, tenant := range map[string]func(testing.TB, enginetest.Server) string{
			"database": enginetest.FreshDatabase, "schema": enginetest.FreshSchema,
		} {
			t.Run(server.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				h := harness()
				h.New = func(wrap func(driver.Connector) driver.Connector) dialect.Dialect {
					if wrap == nil {
						return New()
					}
					return New(WithWrap(wrap))
				}
				h.Tenant = func(t testing.TB) string { t.Helper(); return tenant(t, server) }
				h.Connect = func(t testing.TB, url string) *sql.DB { t.Helper(); return enginetest.Connect(t, url) }
				h.Failures = failures()
				dialecttest.Run(t, h)
			})
		}
	}
}

// TestGoldensRunOnServers applies each golden case to real servers.
func TestGoldensRunOnServers(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.SQLServer(t) {
		for _, c := range cases() {
			t.Run(server.Name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				target, err := dialect.ParseTarget(enginetest.FreshDatabase(t, server))
				require.NoError(t, err)
				s, err := New().Open(t.Context(), target)
				require.NoError(t, err)
				defer func() { require.NoError(t, s.Close()) }()
				p, err := planned(t, c.from, c.to)
				if err != nil {
					return // the golden has it
				}
				if c.from != nil {
					first, err := planned(t, nil, c.from)
					require.NoError(t, err)
					apply(t, s, first)
				}
				apply(t, s, p)
			})
		}
	}
}

// TestConformanceOfTheSimulation runs what needs no rows on the simulated
// catalogue: every transition and random walk keeps the documented rules, ends in
// what was promised, and in the names of a fresh build.
func TestConformanceOfTheSimulation(t *testing.T) {
	t.Parallel()
	var servers sync.Map
	var tenants atomic.Int64
	of := func(t dialect.Target) (driver.Connector, error) {
		f, ok := servers.Load(t.Database)
		if !ok {
			return nil, fault.New(fault.NotFound, "DATABASE_UNKNOWN", "no %s", t.Database)
		}
		return f.(*fakeServer), nil
	}
	h := harness()
	h.Only = []string{"Capabilities", "Transitions", "Locks", "Differences", "Lowering", "Adoption", "RandomWalks"}
	h.New = func(wrap func(driver.Connector) driver.Connector) dialect.Dialect {
		if wrap == nil {
			return New(withConnector(of))
		}
		return New(withConnector(of), WithWrap(wrap))
	}
	h.Tenant = func(testing.TB) string {
		f := newFake()
		f.catalogue = newCatalogue()
		name := fmt.Sprintf("db%d", tenants.Add(1))
		f.enterprise = tenants.Load()%2 == 0
		servers.Store(name, f)
		return "sqlserver://u:p@h:1?database=" + name
	}
	h.Connect = func(t testing.TB, url string) *sql.DB {
		t.Helper()
		target, err := dialect.ParseTarget(url)
		require.NoError(t, err)
		c, err := of(target)
		require.NoError(t, err)
		return sql.OpenDB(c)
	}
	dialecttest.Run(t, h)
}

// failures are provoked on real servers only.
func failures() []dialecttest.Failure {
	const table = "[$(schema)].[t]"
	things := []string{"CREATE TABLE " + table + " (a nvarchar(20) CONSTRAINT u UNIQUE, b int NOT NULL CONSTRAINT k CHECK (b > 0))", "INSERT INTO " + table + " VALUES (N'secret', 1)"}
	family := []string{
		"CREATE TABLE [$(schema)].[p] (id int CONSTRAINT pk PRIMARY KEY)", "CREATE TABLE [$(schema)].[c] (p int)",
		"INSERT INTO [$(schema)].[c] VALUES (424242)",
	}
	key := "ALTER TABLE [$(schema)].[c] ADD CONSTRAINT [fk] FOREIGN KEY ([p]) REFERENCES [$(schema)].[p] ([id])"
	return []dialecttest.Failure{
		{Name: "duplicate", Setup: things, SQL: "INSERT INTO " + table + " VALUES (N'secret', 2)", Kind: "refused", Reason: "DATA_DUPLICATE", Hidden: "secret"},
		{Name: "duplicate in an index", Setup: append(things[:2:2], "INSERT INTO "+table+" VALUES (N'other', 1)"), SQL: "CREATE UNIQUE INDEX x ON " + table + " (b)", Kind: "refused", Reason: "DATA_DUPLICATE"},
		{Name: "null", Setup: things, SQL: "INSERT INTO " + table + " VALUES (N'secret2', NULL)", Kind: "refused", Reason: "DATA_NULL", Hidden: "secret"},
		{Name: "new not null", Setup: things, SQL: "ALTER TABLE " + table + " ADD c int NOT NULL", Kind: "refused", Reason: "DATA_NULL"},
		{Name: "check", Setup: things, SQL: "ALTER TABLE " + table + " ADD CONSTRAINT [k2] CHECK (b > 5)", Kind: "refused", Reason: "DATA_CHECK"},
		{Name: "orphan", Setup: family, SQL: key, Kind: "refused", Reason: "DATA_ORPHAN", Hidden: "424242"},
		{Name: "cast", Setup: []string{things[0], things[1], "ALTER TABLE " + table + " DROP CONSTRAINT u"}, SQL: "ALTER TABLE " + table + " ALTER COLUMN a int", Kind: "refused", Reason: "DATA_CAST", Hidden: "secret"},
		{Name: "too long", Setup: []string{things[0], things[1], "ALTER TABLE " + table + " DROP CONSTRAINT u"}, SQL: "ALTER TABLE " + table + " ALTER COLUMN a nvarchar(2)", Kind: "refused", Reason: "DATA_CAST", Hidden: "secret"},
		{Name: "no conversion", Setup: []string{things[0], "ALTER TABLE " + table + " DROP CONSTRAINT u"}, SQL: "ALTER TABLE " + table + " ALTER COLUMN a varbinary(20)", Kind: "unsupported", Reason: "TYPE_NOT_CONVERTIBLE"},
		{Name: "exists", Setup: things, SQL: "CREATE TABLE " + table + " (a int)", Kind: "drift", Reason: "OBJECT_EXISTS"},
		{Name: "column exists", Setup: things, SQL: "ALTER TABLE " + table + " ADD a int", Kind: "drift", Reason: "OBJECT_EXISTS"},
		{Name: "missing", SQL: "DROP TABLE [$(schema)].[nowhere]", Kind: "drift", Reason: "OBJECT_MISSING"},
		{Name: "missing constraint", Setup: things, SQL: "ALTER TABLE " + table + " DROP CONSTRAINT nothing", Kind: "drift", Reason: "OBJECT_MISSING"},
		{Name: "dependent", Setup: things, SQL: "ALTER TABLE " + table + " DROP COLUMN b", Kind: "refused", Reason: "DEPENDENT_OBJECTS"},
		{Name: "cascades meet", Setup: []string{"CREATE TABLE " + table + " (a int CONSTRAINT x PRIMARY KEY, b int)"}, SQL: "ALTER TABLE " + table + " ADD CONSTRAINT y FOREIGN KEY (b) REFERENCES " + table + " (a) ON DELETE CASCADE", Kind: "refused", Reason: "CASCADE_CYCLE"},
		{Name: "statement timeout", SQL: "WAITFOR DELAY '00:00:20'", Kind: "deadline", Reason: "STATEMENT_TIMEOUT"},
		{Name: "syntax", SQL: "CREATE nonsense", Kind: "refused", Reason: "STATEMENT_FAILED"},
	}
}

var _ driver.Connector = (*fakeServer)(nil)

// Ping keeps database/sql from asking the simulation for more than it has.
func (c *fakeConn) Ping(context.Context) error { return nil }
