package discover_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/secret"
)

func onPostgres(t *testing.T, test func(t *testing.T, server enginetest.Server)) {
	t.Helper()
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) { t.Parallel(); test(t, server) })
	}
}

func pgWith(wrap func(driver.Connector) driver.Connector) engine {
	if wrap == nil {
		return postgres.New()
	}
	return postgres.New(postgres.WithWrap(wrap))
}

func pgQuote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// pgDatabase makes an empty database that is dropped at the end.
func pgDatabase(t testing.TB, admin *sql.DB, name string) {
	t.Helper()
	afterwards(t, admin, "DROP DATABASE IF EXISTS "+pgQuote(name)+" WITH (FORCE)")
	execAll(t, admin, "CREATE DATABASE "+pgQuote(name)+" TEMPLATE template0")
}

func pgRole(t testing.TB, admin *sql.DB, name, attributes string) {
	t.Helper()
	afterwards(t, admin, "DROP ROLE IF EXISTS "+pgQuote(name))
	execAll(t, admin, "CREATE ROLE "+pgQuote(name)+" "+attributes)
}

// TestPostgresNames: names that differ by case only are two, and any character
// may be in a name.
func TestPostgresNames(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		admin, p := enginetest.Connect(t, server.DSN), prefix(t)
		names := []string{p + "_acme", p + "_Acme", p + ` quo"te`, p + "_ünïcode_🚚", p + "'; --"}
		for _, name := range names {
			pgRole(t, admin, name, "LOGIN")
			pgDatabase(t, admin, name)
			execAll(t, admin, "GRANT CREATE ON DATABASE "+pgQuote(name)+" TO "+pgQuote(name))
		}
		state := read(t, postgres.New(), parseServer(t, server.DSN), discover.Options{})
		require.True(t, state.Server.CaseSensitiveNames)
		require.Equal(t, dialect.Postgres, state.Server.Engine)
		require.Contains(t, state.Server.Flavour, "PostgreSQL "+strings.Fields(server.Version)[0])
		require.NotContains(t, databaseNames(state), "template1")
		require.NotContains(t, databaseNames(state), "postgres")
		require.Contains(t, state.LeftOut, "postgres")
		own := only(state, p)
		require.ElementsMatch(t, names, databaseNames(own))
		for _, name := range names {
			require.True(t, user(t, own, name).CanLogin)
			g := grantOf(own, name, name, "")
			require.Equal(t, []string{"CREATE"}, g.Raw)
			require.Equal(t, dialect.MayCreate, g.Privileges)
		}
		require.Contains(t, databaseNames(read(t, postgres.New(), parseServer(t, server.DSN), discover.Options{Include: []string{"postgres"}})), "postgres")
	})
}

// TestPostgresAccess holds what follows from grants, memberships, PUBLIC and
// ownership to what the server itself says.
func TestPostgresAccess(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		admin, p := enginetest.Connect(t, server.DSN), prefix(t)
		open, shut, own := p+"_open", p+"_shut", p+"_own"
		for name, attributes := range map[string]string{
			"_plain": "LOGIN", "_direct": "LOGIN", "_member": "LOGIN", "_deep": "LOGIN", "_noinherit": "LOGIN NOINHERIT",
			"_owner": "LOGIN", "_super": "LOGIN SUPERUSER", "_group": "", "_outer": "", "_late": "LOGIN", "_past": "LOGIN VALID UNTIL '2001-01-01'",
			"_reader": "LOGIN",
		} {
			pgRole(t, admin, p+name, attributes)
		}
		for _, name := range []string{open, shut, own} {
			pgDatabase(t, admin, name)
		}
		execAll(t, admin,
			"REVOKE ALL ON DATABASE "+shut+" FROM PUBLIC", "REVOKE ALL ON DATABASE "+own+" FROM PUBLIC",
			"GRANT CONNECT ON DATABASE "+shut+" TO "+p+"_direct WITH GRANT OPTION",
			"GRANT CONNECT, CREATE ON DATABASE "+shut+" TO "+p+"_outer",
			fmt.Sprintf("GRANT %s_outer TO %s_group", p, p), fmt.Sprintf("GRANT %s_group TO %s_member, %s_noinherit", p, p, p),
			fmt.Sprintf("GRANT %s_outer TO %s_deep", p, p), fmt.Sprintf("GRANT pg_read_all_data TO %s_reader", p),
			"ALTER DATABASE "+own+" OWNER TO "+p+"_owner",
		)
		afterwards(t, admin, "ALTER DATABASE "+own+" OWNER TO CURRENT_USER", "ALTER ROLE "+p+"_super NOSUPERUSER")
		if strings.HasPrefix(server.Version, "18") {
			execAll(t, admin, fmt.Sprintf("GRANT %s_outer TO %s_late WITH INHERIT FALSE, SET TRUE", p, p))
		}
		state := read(t, postgres.New(), parseServer(t, server.DSN), discover.Options{})
		index := discover.IndexOf(state)
		for _, database := range []string{open, shut, own} {
			access := map[string]discover.Access{}
			for _, a := range index.In(database, "") {
				access[a.User.Name] = a
			}
			for _, u := range only(state, p).Users {
				if !u.CanLogin || u.Expired {
					assert.NotContains(t, access, u.Name)
					continue
				}
				var connect, create bool
				require.NoError(t, admin.QueryRowContext(t.Context(), "SELECT has_database_privilege($1, $2, 'CONNECT'), has_database_privilege($1, $2, 'CREATE')", u.Name, database).Scan(&connect, &create))
				assert.Equal(t, connect, access[u.Name].Privileges.Has(dialect.MayConnect), "%s connects to %s", u.Name, database)
				assert.Equal(t, create, access[u.Name].Privileges.Has(dialect.MayCreate), "%s creates in %s", u.Name, database)
			}
		}
		require.True(t, user(t, state, p+"_past").Expired)
		require.True(t, user(t, state, "pg_read_all_data").System, "stays because somebody was given it")
		require.Len(t, index.Of(dialect.Account{Name: p + "_owner"}), len(index.Of(dialect.Account{Name: p + "_plain"}))+1)
		later := grantedLater(index, shut, p+"_noinherit")
		require.Equal(t, dialect.MayConnect|dialect.MayCreate, later, "after SET ROLE")
	})
}

func grantedLater(index *discover.Index, database, user string) dialect.Privileges {
	for _, a := range index.In(database, "") {
		if a.User.Name == user {
			return a.AfterSetRole
		}
	}
	return 0
}

// TestPostgresSchemas reads the schemas of one database and holds them, and who
// may do what in them, to what the server says.
func TestPostgresSchemas(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		raw := enginetest.FreshDatabase(t, server)
		u, err := url.Parse(raw)
		require.NoError(t, err)
		database := u.Path[1:]
		admin, in, p := enginetest.Connect(t, server.DSN), enginetest.Connect(t, raw), prefix(t)
		pgRole(t, admin, p+"_app", "LOGIN")
		pgRole(t, admin, p+"_Owner", "LOGIN")
		afterwards(t, in, "DROP OWNED BY "+p+"_app", "DROP OWNED BY "+pgQuote(p+"_Owner"))
		execAll(t, in, `CREATE SCHEMA "Tenant" AUTHORIZATION `+pgQuote(p+"_Owner"), "CREATE SCHEMA tenant",
			"CREATE TABLE tenant.t (id int)", "GRANT USAGE ON SCHEMA tenant TO "+p+"_app", "GRANT SELECT ON tenant.t TO "+p+"_app",
			`CREATE TABLE "Tenant".t (id int)`, `ALTER TABLE "Tenant".t OWNER TO `+pgQuote(p+"_Owner"))
		state := read(t, postgres.New(), parseServer(t, server.DSN), discover.Options{SchemasOf: []string{database}})
		for _, d := range state.Databases {
			require.Equal(t, d.Name == database, d.SchemasRead)
			if d.Name == database {
				require.Len(t, d.Schemas, 3)
				require.Equal(t, dialect.Schema{Name: "Tenant", Owner: p + "_Owner"}, d.Schemas[0])
			}
		}
		require.Equal(t, dialect.MayConnect|dialect.MayRead, grantOf(state, p+"_app", database, "tenant").Privileges)
		require.Zero(t, grantOf(state, p+"_app", database, "Tenant"))
		require.True(t, grantOf(state, p+"_Owner", database, "Tenant").Privileges.Has(dialect.MayDDL|dialect.MayWrite|dialect.MayCreate))
		tenants := []discover.Tenant{
			{ID: "here", Database: database, Schema: "tenant"},
			{ID: "back", Database: database, Schema: "Tenant", Vanished: true},
			{ID: "gone", Database: database, Schema: "TENANT"},
			{ID: "away", Database: strings.ToUpper(database)},
			{ID: "left", Database: "postgres"},
		}
		got := discover.Match(state, tenants)
		require.Equal(t, []string{"away", "gone"}, got.Vanished)
		require.Equal(t, []string{"back"}, got.Returned)
		require.NotContains(t, got.Free, discover.Place{Database: database})
	})
}

// TestPostgresQueries counts them: as many for 3 databases and users as for 53
// and 503.
func TestPostgresQueries(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		admin, p := enginetest.Connect(t, server.DSN), prefix(t)
		count := func() (int, discover.State) {
			plan := faultdb.Never()
			d := pgWith(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
			state := read(t, d, parseServer(t, server.DSN), discover.Options{})
			queries := 0
			for _, op := range plan.Log() {
				if op.Kind == faultdb.Query {
					queries++
				}
			}
			return queries, only(state, p)
		}
		few, _ := count()
		pgMany(t, admin, p, 50, 500)
		many, state := count()
		require.Len(t, state.Databases, 50)
		require.Len(t, state.Users, 500)
		require.Equal(t, few, many)
		require.LessOrEqual(t, many, 6)
	})
}

// pgMany makes databases and users, each user with a grant on one database.
func pgMany(t testing.TB, admin *sql.DB, p string, databases, users int) {
	t.Helper()
	t.Cleanup(func() {
		for i := range databases {
			_, err := admin.Exec(fmt.Sprintf("DROP DATABASE IF EXISTS %s_%d WITH (FORCE)", p, i))
			assert.NoError(t, err)
		}
		_, err := admin.Exec(fmt.Sprintf("DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname LIKE '%s%%' LOOP EXECUTE 'DROP ROLE ' || quote_ident(r); END LOOP; END $$", p))
		assert.NoError(t, err)
	})
	for i := range databases {
		execAll(t, admin, fmt.Sprintf("CREATE DATABASE %s_%d TEMPLATE template0 STRATEGY file_copy", p, i))
	}
	execAll(t, admin, fmt.Sprintf("DO $$ BEGIN FOR i IN 0..%d LOOP EXECUTE 'CREATE ROLE %s_u' || i || ' LOGIN'; EXECUTE 'GRANT CREATE ON DATABASE %s_' || i %% %d || ' TO %s_u' || i; END LOOP; END $$", users-1, p, p, databases, p))
}

func TestPostgresBrokenReads(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		u, err := url.Parse(enginetest.FreshDatabase(t, server))
		require.NoError(t, err)
		brokenReads(t, parseServer(t, server.DSN), discover.Options{SchemasOf: []string{u.Path[1:]}}, func(wrap func(driver.Connector) driver.Connector) dialect.Discoverer {
			return pgWith(wrap)
		})
	})
}

// TestPostgresProvision makes a tenant's place, logs in as the user that was
// made, and undoes it.
func TestPostgresProvision(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		admin, p, target := enginetest.Connect(t, server.DSN), prefix(t), parseServer(t, server.DSN)
		name, login := p+`_New "db"`, p+"_App"
		other := p + "_other"
		pgRole(t, admin, other, "LOGIN")
		afterwards(t, admin, "DROP DATABASE IF EXISTS "+pgQuote(name)+" WITH (FORCE)", "DROP ROLE IF EXISTS "+pgQuote(login))
		before := only(read(t, postgres.New(), target, discover.Options{}), p)
		c := provisionCase{engine: pgWith, admin: target}
		password := dialect.GeneratePassword()
		steps := []dialect.ProvisionStep{
			{Kind: dialect.CreateDatabase, Database: name},
			{Kind: dialect.CreateSchema, Database: name, Schema: "Tenant"},
			{Kind: dialect.CreateUser, User: dialect.Account{Name: login}},
			{Kind: dialect.GrantUse, Database: name, Schema: "Tenant", User: dialect.Account{Name: login}},
		}
		made, err := discover.Provision(t.Context(), c.open(nil), steps, password)
		require.NoError(t, err)
		require.Equal(t, steps, made)
		requireRefusesExisting(t, c, steps)

		in := pgConnect(t, server, name, "")
		execAll(t, in, `CREATE TABLE "Tenant".t (id serial PRIMARY KEY, a text)`, "CREATE TABLE public.other (id int)")
		app := pgConnect(t, server, name, login)
		execAll(t, app, `INSERT INTO "Tenant".t (a) VALUES ('x')`, `UPDATE "Tenant".t SET a = 'y'`, `DELETE FROM "Tenant".t WHERE a = 'z'`)
		var a string
		require.NoError(t, app.QueryRowContext(t.Context(), `SELECT a FROM "Tenant".t`).Scan(&a))
		for _, forbidden := range []string{
			`CREATE TABLE "Tenant".mine (id int)`, "CREATE TABLE public.mine (id int)", `ALTER TABLE "Tenant".t ADD b int`, `DROP TABLE "Tenant".t`,
			`TRUNCATE "Tenant".t`, "SELECT * FROM public.other", "CREATE SCHEMA mine", "CREATE ROLE " + p + "_more", "CREATE DATABASE " + p + "_more", "CREATE TEMP TABLE x (id int)",
		} {
			_, err := app.ExecContext(t.Context(), forbidden)
			require.Error(t, err, forbidden)
			require.Equal(t, fault.Denied, postgres.New().Classify(err).Kind, forbidden)
		}
		require.Error(t, pgConnect(t, server, name, other).PingContext(t.Context()), "nobody else comes in")
		require.NoError(t, app.Close())

		index := discover.IndexOf(read(t, postgres.New(), target, discover.Options{SchemasOf: []string{name}}))
		for _, got := range index.In(name, "Tenant") {
			if got.User.Name == login {
				require.Equal(t, dialect.MayConnect|dialect.MayRead|dialect.MayWrite, got.Privileges)
			}
		}
		err = discover.Undo(t.Context(), c.open(nil), made, false)
		require.Equal(t, "NOT_EMPTY", fault.ReasonOf(err))
		require.NoError(t, discover.Undo(t.Context(), c.open(nil), made, true))
		require.NoError(t, discover.Undo(t.Context(), c.open(nil), made, true), "again")
		require.Equal(t, before, only(read(t, postgres.New(), target, discover.Options{}), p))
	})
}

// requireRefusesExisting runs each step again: what is there is not made, and a
// refusal undoes nothing that was there.
func requireRefusesExisting(t *testing.T, c provisionCase, steps []dialect.ProvisionStep) {
	t.Helper()
	for _, step := range steps {
		_, err := discover.Provision(t.Context(), c.open(nil), []dialect.ProvisionStep{step}, dialect.GeneratePassword())
		require.Equal(t, fault.Exists, fault.KindOf(err), "%s: %v", step.Kind, err)
	}
}

func pgConnect(t testing.TB, server enginetest.Server, database, login string) *sql.DB {
	t.Helper()
	u, err := url.Parse(server.DSN)
	require.NoError(t, err)
	u.Path = "/" + database
	if login != "" {
		u.User = url.User(login)
	}
	return enginetest.Connect(t, u.String())
}

// TestPostgresProvisionInAPlace: in a database and for a user that were there,
// only the privileges are made, and undoing takes away only those.
func TestPostgresProvisionInAPlace(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		raw := enginetest.FreshDatabase(t, server)
		u, err := url.Parse(raw)
		require.NoError(t, err)
		database := u.Path[1:]
		admin, in, p, target := enginetest.Connect(t, server.DSN), enginetest.Connect(t, raw), prefix(t), parseServer(t, server.DSN)
		pgRole(t, admin, p+"_app", "LOGIN")
		pgRole(t, admin, p+"_busy", "LOGIN")
		afterwards(t, in, "DROP OWNED BY "+p+"_app, "+p+"_busy")
		execAll(t, in, "CREATE TABLE t (id int)", "GRANT SELECT ON t TO "+p+"_busy")
		state := func() discover.State {
			return read(t, postgres.New(), target, discover.Options{SchemasOf: []string{database}})
		}
		defaults := func() (n int) {
			require.NoError(t, in.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_default_acl").Scan(&n))
			return n
		}
		before := grantsIn(state(), database)
		c := provisionCase{engine: pgWith, admin: target}
		use := func(name string) []dialect.ProvisionStep {
			return []dialect.ProvisionStep{{Kind: dialect.GrantUse, Database: database, User: dialect.Account{Name: name}}}
		}
		made, err := discover.Provision(t.Context(), c.open(nil), use(p+"_app"), secret.Redacted{})
		require.NoError(t, err)
		require.NotEqual(t, before, grantsIn(state(), database))
		require.Equal(t, 2, defaults())
		require.NoError(t, discover.Undo(t.Context(), c.open(nil), made, false))
		require.Equal(t, before, grantsIn(state(), database))
		require.Zero(t, defaults())
		_, err = discover.Provision(t.Context(), c.open(nil), use(p+"_busy"), secret.Redacted{})
		require.Equal(t, "GRANTS_EXIST", fault.ReasonOf(err))
		require.Equal(t, before, grantsIn(state(), database))
	})
}

func grantsIn(s discover.State, database string) (out []dialect.Grant) {
	for _, g := range s.Grants {
		if g.Database == database {
			out = append(out, g)
		}
	}
	return out
}

// TestPostgresBrokenProvisions: making a database takes long, so that is only
// broken in two of the ways.
func TestPostgresBrokenProvisions(t *testing.T) {
	onPostgres(t, func(t *testing.T, server enginetest.Server) {
		admin, p := enginetest.Connect(t, server.DSN), prefix(t)
		u, err := url.Parse(enginetest.FreshDatabase(t, server))
		require.NoError(t, err)
		here := u.Path[1:]
		in := pgConnect(t, server, here, "")
		c := provisionCase{engine: pgWith, admin: parseServer(t, server.DSN), prefix: p, schemas: here, db: in, modes: faultdb.Modes()}
		c.steps = []dialect.ProvisionStep{
			{Kind: dialect.CreateUser, User: dialect.Account{Name: p}},
			{Kind: dialect.CreateSchema, Database: here, Schema: p},
			{Kind: dialect.GrantUse, Database: here, Schema: p, User: dialect.Account{Name: p}},
		}
		c.cleanup = []string{"DROP ROLE IF EXISTS " + p, "DROP SCHEMA IF EXISTS " + p + " CASCADE"}
		brokenProvisions(t, c)

		c.modes, c.db = []faultdb.Mode{faultdb.ErrorBefore, faultdb.DieAfter}, admin
		c.steps = []dialect.ProvisionStep{{Kind: dialect.CreateDatabase, Database: p}, {Kind: dialect.CreateSchema, Database: p, Schema: "s"}}
		c.cleanup = []string{"DROP DATABASE IF EXISTS " + p + " WITH (FORCE)"}
		afterwards(t, admin, c.cleanup...)
		brokenProvisions(t, c)
	})
}
