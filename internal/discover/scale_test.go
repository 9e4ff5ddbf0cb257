package discover_test

import (
	"database/sql/driver"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/faultdb"
)

// scaleEnv asks for BenchmarkPostgresScale and says how many databases and users
// it makes, such as 2000,2000. A database takes 7 MB and some 100 ms to make.
const scaleEnv = "LOCKSTEP_BENCH_DISCOVER"

// BenchmarkPostgresScale reads and reconciles a server full of databases.
func BenchmarkPostgresScale(b *testing.B) {
	var databases, users int
	if _, err := fmt.Sscanf(os.Getenv(scaleEnv), "%d,%d", &databases, &users); err != nil {
		b.Skipf("SKIPPED: set %s to DATABASES,USERS, such as 2000,2000", scaleEnv)
	}
	server := enginetest.Postgres(b)[0]
	admin, p, target := enginetest.Connect(b, server.DSN), prefix(b), parseServer(b, server.DSN)
	pgMany(b, admin, p, databases, users)
	for name, opts := range map[string]discover.Options{"databases": {}, "schemas": {AllSchemas: true, Parallel: 8}} {
		b.Run(name, func(b *testing.B) {
			recorded := read(b, pgWith(nil), target, opts)
			require.Len(b, only(recorded, p).Databases, databases)
			require.Len(b, only(recorded, p).Users, users)
			queries := 0
			for b.Loop() {
				plan := faultdb.Never()
				found := read(b, pgWith(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) }), target, opts)
				require.True(b, discover.Reconcile(recorded, found).Empty())
				queries = 0
				for _, op := range plan.Log() {
					if op.Kind == faultdb.Query {
						queries++
					}
				}
			}
			b.ReportMetric(float64(queries), "queries/op")
			b.ReportMetric(float64(len(recorded.Grants)), "grants")
		})
	}
}
