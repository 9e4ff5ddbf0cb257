package migrate_test

import (
	"database/sql/driver"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestNothingToDoCostsOneQuery: an execution on a tenant that is where it should be
// asks the history once, and that is all. SQLite has no server to ask, and sets up its
// connection by statements.
func TestNothingToDoCostsOneQuery(t *testing.T) {
	proxy := publish(t)
	eachTransactional(t, func(t *testing.T, l lab) {
		if l.name == "sqlite" {
			return
		}
		url := l.fresh(t)
		ops := faultdb.Never()
		counted := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, ops) })
		mustExecute(t, newService(t, proxy, nil), url, "v1.0.0", strategy.Safe)
		req := migrate.ExecuteRequest{Request: request(t, url, "v1.0.0", strategy.Safe)}
		for range 2 {
			from := len(ops.Log())
			r, err := counted.Execute(t.Context(), req, nil)
			require.NoError(t, err)
			require.Equal(t, migrate.OutcomeNothing, r.Outcome)
			var asked []faultdb.Op
			for _, op := range ops.Log()[from:] {
				if op.Kind != faultdb.Connect {
					asked = append(asked, op)
				}
			}
			assert.Len(t, asked, 1, "%v", asked)
		}
	})
}
