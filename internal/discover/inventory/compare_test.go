package inventory

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
)

// apply does with rows what the store does.
func apply(r rows, d control.Delta) rows {
	out := rows{databases: maps.Clone(r.databases), users: maps.Clone(r.users), privileges: maps.Clone(r.privileges)}
	for _, c := range d.Databases {
		key := place{c.Value.Name, c.Value.Schema}
		out.databases[key] = c.Value
		if c.Kind == control.Vanished {
			delete(out.databases, key)
		}
	}
	for _, c := range d.Users {
		out.users[c.Value.Name] = c.Value
		if c.Kind == control.Vanished {
			delete(out.users, c.Value.Name)
		}
	}
	for _, c := range d.Privileges {
		out.privileges[keyOfGrant(c.Value)] = c.Value
		if c.Kind == control.Vanished {
			delete(out.privileges, keyOfGrant(c.Value))
		}
	}
	return out
}

func compared(t *testing.T, before, found discover.State, tenants ...Tenant) *Look {
	t.Helper()
	l := &Look{Server: &control.Server{ID: "main", Engine: found.Server.Engine, Generation: 1}, Before: before.Canonical()}
	require.NoError(t, l.compare(found, tenants, Wanted{}))
	n := namesOf(l.Server.Engine)
	require.Equal(t, rowsOf(l.After, n), apply(rowsOf(l.Before, n), l.rows), "what is written is what was found")
	return l
}

func tenantIn(database string) Tenant {
	return Tenant{Tenant: discover.Tenant{ID: "t", Database: database}, At: control.TenantAt{ID: "t", Database: database}}
}

// TestANameThatIsSpelledAnew on a server that folds names is one thing: a change,
// by which no tenant vanishes.
func TestANameThatIsSpelledAnew(t *testing.T) {
	folds := func(name string) discover.State {
		return discover.State{
			Facts:     discover.Facts{Server: dialect.ServerInfo{Engine: dialect.MySQL}},
			Databases: []dialect.Database{{Name: name, Charset: "utf8mb4"}},
			Users:     []dialect.User{{Account: dialect.Account{Name: "app", Host: "%"}}},
			Grants:    []dialect.Grant{{Grantee: dialect.Account{Name: "app", Host: "%"}, Database: name, Raw: []string{"SELECT"}}},
		}
	}
	l := compared(t, folds("Acme"), folds("acme"), tenantIn("ACME"))
	require.Len(t, l.Delta.Databases.Changed, 1)
	require.Empty(t, l.Delta.Databases.Vanished)
	require.Empty(t, l.Tenants.Vanished)
	require.Empty(t, *l.rows.Tenants)
	require.False(t, l.Quiet())

	exact := func(name string) discover.State {
		s := folds(name)
		s.Server.CaseSensitiveNames = true
		return s
	}
	l = compared(t, exact("Acme"), exact("acme"), tenantIn("Acme"))
	require.Len(t, l.Delta.Databases.Vanished, 1)
	require.Len(t, l.Delta.Databases.Appeared, 1)
	require.Equal(t, []control.TenantAt{{ID: "t", Database: "Acme"}}, l.rows.Tenants.Vanished)
}

// TestWhatWasNotReadStays, and no tenant vanishes by it.
func TestWhatWasNotReadStays(t *testing.T) {
	before := full()
	found := discover.State{Facts: discover.Facts{Server: before.Server, Unread: []dialect.Part{dialect.PartDatabases, dialect.PartGrants, dialect.PartUsers}}}
	l := compared(t, before, found, tenantIn("acme"), Tenant{Tenant: discover.Tenant{ID: "u", Database: "unseen"}})
	require.Empty(t, l.rows.Databases)
	require.Empty(t, l.rows.Users)
	require.Empty(t, l.rows.Privileges)
	require.Empty(t, l.Tenants.Vanished)
	require.NotEmpty(t, l.rows.Facts, "that it was not read is news")
}

// TestATenantThatIsBeingMadeHasNotVanished, nor is its place free.
func TestATenantThatIsBeingMadeHasNotVanished(t *testing.T) {
	s := discover.State{Facts: discover.Facts{Server: dialect.ServerInfo{Engine: dialect.Postgres, CaseSensitiveNames: true}}}
	pending := tenantIn("acme")
	pending.Pending = true
	l := compared(t, s, s, pending)
	require.Empty(t, l.Tenants.Vanished)
	s.Databases = []dialect.Database{{Name: "acme"}}
	l = compared(t, s, s, pending)
	require.Empty(t, l.Tenants.Free)
	require.Empty(t, l.Delta.Databases)
}

// TestTenantsAreFoundInTheDirectory of SQLite files, and nowhere else.
func TestTenantsAreFoundInTheDirectory(t *testing.T) {
	server, err := dialect.ParseServer("sqlite:/var/tenants")
	require.NoError(t, err)
	for path, want := range map[string]string{
		"/var/tenants/a.db": "a.db", "/var/tenants/deep/er/b.db": "deep/er/b.db", "/var/other/a.db": "", "/var/tenants": "", "a.db": "",
	} {
		got, ok := onServer(server, &control.Tenant{Database: path})
		require.Equal(t, want, got, path)
		require.Equal(t, want != "", ok, path)
	}
	t.Chdir(t.TempDir())
	here, err := filepath.Abs("tenants/a.db")
	require.NoError(t, err)
	server, err = dialect.ParseServer("sqlite:tenants")
	require.NoError(t, err)
	for _, path := range []string{"tenants/a.db", here} {
		got, ok := onServer(server, &control.Tenant{Database: path})
		require.True(t, ok, "relative or not")
		require.Equal(t, "a.db", got)
	}
	require.True(t, options(Wanted{}, []Tenant{{Tenant: discover.Tenant{Database: "deep/er/b.db"}}}).Nested)
	o := options(Wanted{Include: []string{"x"}}, []Tenant{{Tenant: discover.Tenant{Database: "postgres", Schema: "crm"}}})
	require.Equal(t, []string{"x", "postgres"}, o.Include, "where a tenant lives is looked at, whoever's it is")
	require.Equal(t, []string{"postgres"}, o.SchemasOf)
}
