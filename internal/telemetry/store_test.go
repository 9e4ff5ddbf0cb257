package telemetry

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/lockstepdb/lockstep/internal/fault"
)

func TestStoreObserver(t *testing.T) {
	t.Parallel()
	spans, traces := recorder()
	metrics := NewMetrics("v1")
	o := NewStoreObserver(metrics, traces, clock())
	_, done := o.Query(t.Context(), "GetTenant")
	done(nil)
	_, done = o.Query(t.Context(), "GetTenant")
	done(fault.New(fault.NotFound, "NO_ROW", "it holds %s", secret))

	ended := spans.Ended()
	require.Len(t, ended, 2)
	assert.Equal(t, "store.GetTenant", ended[0].Name())
	assert.Equal(t, codes.Unset, ended[0].Status().Code)
	assert.Equal(t, "NO_ROW", ended[1].Status().Description)
	text := scrape(t, metrics)
	assert.Contains(t, text, `lockstep_store_query_duration_seconds_sum{query="GetTenant",result="ok"} 1`)
	assert.Contains(t, text, `lockstep_store_query_duration_seconds_count{query="GetTenant",result="not_found"} 1`)
	assert.NotContains(t, text, secret)
}
