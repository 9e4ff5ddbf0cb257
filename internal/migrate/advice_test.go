package migrate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestAFailureNamesItsStatementAndTable: a reader holds up a statement, which says
// of itself what it is, what it works on, and what helps.
func TestAFailureNamesItsStatementAndTable(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		if l.name == "sqlite" {
			t.Skip("SQLite has one lock for the file, which the statements need not wait for")
		}
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)
		reader, err := enginetest.Connect(t, url).BeginTx(t.Context(), nil)
		require.NoError(t, err)
		var n int
		require.NoError(t, reader.QueryRowContext(t.Context(), "SELECT count(*) FROM customers").Scan(&n))
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{
			Request: request(t, url, "v1.1.0", strategy.Safe), LockWait: time.Second, LockTimeout: 20 * time.Millisecond,
		}, nil)
		require.NoError(t, reader.Rollback())
		f := fault.As(err)
		require.NotNil(t, f)
		assert.Equal(t, "LOCK_TIMEOUT", f.Reason)
		assert.Regexp(t, `^statement \d+ of \d+ \(.*customers.*\) failed: `, f.Detail)
		assert.Regexp(t, "^table customers: another session holds a lock", f.Suggestion)
	})
}
