package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
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

func open(t *testing.T, url string) dialect.Session {
	t.Helper()
	target, err := dialect.ParseTarget(url)
	require.NoError(t, err)
	s, err := sqlite.New().Open(t.Context(), target)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func exec(t *testing.T, url string, statements ...string) {
	t.Helper()
	db := enginetest.Connect(t, url)
	for _, s := range statements {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
	require.NoError(t, db.Close())
}

func TestLookingCreatesNoFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "odd ?#%41 name.db")
	d := sqlite.New()
	s, err := d.Open(t.Context(), dialect.Target{Engine: dialect.SQLite, Database: path})
	require.NoError(t, err)
	found, err := d.Inspect(t.Context(), s, []string{"t"})
	require.NoError(t, err)
	assert.Empty(t, found.Tables)
	assert.NoFileExists(t, path)

	tx, err := s.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE TABLE t (a text)")
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	assert.NoFileExists(t, path, "a failed execution takes the file away that it created")
	found, err = d.Inspect(t.Context(), s, []string{"t"})
	require.NoError(t, err, "the session goes on")
	assert.Empty(t, found.Tables)

	tx, err = s.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE TABLE t (a text)")
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, tx.Rollback(t.Context()), "a no-op after Commit")
	assert.FileExists(t, path)
	found, err = d.Inspect(t.Context(), s, []string{"T"})
	require.NoError(t, err)
	require.Len(t, found.Tables, 1)
	assert.Equal(t, "T", found.Tables[0].Name, "under the name that was asked for")
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestARolledBackFileIsNotPulledFromUnderTheNext(t *testing.T) {
	t.Parallel()
	url := enginetest.SQLite(t)
	first, second := open(t, url), open(t, url)
	held, err := first.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		tx, err := second.Begin(t.Context(), dialect.TxOptions{LockWait: 10 * time.Second})
		if err == nil {
			_, err = tx.ExecContext(t.Context(), "CREATE TABLE t (a text)")
		}
		if err == nil {
			err = tx.Commit(t.Context())
		}
		done <- err
	}()
	time.Sleep(30 * time.Millisecond)
	require.NoError(t, held.Rollback(t.Context()))
	require.NoError(t, <-done)
	found, err := sqlite.New().Inspect(t.Context(), open(t, url), []string{"t"})
	require.NoError(t, err)
	assert.Len(t, found.Tables, 1, "what the second committed is there")
}

func TestRefusedTargets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("this is not a database\n", 100)), 0o600))
	for name, c := range map[string]struct{ url, reason string }{
		"option":      {"sqlite:" + dir + "/x.db?_pragma=foreign_keys(1)", "TARGET_OPTION_REFUSED"},
		"directory":   {"sqlite:" + dir, "TARGET_INVALID"},
		"memory":      {"sqlite::memory:", "TARGET_INVALID"},
		"no database": {"sqlite:" + text, "DATABASE_CORRUPT"},
	} {
		target, err := dialect.ParseTarget(c.url)
		require.NoError(t, err, name)
		_, err = sqlite.New().Open(t.Context(), target)
		assert.Equal(t, c.reason, fault.ReasonOf(err), name)
	}
	s := open(t, "sqlite:"+dir+"/nowhere/x.db")
	_, err := s.Begin(t.Context(), dialect.TxOptions{})
	assert.Equal(t, "DATABASE_UNKNOWN", fault.ReasonOf(err))
}

func TestCopiesThatWouldLoseTriggers(t *testing.T) {
	t.Parallel()
	url := enginetest.SQLite(t)
	exec(t, url, "CREATE TABLE t (a text)", "CREATE TRIGGER audit AFTER INSERT ON t BEGIN SELECT 1; END")
	s := open(t, url)
	_, err := s.Begin(t.Context(), dialect.TxOptions{Rebuilds: []string{"T"}})
	require.Error(t, err)
	assert.Equal(t, fault.Unsupported, fault.KindOf(err))
	assert.Equal(t, "REBUILD_WOULD_LOSE_TRIGGERS", fault.ReasonOf(err))
	assert.Contains(t, err.Error(), "audit on t")
	exec(t, url, "CREATE TABLE keyed (a text PRIMARY KEY) WITHOUT ROWID, STRICT", "CREATE TABLE computed (a text, b text AS (a || '!'))")
	for _, table := range []string{"keyed", "computed"} {
		_, err = s.Begin(t.Context(), dialect.TxOptions{Rebuilds: []string{table}})
		assert.Equal(t, "REBUILD_WOULD_LOSE_OPTIONS", fault.ReasonOf(err))
		assert.Contains(t, err.Error(), table)
	}
	tx, err := s.Begin(t.Context(), dialect.TxOptions{Rebuilds: []string{"other"}})
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
}

func TestCommitChecks(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T) dialect.Tx {
		t.Helper()
		url := enginetest.SQLite(t)
		exec(t, url, "CREATE TABLE p (id integer PRIMARY KEY, a text)", "CREATE TABLE c (p integer REFERENCES p(id))",
			"PRAGMA foreign_keys=OFF", "INSERT INTO p VALUES (1, 'x')", "INSERT INTO c VALUES (1)",
			"CREATE VIEW v AS SELECT a FROM p", "CREATE VIEW broken AS SELECT x FROM nowhere")
		tx, err := open(t, url).Begin(t.Context(), dialect.TxOptions{Rebuilds: []string{"p"}})
		require.NoError(t, err)
		return tx
	}
	run := func(t *testing.T, tx dialect.Tx, statements ...string) error {
		t.Helper()
		for _, s := range statements {
			_, err := tx.ExecContext(t.Context(), s)
			require.NoError(t, err, s)
		}
		return tx.Commit(t.Context())
	}
	t.Run("a view that was broken before does not matter", func(t *testing.T) {
		t.Parallel()
		tx := prepare(t)
		require.NoError(t, run(t, tx, "CREATE TABLE n (a text)"))
	})
	t.Run("orphans", func(t *testing.T) {
		t.Parallel()
		tx := prepare(t)
		err := run(t, tx, "DELETE FROM p")
		assert.Equal(t, "DATA_ORPHAN", fault.ReasonOf(err))
		assert.Contains(t, err.Error(), "rows of c ")
		require.NoError(t, tx.Rollback(t.Context()))
	})
	t.Run("views", func(t *testing.T) {
		t.Parallel()
		tx := prepare(t)
		err := run(t, tx, "CREATE TABLE p2 (id integer PRIMARY KEY)", "INSERT INTO p2 SELECT id FROM p", "DROP TABLE p",
			"PRAGMA legacy_alter_table=ON", "ALTER TABLE p2 RENAME TO p")
		assert.Equal(t, "DEPENDENT_OBJECTS", fault.ReasonOf(err))
		assert.Contains(t, err.Error(), ": v")
		require.NoError(t, tx.Rollback(t.Context()))
	})
}

func TestOrphansOfOldDoNotBlock(t *testing.T) {
	t.Parallel()
	url := enginetest.SQLite(t)
	exec(t, url, "CREATE TABLE p (id integer PRIMARY KEY)", "CREATE TABLE c (p integer REFERENCES p(id))",
		"CREATE TABLE odd (p integer REFERENCES p(unknown))")
	exec(t, url+"?_pragma=foreign_keys(0)", "CREATE TABLE keep (a text)")
	s := open(t, url)
	_, err := s.ExecContext(t.Context(), "INSERT INTO c VALUES (77)") // a session of lockstep does not enforce
	require.NoError(t, err)
	tx, err := s.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE TABLE n (a text)")
	require.NoError(t, err)
	require.NoError(t, tx.Commit(t.Context()))
}

// TestNewOrphansBesideOldOnes: of the tables that were there, each is held to what it
// had, also when another loses as many as it gains.
func TestNewOrphansBesideOldOnes(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) dialect.Tx {
		t.Helper()
		url := enginetest.SQLite(t)
		exec(t, url, "CREATE TABLE p (id integer PRIMARY KEY)", "CREATE TABLE c (p integer REFERENCES p(id))", "CREATE TABLE d (p integer REFERENCES p(id))")
		s := open(t, url)
		_, err := s.ExecContext(t.Context(), "INSERT INTO c VALUES (77)") // a session of lockstep does not enforce
		require.NoError(t, err)
		tx, err := s.Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		return tx
	}
	for name, c := range map[string]struct {
		statements []string
		worse      string
	}{
		"as many":         {[]string{"CREATE TABLE n (a text)"}, ""},
		"renamed":         {[]string{"ALTER TABLE c RENAME TO e"}, ""},
		"gone":            {[]string{"DROP TABLE c"}, ""},
		"in another":      {[]string{"INSERT INTO d VALUES (78)"}, "rows of d "},
		"instead of them": {[]string{"DROP TABLE c", "INSERT INTO d VALUES (78)"}, "rows of d "},
		"by the parent":   {[]string{"INSERT INTO d VALUES (79)", "DELETE FROM c", "DROP TABLE p"}, "rows of d "},
		"in a new one":    {[]string{"CREATE TABLE n (p integer REFERENCES p(id))", "INSERT INTO n VALUES (1)"}, "rows of n "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx := begin(t)
			for _, s := range c.statements {
				_, err := tx.ExecContext(t.Context(), s)
				require.NoError(t, err, s)
			}
			err := tx.Commit(t.Context())
			if c.worse == "" {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, "DATA_ORPHAN", fault.ReasonOf(err))
			require.ErrorContains(t, err, c.worse)
			require.NoError(t, tx.Rollback(t.Context()))
		})
	}
}

// TestOrphansThatATriggerMakes are found, whatever the table is called by then.
func TestOrphansThatATriggerMakes(t *testing.T) {
	t.Parallel()
	for _, statements := range [][]string{
		{"INSERT INTO x VALUES (1)"},
		{"ALTER TABLE x RENAME TO y", "INSERT INTO Y VALUES (1)"},
		{"INSERT INTO v VALUES (1)"},
		{"CREATE TRIGGER later AFTER INSERT ON z BEGIN DELETE FROM p; END", "INSERT INTO z VALUES (1)"},
		{"CREATE TABLE z2 (a text)", "CREATE TRIGGER later AFTER INSERT ON z2 BEGIN DELETE FROM p; END; INSERT INTO z2 VALUES (1)"},
	} {
		url := enginetest.SQLite(t)
		exec(t, url, "CREATE TABLE p (id integer PRIMARY KEY)", "CREATE TABLE c (p integer REFERENCES p(id))", "INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (1)",
			"CREATE TABLE x (a text)", "CREATE TABLE z (a text)", "CREATE VIEW v AS SELECT a FROM x",
			"CREATE TRIGGER far AFTER INSERT ON x BEGIN DELETE FROM p; END", "CREATE TRIGGER seen INSTEAD OF INSERT ON v BEGIN DELETE FROM p; END")
		s := open(t, url)
		tx, err := s.Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		for _, statement := range statements {
			_, err := tx.ExecContext(t.Context(), statement)
			require.NoError(t, err, statement)
		}
		err = tx.Commit(t.Context())
		assert.Equal(t, "DATA_ORPHAN", fault.ReasonOf(err), "%v", statements)
		require.NoError(t, tx.Rollback(t.Context()))

		tx, err = s.Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		var deleted []string
		require.NoError(t, dialect.QueryText(t.Context(), tx, "DELETE FROM p RETURNING id", func(row []sql.NullString) error {
			deleted = append(deleted, row[0].String)
			return nil
		}))
		assert.Equal(t, []string{"1"}, deleted)
		assert.Equal(t, "DATA_ORPHAN", fault.ReasonOf(tx.Commit(t.Context())), "also when it is told as a question")
		require.NoError(t, tx.Rollback(t.Context()))

		tx, err = s.Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		_, err = s.ExecContext(t.Context(), "DELETE FROM p")
		require.NoError(t, err)
		assert.Equal(t, "DATA_ORPHAN", fault.ReasonOf(tx.Commit(t.Context())), "also beside the execution")
		require.NoError(t, tx.Rollback(t.Context()))
	}
}

func TestNothingRunsAfterAFailure(t *testing.T) {
	t.Parallel()
	s := open(t, enginetest.SQLite(t))
	tx, err := s.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "nonsense")
	require.Error(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE TABLE t (a text)")
	assert.Equal(t, "TX_FAILED", fault.ReasonOf(err))
	require.Error(t, tx.Commit(t.Context()))
	require.NoError(t, tx.Rollback(t.Context()))
}

func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	s := open(t, enginetest.SQLite(t))
	tx, err := s.Begin(t.Context(), dialect.TxOptions{StatementTimeout: 50 * time.Millisecond})
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 100000000) SELECT max(i) FROM n")
	require.Error(t, err)
	assert.Equal(t, fault.Deadline, sqlite.New().Classify(err).Kind)
	require.NoError(t, tx.Rollback(t.Context()))
}
