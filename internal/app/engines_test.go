package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// TestEveryServedEngineCanTakeBack: nothing is served that could be left half way.
func TestEveryServedEngineCanTakeBack(t *testing.T) {
	all, err := engines()
	require.NoError(t, err)
	require.Len(t, all, len(served()))
	for _, e := range served() {
		d := all[e]
		require.NotNil(t, d, "%s", e)
		assert.Equal(t, e, d.Engine())
		_, journal := d.(dialect.Witness)
		assert.True(t, d.Capabilities().TransactionalDDL || journal, "%s", e)
		_, asks := d.(dialect.Prober)
		assert.True(t, asks, "%s asks rows before it changes them", e)
		_, lists := d.(dialect.Discoverer)
		assert.True(t, lists, "%s can be discovered", e)
	}
}
