package enginetest

import (
	"database/sql"
	"net/url"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

// freshSQLServer creates an empty database. It is dropped when the test ends,
// with whatever is still connected.
func freshSQLServer(t testing.TB, s Server) string {
	t.Helper()
	name := uniqueName()
	admin := connect(t, s)
	run(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() {
		run(t, admin, "IF DB_ID('"+name+"') IS NOT NULL BEGIN ALTER DATABASE "+name+" SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE "+name+"; END")
	})
	u := parse(t, s.DSN)
	q := u.Query()
	q.Set("database", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// unusedSQLServerSchema makes a user whose default schema has that name, since
// nothing else makes unqualified names resolve there, and drops both with the
// schema's tables when the test ends.
func unusedSQLServerSchema(t testing.TB, admin *sql.DB, name string) {
	t.Helper()
	run(t, admin, "CREATE USER "+name+" WITHOUT LOGIN WITH DEFAULT_SCHEMA = "+name)
	run(t, admin, "ALTER ROLE db_owner ADD MEMBER "+name)
	t.Cleanup(func() {
		run(t, admin, `DECLARE @sql nvarchar(max) = N'';
SELECT @sql += N'ALTER TABLE `+name+`.' + QUOTENAME(t.name) + N' DROP CONSTRAINT ' + QUOTENAME(k.name) + N';'
FROM sys.foreign_keys AS k JOIN sys.tables AS t ON t.object_id = k.parent_object_id WHERE t.schema_id = SCHEMA_ID('`+name+`');
SELECT @sql += N'DROP TABLE `+name+`.' + QUOTENAME(name) + N';' FROM sys.tables WHERE schema_id = SCHEMA_ID('`+name+`');
EXEC (@sql);
DROP SCHEMA IF EXISTS `+name+`;
DROP USER IF EXISTS `+name+`;`)
	})
}

// connectSQLServer opens a database; a target with a schema, as the user whose
// default schema it is. A connection that acts as another user cannot be used a
// second time, so none is kept.
func connectSQLServer(t testing.TB, u *url.URL) *sql.DB {
	t.Helper()
	q := u.Query()
	schema := q.Get("schema")
	q.Del("schema")
	u.RawQuery = q.Encode()
	c, err := mssql.NewConnector(u.String())
	if err != nil {
		t.Fatal("a test DSN is not one of SQL Server") // without the error: it may repeat the DSN
	}
	if schema != "" {
		c.SessionInitSQL = "EXECUTE AS USER = '" + schema + "'"
	}
	db := sql.OpenDB(c)
	if schema != "" {
		db.SetMaxIdleConns(-1)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
