package sqlserver

import (
	"context"
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
)

func begin(t testing.TB, s dialect.Session, opts dialect.TxOptions) dialect.Tx {
	t.Helper()
	tx, err := s.Begin(t.Context(), opts)
	require.NoError(t, err)
	return tx
}

func TestSessionNamesItsSchemaAlone(t *testing.T) {
	t.Parallel()
	f := newFake()
	s := f.open(t, "acme")
	assert.Equal(t, dialect.Version{Major: 16, Minor: 0, Patch: 1000}, s.Version())
	tx := begin(t, s, dialect.TxOptions{CreateNamespace: true, LockTimeout: 1234 * time.Millisecond})
	_, err := tx.ExecContext(t.Context(), "CREATE TABLE [$(schema)].[a] ([x] int)")
	require.NoError(t, err)
	func() {
		rows, err := tx.QueryContext(t.Context(), "SELECT 1 FROM sys.schemas WHERE name = N'$(schema)'")
		require.NoError(t, err)
		defer func() { _ = rows.Close() }()
		require.NoError(t, rows.Err())
	}()
	require.NoError(t, tx.Commit(t.Context()))
	assert.Empty(t, f.sent("$("), "the variable is the session's affair")
	assert.Equal(t, []string{"CREATE TABLE [acme].[a] ([x] int)"}, f.sent("CREATE TABLE"))
	assert.Equal(t, []string{"SET LOCK_TIMEOUT 1234;\nIF SCHEMA_ID(N'acme') IS NULL EXEC(N'CREATE SCHEMA [acme]')"}, f.sent("CREATE SCHEMA"))
	assert.Len(t, f.sent("XACT_ABORT ON"), 2, "of the session, and of the transaction")
	assert.Equal(t, readWait, f.sent("SET LOCK_TIMEOUT")[2], "the limit was the transaction's only")
	assert.Equal(t, []string{"CREATE TABLE [acme].[a] ([x] int)"}, f.committed)
}

func TestLocks(t *testing.T) {
	t.Parallel()
	f := newFake()
	held := begin(t, f.open(t, "acme"), dialect.TxOptions{})
	waiter := f.open(t, "ACME") // one schema, in most collations
	for _, wait := range []time.Duration{0, 20 * time.Millisecond} {
		_, err := waiter.Begin(t.Context(), dialect.TxOptions{LockWait: wait})
		assert.Equal(t, dialect.ReasonTenantLocked, fault.ReasonOf(err))
		assert.Equal(t, fault.Conflict, fault.KindOf(err))
	}
	_, err := waiter.ExecContext(t.Context(), "SELECT 1")
	require.NoError(t, err, "the session still answers")
	other := begin(t, f.open(t, "other"), dialect.TxOptions{})
	require.NoError(t, other.Rollback(t.Context()))

	for _, c := range []struct {
		ctx  func() (context.Context, context.CancelFunc)
		kind fault.Kind
	}{
		{func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 20*time.Millisecond)
		}, fault.Deadline},
		{func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			return ctx, cancel
		}, fault.Canceled},
	} {
		ctx, cancel := c.ctx()
		_, err = waiter.Begin(ctx, dialect.TxOptions{LockWait: time.Minute})
		cancel()
		assert.Equal(t, c.kind, fault.KindOf(err))
	}

	got := make(chan error, 1)
	go func() {
		tx, err := waiter.Begin(t.Context(), dialect.TxOptions{LockWait: 10 * time.Second})
		if err == nil {
			err = tx.Rollback(t.Context())
		}
		got <- err
	}()
	time.Sleep(10 * time.Millisecond)
	require.NoError(t, held.Commit(t.Context()))
	require.NoError(t, <-got, "who waits gets the lock when it is free")
	assert.Empty(t, f.locks)

	f.folds = 0
	a, b := f.open(t, "x"), f.open(t, "X")
	tx := begin(t, a, dialect.TxOptions{})
	require.NoError(t, begin(t, b, dialect.TxOptions{}).Rollback(t.Context()), "two schemas, where case counts")
	require.NoError(t, tx.Rollback(t.Context()))
}

func TestTheLockGoesWithItsHolder(t *testing.T) {
	t.Parallel()
	f := newFake()
	s := f.open(t, "acme")
	tx := begin(t, s, dialect.TxOptions{})
	_, err := tx.ExecContext(t.Context(), "CREATE TABLE a (x int)")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	assert.Empty(t, f.locks)
	require.NoError(t, tx.Rollback(t.Context()))

	s = f.open(t, "acme")
	ctx, cancel := context.WithCancel(t.Context())
	tx, err = s.Begin(ctx, dialect.TxOptions{})
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, "CREATE TABLE a (x int)")
	require.NoError(t, err)
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = tx.ExecContext(ctx, "WAITFOR DELAY '00:01'")
	assert.Equal(t, fault.Canceled, s.(*session).dialect.Classify(err).Kind)
	require.Error(t, tx.Commit(ctx))
	require.NoError(t, tx.Rollback(ctx))
	assert.Empty(t, f.locks)
	assert.Empty(t, f.committed)
}

// TestAFailureEndsTheTransaction: what would come after it would commit by itself.
func TestAFailureEndsTheTransaction(t *testing.T) {
	t.Parallel()
	deadlock := mssql.Error{Number: 1205, Message: "Transaction was deadlocked"}
	for name, fail := range map[string]func(f *fakeServer, tx dialect.Tx) error{
		"statement": func(f *fakeServer, tx dialect.Tx) error {
			f.fails["ALTER"] = mssql.Error{Number: 4922, All: []mssql.Error{{Number: 5074, Message: "The object 'DF' is dependent"}, {Number: 4922}}}
			_, err := tx.ExecContext(t.Context(), "ALTER TABLE a DROP COLUMN x")
			assert.Equal(t, "DEPENDENT_OBJECTS", New().Classify(err).Reason)
			return err
		},
		"query": func(f *fakeServer, tx dialect.Tx) error {
			f.fails["SELECT x"] = deadlock
			_, err := tx.QueryContext(t.Context(), "SELECT x FROM a") //nolint:sqlclosecheck,rowserrcheck // it fails
			return err
		},
		"rows": func(f *fakeServer, tx dialect.Tx) error {
			f.rowsFail["SELECT x"] = deadlock
			rows, err := tx.QueryContext(t.Context(), "SELECT x FROM a")
			require.NoError(t, err)
			defer func() { _ = rows.Close() }()
			for rows.Next() {
			}
			return rows.Err()
		},
		"time": func(_ *fakeServer, tx dialect.Tx) error {
			_, err := tx.ExecContext(t.Context(), "WAITFOR DELAY '00:01'")
			assert.Equal(t, "STATEMENT_TIMEOUT", fault.ReasonOf(err))
			assert.Equal(t, fault.Deadline, fault.KindOf(err))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			tx := begin(t, f.open(t, "acme"), dialect.TxOptions{StatementTimeout: 50 * time.Millisecond})
			_, err := tx.ExecContext(t.Context(), "CREATE TABLE a (x int)")
			require.NoError(t, err)
			require.Error(t, fail(f, tx))
			_, err = tx.ExecContext(t.Context(), "CREATE TABLE b (x int)")
			require.Error(t, err)
			require.Error(t, tx.Commit(t.Context()))
			require.NoError(t, tx.Rollback(t.Context()))
			assert.Empty(t, f.committed)
			assert.Empty(t, f.locks)
		})
	}
}

func TestWhatATransactionEndsWith(t *testing.T) {
	t.Parallel()
	f := newFake()
	s := f.open(t, "acme")
	tx := begin(t, s, dialect.TxOptions{})
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, tx.Rollback(t.Context()), "nothing after a commit")
	assert.Equal(t, "TX_DONE", fault.ReasonOf(tx.Commit(t.Context())))

	tx = begin(t, s, dialect.TxOptions{})
	f.fails[commit] = driver.ErrBadConn
	err := tx.Commit(t.Context())
	assert.Equal(t, "COMMIT_UNCERTAIN", fault.ReasonOf(err))
	require.NoError(t, tx.Rollback(t.Context()))
}

func TestServersThatAreNotServed(t *testing.T) {
	t.Parallel()
	target, err := dialect.ParseTarget("sqlserver://u:hunter2@h:1?database=db")
	require.NoError(t, err)
	open := func(change func(*fakeServer)) error {
		f := newFake()
		change(f)
		s, err := f.dialect().Open(t.Context(), target)
		if err == nil {
			var tx dialect.Tx
			if tx, err = s.Begin(t.Context(), dialect.TxOptions{}); err == nil {
				assert.Equal(t, "lockstep/dbo", f.open(t, "").(*session).lockName())
				_, err = f.dialect().Inspect(t.Context(), tx, []string{"a"})
			}
			_ = s.Close()
		}
		return err
	}
	code := int64(-999)
	for reason, change := range map[string]func(*fakeServer){
		"ENGINE_VERSION":       func(f *fakeServer) { f.version = "13.0.5026.0" },
		"NO_APPLICATION_LOCKS": func(f *fakeServer) { f.lockCode = &code },
		"NOT_SUPPORTED": func(f *fakeServer) {
			f.fails["sp_getapplock"] = mssql.Error{Number: 2812, Message: "Could not find stored procedure 'sys.sp_getapplock'."}
		},
		"CATALOGUE_MISSING": func(f *fakeServer) {
			f.fails["sys.computed_columns"] = mssql.Error{Number: 208, Message: "Invalid object name 'sys.computed_columns'."}
		},
	} {
		err := open(change)
		assert.Equal(t, reason, fault.ReasonOf(err))
		assert.Equal(t, fault.Unsupported, fault.KindOf(err))
		assert.NotEmpty(t, fault.As(err).Suggestion)
	}
	require.NoError(t, open(func(f *fakeServer) { f.version, f.edition = "12.0.2000.8", 5 }), "Azure SQL")
	require.NoError(t, open(func(f *fakeServer) { f.version = "17.0.1000.7" }))
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for raw, reason := range map[string]string{
		"sqlserver://u:hunter2@h?database=d&schema=a%5Db":                                   "TARGET_INVALID",
		"sqlserver://u:hunter2@h?database=d&schema=it%27s":                                  "TARGET_INVALID",
		"sqlserver://u:hunter2@h?database=d&schema=%24(x)":                                  "TARGET_INVALID",
		"sqlserver://u:hunter2@h?database=d&schema=a%0AGO":                                  "TARGET_INVALID",
		"sqlserver://u:hunter2@h?database=d&schema=+a":                                      "TARGET_INVALID",
		"sqlserver://u:hunter2@h?database=d&log=63":                                         "TARGET_OPTION_REFUSED",
		"sqlserver://u:hunter2@h?database=d&certificate=/etc/shadow":                        "TARGET_OPTION_REFUSED",
		"sqlserver://u:hunter2@h?database=d&krb5-keytabfile=/x":                             "TARGET_OPTION_REFUSED",
		"sqlserver://u:hunter2@h?database=d&Encrypt=sometimes":                              "TARGET_INVALID",
		"sqlserver://u:hunter2@127.0.0.1:1?database=d&encrypt=disable&connection+timeout=2": "DATABASE_UNREACHABLE",
	} {
		target, err := dialect.ParseTarget(raw)
		require.NoError(t, err, raw)
		_, err = New().Open(t.Context(), target)
		assert.Equal(t, reason, fault.ReasonOf(err), raw)
		assert.NotContains(t, fmt.Sprint(err), "hunter2")
	}
}

// TestFaultsAtEveryOperation breaks an execution at each of its operations: what
// is committed is all or nothing, and the lock is free.
func TestFaultsAtEveryOperation(t *testing.T) {
	t.Parallel()
	for _, mode := range faultdb.Modes() {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			t.Parallel()
			for plan := range faultdb.Sweep(mode) {
				f := newFake()
				d := f.dialect(WithWrap(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) }))
				target, err := dialect.ParseTarget("sqlserver://u:p@h:1?database=db&schema=acme")
				require.NoError(t, err)
				done := false
				if s, err := d.Open(t.Context(), target); err == nil {
					done = execute(t, s) == nil
					_ = s.Close()
				}
				assert.Contains(t, []int{0, 2}, len(f.committed), "%s: all or nothing", plan)
				if done {
					assert.Len(t, f.committed, 2, plan)
				}
				assert.Empty(t, f.locks, "%s: the lock is free", plan)
			}
		})
	}
}

func execute(t *testing.T, s dialect.Session) error {
	t.Helper()
	tx, err := s.Begin(t.Context(), dialect.TxOptions{})
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
