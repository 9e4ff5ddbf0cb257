package sqlserver

import (
	"context"
	"database/sql/driver"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	spell "github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// recorded is a server that answers a query, told by a part of it, with rows
// that were written down by the manual's description of the catalog views. It
// proves what is made of answers, and nothing about a real server.
type recorded struct {
	mu      sync.Mutex
	answers []answer
	batches []string
	args    []driver.NamedValue
}

type answer struct {
	part string
	rows [][]driver.Value
	err  error
}

func (r *recorded) Connect(context.Context) (driver.Conn, error) { return &recordedConn{r}, nil }
func (r *recorded) Driver() driver.Driver                        { return nil }

type recordedConn struct{ r *recorded }

func (*recordedConn) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (*recordedConn) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
func (*recordedConn) Close() error                        { return nil }

func (c *recordedConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	_, err := c.answer(query, args)
	return driver.ResultNoRows, err
}

func (c *recordedConn) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.answer(query, args)
}

func (c *recordedConn) answer(query string, args []driver.NamedValue) (*recordedRows, error) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.batches = append(c.r.batches, query)
	c.r.args = append(c.r.args, args...)
	for _, a := range c.r.answers {
		if strings.Contains(query, a.part) {
			return &recordedRows{rows: a.rows}, a.err
		}
	}
	return &recordedRows{}, nil
}

type recordedRows struct{ rows [][]driver.Value }

func (r *recordedRows) Columns() []string {
	if len(r.rows) == 0 {
		return []string{"nothing"}
	}
	return make([]string, len(r.rows[0]))
}
func (*recordedRows) Close() error { return nil }

func (r *recordedRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

func (r *recorded) dialect() *Dialect {
	return New(withConnector(func(dialect.Target) (driver.Connector, error) { return r, nil }))
}

func row(values ...driver.Value) []driver.Value { return values }

// recording is a server with three databases of tenants, one offline, one that
// vanishes meanwhile, and the system's.
func recording(collation string) *recorded {
	no, yes := int64(0), int64(1)
	return &recorded{answers: []answer{
		{part: "ProductVersion", rows: [][]driver.Value{row("16.0.4165.4", int64(2), yes)}},
		{part: "N'Edition'", rows: [][]driver.Value{row("Developer Edition (64-bit)", collation, "Microsoft SQL Server 2022 (RTM-CU15) - 16.0.4165.4 (X64) \n\tSep 25 2024", no, yes, yes)}},
		{part: "FROM sys.databases d", rows: [][]driver.Value{
			row("Acme", "alice", "Latin1_General_CI_AS", no, no, int64(16_777_216)), row("gone", "sa", "Latin1_General_CI_AS", no, no, int64(8192)),
			row("master", "sa", "Latin1_General_CI_AS", no, yes, int64(1)), row("model", "sa", "", no, yes, int64(1)),
			row("msdb", "sa", "", no, yes, int64(1)), row("off", "sa", "", yes, no, int64(1)), row("rdsadmin", "rdsa", "", no, no, int64(1)),
			row("ta]rget", "sa", "Latin1_General_CI_AS", no, no, int64(1)), row("tempdb", "sa", "", no, yes, int64(1)),
		}},
		{part: "LOGINPROPERTY", rows: [][]driver.Value{
			row("##MS_PolicyEventProcessingLogin##", "S", yes, no, no, no), row("alice", "S", no, no, no, no), row("app", "S", no, no, no, no),
			row("bob", "S", no, no, yes, no), row("carol", "S", yes, no, no, yes), row("NT AUTHORITY\\SYSTEM", "U", no, no, no, no),
			row("ops", "R", no, no, no, no), row("public", "R", no, no, no, no), row("reader", "S", no, no, no, no), row("sa", "S", no, no, no, no), row("sysadmin", "R", no, yes, no, no),
		}},
		{part: "sys.server_role_members", rows: [][]driver.Value{row("alice", "ops"), row("sa", "sysadmin")}},
		{part: "sys.server_permissions", rows: [][]driver.Value{row("alice", "CONNECT SQL", "G"), row("ops", "CONNECT ANY DATABASE", "G"), row("ops", "SELECT ALL USER SECURABLES", "W"), row("public", "VIEW ANY DATABASE", "G")}},
		{part: "[Acme].sys.schemas x\n", rows: [][]driver.Value{row("dbo", "dbo"), row("tenant", "app")}},
		{part: "[Acme].sys.database_principals", rows: [][]driver.Value{
			row("U", "dbo", "alice", "S", ""), row("U", "app", "app", "S", ""), row("U", "reader", "reader", "S", ""), row("U", "guest", "", "S", ""),
			row("U", "inside", "", "S", ""), row("M", "reader", "readers", "", ""), row("M", "readers", "db_datareader", "", ""),
			row("P", "app", "CONNECT", "G", ""), row("P", "reader", "CONNECT", "G", ""), row("P", "inside", "CONNECT", "G", ""),
			row("P", "app", "SELECT", "G", "tenant"), row("P", "app", "TABLES:INSERT", "G", "tenant"), row("P", "app", "DELETE", "D", "tenant"),
			row("P", "public", "VIEW ANY COLUMN MASTER KEY DEFINITION", "G", ""),
		}},
		{part: "[gone].sys", err: mssql.Error{Number: 911, Message: "Database 'gone' does not exist."}},
		{part: "[ta]]rget].sys.database_principals", rows: [][]driver.Value{row("U", "dbo", "sa", "S", ""), row("P", "guest", "CONNECT", "G", "")}},
	}}
}

func readRecorded(t *testing.T, r *recorded, opts discover.Options) (discover.State, error) {
	t.Helper()
	target, err := dialect.ParseServer("sqlserver://sa:hunter2@h")
	require.NoError(t, err)
	require.Equal(t, "master", target.Database)
	s, err := r.dialect().OpenServer(t.Context(), target)
	require.NoError(t, err)
	defer func() { _ = s.Close() }()
	return discover.Read(t.Context(), s, opts, nil)
}

func TestDiscover(t *testing.T) {
	r := recording("SQL_Latin1_General_CP1_CI_AS")
	state, err := readRecorded(t, r, discover.Options{SchemasOf: []string{"ACME"}})
	require.NoError(t, err)
	require.Equal(t, dialect.ServerInfo{
		Engine: dialect.SQLServer, Version: dialect.Version{Major: 16, Patch: 4165}, Flavour: "Microsoft SQL Server 2022",
		Edition: "Developer Edition (64-bit)", DefaultSchema: "dbo",
	}, state.Server)
	var names []string
	for _, d := range state.Databases {
		names = append(names, d.Name)
	}
	require.Equal(t, []string{"Acme", "off", "ta]rget"}, names)
	require.Equal(t, []string{"master", "model", "msdb", "rdsadmin", "tempdb"}, state.LeftOut)
	require.Equal(t, []dialect.Schema{{Name: "dbo", Owner: "dbo"}, {Name: "tenant", Owner: "app"}}, state.Databases[0].Schemas)

	users := map[string]dialect.User{}
	for _, u := range state.Users {
		users[u.String()] = u
	}
	require.Equal(t, []string{"alice", "app", "bob", "carol", "inside@Acme", "ops", "reader", "sa", "sysadmin"}, slices.Sorted(maps.Keys(users)))
	require.True(t, users["bob"].Locked && users["carol"].Locked && users["carol"].Expired && users["sa"].Superuser)
	require.False(t, users["ops"].CanLogin || users["alice"].Superuser)

	access := func(database, schema string) map[string]dialect.Privileges {
		out := map[string]dialect.Privileges{}
		for _, a := range discover.IndexOf(state).In(database, schema) {
			out[a.User.String()] = a.Privileges
		}
		return out
	}
	require.Equal(t, map[string]dialect.Privileges{
		"alice": dialect.Everything, "app": dialect.MayConnect, "reader": dialect.MayConnect | dialect.MayRead,
		"inside@Acme": dialect.MayConnect, "sa": dialect.Everything,
	}, access("Acme", ""))
	require.Equal(t, dialect.MayConnect|dialect.MayRead, access("Acme", "tenant")["app"]&^(dialect.MayDDL|dialect.MayAll|dialect.MayGrant), "what is denied outdoes what is granted")
	require.Equal(t, dialect.MayConnect, access("ta]rget", "")["app"], "the guest may connect")
	require.Equal(t, dialect.MayConnect|dialect.MayRead|dialect.MayGrant, access("ta]rget", "")["alice"], "through the server's role")

	require.Equal(t, []string{"t"}, discover.Match(state, []discover.Tenant{{ID: "t", Database: "GONE"}, {ID: "u", Database: "acme", Schema: "TENANT"}}).Vanished)
	parseAll(t, r.batches)
}

// TestDiscoverCase: the server's collation tells whether names fold.
func TestDiscoverCase(t *testing.T) {
	for collation, sensitive := range map[string]bool{
		"SQL_Latin1_General_CP1_CI_AS": false, "Latin1_General_100_CS_AS_SC_UTF8": true, "Latin1_General_BIN2": true, "Turkish_CI_AI": false,
	} {
		state, err := readRecorded(t, recording(collation), discover.Options{})
		require.NoError(t, err)
		assert.Equal(t, sensitive, state.Server.CaseSensitiveNames, collation)
	}
}

func TestDiscoverBroken(t *testing.T) {
	for _, part := range []string{"N'Edition'", "FROM sys.databases d", "LOGINPROPERTY", "server_role_members", "server_permissions", "[Acme].sys.database_principals", "[Acme].sys.schemas"} {
		r := recording("x_CI_AS")
		r.answers = append([]answer{{part: part, err: mssql.StreamError{}}}, r.answers...)
		state, err := readRecorded(t, r, discover.Options{SchemasOf: []string{"Acme"}})
		require.Equal(t, fault.Unavailable, fault.KindOf(err), part)
		require.Empty(t, state)
	}
}

// TestProvisionBatches: what is sent parses, names are quoted, and no batch
// holds the password.
func TestProvisionBatches(t *testing.T) {
	r := &recorded{answers: []answer{
		{part: "ProductVersion", rows: [][]driver.Value{row("16.0.4165.4", int64(2), int64(1))}},
		{part: "LIKE N'lockstep[_]%'", rows: [][]driver.Value{row("lockstep_history")}},
	}}
	target, err := dialect.ParseServer("sqlserver://sa:hunter2@h")
	require.NoError(t, err)
	open := func(ctx context.Context) (dialect.ProvisionSession, error) {
		return r.dialect().OpenProvision(ctx, target)
	}
	user := dialect.Account{Name: "a]pp $(schema)"}
	steps := []dialect.ProvisionStep{
		{Kind: dialect.CreateDatabase, Database: "te]nant"},
		{Kind: dialect.CreateSchema, Database: "te]nant", Schema: "Acme"},
		{Kind: dialect.CreateUser, User: user},
		{Kind: dialect.GrantUse, Database: "te]nant", Schema: "Acme", User: user},
	}
	password := dialect.GeneratePassword()
	made, err := discover.Provision(t.Context(), open, steps, password)
	require.NoError(t, err)
	require.Equal(t, steps, made)
	for _, want := range []string{
		"CREATE DATABASE [te]]nant]", "CREATE SCHEMA [Acme]", createLogin, "CREATE USER [a]]pp $(schema)] FOR LOGIN [a]]pp $(schema)] WITH DEFAULT_SCHEMA = [Acme]",
		"GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON SCHEMA::[Acme] TO [a]]pp $(schema)]",
		"DENY SELECT, INSERT, UPDATE, DELETE ON OBJECT::[Acme].[lockstep_history] TO [a]]pp $(schema)]",
	} {
		require.Contains(t, r.batches, want)
	}
	require.Contains(t, values(r.args), driver.Value(password.Reveal()))

	r.answers = append(r.answers, answer{part: "SELECT 1 FROM sys.databases", rows: [][]driver.Value{row(int64(1))}}, answer{part: "SELECT 1 FROM sys.server_principals", rows: [][]driver.Value{row(int64(1))}},
		answer{part: "SELECT 1 FROM sys.schemas", rows: [][]driver.Value{row(int64(1))}}, answer{part: "SELECT 1 FROM sys.database_principals", rows: [][]driver.Value{row(int64(1))}})
	require.NoError(t, discover.Undo(t.Context(), open, made, true))
	for _, want := range []string{"DROP USER [a]]pp $(schema)]", "DROP LOGIN [a]]pp $(schema)]", "DROP SCHEMA [Acme]", dropContents} {
		require.Contains(t, r.batches, want)
	}
	_, err = discover.Provision(t.Context(), open, steps[:1], password)
	require.Equal(t, "DATABASE_EXISTS", fault.ReasonOf(err))
	r.answers = append(r.answers, answer{part: "FROM sys.tables", rows: [][]driver.Value{row(int64(1))}})
	require.Equal(t, "NOT_EMPTY", fault.ReasonOf(discover.Undo(t.Context(), open, made[:1], false)))
	for _, b := range r.batches {
		require.NotContains(t, b, password.Reveal())
	}
	parseAll(t, slices.DeleteFunc(r.batches, func(b string) bool { return strings.Contains(b, "$(schema)") }))
	require.Equal(t, "[te]]nant]", spell.Quote("te]nant"))
}

// parseAll parses batches, but for the session's greeting, whose COLLATE the
// parser does not know.
func parseAll(t *testing.T, batches []string) {
	t.Helper()
	for _, b := range batches {
		if !strings.Contains(b, "EngineEdition") {
			mustParse(t, b)
		}
	}
}

func values(args []driver.NamedValue) (out []driver.Value) {
	for _, a := range args {
		out = append(out, a.Value)
	}
	return out
}

func TestProvisionErrorsHoldNoPassword(t *testing.T) {
	password := dialect.GeneratePassword()
	r := &recorded{answers: []answer{
		{part: "ProductVersion", rows: [][]driver.Value{row("16.0.4165.4", int64(2), int64(1))}},
		{part: "CREATE LOGIN", err: mssql.Error{Number: 15118, Message: "Password validation failed."}},
	}}
	target, err := dialect.ParseServer("sqlserver://sa:hunter2@h")
	require.NoError(t, err)
	_, err = discover.Provision(t.Context(), func(ctx context.Context) (dialect.ProvisionSession, error) {
		return r.dialect().OpenProvision(ctx, target)
	}, []dialect.ProvisionStep{{Kind: dialect.CreateUser, User: dialect.Account{Name: "u"}}}, password)
	require.Error(t, err)
	for e := error(fault.As(err)); e != nil; {
		require.NotContains(t, e.Error(), password.Reveal())
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			break
		}
		e = u.Unwrap()
	}
}
