package sqlserver

import (
	"context"
	"database/sql/driver"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
)

func acme(t testing.TB) dialect.Target {
	t.Helper()
	target, err := dialect.ParseTarget("sqlserver://u:hunter2@h:1?database=db&schema=acme")
	require.NoError(t, err)
	return target
}

// simulated is a simulation with a catalogue.
func simulated() *fakeServer {
	f := newFake()
	f.catalogue = newCatalogue()
	return f
}

func scratchOf(t testing.TB, f *fakeServer) *scratch {
	t.Helper()
	opened, err := f.dialect().Scratch(t.Context(), acme(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = opened.Close(context.WithoutCancel(t.Context())) })
	s, ok := opened.(*scratch)
	require.True(t, ok)
	return s
}

const scratchTable = "CREATE TABLE [$(schema)].[a] ([x] int NOT NULL)"

var scratchName = regexp.MustCompile(`lockstep_scratch_[0-9a-f]{16}`)

// TestTheBatchesOfAScratch are these and no others.
func TestTheBatchesOfAScratch(t *testing.T) {
	t.Parallel()
	f := simulated()
	s := scratchOf(t, f)
	_, err := s.ExecContext(t.Context(), scratchTable)
	require.NoError(t, err)
	found, err := New().Inspect(t.Context(), s, []string{"a"})
	require.NoError(t, err)
	require.Len(t, found.Tables, 1)
	require.NoError(t, s.Close(t.Context()))
	var got []string
	for _, b := range f.batches {
		if !strings.Contains(b, "FROM sys.") {
			got = append(got, scratchName.ReplaceAllString(b, "SCRATCH"))
		}
	}
	assert.Equal(t, []string{
		settings + ";\n" + readWait,
		"SELECT CAST(SERVERPROPERTY(N'ProductVersion') AS nvarchar(128)), CAST(SERVERPROPERTY(N'EngineEdition') AS int), " +
			"CASE WHEN N'a' COLLATE DATABASE_DEFAULT = N'A' THEN 1 ELSE 0 END",
		"SELECT DB_NAME(), CASE WHEN HAS_PERMS_BY_NAME(NULL, N'DATABASE', N'CREATE SCHEMA') = 1\n" +
			"  AND HAS_PERMS_BY_NAME(NULL, N'DATABASE', N'CREATE TABLE') = 1 THEN 1 ELSE 0 END",
		"SET DEADLOCK_PRIORITY LOW;\nSET LOCK_TIMEOUT 2000;\nBEGIN TRANSACTION",
		"DECLARE @got int;\nEXEC @got = sys.sp_getapplock @Resource = @p1, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = @p2;\n" +
			"SELECT @got -- lockstep scratch",
		"EXEC(N'CREATE SCHEMA [SCRATCH]')",
		"CREATE TABLE [SCRATCH].[a] ([x] int NOT NULL)",
		"IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;\n" + readWait,
	}, got)
	assert.Empty(t, f.committed)
	assert.Empty(t, f.sent("acme"), "the tenant is not spoken of")
	for _, b := range got[2:] {
		_, isSchema := strings.CutPrefix(b, "EXEC(N'CREATE SCHEMA")
		assert.True(t, isSchema || !strings.Contains(b, "CREATE SCHEMA ["), "alone in its batch: %s", b)
	}
}

// TestNothingOfAScratchStays: not when it is closed, nor when its caller is gone,
// nor when the connection is lost; nor is anything seen of it from outside.
func TestNothingOfAScratchStays(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, s *scratch){
		"closed": func(t *testing.T, s *scratch) { t.Helper(); require.NoError(t, s.Close(t.Context())) },
		"gone": func(t *testing.T, s *scratch) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := s.ExecContext(ctx, scratchTable)
			require.Error(t, err)
			require.NoError(t, s.Close(ctx))
		},
		"lost": func(t *testing.T, s *scratch) {
			t.Helper()
			require.NoError(t, s.tx.s.Close())
			_ = s.Close(t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := simulated()
			s := scratchOf(t, f)
			_, err := s.ExecContext(t.Context(), scratchTable)
			require.NoError(t, err)
			end(t, s)
			assert.Empty(t, f.catalogue.tables)
			assert.Equal(t, map[string]bool{"dbo": true}, f.catalogue.schemas)
			assert.Empty(t, f.locks)
			assert.Empty(t, f.committed)
			all, err := f.dialect().Tables(t.Context(), f.open(t, "acme"))
			require.NoError(t, err)
			assert.Empty(t, all)
		})
	}
}

// TestAFailedScratchSendsNothingMore: the server has undone its transaction, and
// what came next would be committed.
func TestAFailedScratchSendsNothingMore(t *testing.T) {
	t.Parallel()
	f := simulated()
	s := scratchOf(t, f)
	_, err := s.ExecContext(t.Context(), "DROP TABLE [$(schema)].[nothing]")
	assert.Equal(t, "OBJECT_MISSING", New().Classify(err).Reason)
	_, err = s.ExecContext(t.Context(), scratchTable)
	assert.Equal(t, "TX_FAILED", fault.ReasonOf(err))
	_, err = New().Inspect(t.Context(), s, []string{"a"})
	assert.Equal(t, "TX_FAILED", fault.ReasonOf(err))
	require.NoError(t, s.Close(t.Context()))
	assert.Empty(t, f.sent("CREATE TABLE ["))
	_, isTx := dialect.Scratch(s).(dialect.Tx)
	assert.False(t, isTx, "nobody can commit it")
}

// TestWhoMayNotHaveAScratch is told what is missing, with a kind and a reason that
// let drift and adoption compare by structure.
func TestWhoMayNotHaveAScratch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(f *fakeServer)
		says   string
	}{
		{"no schemas", func(f *fakeServer) { f.lacks = []string{"CREATE SCHEMA"} }, "may not create schemas and tables in database db"},
		{"no tables", func(f *fakeServer) { f.lacks = []string{"CREATE TABLE"} }, "may not create schemas and tables in database db"},
		{"denied after all", func(f *fakeServer) {
			f.fails["EXEC(N'CREATE SCHEMA"] = mssql.Error{Number: 2759, All: []mssql.Error{
				{Number: 262, Message: "CREATE SCHEMA permission denied in database 'db'."}, {Number: 2759, Message: "CREATE SCHEMA failed due to previous errors."},
			}}
		}, "may not create a schema in database db"},
		{"a member of a group without a user of their own", func(f *fakeServer) {
			f.fails["EXEC(N'CREATE SCHEMA"] = mssql.Error{Number: 2759, All: []mssql.Error{
				{Number: 2760, Message: "The specified schema name \"u@d\" either does not exist or you do not have permission to use it."},
				{Number: 2759, Message: "CREATE SCHEMA failed due to previous errors."},
			}}
		}, "may not create a schema in database db"},
		{"read-only", func(f *fakeServer) {
			f.fails["EXEC(N'CREATE SCHEMA"] = mssql.Error{Number: 3906, Message: "Failed to update database \"db\" because the database is read-only."}
		}, "db, which is read-only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := simulated()
			c.change(f)
			_, err := f.dialect().Scratch(t.Context(), acme(t))
			assert.Equal(t, dialect.ReasonScratchDenied, fault.ReasonOf(err))
			assert.Equal(t, fault.Denied, fault.KindOf(err))
			assert.Contains(t, fmt.Sprint(err), c.says)
			assert.Contains(t, fault.As(err).Suggestion, "GRANT CREATE SCHEMA, CREATE TABLE")
			assert.NotContains(t, fmt.Sprintf("%+v", err), "hunter2")
			assert.Empty(t, f.locks)
			assert.Equal(t, map[string]bool{"dbo": true}, f.catalogue.schemas)
		})
	}
	t.Run("no database", func(t *testing.T) {
		t.Parallel()
		f := simulated()
		f.fails["HAS_PERMS"] = mssql.Error{Number: 4060, Message: "Cannot open database \"db\" requested by the login."}
		_, err := f.dialect().Scratch(t.Context(), acme(t))
		assert.Equal(t, "DATABASE_UNKNOWN", fault.ReasonOf(err), "which is no denial")
	})
}

// TestScratchesTakeTurns: two at once in a database would wait for each other.
func TestScratchesTakeTurns(t *testing.T) {
	t.Parallel()
	f := simulated()
	first := scratchOf(t, f)
	got, target := make(chan error, 1), acme(t)
	go func() {
		second, err := f.dialect().Scratch(t.Context(), target)
		if err == nil {
			_, err = second.ExecContext(t.Context(), scratchTable)
			_ = second.Close(t.Context())
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("the second did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	require.NoError(t, first.Close(t.Context()))
	require.NoError(t, <-got)
	assert.Empty(t, f.catalogue.tables)

	third := scratchOf(t, f)
	defer func() { require.NoError(t, third.Close(t.Context())) }()
	busy := int64(-1)
	f.mu.Lock()
	f.lockCode = &busy
	f.mu.Unlock()
	_, err := f.dialect().Scratch(t.Context(), acme(t))
	assert.Equal(t, dialect.ReasonLockTimeout, fault.ReasonOf(err))
	assert.NotEmpty(t, fault.As(err).Suggestion)
}

// TestAScratchAndAnExecution of another tenant in the same database: the scratch
// does not wait long for it, is the one that a deadlock undoes, and blames nobody's
// plan; who reads the catalogue waits for the scratch, and not for ever.
func TestAScratchAndAnExecution(t *testing.T) {
	t.Parallel()
	f := simulated()
	execution := begin(t, f.open(t, "other"), dialect.TxOptions{CreateNamespace: true})
	_, err := execution.ExecContext(t.Context(), "CREATE TABLE [$(schema)].[b] ([x] int)")
	require.NoError(t, err)
	began := time.Now()
	_, err = f.dialect().Scratch(t.Context(), acme(t))
	assert.Equal(t, dialect.ReasonLockTimeout, fault.ReasonOf(err))
	assert.Equal(t, fault.Unavailable, fault.KindOf(err))
	assert.Contains(t, fmt.Sprint(err), "the database is being changed")
	assert.Less(t, time.Since(began), 2*scratchLockTimeout)
	require.NoError(t, execution.Commit(t.Context()))

	s := scratchOf(t, f)
	_, err = s.ExecContext(t.Context(), scratchTable)
	require.NoError(t, err)
	read, reader := make(chan []string, 1), f.open(t, "other")
	go func() {
		all, err := f.dialect().Tables(t.Context(), reader)
		assert.NoError(t, err)
		read <- all
	}()
	select {
	case <-read:
		t.Fatal("what is not committed was read")
	case <-time.After(50 * time.Millisecond):
	}
	f.mu.Lock()
	f.fails["[b]"] = mssql.Error{Number: 1205, Message: "Transaction was deadlocked and has been chosen as the deadlock victim."}
	f.mu.Unlock()
	_, err = s.ExecContext(t.Context(), "CREATE TABLE [$(schema)].[b] ([x] int)")
	assert.Equal(t, dialect.ReasonDeadlock, fault.ReasonOf(err))
	assert.Equal(t, fault.Unavailable, fault.KindOf(err), "no plan is to be blamed")
	assert.Equal(t, []string{"b"}, <-read)
}

// TestScratchFaults breaks a scratch at each of its operations: nothing stays.
func TestScratchFaults(t *testing.T) {
	t.Parallel()
	for _, mode := range faultdb.Modes() {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			t.Parallel()
			for plan := range faultdb.Sweep(mode) {
				f := simulated()
				d := f.dialect(WithWrap(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) }))
				s, err := d.Scratch(t.Context(), acme(t))
				if err == nil {
					if _, err = s.ExecContext(t.Context(), scratchTable); err == nil {
						_, _ = d.Inspect(t.Context(), s, []string{"a"})
					}
					_ = s.Close(t.Context())
				}
				assert.Empty(t, f.catalogue.tables, plan)
				assert.Len(t, f.catalogue.schemas, 1, plan)
				assert.Empty(t, f.locks, plan)
				assert.Empty(t, f.committed, plan)
			}
		})
	}
}

// TestCircumstances are the database and what of it words depend on.
func TestCircumstances(t *testing.T) {
	t.Parallel()
	f := simulated()
	at, err := f.dialect().Circumstances(t.Context(), f.open(t, "acme"))
	require.NoError(t, err)
	assert.Equal(t, `"db" "dbo" SQL_Latin1_General_CP1_CI_AS 160`, at)
	other, err := f.dialect().Circumstances(t.Context(), f.open(t, "other"))
	require.NoError(t, err)
	assert.Equal(t, at, other, "tenants of one database share words")
}
