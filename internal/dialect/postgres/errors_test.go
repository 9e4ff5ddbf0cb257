package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// stage is a tenant for one failure.
type stage struct {
	*testing.T

	url string
}

// run runs statements outside lockstep's sessions.
func (s *stage) run(statements ...string) {
	s.Helper()
	db := enginetest.Connect(s, s.url)
	defer func() { _ = db.Close() }()
	for _, q := range statements {
		_, err := db.ExecContext(context.WithoutCancel(s.Context()), q)
		require.NoError(s, err, q)
	}
}

// execute runs statements as an execution does, and returns what stopped it.
func (s *stage) execute(statements ...string) error {
	s.Helper()
	return executeOn(s.T, open(s, s.url), statements...)
}

func executeOn(t *testing.T, session dialect.Session, statements ...string) error {
	t.Helper()
	tx, err := session.Begin(t.Context(), dialect.TxOptions{LockTimeout: 50 * time.Millisecond, StatementTimeout: 10 * time.Second})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if err := tx.(dialect.Pipeliner).ExecPipeline(t.Context(), statements, func(int) {}); err != nil {
		return err
	}
	return tx.Commit(t.Context())
}

// busy is another session, in the middle of a transaction.
func (s *stage) busy(statements ...string) dialect.Session {
	s.Helper()
	other := open(s, s.url)
	for _, q := range statements {
		_, err := other.ExecContext(s.Context(), q)
		require.NoError(s, err, q)
	}
	return other
}

// role makes a role that may log in, and returns the target as its own.
func (s *stage) role(options string, grants ...string) string {
	s.Helper()
	u, err := url.Parse(s.url)
	require.NoError(s, err)
	role := "role_" + strings.TrimPrefix(u.Path, "/lockstep_test_")
	s.run("CREATE ROLE " + role + " LOGIN " + options)
	for _, g := range grants {
		s.run(strings.ReplaceAll(g, "ROLE", role))
	}
	admin := &stage{T: s.T, url: s.url}
	s.Cleanup(func() { admin.run("DROP OWNED BY "+role, "DROP ROLE "+role) })
	u.User = url.User(role)
	return u.String()
}

// deadlock has two sessions wait for each other, and returns what the victim is
// told.
func (s *stage) deadlock() error {
	s.Helper()
	a := s.busy("BEGIN", "UPDATE t SET a = 1 WHERE a = 1")
	b := s.busy("BEGIN", "UPDATE t SET a = 2 WHERE a = 2")
	first := make(chan error, 1)
	go func() {
		_, err := a.ExecContext(s.Context(), "UPDATE t SET a = 2 WHERE a = 2")
		first <- err
	}()
	_, second := b.ExecContext(s.Context(), "UPDATE t SET a = 1 WHERE a = 1")
	_, _ = b.ExecContext(s.Context(), "ROLLBACK")
	if err := <-first; err != nil {
		return err
	}
	return second
}

type errorCase struct {
	name     string
	setup    []string
	provoke  func(s *stage) error
	kind     fault.Kind
	reason   string
	names    []string // what the detail names
	suggests string
}

func does(statement string) func(*stage) error {
	return func(s *stage) error { return s.execute(statement) }
}

// dataErrors are those for what rows hold.
func dataErrors() []errorCase {
	secrets := []string{"CREATE TABLE t (a text, b integer)", "INSERT INTO t VALUES ('secret', 424242), ('secret', NULL)"}
	return []errorCase{
		{
			name: "duplicates", setup: secrets, provoke: does("CREATE UNIQUE INDEX uni_t ON t (a)"),
			kind: fault.Refused, reason: "DATA_DUPLICATE", names: []string{"table t", "uni_t"}, suggests: "remove the duplicate values",
		},
		{
			name: "nulls", setup: secrets, provoke: does("ALTER TABLE t ALTER b SET NOT NULL"),
			kind: fault.Refused, reason: "DATA_NULL", names: []string{"table t", "column b"}, suggests: "fill the NULL values",
		},
		{
			name: "orphans", setup: append(secrets[:2:2], "CREATE TABLE p (id integer PRIMARY KEY)"),
			provoke: does("ALTER TABLE t ADD CONSTRAINT fk_t FOREIGN KEY (b) REFERENCES p"),
			kind:    fault.Refused, reason: "DATA_ORPHAN", names: []string{"table t", "fk_t"}, suggests: "remove the rows that refer to nothing",
		},
		{
			name: "check", setup: secrets, provoke: does("ALTER TABLE t ADD CONSTRAINT chk_t CHECK (b < 100)"),
			kind: fault.Refused, reason: "DATA_CHECK", names: []string{"table t", "chk_t"}, suggests: "violate the check",
		},
		{
			name: "out of range", setup: secrets, provoke: does("ALTER TABLE t ALTER b TYPE smallint"),
			kind: fault.Refused, reason: "DATA_CAST", names: []string{"out of range"}, suggests: "do not fit the new type",
		},
		{
			name: "too long", setup: secrets, provoke: does("ALTER TABLE t ALTER a TYPE varchar(2)"),
			kind: fault.Refused, reason: "DATA_CAST", names: []string{"character varying(2)"}, suggests: "do not fit the new type",
		},
		{
			name: "no number", setup: secrets, provoke: does("ALTER TABLE t ALTER a TYPE integer USING a::integer"),
			kind: fault.Refused, reason: "DATA_CAST", names: []string{"integer"}, suggests: "do not fit the new type",
		},
		{
			name: "no date", setup: secrets, provoke: does("ALTER TABLE t ALTER a TYPE timestamptz USING a::timestamptz"),
			kind: fault.Refused, reason: "DATA_CAST", names: []string{"timestamp"}, suggests: "do not fit the new type",
		},
		{
			name: "no JSON", setup: secrets, provoke: does("ALTER TABLE t ALTER a TYPE jsonb USING a::jsonb"),
			kind: fault.Refused, reason: "DATA_CAST", names: []string{"json"}, suggests: "do not fit the new type",
		},
		{
			name: "no such conversion", setup: secrets, provoke: does("ALTER TABLE t ALTER b TYPE jsonb"),
			kind: fault.Refused, reason: "TYPE_NOT_CONVERTIBLE", names: []string{`"b"`, "jsonb"}, suggests: "add a new column and move the values",
		},
		{
			name: "too large for an index", setup: []string{"CREATE TABLE t (a text)", "INSERT INTO t SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) i"},
			provoke: does("CREATE INDEX idx_t ON t (a)"),
			kind:    fault.Exhausted, reason: "LIMIT_REACHED", names: []string{"index row"}, suggests: "limits",
		},
	}
}

// objectErrors are those for what the schema holds.
func objectErrors() []errorCase {
	things := []string{"CREATE TABLE t (a text PRIMARY KEY, b integer)", "CREATE INDEX idx_b ON t (b)"}
	return []errorCase{
		{
			name: "table exists", setup: things, provoke: does("CREATE TABLE t (a integer)"),
			kind: fault.Drift, reason: "OBJECT_EXISTS", names: []string{`"t"`}, suggests: "compare it with the last revision",
		},
		{
			name: "column exists", setup: things, provoke: does("ALTER TABLE t ADD COLUMN b integer"),
			kind: fault.Drift, reason: "OBJECT_EXISTS", names: []string{`"b"`, `"t"`}, suggests: "compare it with the last revision",
		},
		{
			name: "index exists", setup: things, provoke: does("CREATE INDEX idx_b ON t (b)"),
			kind: fault.Drift, reason: "OBJECT_EXISTS", names: []string{`"idx_b"`}, suggests: "compare it with the last revision",
		},
		{
			name: "constraint exists", setup: things, provoke: does("ALTER TABLE t ADD CONSTRAINT t_pkey UNIQUE (b)"),
			kind: fault.Drift, reason: "OBJECT_EXISTS", names: []string{`"t_pkey"`}, suggests: "compare it with the last revision",
		},
		{
			name: "table is missing", provoke: does("DROP TABLE nowhere"),
			kind: fault.Drift, reason: "OBJECT_MISSING", names: []string{`"nowhere"`}, suggests: "compare it with the last revision",
		},
		{
			name: "column is missing", setup: things, provoke: does("ALTER TABLE t DROP COLUMN nothing"),
			kind: fault.Drift, reason: "OBJECT_MISSING", names: []string{`"nothing"`, `"t"`}, suggests: "compare it with the last revision",
		},
		{
			name: "type is missing", setup: things, provoke: does("ALTER TABLE t ADD COLUMN g geometry"),
			kind: fault.Drift, reason: "OBJECT_MISSING", names: []string{`"geometry"`}, suggests: "extension",
		},
		{
			name: "view needs a column that goes", setup: append(things[:2:2], "CREATE VIEW v_of_b AS SELECT b FROM t"), provoke: does("ALTER TABLE t DROP COLUMN b"),
			kind: fault.Refused, reason: "DEPENDENT_OBJECTS", names: []string{"column b", "view v_of_b"}, suggests: "drop or change it first",
		},
		{
			name: "view needs a table that goes", setup: append(things[:2:2], "CREATE VIEW v_of_b AS SELECT b FROM t"), provoke: does("DROP TABLE t"),
			kind: fault.Refused, reason: "DEPENDENT_OBJECTS", names: []string{"table t", "view v_of_b"}, suggests: "drop or change it first",
		},
		{
			name: "view needs a column of another type", setup: append(things[:2:2], "CREATE VIEW v_of_b AS SELECT b FROM t"), provoke: does("ALTER TABLE t ALTER b TYPE bigint"),
			kind: fault.Refused, reason: "DEPENDENT_OBJECTS", names: []string{`"b"`, "view v_of_b"}, suggests: "drop or change it first",
		},
		{
			name: "trigger needs a column of another type",
			setup: append(things[:2:2], "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
				"CREATE TRIGGER trg_b BEFORE UPDATE OF b ON t FOR EACH ROW EXECUTE FUNCTION f()"),
			provoke: does("ALTER TABLE t ALTER b TYPE bigint"),
			kind:    fault.Refused, reason: "DEPENDENT_OBJECTS", names: []string{"trg_b"}, suggests: "drop or change it first",
		},
		{
			name: "foreign key to what is no key", setup: append(things[:2:2], "CREATE TABLE c (b integer)"),
			provoke: does("ALTER TABLE c ADD CONSTRAINT fk_c FOREIGN KEY (b) REFERENCES t (b)"),
			kind:    fault.Refused, reason: "FOREIGN_KEY_TYPES", names: []string{`"t"`}, suggests: "unique key",
		},
	}
}

// serverErrors are those for how the server is, or who asks.
func serverErrors() []errorCase {
	things := []string{"CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1), (2)"}
	return []errorCase{
		{
			name: "lock timeout", setup: things, kind: fault.Conflict, reason: "LOCK_TIMEOUT", suggests: "longer lock timeout",
			provoke: func(s *stage) error {
				s.busy("BEGIN", "SELECT * FROM t")
				return s.execute("ALTER TABLE t ADD COLUMN b integer")
			},
		},
		{
			name: "deadlock", setup: things, kind: fault.Conflict, reason: "DEADLOCK", suggests: "try again",
			provoke: func(s *stage) error { return s.deadlock() },
		},
		{
			name: "statement timeout", kind: fault.Deadline, reason: "STATEMENT_TIMEOUT", suggests: "longer statement timeout",
			provoke: func(s *stage) error { return s.execute("SET LOCAL statement_timeout = 20", "SELECT pg_sleep(20)") },
		},
		{
			name: "table that is in use by its own transaction", kind: fault.Conflict, reason: "OBJECT_IN_USE", names: []string{`"c"`},
			setup: []string{"CREATE TABLE p (id integer PRIMARY KEY)", "CREATE TABLE c (p integer REFERENCES p DEFERRABLE INITIALLY DEFERRED)", "INSERT INTO p VALUES (1)"},
			provoke: func(s *stage) error {
				return s.execute("INSERT INTO c VALUES (1)", "ALTER TABLE c ADD COLUMN x integer")
			},
			suggests: "try again",
		},
		{
			name: "somebody else's table", setup: things, kind: fault.Denied, reason: "DATABASE_PERMISSION", names: []string{"t"}, suggests: "own the tables",
			provoke: func(s *stage) error {
				s.url = s.role("", "GRANT CREATE, USAGE ON SCHEMA public TO ROLE")
				return s.execute("ALTER TABLE t ADD COLUMN b integer")
			},
		},
		{
			name: "no right to create", kind: fault.Denied, reason: "DATABASE_PERMISSION", names: []string{"public"}, suggests: "CREATE on the schema",
			provoke: func(s *stage) error {
				s.url = s.role("", "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO ROLE")
				return s.execute("CREATE TABLE x (a integer)")
			},
		},
		{
			name: "too many connections", kind: fault.Exhausted, reason: "TOO_MANY_CONNECTIONS", suggests: "fewer sessions",
			provoke: func(s *stage) error {
				s.url = s.role("CONNECTION LIMIT 1")
				open(s, s.url)
				target, err := dialect.ParseTarget(s.url)
				require.NoError(s, err)
				_, err = postgres.New().Open(s.Context(), target)
				return err
			},
		},
		{
			name: "read-only replica", kind: fault.Unavailable, reason: "DATABASE_READ_ONLY", names: []string{"CREATE TABLE"}, suggests: "primary",
			provoke: func(s *stage) error {
				return executeOn(s.T, s.busy("SET default_transaction_read_only = on"), "CREATE TABLE x (a integer)")
			},
		},
		{
			name: "session that is ended", kind: fault.Unavailable, reason: "DATABASE_SHUTDOWN", suggests: "try again",
			provoke: func(s *stage) error {
				victim := s.busy()
				s.run("SELECT pg_terminate_backend(" + one(s, victim, "SELECT pg_backend_pid()::text") + ")")
				_, err := victim.ExecContext(s.Context(), "SELECT 1")
				return err
			},
		},
		{
			name: "idle in a transaction", kind: fault.Unavailable, reason: "CONNECTION_LOST", suggests: "try again",
			provoke: func(s *stage) error {
				idle := s.busy("BEGIN", "SET LOCAL idle_in_transaction_session_timeout = 20")
				time.Sleep(300 * time.Millisecond)
				_, err := idle.ExecContext(s.Context(), "SELECT 1")
				return err
			},
		},
		{
			name: "syntax", provoke: does("CREATE nonsense"), kind: fault.Refused, reason: "STATEMENT_FAILED", suggests: "read the server's message",
		},
	}
}

// TestErrors provokes what PostgreSQL says in migrations: each has its cause by
// SQLSTATE, a detail that names what it is about, and a suggestion that fits.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		for _, list := range [][]errorCase{dataErrors(), objectErrors(), serverErrors()} {
			for _, c := range list {
				t.Run(server.Name+"/"+c.name, func(t *testing.T) {
					t.Parallel()
					s := &stage{T: t, url: enginetest.FreshDatabase(t, server)}
					s.run(c.setup...)
					err := c.provoke(s)
					require.Error(t, err)
					c.holds(t, err)
				})
			}
		}
	}
}

func (c *errorCase) holds(t *testing.T, err error) {
	t.Helper()
	f := postgres.New().Classify(err)
	assert.Equal(t, c.kind, f.Kind, "%v", f)
	assert.Equal(t, c.reason, f.Reason, "%v", f)
	for _, name := range c.names {
		assert.Contains(t, f.Detail, name)
	}
	assert.NotEmpty(t, f.Suggestion)
	assert.Contains(t, f.Suggestion, c.suggests)
	assert.NotContains(t, f.Error(), "secret", "no value of a row")
	assert.NotContains(t, f.Error(), "424242", "no value of a row")
}

// TestErrorsByCode holds what no test can provoke on a server that others use: a
// full disk, no memory, a server that starts, stops or breaks.
func TestErrorsByCode(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]errorCase{
		"53100": {kind: fault.Exhausted, reason: "DISK_FULL", suggests: "free disk space"},
		"53200": {kind: fault.Exhausted, reason: "LIMIT_REACHED", suggests: "limits"},
		"53400": {kind: fault.Exhausted, reason: "LIMIT_REACHED", suggests: "limits"},
		"55P03": {kind: fault.Conflict, reason: "LOCK_TIMEOUT", suggests: "lock timeout"},
		"40001": {kind: fault.Conflict, reason: "SERIALIZATION", suggests: "try again"},
		"57P02": {kind: fault.Unavailable, reason: "DATABASE_SHUTDOWN", suggests: "try again"},
		"57P03": {kind: fault.Unavailable, reason: "DATABASE_SHUTDOWN", suggests: "try again"},
		"57P04": {kind: fault.NotFound, reason: "DATABASE_UNKNOWN", suggests: "create the database"},
		"57P05": {kind: fault.Unavailable, reason: "CONNECTION_LOST", suggests: "try again"},
		"58030": {kind: fault.Unavailable, reason: "SERVER_FAILURE", suggests: "server's log"},
		"XX001": {kind: fault.Unavailable, reason: "SERVER_FAILURE", suggests: "server's log"},
		"08006": {kind: fault.Unavailable, reason: "CONNECTION_LOST", suggests: "try again"},
		"0A000": {kind: fault.Unsupported, reason: "NOT_SUPPORTED", suggests: "cannot do it"},
	} {
		c.holds(t, fmt.Errorf("query: %w", &pgconn.PgError{Code: code, Message: "the server's words", Detail: "Key (a)=(secret) exists."}))
	}
}
