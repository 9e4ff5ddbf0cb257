package app_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/app"
)

// world is an environment whose outputs are kept.
type world struct {
	mu       sync.Mutex
	out, err bytes.Buffer
	env      map[string]string
}

func (w *world) run(ctx context.Context, args ...string) int {
	return app.Main(ctx, args, app.World{
		Out: &w.out, Err: &locked{w}, Getenv: func(name string) string { return w.env[name] },
	})
}

type locked struct{ w *world }

func (l *locked) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.err.Write(p)
}

func writeModule(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example.com/crm\n\ngo 1.24\n",
		"lockstep.yaml": "version: 1\nentities: [.]\n",
		"crm.go":        "package crm\n\n// User is an entity.\ntype User struct {\n\tID uint64 `gorm:\"primaryKey\"`\n}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// TestServe runs the server as a process would, calls it by the command line
// and over HTTP, and ends it as a signal would.
func TestServe(t *testing.T) {
	proxy, cache := t.TempDir(), t.TempDir()
	env := map[string]string{"LOCKSTEP_SOURCE": "file://" + proxy, "LOCKSTEP_CACHE_DIR": cache, "LOCKSTEP_DATA_DIR": t.TempDir(), "NO_COLOR": "1"}
	w := &world{env: env}
	require.Equal(t, 0, w.run(t.Context(), "module", "publish", writeModule(t), "v1.0.0", "--to", "file://"+proxy), w.err.String())

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	reader, writer := io.Pipe()
	server, ended := &world{env: env}, make(chan int, 1)
	go func() {
		ended <- app.Main(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"}, app.World{
			Out: writer, Err: &locked{server}, Getenv: func(name string) string { return env[name] },
		})
	}()
	lines := bufio.NewScanner(reader)
	require.True(t, lines.Scan())
	grpcAt := strings.Fields(lines.Text())[1]
	require.True(t, lines.Scan())
	httpAt := strings.Fields(lines.Text())[1]

	target := "sqlite:" + filepath.Join(t.TempDir(), "acme.db")
	client := &world{env: map[string]string{"LOCKSTEP_TARGET": target}}
	assert.Equal(t, 2, client.run(t.Context(), "preview", "--address", grpcAt, "--module", "example.com/crm@v1", "--exit-code"), client.err.String())
	assert.Contains(t, client.out.String(), "--address "+grpcAt, "the next command goes to the same server")
	assert.Equal(t, 0, client.run(t.Context(), "execute", "--address", grpcAt, "--module", "example.com/crm@v1", "--actor", "a"), client.err.String())
	assert.Equal(t, 0, client.run(t.Context(), "history", "--address", grpcAt), client.err.String())
	assert.Equal(t, 65, client.run(t.Context(), "preview", "--address", grpcAt, "--module", "example.com/nobody"))

	for path, words := range map[string]string{
		"/healthz": "SERVING", "/readyz": "SERVING", "/metrics": `lockstep_executions_total{command="execute",engine="sqlite",kind="",outcome="applied"} 1`,
		"/openapi.json": "MigrationService", "/v1/modules/example.com/crm/versions": "v1.0.0",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, httpAt+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, 200, resp.StatusCode)
		assert.Contains(t, string(body), words)
	}

	rebound, err := http.NewRequestWithContext(t.Context(), http.MethodGet, httpAt+"/v1/modules", nil)
	require.NoError(t, err)
	rebound.Host = "evil.example.com"
	resp, err := http.DefaultClient.Do(rebound)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, 403, resp.StatusCode, "a page whose name points here is not this machine")

	stop()
	assert.Equal(t, 0, <-ended, server.err.String())
	assert.Contains(t, server.err.String(), "MigrationService/ExecuteMigration")
	assert.Contains(t, server.err.String(), "everybody on this machine may do everything")
}

func TestServeSaysWhenItCannotListen(t *testing.T) {
	w := &world{env: map[string]string{"LOCKSTEP_SOURCE": "off", "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_DATA_DIR": t.TempDir()}}
	assert.Equal(t, 69, w.run(t.Context(), "serve", "--listen", "192.0.2.1:1", "--http-listen", "off",
		"--insecure-plaintext", "true", "--anonymous-role", "viewer", "--target-hosts", "db.example.com"))
	assert.Contains(t, w.err.String(), "LISTEN_FAILED")
	assert.Equal(t, 65, w.run(t.Context(), "serve", "--listen", "nowhere"))
	assert.Equal(t, 65, w.run(t.Context(), "serve", "--config", "missing.yaml"))
}
