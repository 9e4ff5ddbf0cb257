package app_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// TestShutdownRollsBackARunningExecution ends a server while an execution waits
// for somebody else's lock on the tenant's table: when its grace time is over the
// execution is rolled back, the process ends by itself, and the tenant is as it
// was.
func TestShutdownRollsBackARunningExecution(t *testing.T) {
	for _, s := range enginetest.Postgres(t) {
		t.Run(s.Name, func(t *testing.T) {
			proxy := t.TempDir()
			env := map[string]string{"LOCKSTEP_SOURCE": "file://" + proxy, "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_DATA_DIR": t.TempDir(), "NO_COLOR": "1"}
			dir := writeModule(t)
			publish := func(version string) {
				w := &world{env: env}
				require.Equal(t, 0, w.run(t.Context(), "module", "publish", dir, version, "--to", "file://"+proxy), w.err.String())
			}
			publish("v1.0.0")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "crm.go"), []byte(
				"package crm\n\n// User is an entity.\ntype User struct {\n\tID  uint64 `gorm:\"primaryKey\"`\n\tFax string\n}\n"), 0o600))
			publish("v1.1.0")
			target := enginetest.FreshSchema(t, s)
			client := &world{env: map[string]string{
				"LOCKSTEP_TARGET": target, "LOCKSTEP_SOURCE": env["LOCKSTEP_SOURCE"], "LOCKSTEP_CACHE_DIR": env["LOCKSTEP_CACHE_DIR"], "NO_COLOR": "1",
			}}
			require.Equal(t, 0, client.run(t.Context(), "execute", "--module", "example.com/crm@v1.0.0", "--actor", "a"), client.err.String())

			db := enginetest.Connect(t, target)
			columns := func() (n int) {
				require.NoError(t, db.QueryRowContext(t.Context(),
					"SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'users'").Scan(&n))
				return n
			}
			holder, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = holder.ExecContext(t.Context(), "LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
			require.NoError(t, err)

			grpcAt, _, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--shutdown-timeout", "300ms")
			ended := make(chan int, 1)
			go func() {
				ended <- client.run(context.Background(), "execute", "--address", grpcAt, "--module", "example.com/crm@v1.1.0", "--actor", "a", "--lock-timeout", "1m")
			}()
			require.Eventually(t, func() bool {
				var waiting bool
				err := db.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks JOIN pg_class ON pg_class.oid = relation
					WHERE NOT granted AND relname = 'users' AND relnamespace = current_schema()::regnamespace)`).Scan(&waiting)
				return err == nil && waiting
			}, 30*time.Second, 20*time.Millisecond, "the execution waits for the table")

			began := time.Now()
			assert.Equal(t, 0, end(), log.err.String())
			assert.Less(t, time.Since(began), 20*time.Second)
			assert.NotZero(t, <-ended)
			assert.Contains(t, log.err.String(), "execution failed")
			require.NoError(t, holder.Rollback())
			assert.Equal(t, 1, columns(), "the tenant is as it was")
			require.Equal(t, 0, client.run(t.Context(), "execute", "--module", "example.com/crm@v1.1.0", "--actor", "a"), client.err.String())
			assert.Equal(t, 2, columns(), "and nothing stands in the way of the next execution")
		})
	}
}
