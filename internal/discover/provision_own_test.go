package discover_test

import (
	"database/sql/driver"
	"errors"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// lockstepsOwn is what a tenant's user might try on a table of lockstep's.
func lockstepsOwn(table, column string) []string {
	return []string{
		"SELECT * FROM " + table, "DELETE FROM " + table, "UPDATE " + table + " SET " + column + " = 1",
		"INSERT INTO " + table + " (" + column + ") VALUES (1)", "DROP TABLE " + table,
	}
}

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// TestPostgresKeepsItsOwn: a tenant's user gets every table that lockstep makes,
// earlier or later, but not lockstep's own, whenever these are made.
func TestPostgresKeepsItsOwn(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		raw := enginetest.FreshSchema(t, server)
		target, err := dialect.ParseTarget(raw)
		require.NoError(t, err)
		admin, p := enginetest.Connect(t, server.DSN), prefix(t)
		afterwards(t, admin, "DROP ROLE IF EXISTS "+p)
		d := postgres.New()
		session, err := d.Open(t.Context(), target)
		require.NoError(t, err)
		defer func() { require.NoError(t, session.Close()) }()
		kept := history.NewStore(d)
		require.NoError(t, kept.Create(t.Context(), session))
		execAll(t, admin, "CREATE TABLE "+target.Schema+".early (id int)")
		c, account, password := provisionCase{engine: pgWith, admin: target}, dialect.Account{Name: p}, dialect.GeneratePassword()
		steps := []dialect.ProvisionStep{
			{Kind: dialect.CreateUser, User: account},
			{Kind: dialect.GrantUse, Database: target.Database, Schema: target.Schema, User: account},
			{Kind: dialect.RefreshUse, Database: target.Database, Schema: target.Schema, User: account},
		}
		made, err := discover.Provision(t.Context(), c.open(nil), steps, password)
		require.NoError(t, err)
		require.NoError(t, kept.CreateJournal(t.Context(), session), "an online execution makes it each time")
		execAll(t, admin, "CREATE TABLE "+target.Schema+".late (id int)")

		app := pgConnect(t, server, target.Database, p)
		execAll(t, app, "INSERT INTO "+target.Schema+".early VALUES (1)", "INSERT INTO "+target.Schema+".late VALUES (1)")
		for table, column := range map[string]string{history.Table: "revision", history.JournalTable: "entry"} {
			for _, forbidden := range lockstepsOwn(target.Schema+"."+table, column) {
				_, err := app.ExecContext(t.Context(), forbidden)
				require.Error(t, err, forbidden)
				require.Equal(t, "42501", sqlState(err), forbidden)
			}
		}
		execAll(t, enginetest.Connect(t, raw), "SELECT * FROM "+history.Table, "SELECT * FROM "+history.JournalTable)
		require.NoError(t, app.Close())
		require.NoError(t, discover.Undo(t.Context(), c.open(nil), made, true))
	})
}

// TestMySQLKeepsItsOwn is the same where privileges are given table by table.
func TestMySQLKeepsItsOwn(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		name, login := f.prefix+"_own", f.prefix+"_u"
		f.database(t, name)
		afterwards(t, f.admin, "DROP USER IF EXISTS '"+login+"'@'%'")
		execAll(t, f.admin, "CREATE TABLE "+name+".early (id int)", "CREATE TABLE "+name+".lockstep_history (revision int)", "CREATE TABLE "+name+".lockstep_journal (revision int)")
		c, account, password := provisionCase{engine: f.engine, admin: f.target}, dialect.Account{Name: login, Host: "%"}, dialect.GeneratePassword()
		steps := []dialect.ProvisionStep{{Kind: dialect.CreateUser, User: account}, {Kind: dialect.GrantUse, Database: name, User: account}}
		made, err := discover.Provision(t.Context(), c.open(nil), steps, password)
		require.NoError(t, err)
		app := f.connectAs(t, login, password.Reveal())
		execAll(t, app, "INSERT INTO "+name+".early VALUES (1)")
		execAll(t, f.admin, "CREATE TABLE "+name+".late (id int)")
		forbidden := append(lockstepsOwn(name+".lockstep_history", "revision"), lockstepsOwn(name+".lockstep_journal", "revision")...)
		for _, statement := range append(forbidden, "INSERT INTO "+name+".late VALUES (1)") {
			_, err := app.ExecContext(t.Context(), statement)
			require.Error(t, err, statement)
			require.Equal(t, fault.Denied, mysql.New().Classify(err).Kind, "%s: %v", statement, err)
		}
		refresh := []dialect.ProvisionStep{{Kind: dialect.RefreshUse, Database: name, User: account}}
		for range 2 {
			_, err = discover.Provision(t.Context(), c.open(nil), refresh, secret.Redacted{})
			require.NoError(t, err)
		}
		execAll(t, app, "INSERT INTO "+name+".late VALUES (1)")
		for _, statement := range forbidden {
			_, err := app.ExecContext(t.Context(), statement)
			require.Error(t, err, statement)
		}
		require.NoError(t, app.Close())
		require.NoError(t, discover.Undo(t.Context(), c.open(nil), made[1:], false))
		require.Zero(t, grantOf(read(t, f.engine(nil), f.target, discover.Options{}), login, name, ""), "all was taken back")
		require.NoError(t, discover.Undo(t.Context(), c.open(nil), made, false))
	})
}

// TestSQLiteProvision makes a file in a directory, and nothing outside of it.
func TestSQLiteProvision(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := dialect.Target{Engine: dialect.SQLite, Database: dir}
	open := provisionCase{engine: func(func(driver.Connector) driver.Connector) engine { return sqlite.New() }, admin: target}.open(nil)
	step := []dialect.ProvisionStep{{Kind: dialect.CreateDatabase, Database: "acme.db"}}
	made, err := discover.Provision(t.Context(), open, step, secret.Redacted{})
	require.NoError(t, err)
	_, err = discover.Provision(t.Context(), open, step, secret.Redacted{})
	require.Equal(t, "DATABASE_EXISTS", fault.ReasonOf(err))
	require.FileExists(t, filepath.Join(dir, "acme.db"))
	db := enginetest.Connect(t, "sqlite://"+filepath.Join(dir, "acme.db"))
	execAll(t, db, "CREATE TABLE t (id integer)")
	require.NoError(t, db.Close())
	require.Equal(t, "NOT_EMPTY", fault.ReasonOf(discover.Undo(t.Context(), open, made, false)))
	session, err := open(t.Context())
	require.NoError(t, err)
	tables, err := session.Tables(t.Context(), step[0])
	require.NoError(t, err)
	require.Equal(t, []string{"t"}, tables)
	require.NoError(t, session.Close())
	require.NoError(t, discover.Undo(t.Context(), open, made, true))
	require.NoError(t, discover.Undo(t.Context(), open, made, true), "again")
	require.NoFileExists(t, filepath.Join(dir, "acme.db"))
	for name, reason := range map[string]string{"../out.db": "DATABASE_PERMISSION", "no/such.db": "DIRECTORY_UNKNOWN", "a.db-wal": "TARGET_INVALID"} {
		_, err := discover.Provision(t.Context(), open, []dialect.ProvisionStep{{Kind: dialect.CreateDatabase, Database: name}}, secret.Redacted{})
		require.Equal(t, reason, fault.ReasonOf(err), name)
	}
	require.NoFileExists(t, filepath.Join(filepath.Dir(dir), "out.db"))
	_, err = discover.Provision(t.Context(), open, []dialect.ProvisionStep{{Kind: dialect.CreateUser, User: dialect.Account{Name: "u"}}}, dialect.GeneratePassword())
	require.Equal(t, fault.Unsupported, fault.KindOf(err))
}
