package sqlite_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// stage is a tenant for one failure.
type stage struct {
	*testing.T

	url string
}

// execute runs statements as an execution does, and returns what stopped it.
func (s *stage) execute(statements ...string) error {
	s.Helper()
	tx, err := open(s.T, s.url).Begin(s.Context(), dialect.TxOptions{LockWait: 20 * time.Millisecond, LockTimeout: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) }()
	for _, q := range statements {
		if _, err := tx.ExecContext(s.Context(), q); err != nil {
			return err
		}
	}
	return tx.Commit(s.Context())
}

// busy is another connection, in the middle of a transaction.
func (s *stage) busy(statements ...string) {
	s.Helper()
	db := enginetest.Connect(s, s.url)
	db.SetMaxOpenConns(1)
	for _, q := range statements {
		_, err := db.ExecContext(s.Context(), q)
		require.NoError(s, err, q)
	}
}

// raw runs a statement on a connection with settings that lockstep does not give.
func (s *stage) raw(query, statement string) error {
	s.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(s.url, "sqlite:")+"?"+query)
	require.NoError(s, err)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(s.Context(), statement)
	return err
}

// TestErrors provokes what SQLite says in migrations: each has its cause by code,
// a detail that names what it is about, and a suggestion that fits. SQLite knows
// no users and has no limit of connections; it has one lock, so nothing deadlocks.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		setup    []string
		provoke  func(s *stage) error
		kind     fault.Kind
		reason   string
		names    string // what the detail names
		suggests string
	}{
		{
			name: "lock of the tenant", kind: fault.Conflict, reason: "TENANT_LOCKED", names: "tenant.db", suggests: "longer wait",
			provoke: func(s *stage) error { s.busy("BEGIN IMMEDIATE"); return s.execute() },
		},
		{
			name: "lock timeout at the commit", kind: fault.Conflict, reason: "LOCK_TIMEOUT", suggests: "longer lock timeout",
			setup: []string{"CREATE TABLE t (a)", "INSERT INTO t VALUES (1)"},
			provoke: func(s *stage) error {
				s.busy("CREATE TEMP TABLE seen (a)", "BEGIN", "INSERT INTO temp.seen SELECT a FROM t")
				return s.execute("ALTER TABLE t ADD COLUMN b")
			},
		},
		{
			name: "duplicates", kind: fault.Refused, reason: "DATA_DUPLICATE", names: "t.a", suggests: "remove the duplicate values",
			setup:   []string{"CREATE TABLE t (a)", "INSERT INTO t VALUES ('secret'), ('secret')"},
			provoke: func(s *stage) error { return s.execute("CREATE UNIQUE INDEX u ON t (a)") },
		},
		{
			name: "nulls", kind: fault.Refused, reason: "DATA_NULL", names: "t2.a", suggests: "fill the NULL values",
			setup: []string{"CREATE TABLE t (a)", "INSERT INTO t VALUES (NULL)"},
			provoke: func(s *stage) error {
				return s.execute("CREATE TABLE t2 (a NOT NULL)", "INSERT INTO t2 SELECT a FROM t")
			},
		},
		{
			name: "orphans", kind: fault.Refused, reason: "DATA_ORPHAN", names: "c", suggests: "remove the rows that refer to nothing",
			setup: []string{"CREATE TABLE p (id integer PRIMARY KEY)"},
			provoke: func(s *stage) error {
				return s.execute("CREATE TABLE c (p REFERENCES p)", "INSERT INTO c VALUES (424242)")
			},
		},
		{
			name: "check", kind: fault.Refused, reason: "DATA_CHECK", names: "positive", suggests: "violate the check",
			provoke: func(s *stage) error {
				return s.execute("CREATE TABLE t (a CONSTRAINT positive CHECK (a > 0))", "INSERT INTO t VALUES (-424242)")
			},
		},
		{
			name: "type", kind: fault.Refused, reason: "DATA_CAST", names: "t.a", suggests: "do not fit the new type",
			provoke: func(s *stage) error {
				return s.execute("CREATE TABLE t (a integer) STRICT", "INSERT INTO t VALUES ('secret')")
			},
		},
		{
			name: "row id", kind: fault.Refused, reason: "DATA_CAST", suggests: "do not fit the new type",
			provoke: func(s *stage) error {
				return s.execute("CREATE TABLE t (a integer PRIMARY KEY)", "INSERT INTO t VALUES ('secret')")
			},
		},
		{
			name: "file that may not be written", kind: fault.Unavailable, reason: "DATABASE_READ_ONLY", suggests: "writable",
			setup:   []string{"CREATE TABLE t (a)"},
			provoke: func(s *stage) error { return s.raw("mode=ro", "ALTER TABLE t ADD COLUMN b") },
		},
		{
			name: "directory that is not there", kind: fault.NotFound, reason: "DATABASE_UNKNOWN", names: "tenant.db", suggests: "create the directory",
			provoke: func(s *stage) error {
				s.url = strings.Replace(s.url, "tenant.db", "nowhere/tenant.db", 1)
				return s.execute()
			},
		},
		{
			name: "disk full", kind: fault.Exhausted, reason: "DISK_FULL", suggests: "free disk space",
			setup: []string{"CREATE TABLE t (a)"},
			provoke: func(s *stage) error {
				return s.raw("_pragma=max_page_count(3)", "INSERT INTO t VALUES (zeroblob(100000))")
			},
		},
		{
			name: "too big", kind: fault.Exhausted, reason: "LIMIT_REACHED",
			provoke: func(s *stage) error { return s.execute("SELECT zeroblob(2147483647)") },
		},
		{
			name: "damaged", kind: fault.Corrupt, reason: "DATABASE_CORRUPT", suggests: "restore it from a backup",
			setup: []string{"CREATE TABLE t (a)", "PRAGMA writable_schema=ON", "UPDATE sqlite_master SET rootpage = 999"},
			provoke: func(s *stage) error {
				return s.raw("mode=rw", "SELECT * FROM t")
			},
		},
		{
			name: "table exists", kind: fault.Drift, reason: "OBJECT_EXISTS", names: "table T", suggests: "compare it with the last revision",
			setup: []string{"CREATE TABLE t (a)"}, provoke: func(s *stage) error { return s.execute(`CREATE TABLE "T" (a)`) },
		},
		{
			name: "index exists", kind: fault.Drift, reason: "OBJECT_EXISTS", names: "index i", suggests: "compare it with the last revision",
			setup: []string{"CREATE TABLE t (a)", "CREATE INDEX i ON t (a)"}, provoke: func(s *stage) error { return s.execute("CREATE UNIQUE INDEX `i` ON `t` (`a`)") },
		},
		{
			name: "view has the name", kind: fault.Drift, reason: "OBJECT_EXISTS", names: "view v",
			setup: []string{"CREATE TABLE t (a)", "CREATE VIEW v AS SELECT 1"}, provoke: func(s *stage) error { return s.execute("ALTER TABLE t RENAME TO v") },
		},
		{
			name: "column exists", kind: fault.Drift, reason: "OBJECT_EXISTS", names: "t.b", suggests: "compare it with the last revision",
			setup: []string{"CREATE TABLE t (a, b)"}, provoke: func(s *stage) error { return s.execute("ALTER TABLE t ADD COLUMN b") },
		},
		{
			name: "table is missing", kind: fault.Drift, reason: "OBJECT_MISSING", names: "nowhere", suggests: "compare it with the last revision",
			provoke: func(s *stage) error { return s.execute("DROP TABLE nowhere") },
		},
		{
			name: "table of an index is missing", kind: fault.Drift, reason: "OBJECT_MISSING", names: "nowhere",
			provoke: func(s *stage) error { return s.execute("CREATE INDEX i ON nowhere (a)") },
		},
		{
			name: "table to rename is missing", kind: fault.Drift, reason: "OBJECT_MISSING", names: "nowhere",
			provoke: func(s *stage) error { return s.execute("ALTER TABLE nowhere RENAME TO there") },
		},
		{
			name: "column is missing", kind: fault.Drift, reason: "OBJECT_MISSING", names: "t.b",
			setup: []string{"CREATE TABLE t (a)"}, provoke: func(s *stage) error { return s.execute("ALTER TABLE t RENAME COLUMN b TO c") },
		},
		{
			name: "nothing to know", kind: fault.Refused, reason: "STATEMENT_FAILED", suggests: "read the engine's message",
			setup: []string{"CREATE TABLE t (a)"}, provoke: func(s *stage) error { return s.execute("ALTER TABLE t nonsense") },
		},
		{
			name: "view needs it", kind: fault.Refused, reason: "DEPENDENT_OBJECTS", names: "v_of_t", suggests: "change the views",
			setup:   []string{"CREATE TABLE t (a)", "CREATE VIEW v_of_t AS SELECT a FROM t"},
			provoke: func(s *stage) error { return s.execute("DROP TABLE t") },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &stage{T: t, url: enginetest.SQLite(t)}
			exec(t, s.url, append([]string{"PRAGMA user_version=1"}, c.setup...)...)
			err := c.provoke(s)
			require.Error(t, err)
			f := sqlite.New().Classify(err)
			assert.Equal(t, c.kind, f.Kind, "%v", f)
			assert.Equal(t, c.reason, f.Reason, "%v", f)
			assert.Contains(t, f.Detail, c.names)
			assert.NotEmpty(t, f.Suggestion)
			assert.Contains(t, f.Suggestion, c.suggests)
			assert.NotContains(t, f.Error(), "secret", "no value of a row")
			assert.NotContains(t, f.Error(), "424242", "no value of a row")
		})
	}
}
