package mysql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
)

// each runs a test on every server of both flavours.
func each(t *testing.T, test func(t *testing.T, server enginetest.Server, opts ...mysql.Option)) {
	t.Helper()
	t.Parallel()
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		for _, server := range enginetest.MySQL(t) {
			t.Run(server.Name, func(t *testing.T) { t.Parallel(); test(t, server) })
		}
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		for _, server := range enginetest.MariaDB(t) {
			t.Run(server.Name, func(t *testing.T) { t.Parallel(); test(t, server, mysql.WithMariaDB()) })
		}
	})
}

func connect(t testing.TB, raw string, opts ...mysql.Option) (dialect.Session, error) {
	t.Helper()
	target, err := dialect.ParseTarget(raw)
	require.NoError(t, err)
	return mysql.New(opts...).Open(t.Context(), target)
}

func open(t testing.TB, raw string, opts ...mysql.Option) dialect.Session {
	t.Helper()
	s, err := connect(t, raw, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func one(t testing.TB, q dialect.Querier, query string, args ...any) (out string) {
	t.Helper()
	rows, err := q.QueryContext(t.Context(), query, args...)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	require.True(t, rows.Next())
	require.NoError(t, rows.Scan(&out))
	require.NoError(t, rows.Err())
	return out
}

func TestTheDatabaseIsMadeOnlyWhenAsked(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		name, raw := enginetest.UnusedDatabase(t, server)
		s := open(t, raw, opts...)
		found, err := mysql.New(opts...).Inspect(t.Context(), s, []string{"t"})
		require.NoError(t, err)
		assert.Empty(t, found.Tables)
		_, err = s.QueryContext(t.Context(), "SELECT 1 FROM t") //nolint:sqlclosecheck,rowserrcheck // it fails
		assert.Equal(t, "DATABASE_UNKNOWN", mysql.New(opts...).Classify(err).Reason)
		_, err = s.Begin(t.Context(), dialect.TxOptions{})
		assert.Equal(t, "DATABASE_UNKNOWN", fault.ReasonOf(err))
		tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
		require.NoError(t, err)
		assert.Equal(t, name, one(t, tx, "SELECT DATABASE()"))
		assert.Equal(t, "utf8mb4", one(t, tx, "SELECT @@character_set_database"))
		require.NoError(t, tx.Commit(t.Context()))
		assert.Equal(t, name, one(t, open(t, raw, opts...), "SELECT DATABASE()"))
	})
}

// TestAnEmptyDatabaseIsUnmade: what Begin made and nothing came into goes again, and
// nothing else does.
func TestAnEmptyDatabaseIsUnmade(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		begin := func(raw string) (dialect.Session, dialect.Tx) {
			s := open(t, raw, opts...)
			tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
			require.NoError(t, err)
			return s, tx
		}
		exists := func(name string) bool {
			return one(t, enginetest.Connect(t, server.DSN), "SELECT count(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", name) == "1"
		}
		name, raw := enginetest.UnusedDatabase(t, server)
		s, tx := begin(raw)
		assert.True(t, exists(name))
		require.NoError(t, tx.Rollback(t.Context()))
		assert.False(t, exists(name))
		tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
		require.NoError(t, err, "and is made again")
		_, err = tx.ExecContext(t.Context(), "CREATE TABLE t (a int)")
		require.NoError(t, err)
		require.NoError(t, tx.Rollback(t.Context()))
		assert.True(t, exists(name), "somebody's table")
		_, err = s.ExecContext(t.Context(), "DROP TABLE t")
		require.NoError(t, err)
		_, tx = begin(raw)
		require.NoError(t, tx.Rollback(t.Context()))
		assert.True(t, exists(name), "it was there before")

		name, raw = enginetest.UnusedDatabase(t, server)
		_, tx = begin(raw)
		require.NoError(t, tx.Commit(t.Context()))
		require.NoError(t, tx.Rollback(t.Context()))
		assert.True(t, exists(name), "committed")
	})
}

func TestSessionsSpeakOneSQL(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		s := open(t, enginetest.FreshDatabase(t, server), opts...)
		mode := one(t, s, "SELECT @@sql_mode")
		for _, no := range []string{"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "ORACLE"} {
			assert.NotContains(t, mode, no)
		}
		assert.Contains(t, mode, "STRICT_ALL_TABLES")
		assert.Equal(t, "utf8mb4", one(t, s, "SELECT @@character_set_client"))
		assert.Equal(t, `it's "quoted\`, one(t, s, "SELECT ?", `it's "quoted\`))
		_, err := s.ExecContext(t.Context(), "SELECT 1; SELECT 2")
		require.Error(t, err, "one statement at a time")
		_, err = s.ExecContext(t.Context(), "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t")
		require.Error(t, err, "no files")

		wait, innodb := one(t, s, "SELECT @@lock_wait_timeout"), one(t, s, "SELECT @@innodb_lock_wait_timeout")
		tx, err := s.Begin(t.Context(), dialect.TxOptions{LockTimeout: 1234 * time.Millisecond})
		require.NoError(t, err)
		assert.Equal(t, "2", strings.TrimSuffix(one(t, tx, "SELECT @@lock_wait_timeout"), ".000000"))
		assert.Equal(t, "2", one(t, tx, "SELECT @@innodb_lock_wait_timeout"))
		_, err = s.Begin(t.Context(), dialect.TxOptions{})
		assert.Equal(t, fault.Bug, fault.KindOf(err), "one at a time")
		require.NoError(t, tx.Commit(t.Context()))
		assert.Equal(t, fault.Bug, fault.KindOf(tx.Commit(t.Context())))
		assert.Equal(t, wait, one(t, s, "SELECT @@lock_wait_timeout"), "for the execution only")
		assert.Equal(t, innodb, one(t, s, "SELECT @@innodb_lock_wait_timeout"))
	})
}

func TestConnectionFailures(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		edit := func(change func(*url.URL)) string {
			u, err := url.Parse(enginetest.FreshDatabase(t, server))
			require.NoError(t, err)
			change(u)
			return u.String()
		}
		for reason, raw := range map[string]string{
			"DATABASE_AUTH":        edit(func(u *url.URL) { u.User = url.UserPassword("nobody_here", "hunter2") }),
			"DATABASE_UNREACHABLE": edit(func(u *url.URL) { u.Host, u.User = "127.0.0.1:1", url.UserPassword("u", "hunter2") }),
		} {
			_, err := connect(t, raw, opts...)
			require.Error(t, err, reason)
			assert.Equal(t, reason, fault.ReasonOf(err), "%v", err)
			assert.NotContains(t, err.Error(), "hunter2")
		}
		other := []mysql.Option{mysql.WithMariaDB()}
		if len(opts) > 0 {
			other = nil
		}
		_, err := connect(t, edit(func(*url.URL) {}), other...)
		assert.Equal(t, "TARGET_ENGINE", fault.ReasonOf(err), "a flavour must not be taken for the other")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		target, err := dialect.ParseTarget(edit(func(*url.URL) {}))
		require.NoError(t, err)
		_, err = mysql.New(opts...).Open(ctx, target)
		assert.Equal(t, fault.Canceled, fault.KindOf(err))
	})
}

// TestPermissions has a user who may look and not touch.
func TestPermissions(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		raw := enginetest.FreshDatabase(t, server)
		u, err := url.Parse(raw)
		require.NoError(t, err)
		name := strings.TrimPrefix(u.Path, "/")
		user := "u" + name[len(name)-12:]
		admin := enginetest.Connect(t, raw)
		for _, sql := range []string{
			"CREATE TABLE t (a int)", "CREATE USER " + user + "@'%' IDENTIFIED BY 'hunter2'", "GRANT SELECT ON " + name + ".* TO " + user + "@'%'",
		} {
			_, err := admin.ExecContext(t.Context(), sql)
			require.NoError(t, err, sql)
		}
		defer func() {
			_, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP USER "+user+"@'%'")
			assert.NoError(t, err)
		}()
		u.User = url.UserPassword(user, "hunter2")
		s := open(t, u.String(), opts...)
		defer func() { require.NoError(t, s.Close()) }()
		tx, err := s.Begin(t.Context(), dialect.TxOptions{LockTimeout: time.Second})
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), "ALTER TABLE t ADD COLUMN b int")
		assert.Equal(t, "DATABASE_PERMISSION", mysql.New(opts...).Classify(err).Reason)
		require.NoError(t, tx.Rollback(t.Context()))
		u.User, u.Path = url.UserPassword(user, "hunter2"), "/mysql_of_others"
		_, err = connect(t, u.String(), opts...)
		assert.Contains(t, []string{"DATABASE_PERMISSION", "DATABASE_UNKNOWN"}, fault.ReasonOf(err), "%v", err)
	})
}

// TestLocksOfTables: what waits for a table's lock gives up in time.
func TestLocksOfTables(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		raw := enginetest.FreshDatabase(t, server)
		busy := open(t, raw, opts...)
		for _, sql := range []string{"CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)", "START TRANSACTION", "UPDATE t SET a = 2"} {
			_, err := busy.ExecContext(t.Context(), sql)
			require.NoError(t, err)
		}
		tx, err := open(t, raw, opts...).Begin(t.Context(), dialect.TxOptions{LockTimeout: 10 * time.Millisecond})
		require.NoError(t, err)
		for _, sql := range []string{"ALTER TABLE t ADD COLUMN b int", "UPDATE t SET a = 3"} {
			_, err = tx.ExecContext(t.Context(), sql)
			assert.Equal(t, "LOCK_TIMEOUT", mysql.New(opts...).Classify(err).Reason, sql)
		}
		require.NoError(t, tx.Rollback(t.Context()))
	})
}

// TestTheLockEndsWithItsSession: however a session dies, and whatever the server
// does for it just then.
func TestTheLockEndsWithItsSession(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		raw := enginetest.FreshDatabase(t, server)
		other := open(t, raw, opts...)
		free := func(why string) {
			t.Helper()
			next, err := other.Begin(t.Context(), dialect.TxOptions{LockWait: 5 * time.Second})
			require.NoError(t, err, why)
			require.NoError(t, next.Rollback(t.Context()))
		}
		tx, err := open(t, raw, opts...).Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		_, err = other.ExecContext(t.Context(), "KILL CONNECTION "+one(t, tx, "SELECT CONNECTION_ID()"))
		require.NoError(t, err)
		free("killed on the server")
		_, err = tx.ExecContext(t.Context(), "DO 1")
		assert.Equal(t, fault.Unavailable, mysql.New(opts...).Classify(err).Kind, "%v", err)
		require.NoError(t, tx.Rollback(t.Context()))

		// The caller goes away while the server works, which it would not notice.
		tx, err = open(t, raw, opts...).Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err = tx.ExecContext(ctx, endless)
		cancel()
		assert.Equal(t, fault.Deadline, mysql.New(opts...).Classify(err).Kind, "%v", err)
		require.NoError(t, tx.Rollback(ctx))
		assert.Equal(t, "0", one(t, other, "SELECT count(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND COMMAND = 'Query'"))
		free("given up")

		// A session without Rollback.
		s, err := connect(t, raw, opts...)
		require.NoError(t, err)
		tx, err = s.Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err = tx.ExecContext(ctx, endless)
		cancel()
		require.Error(t, err)
		require.NoError(t, s.Close())
		free("closed")
	})
}

// endless is a query of 300 to the fourth rows.
const endless = "SELECT count(*) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b, " +
	"information_schema.COLLATIONS c, information_schema.COLLATIONS d"

func TestAStatementTimeoutLeavesTheSession(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		tx, err := open(t, enginetest.FreshDatabase(t, server), opts...).Begin(t.Context(), dialect.TxOptions{StatementTimeout: 150 * time.Millisecond})
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), endless)
		assert.Equal(t, "STATEMENT_TIMEOUT", fault.ReasonOf(err))
		assert.Equal(t, "1", one(t, tx, "SELECT 1"))
		require.NoError(t, tx.Commit(t.Context()))
	})
}

// TestFaultsAtEveryOperation breaks an execution at each of its operations: what
// ran is there in order, and the lock is free.
// TestATimeoutIsNobodyElses: a statement that ends just as its time does is not said
// to have been killed by somebody, and neither is the one after it.
func TestATimeoutIsNobodyElses(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		s := open(t, enginetest.FreshDatabase(t, server), opts...)
		late := 0
		for i := range 300 {
			tx, err := s.Begin(t.Context(), dialect.TxOptions{StatementTimeout: time.Duration(200+10*i) * time.Microsecond})
			for range 3 {
				if err == nil {
					err = dialect.QueryText(t.Context(), tx, "SELECT BENCHMARK(300, SHA2('a', 512))", func([]sql.NullString) error { return nil })
				}
				if err == nil {
					_, err = tx.ExecContext(t.Context(), "SET @a = 1")
				}
			}
			if err != nil {
				late++
				require.Equal(t, "STATEMENT_TIMEOUT", fault.ReasonOf(mysql.New(opts...).Classify(err)), "%v", err)
			}
			if tx != nil {
				require.NoError(t, tx.Rollback(t.Context()))
			}
		}
		assert.NotZero(t, late)
	})
}

func TestFaultsAtEveryOperation(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		for _, mode := range faultdb.Modes() {
			for plan := range faultdb.Sweep(mode) {
				raw := enginetest.FreshDatabase(t, server)
				done := false
				wrap := mysql.WithWrap(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
				if s, err := connect(t, raw, append(opts[:len(opts):len(opts)], wrap)...); err == nil {
					done = execute(t, s) == nil
					_ = s.Close()
				}
				clean := open(t, raw, opts...)
				tables := one(t, clean, "SELECT coalesce(group_concat(TABLE_NAME ORDER BY TABLE_NAME), '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")
				assert.Contains(t, []string{"", "a", "a,b"}, tables, "%s", plan)
				if done {
					assert.Equal(t, "a,b", tables, "%s", plan)
				}
				tx, err := clean.Begin(t.Context(), dialect.TxOptions{LockWait: 5 * time.Second})
				require.NoError(t, err, "%s: the lock is free", plan)
				require.NoError(t, tx.Rollback(t.Context()))
				require.NoError(t, clean.Close())
			}
		}
	})
}

func execute(t *testing.T, s dialect.Session) error {
	t.Helper()
	tx, err := s.Begin(t.Context(), dialect.TxOptions{LockTimeout: time.Second})
	if err != nil {
		return err
	}
	for _, sql := range []string{"CREATE TABLE a (x int)", "CREATE TABLE b (x int)"} {
		if _, err := tx.ExecContext(t.Context(), sql); err != nil {
			_ = tx.Rollback(t.Context())
			return err
		}
	}
	return tx.Commit(t.Context())
}

// TestDeadlocks has two sessions wait for each other.
func TestDeadlocks(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		raw := enginetest.FreshDatabase(t, server)
		a, b := open(t, raw, opts...), open(t, raw, opts...)
		exec := func(s dialect.Session, sql string) error {
			_, err := s.ExecContext(t.Context(), sql)
			return err
		}
		for _, sql := range []string{"CREATE TABLE t (id int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 0), (2, 0)", "START TRANSACTION", "UPDATE t SET v = 1 WHERE id = 1"} {
			require.NoError(t, exec(a, sql))
		}
		require.NoError(t, exec(b, "START TRANSACTION"))
		require.NoError(t, exec(b, "UPDATE t SET v = 2 WHERE id = 2"))
		got := make(chan error, 1)
		go func() { got <- exec(a, "UPDATE t SET v = 1 WHERE id = 2") }()
		second := exec(b, "UPDATE t SET v = 2 WHERE id = 1")
		_ = exec(b, "ROLLBACK")
		first := <-got
		if first == nil {
			first = second
		}
		require.Error(t, first, "one of the two gives way")
		assert.Equal(t, dialect.ReasonDeadlock, mysql.New(opts...).Classify(first).Reason)
	})
}

// TestManyTablesInspect keeps Inspect to few round trips, whatever it is asked.
func TestManyTablesInspect(t *testing.T) {
	each(t, func(t *testing.T, server enginetest.Server, opts ...mysql.Option) {
		s := open(t, enginetest.FreshDatabase(t, server), opts...)
		var names, lower []string
		for i := range 40 {
			name := fmt.Sprintf("Table_%d", i)
			_, err := s.ExecContext(t.Context(), "CREATE TABLE "+name+" (id int PRIMARY KEY)")
			require.NoError(t, err)
			names, lower = append(names, name), append(lower, strings.ToLower(name))
		}
		found, err := mysql.New(opts...).Inspect(t.Context(), s, names)
		require.NoError(t, err)
		assert.Len(t, found.Tables, 40)
		assert.NotNil(t, found.Table("Table_7"))
		found, err = mysql.New(opts...).Inspect(t.Context(), s, lower)
		require.NoError(t, err)
		if one(t, s, "SELECT @@lower_case_table_names") == "0" {
			assert.Empty(t, found.Tables, "the case of names counts where the server's does")
		} else {
			assert.NotNil(t, found.Table("table_7"))
		}
	})
}
