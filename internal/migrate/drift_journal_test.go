package migrate_test

import (
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// TestADriftedTableIsNotUpgraded: a reverse must not lead past what somebody
// changed by hand.
func TestADriftedTableIsNotUpgraded(t *testing.T) {
	proxy := publishDepot(t)
	eachJournalled(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		_, _, digest := depotSides(t, s, l)
		url := depotTenant(t, s, l)
		run(t, url, "ALTER TABLE visits ADD COLUMN by_hand int")
		_, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: depotRequest(t, url, "v1.1.0"), Digest: digest}, nil)
		require.Equal(t, "TABLE_DRIFTED", fault.ReasonOf(err), "%v", err)
		assert.Equal(t, fault.Drift, fault.KindOf(err))
		require.ErrorContains(t, err, "by_hand")

		lenient := migrate.ExecuteRequest{Request: depotRequest(t, url, "v1.1.0"), Digest: digest, Drift: migrate.DriftWarn}
		run(t, url, "ALTER TABLE visits MODIFY agent varchar(77)")
		_, err = s.Execute(t.Context(), lenient, nil)
		require.Equal(t, "TABLE_DRIFTED", fault.ReasonOf(err), "the plan has a statement about agent: %v", err)
		run(t, url, agentAsRecorded(t, s, url))
		before := look(t, url)
		half := &faultdb.Plan{FailAt: 15, Only: func(o faultdb.Op) bool { return strings.HasPrefix(o.SQL, "ALTER") }}
		_, err = newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, half) }).Execute(t.Context(), lenient, nil)
		require.True(t, half.Fired())
		require.True(t, fault.As(err).RolledBack, "%v", err)
		require.Equal(t, before, look(t, url), "by_hand included")
		clean(t, url)
		run(t, url, "ALTER TABLE visits DROP COLUMN by_hand")

		run(t, url, "CREATE TABLE "+dialect.AsidePrefix+"sessions (id int)")
		p, err := s.Preview(t.Context(), depotRequest(t, url, "v1.1.0"))
		require.NoError(t, err)
		require.Contains(t, strings.Join(p.Warnings, "\n"), dialect.AsidePrefix+"sessions")
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: depotRequest(t, url, "v1.1.0"), Digest: digest}, nil)
		require.Equal(t, "LEFTOVER_FOUND", fault.ReasonOf(err), "%v", err)
		run(t, url, "DROP TABLE "+dialect.AsidePrefix+"sessions")
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: depotRequest(t, url, "v1.1.0"), Digest: digest}, nil)
		require.NoError(t, err)
	})
}

// agentAsRecorded is the SQL that brings the changed column back.
func agentAsRecorded(t *testing.T, s *migrate.Service, url string) string {
	t.Helper()
	r, err := s.Drift(t.Context(), migrate.DriftRequest{Target: target(t, url)})
	require.NoError(t, err)
	for _, d := range r.Differences {
		if d.Name == "agent" {
			require.Len(t, d.Restore, 1)
			return d.Restore[0]
		}
	}
	require.Fail(t, "agent has not drifted")
	return ""
}
