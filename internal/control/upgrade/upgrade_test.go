package upgrade_test

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/controltest"
	"github.com/lockstepdb/lockstep/internal/control/entities"
	storepostgres "github.com/lockstepdb/lockstep/internal/control/postgres"
	storesqlite "github.com/lockstepdb/lockstep/internal/control/sqlite"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/control/upgrade"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// changed is the built-in module with its tables.go changed.
func changed(t *testing.T, path string, replacements ...string) map[string][]byte {
	t.Helper()
	out := maps.Clone(entities.Module())
	out["go.mod"] = []byte("module " + path + "\n\ngo 1.26.0\n")
	after := strings.NewReplacer(replacements...).Replace(string(entities.Tables))
	require.NotEqual(t, string(entities.Tables), after)
	out["tables.go"] = []byte(after)
	return out
}

type engine struct {
	url  string
	d    dialect.Dialect
	open func(t *testing.T, target dialect.Target) (*sqlstore.Store, error)
}

func TestUpgradeSQLite(t *testing.T) {
	t.Parallel()
	clock := controltest.NewClock()
	upgradeOn(t, engine{
		url: enginetest.SQLite(t), d: sqlite.New(), open: func(t *testing.T, target dialect.Target) (*sqlstore.Store, error) {
			t.Helper()
			return storesqlite.Open(t.Context(), storesqlite.Config{Target: target, Dialect: sqlite.New(), Store: sqlstore.Config{Now: clock.Now}})
		},
	})
}

func TestUpgradePostgres(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			clock := controltest.NewClock()
			_, url := enginetest.UnusedSchema(t, server)
			upgradeOn(t, engine{url: url, d: postgres.New(), open: func(t *testing.T, target dialect.Target) (*sqlstore.Store, error) {
				t.Helper()
				return storepostgres.Open(t.Context(), storepostgres.Config{Target: target, Dialect: postgres.New(), Store: sqlstore.Config{Now: clock.Now}})
			}})
		})
	}
}

// upgradeOn takes a store with tenants in it to a next version with another
// column and a new table, and goes on with both versions.
func upgradeOn(t *testing.T, e engine) {
	t.Helper()
	target, err := dialect.ParseTarget(e.url)
	require.NoError(t, err)
	cfg := upgrade.Config{Target: target, Dialect: e.d, Now: controltest.NewClock().Now, LockstepVersion: "test"}
	s, err := e.open(t, target)
	require.NoError(t, err)
	_, err = s.CreateTenant(t.Context(), control.NewTenant{ID: "acme", Target: secret.New("postgres://h/acme")})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, upgrade.Run(t.Context(), cfg), "once more is nothing to do")

	next := cfg
	next.Version = "v1.1.0"
	next.Module = changed(t, entities.Path,
		"// TenantFacet finds", "// Note is new.\ntype Note struct {\n\tID int64\n\tText string `gorm:\"not null\"`\n}\n\n// TenantFacet finds",
		"	Strategy     string `gorm", "	Owner string `gorm:\"size:50;not null;default:'nobody'\"`\n	Strategy     string `gorm")
	require.NoError(t, upgrade.Run(t.Context(), next))
	db := enginetest.Connect(t, e.url)
	var owner string
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT owner FROM tenants WHERE id = 'acme'").Scan(&owner))
	assert.Equal(t, "nobody", owner)
	var notes int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM notes").Scan(&notes))

	s, err = e.open(t, target)
	require.NoError(t, err, "a replica that is not upgraded yet goes on")
	got, err := s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	assert.EqualValues(t, 1, got.Revision)
	_, err = s.CreateTenant(t.Context(), control.NewTenant{ID: "shop", Target: secret.New("postgres://h/shop")})
	require.NoError(t, err)
	require.NoError(t, s.Close())

	major := cfg
	major.Version, major.Module = "v2.0.0", changed(t, entities.Path+"/v2",
		"	StatusNote   string `gorm:\"size:2000;not null\"`", "	Remark string `gorm:\"size:2000;not null\" lockstep:\"renamed_from:status_note\"`")
	require.NoError(t, upgrade.Run(t.Context(), major))
	_, err = e.open(t, target)
	require.Error(t, err)
	assert.Equal(t, control.ReasonStoreTooNew, fault.ReasonOf(err), "%v", err)
}

// TestForeign: a tenant's database is not taken for a store.
func TestForeign(t *testing.T) {
	t.Parallel()
	target, err := dialect.ParseTarget(enginetest.SQLite(t))
	require.NoError(t, err)
	cfg := upgrade.Config{Target: target, Dialect: sqlite.New(), Now: controltest.NewClock().Now}
	tenant := cfg
	tenant.Version = "v1.0.0"
	tenant.Module = map[string][]byte{
		"go.mod": []byte("module example.com/crm\n\ngo 1.26.0\n"),
		"crm.go": []byte("package crm\n\ntype User struct {\n\tID uint64 `gorm:\"primaryKey\"`\n}\n"),
	}
	require.NoError(t, upgrade.Run(t.Context(), tenant))
	assert.Equal(t, "STORE_FOREIGN", fault.ReasonOf(upgrade.Run(t.Context(), cfg)))
}

// TestVersion holds the version against the tables: who changes one changes the
// other.
func TestVersion(t *testing.T) {
	t.Parallel()
	target, err := dialect.ParseTarget(enginetest.SQLite(t))
	require.NoError(t, err)
	require.NoError(t, upgrade.Run(t.Context(), upgrade.Config{Target: target, Dialect: sqlite.New(), Now: controltest.NewClock().Now}))
	var result, modules string
	require.NoError(t, enginetest.Connect(t, target.String()).QueryRowContext(t.Context(),
		"SELECT result, modules FROM lockstep_history ORDER BY revision DESC").Scan(&result, &modules))
	assert.Contains(t, modules, entities.Version)
	assert.Equal(t, "s1:1c9049d8d0560f4e939381c34d38a469", result, "tables.go changed: raise entities.Version, and put the new fingerprint here")
	assert.False(t, bytes.Contains(entities.Tables, []byte("import")), "the module stands alone")
}
