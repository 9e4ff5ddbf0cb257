package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/controltest"
	"github.com/lockstepdb/lockstep/internal/control/sqlite"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/dialect"
	litedialect "github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

func open(ctx context.Context, url string, cfg sqlstore.Config, wrap func(driver.Connector) driver.Connector) (*sqlstore.Store, error) {
	target, err := dialect.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, sqlite.Config{Target: target, Dialect: litedialect.New(), LockstepVersion: "test", Store: cfg, Wrap: wrap})
}

func TestStore(t *testing.T) {
	t.Parallel()
	controltest.Run(t, controltest.Harness{
		Fresh: func(t testing.TB) string { return enginetest.SQLite(t) },
		Open:  open,
		Raw:   func(t testing.TB, url string) *sql.DB { return enginetest.Connect(t, url) },
	})
}

// TestFile greps the bytes of the store's files for what was used as a secret,
// and looks at who may read them.
func TestFile(t *testing.T) {
	t.Parallel()
	url := enginetest.SQLite(t)
	keys, err := secret.ParseKeyring(secret.NewKey())
	require.NoError(t, err)
	s, err := open(t.Context(), url, sqlstore.Config{Now: controltest.NewClock().Now, Keys: keys}, nil)
	require.NoError(t, err)
	n := control.NewTenant{ID: "acme", Target: secret.New("postgres://app:s3cr3t-in-url@db/acme")}
	_, err = s.CreateTenant(t.Context(), n)
	require.NoError(t, err)
	other := secret.Given{Inline: secret.New("s3cr3t-set-later")}
	_, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Secret: &other})
	require.NoError(t, err)

	dir := filepath.Dir(strings.TrimPrefix(url, "sqlite:"))
	look := func() (seen int) {
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(dir, f.Name()))
			require.NoError(t, err)
			assert.NotContains(t, string(data), "s3cr3t", f.Name())
			if strings.Contains(string(data), "acme") {
				seen++
			}
			info, err := f.Info()
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
		}
		return seen
	}
	assert.Positive(t, look(), "the tenant is in a file, or this test proves nothing")
	require.NoError(t, s.Close())
	assert.Positive(t, look())
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	cfg := sqlstore.Config{Now: controltest.NewClock().Now}
	_, err := open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "missing", "store.db"), cfg, nil)
	assert.Equal(t, "DATABASE_UNKNOWN", fault.ReasonOf(err))
	text := filepath.Join(t.TempDir(), "store.db")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("no database at all ", 100)), 0o600))
	_, err = open(t.Context(), "sqlite:"+text, cfg, nil)
	assert.Equal(t, fault.Corrupt, fault.KindOf(err), "%v", err)
}
