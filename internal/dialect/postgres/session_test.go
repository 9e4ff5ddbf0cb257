package postgres_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
)

func open(t testing.TB, raw string) dialect.Session {
	t.Helper()
	target, err := dialect.ParseTarget(raw)
	require.NoError(t, err)
	s, err := postgres.New().Open(t.Context(), target)
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

func TestSessionSeesItsSchemaAlone(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		name, raw := enginetest.UnusedSchema(t, server)
		s := open(t, raw)
		assert.Equal(t, `"`+name+`"`, one(t, s, "SHOW search_path")[:len(name)+2])
		assert.Equal(t, "lockstep", one(t, s, "SHOW application_name"))
		assert.Equal(t, "off", one(t, s, "SHOW jit"))
		assert.GreaterOrEqual(t, s.Version().Major, 12)
		tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true, LockTimeout: 1234 * time.Millisecond, StatementTimeout: 5 * time.Second})
		require.NoError(t, err)
		assert.Equal(t, name, one(t, tx, "SELECT current_schema()"))
		assert.Equal(t, "1234ms", one(t, tx, "SHOW lock_timeout"))
		assert.Equal(t, "5s", one(t, tx, "SHOW statement_timeout"))
		require.NoError(t, tx.Commit(t.Context()))
		assert.Equal(t, "0", one(t, s, "SHOW lock_timeout"), "for the transaction only")
	}
}

// A tenant's own user works in its schema and may not make one.
func TestASchemaThatExistsNeedsNoRightToMakeOne(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		raw := enginetest.FreshDatabase(t, server)
		admin := enginetest.Connect(t, raw)
		u, err := url.Parse(raw)
		require.NoError(t, err)
		role := "role" + u.Path[1:]
		for _, q := range []string{
			"CREATE ROLE " + role + " LOGIN", "CREATE SCHEMA tenant AUTHORIZATION " + role,
			"REVOKE CREATE ON DATABASE " + u.Path[1:] + " FROM PUBLIC",
		} {
			_, err := admin.ExecContext(t.Context(), q)
			require.NoError(t, err, q)
		}
		t.Cleanup(func() {
			for _, q := range []string{"DROP OWNED BY " + role, "DROP ROLE " + role} {
				_, _ = admin.ExecContext(context.WithoutCancel(t.Context()), q)
			}
		})
		u.User = url.User(role)
		values := u.Query()
		values.Set("schema", "tenant")
		u.RawQuery = values.Encode()
		s := open(t, u.String())
		tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), "CREATE TABLE a (id integer)")
		require.NoError(t, err)
		require.NoError(t, tx.Commit(t.Context()))
	}
}

func TestConnectionFailures(t *testing.T) {
	t.Parallel()
	server := enginetest.Postgres(t)[0]
	edit := func(change func(*url.URL)) string {
		u, err := url.Parse(server.DSN)
		require.NoError(t, err)
		change(u)
		return u.String()
	}
	for name, c := range map[string]struct {
		raw    string
		kind   fault.Kind
		reason string
	}{
		"database": {edit(func(u *url.URL) { u.Path = "/nowhere" }), fault.NotFound, "DATABASE_UNKNOWN"},
		"user":     {edit(func(u *url.URL) { u.User = url.UserPassword("nobody_here", "hunter2") }), fault.Denied, "DATABASE_AUTH"},
		"port":     {edit(func(u *url.URL) { u.Host = "127.0.0.1:1"; u.User = url.UserPassword("u", "hunter2") }), fault.Unavailable, "DATABASE_UNREACHABLE"},
	} {
		target, err := dialect.ParseTarget(c.raw)
		require.NoError(t, err)
		_, err = postgres.New().Open(t.Context(), target)
		require.Error(t, err, name)
		assert.Equal(t, c.kind, fault.KindOf(err), name)
		assert.Equal(t, c.reason, fault.ReasonOf(err), name)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target, err := dialect.ParseTarget(server.DSN)
	require.NoError(t, err)
	_, err = postgres.New().Open(ctx, target)
	assert.Equal(t, fault.Canceled, fault.KindOf(err))
}

// TestTheServerEndsTheLockOfADeadSession kills the session's server process.
func TestTheServerEndsTheLockOfADeadSession(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		_, raw := enginetest.UnusedSchema(t, server)
		tx, err := open(t, raw).Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
		require.NoError(t, err)
		pid := one(t, tx, "SELECT pg_backend_pid()::text")
		other := open(t, raw)
		assert.Equal(t, "true", one(t, other, "SELECT pg_terminate_backend($1::int)::text", pid))
		next, err := other.Begin(t.Context(), dialect.TxOptions{LockWait: 5 * time.Second})
		require.NoError(t, err)
		require.NoError(t, next.Rollback(t.Context()))
		_, err = tx.ExecContext(t.Context(), "SELECT 1")
		require.Error(t, err)
		assert.Equal(t, fault.Unavailable, postgres.New().Classify(err).Kind)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

// TestFaultsAtEveryOperation breaks an execution at each of its operations: the
// tenant is then old or new, and the lock is free.
func TestFaultsAtEveryOperation(t *testing.T) {
	t.Parallel()
	server := enginetest.Postgres(t)[0]
	for _, mode := range faultdb.Modes() {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			t.Parallel()
			for plan := range faultdb.Sweep(mode) {
				_, raw := enginetest.UnusedSchema(t, server)
				committed := false
				target, err := dialect.ParseTarget(raw)
				require.NoError(t, err)
				d := postgres.New(postgres.WithWrap(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) }))
				if s, err := d.Open(t.Context(), target); err == nil {
					committed = execute(t, s) == nil
					_ = s.Close()
				}
				clean := open(t, raw)
				there := one(t, clean, "SELECT (to_regclass('a') IS NOT NULL)::text")
				assert.Equal(t, there, one(t, clean, "SELECT (to_regclass('b') IS NOT NULL)::text"), "%s: all or nothing", plan)
				if committed {
					assert.Equal(t, "true", there)
				}
				tx, err := clean.Begin(t.Context(), dialect.TxOptions{LockWait: 5 * time.Second})
				require.NoError(t, err, "%s: the lock is free", plan)
				require.NoError(t, tx.Rollback(t.Context()))
			}
		})
	}
}

func execute(t *testing.T, s dialect.Session) error {
	t.Helper()
	tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
	if err != nil {
		return err
	}
	for _, sql := range []string{"CREATE TABLE a (x int)", "CREATE TABLE b (x int)"} {
		if _, err := tx.ExecContext(t.Context(), sql); err != nil {
			_ = tx.Rollback(t.Context())
			return err
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		_ = tx.Rollback(t.Context())
		return err
	}
	return nil
}

// BenchmarkStatements holds 100 statements through a session against the same
// through bare pgx.
func BenchmarkStatements(b *testing.B) {
	server := enginetest.Postgres(b)[0]
	b.Run("lockstep", func(b *testing.B) {
		s := open(b, server.DSN)
		for b.Loop() {
			tx, err := s.Begin(b.Context(), dialect.TxOptions{})
			require.NoError(b, err)
			for i := range 100 {
				_, err := tx.ExecContext(b.Context(), fmt.Sprintf("CREATE TABLE bench_%d (id bigserial PRIMARY KEY, a text)", i))
				require.NoError(b, err)
			}
			require.NoError(b, tx.Rollback(b.Context()))
		}
	})
	b.Run("pgx", func(b *testing.B) {
		conn, err := pgx.Connect(b.Context(), server.DSN)
		require.NoError(b, err)
		defer func() { _ = conn.Close(b.Context()) }()
		for b.Loop() {
			tx, err := conn.Begin(b.Context())
			require.NoError(b, err)
			for i := range 100 {
				_, err := tx.Exec(b.Context(), fmt.Sprintf("CREATE TABLE bench_%d (id bigserial PRIMARY KEY, a text)", i))
				require.NoError(b, err)
			}
			require.NoError(b, tx.Rollback(b.Context()))
		}
	})
}
