package migrate_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// askingTables publishes two versions of a module of n tables. The second asks
// the rows of each whether a column may be NOT NULL and shorter, and another one
// unique.
func askingTables(b *testing.B, n int) (proxy string) {
	b.Helper()
	proxy = "file://" + filepath.Join(b.TempDir(), "proxy")
	for version, tags := range map[string][2]string{
		"v1.0.0": {"size:100", "size:40"},
		"v1.1.0": {"size:60;not null", "size:40;uniqueIndex"},
	} {
		var src strings.Builder
		src.WriteString("package shop\n")
		for i := range n {
			fmt.Fprintf(&src, "\ntype Table%03d struct {\n\tID uint64 `gorm:\"primaryKey\"`\n\tName *string `gorm:%q`\n\tCode *string `gorm:%q`\n", i, tags[0], tags[1])
			for c := range 6 {
				fmt.Fprintf(&src, "\tColumn%d string `gorm:\"size:100\"`\n", c)
			}
			src.WriteString("}\n")
		}
		publishModule(b, proxy, shop, version, src.String())
	}
	return proxy
}

// BenchmarkTrust executes plans of about 50 statements on empty tables and
// reports which part of the rest preflight and verification add ("added"; target:
// 0.2), and which the look for drift under the lock ("locking", waiting for
// nobody). The plan adds columns and indexes, or asks the rows as much as it can.
func BenchmarkTrust(b *testing.B) {
	for kind, publish := range map[string]func(*testing.B, int) string{"adds": manyTables, "asks": askingTables} {
		b.Run(kind, func(b *testing.B) {
			b.Run("sqlite", func(b *testing.B) { benchTrust(b, publish(b, 25), enginetest.SQLite) })
			for _, servers := range []func(testing.TB) []enginetest.Server{enginetest.Postgres, enginetest.MySQL, enginetest.MariaDB} {
				for _, server := range servers(b) {
					fresh := enginetest.FreshDatabase
					if strings.HasPrefix(server.Name, "postgres") {
						fresh = enginetest.FreshSchema
					}
					b.Run(server.Name, func(b *testing.B) {
						benchTrust(b, publish(b, 25), func(t testing.TB) string { return fresh(t, server) })
					})
				}
			}
		})
	}
}

func benchTrust(b *testing.B, proxy string, target func(testing.TB) string) {
	b.Helper()
	s := keeperService(b, proxy)
	spent := map[migrate.Phase]time.Duration{}
	var whole time.Duration
	statements := 0
	for b.Loop() {
		url := target(b)
		mustExecute(b, s, url, "v1.0.0", strategy.Full)
		p, err := s.Preview(b.Context(), request(b, url, "v1.1.0", strategy.Full))
		require.NoError(b, err)
		begin := time.Now()
		at, phase := begin, migrate.PhasePlanning
		r, err := s.Execute(b.Context(), migrate.ExecuteRequest{Request: request(b, url, "v1.1.0", strategy.Full), Digest: p.Plan.Digest}, func(e migrate.Event) {
			spent[phase] += time.Since(at)
			at, phase = time.Now(), e.Phase
		})
		require.NoError(b, err)
		whole += time.Since(begin)
		statements = len(r.Statements)
	}
	added := spent[migrate.PhasePreflight] + spent[migrate.PhaseVerifying]
	b.ReportMetric(float64(added)/float64(whole-added), "added")
	b.ReportMetric(float64(spent[migrate.PhaseLocking])/float64(whole), "locking")
	b.ReportMetric(float64(whole.Milliseconds())/float64(b.N), "execute-ms/op")
	b.ReportMetric(float64(statements), "statements")
}
