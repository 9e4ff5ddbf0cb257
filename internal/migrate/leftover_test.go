package migrate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// TestWhatStandsAside and no journal knows of is told by preview, and not adopted: in
// every table of the snapshot, also when the plan touches none, in those that a plan
// makes, and tables by themselves.
func TestWhatStandsAside(t *testing.T) {
	proxy := publishDepot(t)
	eachJournalled(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		url := depotTenant(t, s, l)
		told := func(version string) string {
			p, err := s.Preview(t.Context(), depotRequest(t, url, version))
			require.NoError(t, err)
			return strings.Join(p.Warnings, "\n")
		}
		adopt := func(version string, again bool) error {
			_, err := s.Adopt(t.Context(), migrate.AdoptRequest{Modules: depotRequest(t, url, version).Modules, Target: target(t, url), Actor: "tester", Again: again})
			return err
		}
		aside := dialect.AsidePrefix + "gone"
		run(t, url, "CREATE TABLE somebody_elses ("+aside+" int)")
		require.NotContains(t, told("v1.0.0"), aside, "a table that is no concern of ours")

		run(t, url, "ALTER TABLE labels ADD COLUMN "+aside+" int")
		require.Contains(t, told("v1.0.0"), "labels."+aside, "the plan is empty")
		require.Contains(t, told("v1.1.0"), "labels."+aside)
		for _, version := range []string{"v1.0.0", "v1.1.0"} {
			err := adopt(version, true) // v1.1.0 has no labels, and would keep them
			require.Equal(t, "EXECUTION_UNFINISHED", fault.ReasonOf(err), "%s: %v", version, err)
			require.ErrorContains(t, err, "labels."+aside)
		}
		run(t, url, "ALTER TABLE labels DROP COLUMN "+aside)
		require.NotContains(t, told("v1.1.0"), aside)

		run(t, url, "CREATE TABLE "+aside+" (id int)")
		require.Contains(t, told("v1.0.0"), aside)
		assert.Equal(t, "EXECUTION_UNFINISHED", fault.ReasonOf(adopt("v1.0.0", true)))
		run(t, url, "DROP TABLE "+aside, "DROP TABLE lockstep_history", "ALTER TABLE stocks ADD COLUMN "+aside+" int")
		require.ErrorContains(t, adopt("v1.0.0", false), "stocks."+aside, "without a history")
		run(t, url, "ALTER TABLE stocks DROP COLUMN "+aside)
		require.NoError(t, adopt("v1.0.0", false))
	})
}
