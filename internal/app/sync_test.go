package app_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// makeFile makes a SQLite database.
func makeFile(t *testing.T, path string) {
	t.Helper()
	db := enginetest.Connect(t, "sqlite:"+path)
	_, err := db.ExecContext(t.Context(), "CREATE TABLE t (id integer)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// TestServeSyncsOnSchedule runs a server that syncs by itself, and syncs over
// HTTP, too.
func TestServeSyncsOnSchedule(t *testing.T) {
	env := map[string]string{
		"LOCKSTEP_SOURCE": "off", "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_DATA_DIR": t.TempDir(), "NO_COLOR": "1",
		"LOCKSTEP_STORE": "sqlite:" + filepath.Join(t.TempDir(), "control.db"),
	}
	dir := filepath.Join(t.TempDir(), "tenants")
	require.NoError(t, os.Mkdir(dir, 0o700))
	makeFile(t, filepath.Join(dir, "one.db"))
	grpcAt, httpAt, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--sync-every", "100ms")
	say := func(code int, args ...string) string {
		t.Helper()
		client := &world{env: map[string]string{"NO_COLOR": "1", "LOCKSTEP_ADDRESS": grpcAt}}
		require.Equal(t, code, client.run(t.Context(), args...), client.err.String())
		return client.out.String() + client.err.String()
	}
	eventually := func(words string, args ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(say(0, args...), words) }, 30*time.Second, 20*time.Millisecond, words)
	}
	say(0, "server", "create", "files", "--url", "sqlite:"+dir)
	eventually("one.db", "server", "databases", "files")
	makeFile(t, filepath.Join(dir, "two.db"))
	eventually("two.db", "server", "databases", "files")

	lines := overHTTP(t, httpAt+"/v1/servers/files:sync")
	require.NotEmpty(t, lines)
	assert.Contains(t, lines[0], "SYNC_PHASE_CONNECTING")
	assert.Contains(t, lines[len(lines)-1], `"databaseCount":2`)

	require.NoError(t, os.Rename(dir, dir+".away"))
	eventually("DIRECTORY_UNKNOWN", "server", "get", "files")
	assert.Contains(t, say(0, "server", "list"), "failed")
	require.NoError(t, os.Rename(dir+".away", dir))
	eventually("last sync done", "server", "get", "files")

	found := say(0, "audit", "search", "--actor", "schedule", "--format", "json")
	assert.Contains(t, found, "ServerService/SyncServer")
	synced := strings.Count(found, `"outcome": "synced"`)
	assert.Positive(t, synced)
	assert.LessOrEqual(t, synced, 2, "what found nothing is not in the chain: %s", found)
	assert.Equal(t, 0, end(), log.err.String())
	assert.Contains(t, log.err.String(), "a server was synced")
	assert.Contains(t, log.err.String(), "reason=DIRECTORY_UNKNOWN")
}

// TestASyncScheduleNeedsAStore, and the server says so and goes on.
func TestASyncScheduleNeedsAStore(t *testing.T) {
	env := map[string]string{"LOCKSTEP_SOURCE": "off", "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_STORE": "none", "NO_COLOR": "1"}
	_, _, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--sync-every", "1h")
	assert.Equal(t, 0, end(), log.err.String())
	assert.Contains(t, log.err.String(), "no servers are synced")
}

// overHTTP posts to a streaming call, and returns its lines.
func overHTTP(t *testing.T, url string) []string {
	t.Helper()
	for range 5 { // the schedule may be quicker, time and again
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		assert.Contains(t, resp.Header.Get("Content-Type"), "application/x-ndjson")
		var out []string
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			var compact map[string]any
			require.NoError(t, json.Unmarshal(lines.Bytes(), &compact))
			text, err := json.Marshal(compact)
			require.NoError(t, err)
			out = append(out, string(text))
		}
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		if len(out) > 0 && !strings.Contains(out[len(out)-1], "SYNC_SUPERSEDED") {
			return out
		}
	}
	return nil
}
