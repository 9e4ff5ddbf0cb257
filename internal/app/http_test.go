package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHeadsAreBounded: what is read before anybody knows who calls has an end,
// over HTTP and over gRPC. Bodies are bounded in package gateway.
func TestHeadsAreBounded(t *testing.T) {
	env := map[string]string{"LOCKSTEP_SOURCE": "off", "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_DATA_DIR": t.TempDir(), "NO_COLOR": "1"}
	grpcAt, httpAt, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
	get := func(header string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, httpAt+"/readyz", nil)
		require.NoError(t, err)
		req.Header.Set("X-Long", header)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	assert.Equal(t, 200, get(strings.Repeat("x", 50_000)))
	assert.Equal(t, 431, get(strings.Repeat("x", 100_000)))
	list := func(token string) int {
		w := &world{env: map[string]string{"LOCKSTEP_ADDRESS": grpcAt, "LOCKSTEP_TOKEN": token, "NO_COLOR": "1"}}
		return w.run(t.Context(), "tenant", "list")
	}
	assert.Equal(t, 77, list(strings.Repeat("x", 50_000)), "a bad token, which was read")
	assert.NotEqual(t, 77, list(strings.Repeat("x", 100_000)))
	assert.Equal(t, 0, end(), log.err.String())
}
