package migrate_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestAVersionWhoseContentChangedIsRefusedByItsTenants: a process that has never seen the
// version, with an empty cache, learns from the tenant's history what it was.
func TestAVersionWhoseContentChangedIsRefusedByItsTenants(t *testing.T) {
	proxy, other := publish(t), "file://"+filepath.Join(t.TempDir(), "proxy")
	publishModule(t, other, shop, "v1.0.0", versions["v1.1.0"])
	publishModule(t, other, shop, "v1.1.0", versions["v1.1.0"])
	url := "sqlite:" + filepath.Join(t.TempDir(), "tenant.db")
	_, err := newService(t, proxy, nil).Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.0.0", strategy.Safe)}, nil)
	require.NoError(t, err)

	s := newService(t, other, nil)
	_, err = s.Preview(t.Context(), request(t, url, "v1.0.0", strategy.Safe))
	assertChanged(t, err)
	_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.0.0", strategy.Safe)}, nil)
	assertChanged(t, err)

	_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.1.0", strategy.Safe)}, nil)
	require.NoError(t, err, "a new version is another matter")
}

func assertChanged(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, fault.Corrupt, fault.KindOf(err), "%v", err)
	assert.Equal(t, "MODULE_CHECKSUM_MISMATCH", fault.ReasonOf(err))
	assert.Contains(t, err.Error(), shop+"@v1.0.0")
	assert.Contains(t, err.Error(), "revision 1")
}
