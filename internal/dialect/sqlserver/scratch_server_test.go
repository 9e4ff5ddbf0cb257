package sqlserver

import (
	"context"
	"crypto/rand"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// TestScratchesOnServers is what the simulation takes from the manual, on real
// servers.
func TestScratchesOnServers(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.SQLServer(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			target := enginetest.FreshDatabase(t, server)
			d, to := New(), parsed(t, target)
			first, err := d.Scratch(t.Context(), to)
			require.NoError(t, err)
			_, err = first.ExecContext(t.Context(), scratchTable)
			require.NoError(t, err)
			found, err := d.Inspect(t.Context(), first, []string{"a"})
			require.NoError(t, err)
			assert.Len(t, found.Tables, 1, "it sees its own")

			waits, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			_, err = d.Scratch(waits, to)
			cancel()
			assert.Equal(t, fault.Deadline, fault.KindOf(err), "the next waits for its turn")
			require.NoError(t, first.Close(t.Context()))

			second, err := d.Scratch(t.Context(), to)
			require.NoError(t, err)
			require.NoError(t, second.Close(t.Context()))
			rows, err := enginetest.Connect(t, target).QueryContext(t.Context(), "SELECT name FROM sys.schemas WHERE name LIKE 'lockstep%' UNION ALL SELECT name FROM sys.tables")
			require.NoError(t, err)
			defer func() { _ = rows.Close() }()
			assert.False(t, rows.Next(), "nothing stays")
			require.NoError(t, rows.Err())
		})
	}
}

// TestLimitedUsersOnServers: who may not create schemas is told so, and may when
// that was granted.
func TestLimitedUsersOnServers(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.SQLServer(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			target := enginetest.FreshDatabase(t, server)
			name, password := "lockstep_test_"+rand.Text(), "aA1!"+rand.Text()
			execute := func(url string, batches ...string) {
				for _, b := range batches {
					_, err := enginetest.Connect(t, url).ExecContext(context.WithoutCancel(t.Context()), b)
					require.NoError(t, err)
				}
			}
			execute(server.DSN, "CREATE LOGIN "+name+" WITH PASSWORD = '"+password+"'")
			t.Cleanup(func() { execute(server.DSN, "DROP LOGIN "+name) })
			execute(target, "CREATE USER "+name+" FOR LOGIN "+name, "GRANT CREATE TABLE TO "+name)
			u, err := url.Parse(target)
			require.NoError(t, err)
			u.User = url.UserPassword(name, password)

			_, err = New().Scratch(t.Context(), parsed(t, u.String()))
			assert.Equal(t, dialect.ReasonScratchDenied, fault.ReasonOf(err))
			execute(target, "GRANT CREATE SCHEMA TO "+name)
			s, err := New().Scratch(t.Context(), parsed(t, u.String()))
			require.NoError(t, err)
			_, err = s.ExecContext(t.Context(), scratchTable)
			require.NoError(t, err)
			require.NoError(t, s.Close(t.Context()))
		})
	}
}

func parsed(t testing.TB, raw string) dialect.Target {
	t.Helper()
	target, err := dialect.ParseTarget(raw)
	require.NoError(t, err)
	return target
}
