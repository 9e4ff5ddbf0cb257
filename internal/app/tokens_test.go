package app_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// TestATokenIsRevokedOnAllReplicas: a token that is made and revoked through one
// replica counts, and counts no more, on the other one at once. The first token
// is made with the store alone; without one nobody may do anything.
func TestATokenIsRevokedOnAllReplicas(t *testing.T) {
	stores := map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "control.db")}
	for _, s := range enginetest.Postgres(t) {
		_, stores[s.Name] = enginetest.UnusedSchema(t, s)
	}
	for name, url := range stores {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"LOCKSTEP_SOURCE": "off", "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_STORE": url, "NO_COLOR": "1"}
			run := func(token, address string, args ...string) (code int, out, all string) {
				with := map[string]string{"LOCKSTEP_TOKEN": token, "LOCKSTEP_ADDRESS": address, "NO_COLOR": "1"}
				if address == "" {
					with = env
				}
				w := &world{env: with}
				code = w.run(t.Context(), args...)
				return code, strings.TrimSpace(w.out.String()), w.out.String() + w.err.String()
			}
			code, boss, text := run("", "", "token", "create", "boss", "--role", "admin", "--expires", "1h")
			require.Equal(t, 0, code, text)
			var replicas [2]string
			for i := range replicas {
				at, _, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
					"--anonymous-role", "none", "--sqlite-directories", "/nowhere")
				replicas[i] = at
				defer func() { assert.Equal(t, 0, end(), log.err.String()) }()
			}
			here, there := replicas[0], replicas[1]
			code, _, _ = run("", here, "token", "list")
			assert.Equal(t, 77, code, "on loopback, too")
			code, ci, text := run(boss, here, "token", "create", "ci", "--role", "admin", "--expires", "1h")
			require.Equal(t, 0, code, text)
			for _, at := range replicas {
				code, _, text = run(ci, at, "tenant", "list")
				assert.Equal(t, 0, code, text)
			}
			code, _, text = run(ci, there, "token", "list")
			assert.Equal(t, 0, code, text)
			assert.NotContains(t, text, "never", "both were used")
			for _, secret := range []string{boss, ci} {
				assert.NotContains(t, text, secret)
			}
			code, _, text = run(boss, here, "token", "revoke", "ci")
			require.Equal(t, 0, code, text)
			for _, at := range replicas {
				code, _, text = run(ci, at, "tenant", "list")
				assert.Equal(t, 77, code, text)
				assert.Contains(t, text, "TOKEN_REVOKED")
			}
			code, _, text = run(boss, there, "audit", "search")
			assert.Equal(t, 0, code, text)
			assert.Contains(t, text, "RevokeToken")
			assert.Contains(t, text, "boss")
		})
	}
}
