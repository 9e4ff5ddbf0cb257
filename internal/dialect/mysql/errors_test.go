package mysql_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// stage is a tenant for one failure.
type stage struct {
	*testing.T

	url  string
	opts []mysql.Option
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
	tx, err := open(s, s.url, s.opts...).Begin(s.Context(), dialect.TxOptions{LockTimeout: 10 * time.Millisecond, StatementTimeout: 20 * time.Second})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) }()
	for _, q := range statements {
		if _, err := tx.ExecContext(s.Context(), q); err != nil {
			return err
		}
	}
	return nil
}

// busy is another session, in the middle of a transaction.
func (s *stage) busy(statements ...string) dialect.Session {
	s.Helper()
	other := open(s, s.url, s.opts...)
	for _, q := range statements {
		_, err := other.ExecContext(s.Context(), q)
		require.NoError(s, err, q)
	}
	return other
}

// user makes a user, and returns the target as its own. In grants, DB and USER
// stand for the database and for the user.
func (s *stage) user(options string, grants ...string) string {
	s.Helper()
	u, err := url.Parse(s.url)
	require.NoError(s, err)
	name := strings.TrimPrefix(u.Path, "/")
	user := "e" + name[len(name)-12:]
	for _, g := range append([]string{"CREATE USER USER IDENTIFIED BY 'hunter2' " + options}, grants...) {
		g = strings.Replace(g, "CREATE USER USER", "CREATE USER "+user+"@'%'", 1)
		s.run(strings.NewReplacer("DB", name, "TO USER", "TO "+user+"@'%'").Replace(g))
	}
	admin := &stage{T: s.T, url: s.url}
	s.Cleanup(func() { admin.run("DROP USER " + user + "@'%'") })
	u.User = url.UserPassword(user, "hunter2")
	return u.String()
}

type errorCase struct {
	name     string
	setup    []string
	provoke  func(s *stage) error
	kind     fault.Kind
	reason   string
	names    []string // what the detail names
	suggests string
	lacking  dialect.Engine // that does not fail so
}

func does(statements ...string) func(*stage) error {
	return func(s *stage) error { return s.execute(statements...) }
}

// dataErrors are those for what rows hold. The servers seldom name the table; the
// statement's summary, which an execution puts in front, does.
func dataErrors() []errorCase {
	secrets := []string{"CREATE TABLE t (a varchar(20), b int)", "INSERT INTO t VALUES ('secret', 424242), ('secret', NULL)"}
	cast := func(name, statement string, names ...string) errorCase {
		return errorCase{
			name: name, setup: secrets, provoke: does(statement),
			kind: fault.Refused, reason: "DATA_CAST", names: names, suggests: "do not fit the new type",
		}
	}
	return []errorCase{
		{
			name: "duplicates", setup: secrets, provoke: does("CREATE UNIQUE INDEX uni_t ON t (a)"),
			kind: fault.Refused, reason: "DATA_DUPLICATE", names: []string{"uni_t"}, suggests: "remove the duplicate values",
		},
		{
			name: "nulls", setup: secrets, // by the question that Render puts in front: MariaDB would speak of truncated data
			provoke: does("SET @lockstep_check = (SELECT n FROM (SELECT 1 AS n UNION ALL SELECT 2) AS two WHERE EXISTS (SELECT 1 FROM t WHERE b IS NULL))",
				"ALTER TABLE t MODIFY b int NOT NULL"),
			kind: fault.Refused, reason: "DATA_NULL", suggests: "fill the NULL values",
		},
		{
			name: "orphans", setup: append(secrets[:2:2], "CREATE TABLE p (id int PRIMARY KEY)"),
			provoke: does("ALTER TABLE t ADD CONSTRAINT fk_t FOREIGN KEY (b) REFERENCES p (id)"),
			kind:    fault.Refused, reason: "DATA_ORPHAN", names: []string{"fk_t"}, suggests: "remove the rows that refer to nothing",
		},
		{
			name: "check", setup: secrets, provoke: does("ALTER TABLE t ADD CONSTRAINT chk_t CHECK (b < 100)"),
			kind: fault.Refused, reason: "DATA_CHECK", names: []string{"chk_t"}, suggests: "violate the check",
		},
		cast("out of range", "ALTER TABLE t MODIFY b smallint", "'b'"),
		cast("too long", "ALTER TABLE t MODIFY a varchar(2)", "'a'"),
		cast("no number", "ALTER TABLE t MODIFY a int", "a"),
		cast("no date", "ALTER TABLE t MODIFY a datetime(3)", "a value does not fit"),
		{
			name: "no JSON", setup: secrets, provoke: does("ALTER TABLE t MODIFY a json"), kind: fault.Refused,
			reason: "DATA_CAST or DATA_CHECK", suggests: "", // MariaDB's JSON is a text with a check
		},
		{
			name: "too large for an index", setup: []string{"CREATE TABLE t (a varchar(2000) CHARACTER SET utf8mb4)"},
			provoke: does("ALTER TABLE t ADD PRIMARY KEY (a)"),
			kind:    fault.Exhausted, reason: "LIMIT_REACHED", names: []string{"3072"}, suggests: "limits",
		},
		{
			name: "index of a text without a length", setup: []string{"CREATE TABLE t (a longtext)"}, provoke: does("ALTER TABLE t ADD PRIMARY KEY (a)"),
			kind: fault.Unsupported, reason: "NOT_SUPPORTED", suggests: "cannot",
		},
	}
}

// objectErrors are those for what the schema holds. Views depend on nothing here:
// both servers let what they need go, and fail the next query of the view.
func objectErrors() []errorCase {
	things := []string{"CREATE TABLE t (a varchar(20) PRIMARY KEY, b int, KEY idx_b (b))"}
	family := append(things[:1:1], "CREATE TABLE c (p varchar(20), q int, KEY idx_p (p), CONSTRAINT fk_c FOREIGN KEY (p) REFERENCES t (a))")
	exists := func(name, statement, object string) errorCase {
		return errorCase{
			name: name, setup: things, provoke: does(statement),
			kind: fault.Drift, reason: "OBJECT_EXISTS", names: []string{"'" + object + "'"}, suggests: "compare it with the last revision",
		}
	}
	gone := func(name, statement, object string) errorCase {
		return errorCase{
			name: name, setup: things, provoke: does(statement),
			kind: fault.Drift, reason: "OBJECT_MISSING", names: []string{object}, suggests: "compare it with the last revision",
		}
	}
	needed := func(name, statement string, objects ...string) errorCase {
		return errorCase{
			name: name, setup: family, provoke: does(statement),
			kind: fault.Refused, reason: "DEPENDENT_OBJECTS", names: objects, suggests: "drop or change it first",
		}
	}
	return []errorCase{
		exists("table exists", "CREATE TABLE t (a int)", "t"),
		exists("column exists", "ALTER TABLE t ADD COLUMN b int", "b"),
		exists("index exists", "CREATE INDEX idx_b ON t (b)", "idx_b"),
		gone("table is missing", "DROP TABLE nowhere", "nowhere"),
		gone("column is missing", "ALTER TABLE t MODIFY nothing int", "'nothing'"),
		gone("index is missing", "DROP INDEX nothing ON t", "nothing"),
		{
			name: "foreign key needs a table that goes", setup: family, provoke: does("DROP TABLE t"), // MariaDB has one number for this and for a row that goes
			kind: fault.Refused, reason: "DEPENDENT_OBJECTS or DATA_ORPHAN", suggests: "first",
		},
		needed("foreign key needs an index that goes", "DROP INDEX idx_p ON c", "'idx_p'"),
		needed("foreign key needs a column that goes", "ALTER TABLE c DROP COLUMN p", "p'"),
		{
			name: "foreign key needs a column's type", setup: family, provoke: does("ALTER TABLE c MODIFY p int"),
			kind: fault.Refused, reason: "FOREIGN_KEY_TYPES", names: []string{"'p'", "fk_c"}, suggests: "one type",
		},
		{
			name: "foreign key to what is no key", setup: append(things[:1:1], "CREATE TABLE d (p bigint)"),
			provoke: does("ALTER TABLE d ADD CONSTRAINT fk_d FOREIGN KEY (p) REFERENCES t (b)"),
			kind:    fault.Refused, reason: "FOREIGN_KEY_TYPES", suggests: "unique key",
		},
		{
			name: "generated column needs a column that goes", setup: []string{"CREATE TABLE t (a int, b int, c int AS (a + 1))"},
			provoke: does("ALTER TABLE t DROP COLUMN a"),
			kind:    fault.Refused, reason: "DEPENDENT_OBJECTS or OBJECT_MISSING", names: []string{"a"}, suggests: "", // MariaDB: unknown column
		},
		{
			name: "check needs a column that goes", setup: []string{"CREATE TABLE t (a int, b int, CONSTRAINT chk CHECK (a < b))"},
			provoke: does("ALTER TABLE t DROP COLUMN a"),
			kind:    fault.Refused, reason: "DEPENDENT_OBJECTS or OBJECT_MISSING", names: []string{"a"}, suggests: "",
		},
	}
}

// serverErrors are those for how the server is, or who asks.
func serverErrors() []errorCase {
	things := []string{"CREATE TABLE t (a int)", "INSERT INTO t VALUES (1), (2)"}
	return []errorCase{
		{
			name: "lock timeout of a table", setup: things, kind: fault.Conflict, reason: "LOCK_TIMEOUT", suggests: "longer lock timeout",
			provoke: func(s *stage) error {
				s.busy("START TRANSACTION", "SELECT * FROM t")
				return s.execute("ALTER TABLE t ADD COLUMN b int")
			},
		},
		{
			name: "lock timeout of a row", setup: things, kind: fault.Conflict, reason: "LOCK_TIMEOUT", suggests: "longer lock timeout",
			provoke: func(s *stage) error {
				s.busy("START TRANSACTION", "UPDATE t SET a = 3")
				return s.execute("UPDATE t SET a = 4")
			},
		},
		// A deadlock is provoked by TestDeadlocks, a statement's time by
		// TestAStatementTimeoutLeavesTheSession.
		{
			name: "no right to alter", setup: things, kind: fault.Denied, reason: "DATABASE_PERMISSION", names: []string{"ALTER command denied"}, suggests: "CREATE, ALTER, DROP",
			provoke: func(s *stage) error {
				s.url = s.user("", "GRANT SELECT ON DB.* TO USER")
				return s.execute("ALTER TABLE t ADD COLUMN b int")
			},
		},
		{
			name: "no right to refer", lacking: dialect.MariaDB, // does not ask for it
			setup: []string{"CREATE TABLE p (id int PRIMARY KEY)", "CREATE TABLE c (p int)"},
			kind:  fault.Denied, reason: "DATABASE_PERMISSION", names: []string{"REFERENCES"}, suggests: "REFERENCES",
			provoke: func(s *stage) error {
				s.url = s.user("", "GRANT SELECT, ALTER, CREATE, INDEX, INSERT ON DB.* TO USER")
				return s.execute("ALTER TABLE c ADD CONSTRAINT fk_c FOREIGN KEY (p) REFERENCES p (id)")
			},
		},
		{
			name: "too many connections", kind: fault.Exhausted, reason: "TOO_MANY_CONNECTIONS", suggests: "fewer sessions",
			provoke: func(s *stage) error {
				s.url = s.user("WITH MAX_USER_CONNECTIONS 1", "GRANT SELECT ON DB.* TO USER")
				open(s, s.url, s.opts...)
				_, err := connect(s, s.url, s.opts...)
				return err
			},
		},
		{
			name: "read only", kind: fault.Unavailable, reason: "DATABASE_READ_ONLY", names: []string{"READ ONLY"}, suggests: "primary",
			provoke: does("SET SESSION TRANSACTION READ ONLY", "CREATE TABLE x (a int)"),
		},
		{
			name: "table full", kind: fault.Exhausted, reason: "DISK_FULL", names: []string{"'m'"}, suggests: "free disk space",
			provoke: does("SET SESSION max_heap_table_size = 16384", "CREATE TABLE m (a char(255)) ENGINE = MEMORY",
				"INSERT INTO m SELECT 'x' FROM information_schema.COLLATIONS, information_schema.ENGINES"),
		},
		{
			name: "statement larger than a packet", kind: fault.Exhausted, reason: "LIMIT_REACHED", suggests: "max_allowed_packet",
			provoke: func(s *stage) error { return s.execute("DO '" + strings.Repeat("x", 70<<20) + "'") },
		},
		{
			name: "session that is killed", kind: fault.Unavailable, reason: "CONNECTION_LOST", suggests: "try again",
			provoke: func(s *stage) error {
				victim := s.busy()
				s.run("KILL CONNECTION " + one(s, victim, "SELECT CONNECTION_ID()"))
				_, err := victim.ExecContext(s.Context(), "DO 1")
				return err
			},
		},
		{
			name: "syntax", provoke: does("CREATE nonsense 'secret'"), kind: fault.Refused, reason: "STATEMENT_FAILED", suggests: "read the server's message",
		},
	}
}

// TestErrors provokes what MySQL and MariaDB say in migrations: each has its cause
// by number, a detail that names what it is about, and a suggestion that fits.
func TestErrors(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		for _, list := range [][]errorCase{dataErrors(), objectErrors(), serverErrors()} {
			for _, c := range list {
				if c.lacking == mysql.New(opts...).Engine() {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					s := &stage{T: t, url: enginetest.FreshDatabase(t, server), opts: opts}
					s.run(c.setup...)
					err := c.provoke(s)
					require.Error(t, err)
					c.holds(t, err)
				})
			}
		}
	})
}

func (c *errorCase) holds(t *testing.T, err error) {
	t.Helper()
	f := mysql.New().Classify(err)
	if before, after, either := strings.Cut(c.reason, " or "); either {
		assert.Contains(t, []string{before, after}, f.Reason, "%v", f)
	} else {
		assert.Equal(t, c.kind, f.Kind, "%v", f)
		assert.Equal(t, c.reason, f.Reason, "%v", f)
	}
	for _, name := range c.names {
		assert.Contains(t, f.Detail, name)
	}
	assert.NotEmpty(t, f.Suggestion)
	assert.Contains(t, f.Suggestion, c.suggests)
	for _, hidden := range []string{"secret", "424242", "hunter2"} {
		assert.NotContains(t, f.Error(), hidden)
	}
}

// TestErrorsByNumber holds what no test can provoke on a server that others use: a
// full disk, a replica, a server that stops or breaks.
func TestErrorsByNumber(t *testing.T) {
	t.Parallel()
	for number, c := range map[uint16]errorCase{
		3:    {kind: fault.Exhausted, reason: "DISK_FULL", suggests: "free disk space"},
		20:   {kind: fault.Exhausted, reason: "DISK_FULL", suggests: "free disk space"},
		1021: {kind: fault.Exhausted, reason: "DISK_FULL", suggests: "free disk space"},
		1026: {kind: fault.Exhausted, reason: "DISK_FULL", suggests: "free disk space"},
		1878: {kind: fault.Exhausted, reason: "DISK_FULL", suggests: "free disk space"},
		1040: {kind: fault.Exhausted, reason: "TOO_MANY_CONNECTIONS", suggests: "max_connections"},
		1203: {kind: fault.Exhausted, reason: "TOO_MANY_CONNECTIONS", suggests: "limit of the user"},
		1461: {kind: fault.Exhausted, reason: "LIMIT_REACHED", suggests: "limits"},
		1290: {kind: fault.Unavailable, reason: "DATABASE_READ_ONLY", suggests: "primary"},
		1836: {kind: fault.Unavailable, reason: "DATABASE_READ_ONLY", suggests: "primary"},
		3989: {kind: fault.Unavailable, reason: "DATABASE_READ_ONLY", suggests: "primary"},
		1213: {kind: fault.Conflict, reason: "DEADLOCK", suggests: "try again"},
		3572: {kind: fault.Conflict, reason: "LOCK_TIMEOUT", suggests: "lock timeout"},
		3024: {kind: fault.Deadline, reason: "STATEMENT_TIMEOUT", suggests: "statement timeout"},
		1969: {kind: fault.Deadline, reason: "STATEMENT_TIMEOUT", suggests: "statement timeout"},
		1053: {kind: fault.Unavailable, reason: "DATABASE_SHUTDOWN", suggests: "try again"},
		1030: {kind: fault.Unavailable, reason: "SERVER_FAILURE", suggests: "server's log"},
		1045: {kind: fault.Denied, reason: "DATABASE_AUTH", suggests: "user and password"},
		1049: {kind: fault.NotFound, reason: "DATABASE_UNKNOWN", suggests: "create the database"},
	} {
		c.holds(t, fmt.Errorf("query: %w", &driver.MySQLError{Number: number, Message: "the server's words"}))
	}
}
