package telemetry

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/observe"
)

// everything touches every metric, so that all show.
func everything(t *testing.T) *Metrics {
	t.Helper()
	metrics := NewMetrics("v1")
	o := NewObserver(metrics, &Traces{}, clock())
	ctx := t.Context()
	_, ended := o.Execution(ctx, observe.Execution{})
	ended(observe.Executed{})
	_, finish := o.Phase(ctx, "", "")
	finish(nil)
	_, finish = o.Statement(ctx, observe.Statement{})
	finish(nil)
	o.LockWaited(ctx, "", 0, true)
	o.Retried(ctx, "", "")
	o.Drift(ctx, "", false)
	o.PlanCache(ctx, false)
	o.Session(ctx, "")()
	metrics.Called("", "", time.Second)
	_, finish = NewStoreObserver(metrics, &Traces{}, clock()).Query(ctx, "")
	finish(nil)
	_, finish = NewStoreObserver(metrics, &Traces{}, clock()).Query(ctx, "")
	finish(nil)
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, metrics.Pool("control", db))
	return metrics
}

// TestNamesInDashboardsAlertsAndDocsExist: a metric that is renamed must not
// leave an empty panel, or an alert that never fires, behind.
func TestNamesInDashboardsAlertsAndDocsExist(t *testing.T) {
	exists := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(scrape(t, everything(t)), -1) {
		exists[m[1]] = true
		if m[2] == "histogram" {
			exists[m[1]+"_bucket"], exists[m[1]+"_sum"], exists[m[1]+"_count"] = true, true, true
		}
	}
	name := regexp.MustCompile(`\b(lockstep|go|process)_[a-z_]+[a-z]\b`)
	for file, least := range map[string]int{"deploy/grafana/lockstep.json": 10, "deploy/prometheus/alerts.yaml": 4, "docs/operations.md": 12} {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
		require.NoError(t, err)
		found := map[string]bool{}
		for _, n := range name.FindAllString(string(text), -1) {
			if n == "go_sql" { // go_sql_* in a text
				continue
			}
			found[n] = true
			assert.True(t, exists[n], "%s names %s, which is no metric", file, n)
		}
		assert.GreaterOrEqual(t, len(found), least, file)
	}
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	require.NoError(t, err)
	for n := range exists {
		if regexp.MustCompile(`^lockstep_.*[^_](?:_bucket|_sum|_count)$`).MatchString(n) || n[:4] != "lock" {
			continue
		}
		assert.Contains(t, string(docs), "`"+n+"`", "docs/operations.md does not list the metric")
	}
}
