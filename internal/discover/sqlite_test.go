package discover_test

import (
	"context"
	"database/sql/driver"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
)

// tenants makes a directory with files of many kinds, and returns it.
func tenants(t *testing.T) string {
	t.Helper()
	outside := t.TempDir()
	dir := filepath.Join(t.TempDir(), "Tenants")
	make := func(path string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		execAll(t, enginetest.Connect(t, "sqlite:"+path), "PRAGMA journal_mode = WAL", "CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
	}
	for _, name := range []string{"acme.db", "Acme.db", "no extension", "ünï 🚚.sqlite", "deep/er/one.db"} {
		make(filepath.Join(dir, name))
	}
	make(filepath.Join(outside, "secret.db"))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("notes.db", "SQLite format 4 is none of ours, whatever the name says")
	write("short.db", "SQLite")
	write("empty.db", "")
	write("fake-journal", "SQLite format 3\x00")
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.db"), filepath.Join(dir, "link.db")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "linked")))
	require.NoError(t, os.Symlink("acme.db", filepath.Join(dir, "again.db")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.db"), 0o600))
	return dir
}

func TestSQLiteDirectory(t *testing.T) {
	t.Parallel()
	dir := tenants(t)
	target := parseServer(t, "sqlite:"+dir)
	state := read(t, sqlite.New(), target, discover.Options{AllSchemas: true})
	require.Equal(t, []string{"Acme.db", "acme.db", "no extension", "ünï 🚚.sqlite"}, databaseNames(state))
	require.True(t, state.Server.CaseSensitiveNames, "on this file system")
	require.Equal(t, dialect.SQLite, state.Server.Engine)
	require.GreaterOrEqual(t, state.Server.Version.Major, 3)
	require.Empty(t, state.Users)
	require.Positive(t, state.Databases[0].Size)
	nested := read(t, sqlite.New(), target, discover.Options{Nested: true})
	require.Contains(t, databaseNames(nested), "deep/er/one.db")
	require.Len(t, nested.Databases, 5)

	s, err := sqlite.New().Open(t.Context(), target.On("deep/er/one.db", ""))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.Equal(t, filepath.Join(dir, "etc/passwd"), target.On("../../etc/passwd", "").Database)

	before := state
	require.NoError(t, os.Remove(filepath.Join(dir, "acme.db")))
	got := discover.Match(read(t, sqlite.New(), target, discover.Options{}), []discover.Tenant{{ID: "a", Database: "acme.db"}, {ID: "b", Database: "Acme.db"}})
	require.Equal(t, []string{"a"}, got.Vanished, "names that differ by case are two")
	delta := discover.Reconcile(before, read(t, sqlite.New(), target, discover.Options{}))
	require.Len(t, delta.Databases.Vanished, 1)
	require.Empty(t, delta.Databases.Appeared)
}

func TestSQLiteDirectoryFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for path, reason := range map[string]string{dir + "/none": "DIRECTORY_UNKNOWN", file: "TARGET_INVALID"} {
		_, err := sqlite.New().OpenServer(t.Context(), parseServer(t, "sqlite:"+path))
		require.Equal(t, reason, fault.ReasonOf(err))
	}
	s, err := sqlite.New().OpenServer(t.Context(), parseServer(t, "sqlite:"+dir))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	state, err := discover.Read(ctx, s, discover.Options{}, nil)
	require.Equal(t, fault.Canceled, fault.KindOf(err))
	require.Empty(t, state)
	broken := sqlite.New(sqlite.WithWrap(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, &faultdb.Plan{FailAt: 1}) }))
	s, err = broken.OpenServer(t.Context(), parseServer(t, "sqlite:"+dir))
	require.NoError(t, err)
	state, err = discover.Read(t.Context(), s, discover.Options{}, nil)
	require.Error(t, err)
	require.Empty(t, state)
	if os.Geteuid() == 0 {
		t.Log("NOT TESTED: a file that cannot be read; root reads all")
		return
	}
	require.NoError(t, os.Chmod(file, 0))
	state = read(t, sqlite.New(), parseServer(t, "sqlite:"+dir), discover.Options{})
	require.Equal(t, []dialect.Part{dialect.PartDatabases}, state.Unread)
	require.True(t, strings.HasPrefix(state.Notes[0].Reason, "FILES"))
}
