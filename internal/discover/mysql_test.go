package discover_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// family is one server of MySQL or MariaDB.
type family struct {
	enginetest.Server
	admin  *sql.DB
	target dialect.Target
	prefix string
	maria  bool
}

func onMySQL(t *testing.T, test func(t *testing.T, f family)) {
	t.Helper()
	t.Parallel()
	run := func(t *testing.T, servers []enginetest.Server, maria bool) {
		for _, server := range servers {
			t.Run(server.Name, func(t *testing.T) {
				t.Parallel()
				scheme := "mysql"
				if maria {
					scheme = "mariadb"
				}
				_, rest, _ := strings.Cut(server.DSN, "://")
				test(t, family{
					Server: server, admin: enginetest.Connect(t, server.DSN), prefix: prefix(t), maria: maria,
					target: parseServer(t, scheme+"://"+rest),
				})
			})
		}
	}
	t.Run("mysql", func(t *testing.T) { t.Parallel(); run(t, enginetest.MySQL(t), false) })
	t.Run("mariadb", func(t *testing.T) { t.Parallel(); run(t, enginetest.MariaDB(t), true) })
}

func (f family) engine(wrap func(driver.Connector) driver.Connector) engine {
	var opts []mysql.Option
	if f.maria {
		opts = append(opts, mysql.WithMariaDB())
	}
	if wrap != nil {
		opts = append(opts, mysql.WithWrap(wrap))
	}
	return mysql.New(opts...)
}

func myQuote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func (f family) database(t testing.TB, name string) {
	t.Helper()
	afterwards(t, f.admin, "DROP DATABASE IF EXISTS "+myQuote(name))
	execAll(t, f.admin, "CREATE DATABASE "+myQuote(name), "CREATE TABLE "+myQuote(name)+".t (id int PRIMARY KEY)")
}

const testPassword = "Aa1-test-only-9"

func (f family) user(t testing.TB, name, host string) string {
	t.Helper()
	account := "'" + strings.ReplaceAll(name, "'", "''") + "'@'" + host + "'"
	afterwards(t, f.admin, "DROP USER IF EXISTS "+account)
	execAll(t, f.admin, "CREATE USER "+account+" IDENTIFIED BY '"+testPassword+"'")
	return account
}

func (f family) connectAs(t testing.TB, name, password string) *sql.DB {
	t.Helper()
	u, err := url.Parse(f.DSN)
	require.NoError(t, err)
	u.User = url.UserPassword(name, password)
	return enginetest.Connect(t, u.String())
}

// TestMySQLNames: with lower_case_table_names 0, names that differ by case only
// are two databases; users always are two.
func TestMySQLNames(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		names := []string{f.prefix + "_acme", f.prefix + "_Acme", f.prefix + " quo`te", f.prefix + "_ünïcode", f.prefix + "'; --"}
		for _, name := range names {
			f.database(t, name)
		}
		for _, user := range []string{"_app", "_App", "_o'brien", "_ü"} {
			f.user(t, f.prefix+user, "%")
		}
		execAll(t, f.admin, "GRANT SELECT ON "+myQuote(names[1])+".* TO '"+f.prefix+"_o''brien'@'%'")
		f.user(t, f.prefix+"_app", "10.0.0.%")
		state := read(t, f.engine(nil), f.target, discover.Options{})
		require.True(t, state.Server.CaseSensitiveNames)
		require.Equal(t, f.target.Engine, state.Server.Engine)
		require.NotEmpty(t, state.Server.Flavour)
		require.Empty(t, state.Unread)
		for _, name := range []string{"mysql", "information_schema", "performance_schema", "sys"} {
			require.NotContains(t, databaseNames(state), name)
		}
		own := only(state, f.prefix)
		require.ElementsMatch(t, names, databaseNames(own))
		var accounts []string
		for _, u := range own.Users {
			require.True(t, u.CanLogin)
			require.False(t, u.Locked || u.Expired || u.Superuser || u.System)
			accounts = append(accounts, u.String())
		}
		require.ElementsMatch(t, []string{f.prefix + "_app@%", f.prefix + "_App@%", f.prefix + "_o'brien@%", f.prefix + "_ü@%", f.prefix + "_app@10.0.0.%"}, accounts)
		require.Equal(t, dialect.MayConnect|dialect.MayRead, grantOf(own, f.prefix+"_o'brien", names[1], "").Privileges, "as a pattern: the underscore is wild")
		require.True(t, user(t, state, "root").Superuser)
		for _, u := range state.Users {
			require.NotContains(t, []string{"mysql.sys", "mysql.session", "mariadb.sys"}, u.Name)
		}
	})
}

// TestMySQLAccess holds what follows from patterns, roles and global privileges
// to what each user may really do, logged in.
func TestMySQLAccess(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		p := f.prefix
		databases := []string{p + "_a", p + "_b1", p + "_b2", p + "xb", p + "_B1"}
		for _, name := range databases {
			f.database(t, name)
		}
		role := p + "_r"
		afterwards(t, f.admin, "DROP ROLE IF EXISTS "+role)
		execAll(t, f.admin, "CREATE ROLE "+role, "GRANT SELECT ON "+myQuote(p+`\_a`)+".* TO "+role)
		grants := map[string][]string{
			"none":     nil,
			"exact":    {"GRANT SELECT, INSERT ON " + myQuote(p+`\_b1`) + ".* TO %s"},
			"escaped":  {"GRANT SELECT ON " + myQuote(p+`\_%`) + ".* TO %s"},
			"wild":     {"GRANT SELECT ON " + myQuote(p+`_b%`) + ".* TO %s"},
			"single":   {"GRANT INSERT ON " + myQuote(p+`_b`) + ".* TO %s"},
			"specific": {"GRANT SELECT, INSERT ON " + myQuote(p+`\_%`) + ".* TO %s", "GRANT SELECT ON " + myQuote(p+`\_b%`) + ".* TO %s", "GRANT INSERT ON " + myQuote(p+`\_b2`) + ".* TO %s"},
			"global":   {"GRANT SELECT ON *.* TO %s"},
			"table":    {"GRANT INSERT ON " + myQuote(p+"_a") + ".t TO %s"},
			"role":     {"GRANT " + role + " TO %s"},
			"defaults": {"GRANT " + role + " TO %s", f.defaultRole(role)},
			"all":      {"GRANT ALL ON " + myQuote(p+`\_a`) + ".* TO %s WITH GRANT OPTION"},
		}
		for name, statements := range grants {
			account := f.user(t, p+"_"+name, "%")
			for _, s := range statements {
				execAll(t, f.admin, fmt.Sprintf(strings.ReplaceAll(s, "%`", "%%`"), account))
			}
		}
		state := read(t, f.engine(nil), f.target, discover.Options{})
		index := discover.IndexOf(state)
		for name := range grants {
			as := f.connectAs(t, p+"_"+name, testPassword)
			got := map[string]discover.Access{}
			for _, a := range index.Of(dialect.Account{Name: p + "_" + name, Host: "%"}) {
				got[a.Database] = a
			}
			for _, database := range databases {
				_, err := as.ExecContext(t.Context(), "SELECT 1 FROM "+myQuote(database)+".t")
				assert.Equal(t, err == nil, got[database].Privileges.Has(dialect.MayRead), "%s reads %s: %v", name, database, err)
				_, err = as.ExecContext(t.Context(), "DELETE FROM "+myQuote(database)+".t WHERE false")
				_, insert := as.ExecContext(t.Context(), "INSERT INTO "+myQuote(database)+".t SELECT 1 WHERE false")
				assert.Equal(t, err == nil || insert == nil, got[database].Privileges.Has(dialect.MayWrite), "%s writes %s: %v", name, database, insert)
			}
			require.NoError(t, as.Close())
		}
		all := grantOf(state, p+"_all", p+"_a", "")
		require.True(t, all.Privileges.Has(dialect.Everything), all.Privileges.String())
		require.Equal(t, p+`\_%`, grantOf(state, p+"_escaped", p+"_a", "").Via)
		require.Equal(t, dialect.MayConnect|dialect.MayRead, grantedLater(index, p+"_a", p+"_role"), "of the user, after SET ROLE")
		require.False(t, roleOf(state, role).CanLogin)
	})
}

func (f family) defaultRole(role string) string {
	if f.maria {
		return "SET DEFAULT ROLE " + role + " FOR %s"
	}
	return "SET DEFAULT ROLE " + role + " TO %s"
}

// roleOf finds a role beside the user of the same name.
func roleOf(s discover.State, name string) dialect.User {
	i := slices.IndexFunc(s.Users, func(u dialect.User) bool { return u.Name == name && !u.CanLogin })
	if i < 0 {
		return dialect.User{CanLogin: true}
	}
	return s.Users[i]
}

func TestMySQLAccountStates(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		execAll(t, f.admin, "ALTER USER "+f.user(t, f.prefix+"_locked", "%")+" ACCOUNT LOCK", "ALTER USER "+f.user(t, f.prefix+"_expired", "localhost")+" PASSWORD EXPIRE")
		state := read(t, f.engine(nil), f.target, discover.Options{})
		locked, expired := user(t, state, f.prefix+"_locked"), user(t, state, f.prefix+"_expired")
		require.True(t, locked.Locked && !locked.Expired && locked.CanLogin, "%+v", locked)
		require.True(t, expired.Expired && !expired.Locked && expired.CanLogin, "%+v", expired)
	})
}

// TestMySQLPublic: MariaDB can grant to everybody.
func TestMySQLPublic(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		f.database(t, f.prefix)
		f.user(t, f.prefix+"_any", "%")
		if !f.maria {
			_, err := f.admin.ExecContext(t.Context(), "GRANT SELECT ON "+f.prefix+".* TO PUBLIC")
			require.Error(t, err, "MySQL has no PUBLIC")
			return
		}
		afterwards(t, f.admin, "REVOKE SELECT ON "+f.prefix+".* FROM PUBLIC")
		execAll(t, f.admin, "GRANT SELECT ON "+f.prefix+".* TO PUBLIC")
		index := discover.IndexOf(read(t, f.engine(nil), f.target, discover.Options{}))
		got := index.Of(dialect.Account{Name: f.prefix + "_any", Host: "%"})
		require.Contains(t, got, discover.Access{User: dialect.Account{Name: f.prefix + "_any", Host: "%"}, Database: f.prefix, Privileges: dialect.MayConnect | dialect.MayRead})
		as := f.connectAs(t, f.prefix+"_any", testPassword)
		execAll(t, as, "SELECT 1 FROM "+f.prefix+".t")
	})
}

// TestMySQLDegrades: an admin that may not read the schema mysql, or not see all
// databases, finds less, and nothing has vanished by that.
func TestMySQLDegrades(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		f.database(t, f.prefix+"_seen")
		f.database(t, f.prefix+"_unseen")
		account := f.user(t, f.prefix+"_admin", "%")
		whole := read(t, f.engine(nil), f.target, discover.Options{})
		admin := f.target.As(f.prefix+"_admin", secret.New(testPassword))

		execAll(t, f.admin, "GRANT SELECT ON "+f.prefix+"_seen.* TO "+account)
		state := read(t, f.engine(nil), admin, discover.Options{})
		require.Equal(t, []dialect.Part{dialect.PartDatabases, dialect.PartGrants, dialect.PartUsers}, state.Unread)
		require.Equal(t, []string{f.prefix + "_seen"}, databaseNames(only(state, f.prefix)))
		require.Equal(t, []string{"DATABASES_PARTIAL", "USERS_PARTIAL"}, []string{state.Notes[0].Reason, state.Notes[1].Reason})
		delta := discover.Reconcile(whole, state)
		require.Empty(t, delta.Databases.Vanished)
		require.Empty(t, delta.Users.Vanished)
		require.Empty(t, delta.Grants.Vanished)

		execAll(t, f.admin, "GRANT SHOW DATABASES ON *.* TO "+account)
		state = read(t, f.engine(nil), admin, discover.Options{})
		require.Equal(t, []dialect.Part{dialect.PartGrants, dialect.PartUsers}, state.Unread)
		require.ElementsMatch(t, []string{f.prefix + "_seen", f.prefix + "_unseen"}, databaseNames(only(state, f.prefix)))
		require.NotEmpty(t, state.Users)
	})
}

func TestMySQLQueries(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		count := func() (int, discover.State) {
			plan := faultdb.Never()
			state := read(t, f.engine(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) }), f.target, discover.Options{})
			return plan.Count(), only(state, f.prefix)
		}
		few, _ := count()
		for i := range 20 {
			f.database(t, fmt.Sprintf("%s_%d", f.prefix, i))
			account := f.user(t, fmt.Sprintf("%s_%d", f.prefix, i), "%")
			execAll(t, f.admin, fmt.Sprintf("GRANT SELECT ON %s_%d.* TO %s", f.prefix, i, account))
		}
		many, state := count()
		require.Len(t, state.Databases, 20)
		require.Len(t, state.Users, 20)
		require.Equal(t, few, many)
		require.LessOrEqual(t, many, 11, "with the connection and the greeting")
	})
}

func TestMySQLBrokenReads(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		brokenReads(t, f.target, discover.Options{}, func(wrap func(driver.Connector) driver.Connector) dialect.Discoverer { return f.engine(wrap) })
	})
}

// TestMySQLProvision makes a tenant's place, logs in as the user that was made,
// with the password, and undoes it.
func TestMySQLProvision(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		name, near, login := f.prefix+"_new", f.prefix+"xnew", f.prefix+"_o'App"
		f.database(t, near) // which the name would match as a pattern
		afterwards(t, f.admin, "DROP DATABASE IF EXISTS "+myQuote(name), "DROP USER IF EXISTS '"+f.prefix+"_o''App'@'%'")
		before := only(read(t, f.engine(nil), f.target, discover.Options{}), f.prefix)
		c := provisionCase{engine: f.engine, admin: f.target}
		password := dialect.GeneratePassword()
		account := dialect.Account{Name: login, Host: "%"}
		steps := []dialect.ProvisionStep{
			{Kind: dialect.CreateDatabase, Database: name},
			{Kind: dialect.CreateUser, User: account},
			{Kind: dialect.GrantUse, Database: name, User: account},
		}
		made, err := discover.Provision(t.Context(), c.open(nil), steps, password)
		require.NoError(t, err)
		require.Equal(t, steps, made)
		requireRefusesExisting(t, c, steps)
		execAll(t, f.admin, "CREATE TABLE "+myQuote(name)+".t (id int PRIMARY KEY, a varchar(9))")
		_, err = discover.Provision(t.Context(), c.open(nil), []dialect.ProvisionStep{{Kind: dialect.RefreshUse, Database: name, User: account}}, secret.Redacted{})
		require.NoError(t, err)

		require.Error(t, f.connectAs(t, login, "wrong").PingContext(t.Context()))
		app := f.connectAs(t, login, password.Reveal())
		on := myQuote(name) + ".t"
		execAll(t, app, "INSERT INTO "+on+" VALUES (1, 'x')", "UPDATE "+on+" SET a = 'y'", "DELETE FROM "+on+" WHERE a = 'z'", "SELECT * FROM "+on)
		for _, forbidden := range []string{
			"CREATE TABLE " + myQuote(name) + ".mine (id int)", "ALTER TABLE " + on + " ADD b int", "DROP TABLE " + on, "TRUNCATE TABLE " + on,
			"SELECT * FROM " + myQuote(near) + ".t", "CREATE DATABASE " + f.prefix + "_more", "CREATE USER " + f.prefix + "_more", "SELECT * FROM mysql.user",
			"GRANT SELECT ON " + myQuote(name) + ".* TO CURRENT_USER()",
		} {
			_, err := app.ExecContext(t.Context(), forbidden)
			require.Error(t, err, forbidden)
			require.Equal(t, fault.Denied, mysql.New().Classify(err).Kind, "%s: %v", forbidden, err)
		}
		require.NoError(t, app.Close())
		state := read(t, f.engine(nil), f.target, discover.Options{})
		require.Equal(t, dialect.MayConnect|dialect.MayRead|dialect.MayWrite, grantOf(state, login, name, "").Privileges)
		require.Zero(t, grantOf(state, login, near, ""))

		require.Equal(t, "NOT_EMPTY", fault.ReasonOf(discover.Undo(t.Context(), c.open(nil), made, false)))
		require.NoError(t, discover.Undo(t.Context(), c.open(nil), made, true))
		require.NoError(t, discover.Undo(t.Context(), c.open(nil), made, true), "again")
		require.Equal(t, before, only(read(t, f.engine(nil), f.target, discover.Options{}), f.prefix))

		_, err = discover.Provision(t.Context(), c.open(nil), steps[2:], secret.Redacted{})
		require.Equal(t, "USER_UNKNOWN", fault.ReasonOf(err), "a grant makes no user")
		_, err = discover.Provision(t.Context(), c.open(nil), []dialect.ProvisionStep{{Kind: dialect.CreateUser, User: dialect.Account{Name: strings.Repeat("u", 200)}}}, password)
		require.Error(t, err)
		requireNoSecret(t, err, password)
	})
}

func TestMySQLBrokenProvisions(t *testing.T) {
	onMySQL(t, func(t *testing.T, f family) {
		account := dialect.Account{Name: f.prefix, Host: "%"}
		c := provisionCase{
			engine: f.engine, admin: f.target, db: f.admin, prefix: f.prefix, modes: faultdb.Modes(),
			steps: []dialect.ProvisionStep{
				{Kind: dialect.CreateDatabase, Database: f.prefix},
				{Kind: dialect.CreateUser, User: account},
				{Kind: dialect.GrantUse, Database: f.prefix, User: account},
			},
			cleanup: []string{"DROP DATABASE IF EXISTS " + f.prefix, "DROP USER IF EXISTS '" + f.prefix + "'@'%'"},
		}
		afterwards(t, f.admin, c.cleanup...)
		brokenProvisions(t, c)
	})
}
