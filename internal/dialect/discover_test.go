package dialect_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

func TestNameRules(t *testing.T) {
	for _, c := range []struct {
		a, b         string
		exact, folds bool
	}{
		{"acme", "acme", true, true},
		{"Acme", "aCME", false, true},
		{"ÜBUNG", "übung", false, true},
		{"ПРИВЕТ", "привет", false, true},
		{"straße", "STRASSE", false, false},
		{"İ", "i̇", false, false},      // one character and two
		{"é", "e\u0301", false, false}, // composed and decomposed are two names
		{"K", "\u212a", false, true},   // the Kelvin sign lowers to k
		{"a\x00b", "a", false, false},
		{"a ", "a", false, false},
		{"", "", true, true},
	} {
		assert.Equal(t, c.exact, dialect.NamesExact.Same(c.a, c.b), "%q %q", c.a, c.b)
		assert.Equal(t, c.folds, dialect.NamesFold.Same(c.a, c.b), "%q %q", c.a, c.b)
	}
}

// TestUserKeys: hosts fold, users only where the server says so.
func TestUserKeys(t *testing.T) {
	account := dialect.Account{Name: "App", Host: "Db.Example"}
	for engine, want := range map[dialect.Engine]dialect.Account{
		dialect.MySQL:     {Name: "App", Host: "db.example"},
		dialect.Postgres:  {Name: "App", Host: "db.example"},
		dialect.SQLServer: {Name: "app", Host: "db.example"},
	} {
		assert.Equal(t, want, dialect.ServerInfo{Engine: engine}.UserKey(account), engine)
	}
	assert.Equal(t, account, dialect.ServerInfo{Engine: dialect.SQLServer, CaseSensitiveNames: true}.UserKey(account))
}

func TestPrivilegesEncode(t *testing.T) {
	for p := range dialect.Everything + 1 {
		text, err := p.MarshalText()
		require.NoError(t, err)
		var back dialect.Privileges
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, p, back)
	}
	require.Equal(t, "connect,create,read,write,ddl,all,grant", dialect.Everything.String())
	var p dialect.Privileges
	require.Equal(t, fault.Corrupt, fault.KindOf(p.UnmarshalText([]byte("fly"))))
}

func TestGeneratePassword(t *testing.T) {
	seen := map[string]bool{}
	for range 2000 {
		p := dialect.GeneratePassword().Reveal()
		require.Len(t, p, 32)
		require.Equal(t, p, url.QueryEscape(p))
		require.True(t, strings.ContainsAny(p, "-_") && strings.ContainsAny(p, "0123456789") && strings.ToLower(p) != p && strings.ToUpper(p) != p, "policies ask for every sort")
		require.False(t, seen[p])
		seen[p] = true
	}
}

func TestParseServer(t *testing.T) {
	for raw, want := range map[string]string{
		"postgres://u:hunter2@h":              "postgres://h/postgres",
		"postgres://u:hunter2@h/":             "postgres://h/postgres",
		"postgres://u:hunter2@h/admin":        "postgres://h/admin",
		"mysql://u:hunter2@h:3306/":           "mysql://h:3306/",
		"mariadb://u:hunter2@h":               "mariadb://h/",
		"mariadb://u:hunter2@h/x":             "mariadb://h/x",
		"sqlserver://u:hunter2@h":             "sqlserver://h/master",
		"sqlserver://u:hunter2@h?database=db": "sqlserver://h/db",
		"sqlite:///var/tenants":               "sqlite:/var/tenants",
	} {
		got, err := dialect.ParseServer(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, got.String())
		if got.Engine != dialect.SQLite {
			require.Equal(t, "hunter2", got.Password())
		}
	}
	for _, raw := range []string{"", "://", "oracle://u:hunter2@h", "mysql:///x", "sqlite:", "postgres://u:hunter2@h:%"} {
		_, err := dialect.ParseServer(raw)
		require.Equal(t, "TARGET_INVALID", fault.ReasonOf(err), raw)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestTargetOnAndAs(t *testing.T) {
	server, err := dialect.ParseServer("postgres://u:old@h/?sslmode=disable")
	require.NoError(t, err)
	tenant := server.On("a/b?c", "s").As("app", secret.New("new"))
	require.Equal(t, []string{"a/b?c", "s", "app", "new"}, []string{tenant.Database, tenant.Schema, tenant.User, tenant.Password()})
	tenant.Options.Set("sslmode", "require")
	require.Equal(t, "disable", server.Options.Get("sslmode"), "nothing is shared")
	require.Equal(t, "old", server.Password())
	dir, err := dialect.ParseServer("sqlite:///var/tenants")
	require.NoError(t, err)
	require.Equal(t, "/var/tenants/x/y.db", dir.On("x/y.db", "").Database)
	require.Equal(t, "/var/tenants/y.db", dir.On("../../y.db", "").Database)
}
