package faultdb_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/lockstepdb/lockstep/internal/faultdb"
)

// connector opens one SQLite file.
type connector string

func (c connector) Driver() driver.Driver { return &sqlite.Driver{} }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	return c.Driver().Open("file:" + string(c) + "?_pragma=busy_timeout(1000)")
}

// open returns a pool under the plan, and the file's content as seen by another.
func open(t *testing.T, p *faultdb.Plan) (db *sql.DB, tables func() int) {
	t.Helper()
	file := connector(filepath.Join(t.TempDir(), "t.db"))
	plain := sql.OpenDB(file)
	db = sql.OpenDB(faultdb.Wrap(file, p))
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _, _ = db.Close(), plain.Close() })
	return db, func() int {
		var n int
		require.NoError(t, plain.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_master WHERE type = 'table'").Scan(&n))
		return n
	}
}

// migrate is a small migration: one transaction on one pinned connection.
func migrate(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.PingContext(ctx); err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = ?", "a").Scan(&n); err != nil {
		return err
	}
	for _, q := range []string{"CREATE TABLE IF NOT EXISTS a (x)", "CREATE TABLE IF NOT EXISTS b (x)", "INSERT INTO a VALUES (1)"} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func TestCounts(t *testing.T) {
	p := faultdb.Never()
	db, tables := open(t, p)
	require.NoError(t, migrate(t.Context(), db))
	require.Equal(t, 2, tables())
	require.False(t, p.Fired())
	var kinds []faultdb.Kind
	for _, op := range p.Log() {
		kinds = append(kinds, op.Kind)
	}
	require.Equal(t, []faultdb.Kind{
		faultdb.Connect, faultdb.Ping, faultdb.Begin, faultdb.Query,
		faultdb.Exec, faultdb.Exec, faultdb.Exec, faultdb.Commit,
	}, kinds)
	require.Equal(t, len(kinds), p.Count())
	require.Contains(t, p.String(), "  4 c1 exec     CREATE TABLE IF NOT EXISTS a (x)\n")
}

// TestSweep walks each failure through the migration: it is seen, all or nothing
// is there, and a clean rerun converges.
func TestSweep(t *testing.T) {
	for _, mode := range faultdb.Modes() {
		t.Run(string(mode), func(t *testing.T) {
			runs := 0
			for p := range faultdb.Sweep(mode) {
				db, tables := open(t, p)
				err := migrate(t.Context(), db)
				got := tables()
				if !p.Fired() {
					require.NoError(t, err)
					require.Equal(t, 2, got)
					break
				}
				runs++
				require.ErrorIs(t, err, faultdb.ErrInjected, p.String())
				last := p.Log()[p.FailAt]
				require.True(t, last.Failed)
				carriedOut := mode == faultdb.ErrorAfter || mode == faultdb.DieAfter
				if last.Kind == faultdb.Commit && carriedOut {
					require.Equal(t, 2, got, "the reply was lost, not the commit")
				} else {
					require.Zero(t, got, p.String())
				}
				require.NoError(t, migrate(t.Context(), db), p.String())
				require.Equal(t, 2, tables())
			}
			require.Equal(t, 8, runs)
		})
	}
}

func TestDeadConnectionStaysDead(t *testing.T) {
	p := &faultdb.Plan{FailAt: 1, Mode: faultdb.DieBefore}
	db, _ := open(t, p)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), "CREATE TABLE a (x)")
	require.ErrorIs(t, err, faultdb.ErrInjected)
	_, err = conn.ExecContext(t.Context(), "CREATE TABLE a (x)")
	require.ErrorIs(t, err, driver.ErrBadConn)
}

func TestOwnErrorAndSelection(t *testing.T) {
	mine := errors.New("mine")
	p := &faultdb.Plan{FailAt: 1, Err: mine, Only: func(op faultdb.Op) bool { return op.Kind == faultdb.Exec }}
	db, tables := open(t, p)
	require.ErrorIs(t, migrate(t.Context(), db), mine)
	require.Zero(t, tables())
	require.Equal(t, "! ", p.Log()[5].String()[:2])
}

func TestRowsCount(t *testing.T) {
	p := &faultdb.Plan{FailAt: 3, Rows: true, Mode: faultdb.DieBefore} // connect, query, next, next
	db, _ := open(t, p)
	rows, err := db.QueryContext(t.Context(), "SELECT 1 UNION SELECT 2 UNION SELECT 3")
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	require.True(t, rows.Next())
	require.False(t, rows.Next())
	require.ErrorIs(t, rows.Err(), faultdb.ErrInjected)
}

func TestPreparedStatements(t *testing.T) {
	p := faultdb.Never()
	db, tables := open(t, p)
	st, err := db.PrepareContext(t.Context(), "CREATE TABLE a (x)")
	require.NoError(t, err)
	_, err = st.ExecContext(t.Context())
	require.NoError(t, err)
	require.NoError(t, st.Close())
	require.Equal(t, 1, tables())
	st, err = db.PrepareContext(t.Context(), "SELECT ?")
	require.NoError(t, err)
	defer func() { _ = st.Close() }()
	var got int
	require.NoError(t, st.QueryRowContext(t.Context(), 7).Scan(&got))
	require.Equal(t, 7, got)
	require.Equal(t, 5, p.Count(), p.String()) // connect, prepare, exec, prepare, query
}
