package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/app"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func TestOpenStore(t *testing.T) {
	t.Parallel()
	cfg := sqlstore.Config{Now: time.Now}
	url := enginetest.SQLite(t)
	for range 2 {
		s, err := app.OpenStore(t.Context(), url, cfg)
		require.NoError(t, err)
		require.NoError(t, s.Ping(t.Context()))
		require.NoError(t, s.Close())
		require.Error(t, s.Ping(t.Context()))
	}
	for target, reason := range map[string]string{
		"mysql://h/d": "STORE_ENGINE", "nonsense": "TARGET_INVALID", "postgres://u:hush@127.0.0.1:1/d": "DATABASE_UNREACHABLE",
	} {
		s, err := app.OpenStore(t.Context(), target, cfg)
		require.Error(t, err, target)
		assert.Nil(t, s)
		assert.Equal(t, reason, fault.ReasonOf(err), "%v", err)
		assert.NotContains(t, err.Error(), "hush")
	}
}
