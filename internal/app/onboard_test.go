package app

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// sharedBuffer is a standard error: the command and its log write to it at once.
type sharedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *sharedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *sharedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestThePasswordIsOnTheStandardOutputOnly onboards tenants on the command line,
// with all that a log can tell, and greps everything else for their passwords.
func TestThePasswordIsOnTheStandardOutputOnly(t *testing.T) {
	t.Parallel()
	for _, server := range append(append(enginetest.Postgres(t), enginetest.MySQL(t)...), enginetest.MariaDB(t)...) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range map[string]string{
				"go.mod": "module example.com/shop\n", "lockstep.yaml": "version: 1\n",
				"shop.go": "package shop\n\ntype Customer struct {\n\tID uint `gorm:\"primaryKey\"`\n}\n",
			} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			u, err := url.Parse(server.DSN)
			require.NoError(t, err)
			u.Scheme = server.Engine
			var random [5]byte
			_, err = rand.Read(random[:])
			require.NoError(t, err)
			id := "lsa" + hex.EncodeToString(random[:])
			admin := enginetest.Connect(t, server.DSN)
			t.Cleanup(func() {
				for _, statement := range []string{"DROP DATABASE IF EXISTS " + id, "DROP USER IF EXISTS " + id + "_app"} {
					_, err := admin.Exec(statement)
					assert.NoError(t, err, statement)
				}
			})
			var out bytes.Buffer
			var log sharedBuffer
			run := func(args ...string) int {
				out.Reset()
				return Main(t.Context(), args, World{Out: &out, Err: &log, Getenv: func(name string) string {
					return map[string]string{
						"LOCKSTEP_STORE": "sqlite:" + filepath.Join(dir, "control.db"), "LOCKSTEP_LOG_LEVEL": "debug", "LOCKSTEP_CACHE_DIR": filepath.Join(dir, "cache"),
						"LOCKSTEP_REPLACE": "example.com/shop=" + dir, "USER": "alice",
					}[name]
				}})
			}
			require.Zero(t, run("server", "create", "main", "--url", u.String()), log.String())
			require.Zero(t, run("tenant", "onboard", id, "--server", "main", "--user", "--module", "example.com/shop", "--format", "json", "--progress", "plain"), log.String())
			var got struct{ User, Password, Database string }
			require.NoError(t, json.Unmarshal(out.Bytes(), &got))
			require.Equal(t, id+"_app", got.User)
			require.Equal(t, id, got.Database)
			require.Len(t, got.Password, 32)
			require.Equal(t, 1, strings.Count(out.String(), got.Password))
			require.Contains(t, log.String(), "creating user "+id+"_app")
			u.Path, u.User = "/"+id, url.UserPassword(got.User, got.Password)
			app := enginetest.Connect(t, u.String())
			require.NoError(t, app.PingContext(t.Context()))
			require.NoError(t, app.Close())

			require.Equal(t, 65, run("tenant", "onboard", id, "--server", "main", "--user", "--module", "example.com/shop"))
			for _, args := range [][]string{{"tenant", "get", id}, {"tenant", "list"}, {"audit", "export"}, {"history", "--tenant", id}} {
				require.Zero(t, run(args...), log.String())
				require.NotContains(t, out.String(), got.Password)
			}
			require.NotContains(t, log.String(), got.Password)
			files, err := filepath.Glob(filepath.Join(dir, "control.db*"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, name := range files {
				data, err := os.ReadFile(name)
				require.NoError(t, err)
				require.NotContains(t, string(data), got.Password)
			}
		})
	}
}
