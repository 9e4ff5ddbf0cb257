package migrate_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// upgradedYard is a tenant at v1.1.0, with rows.
func upgradedYard(t *testing.T, s *migrate.Service, l lab) string {
	t.Helper()
	url := l.fresh(t)
	for _, version := range []string{"v1.0.0", "v1.1.0"} {
		req := yardRequest(t, url, version)
		req.Online = false
		p, err := s.Preview(t.Context(), req)
		require.NoError(t, err)
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: req, Digest: p.Plan.Digest, Actor: "tester"}, nil)
		require.NoError(t, err)
	}
	run(t, url, "INSERT INTO keepers (id, name) VALUES (1, 'Ann')",
		"INSERT INTO crates (id, label, weight, keeper_id, spot) VALUES (1, 'a', 1, 1, 'here'), (2, 'b', 5000000000, 1, 'there')")
	return url
}

// TestAPreviewedRevertAsksTheRows: what a revert would lose, and what is in its way,
// is said as before an upgrade, with what the tables hold.
func TestAPreviewedRevertAsksTheRows(t *testing.T) {
	proxy := publishYard(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		url := upgradedYard(t, s, l)
		req := revertRequest(t, url, 1, strategy.Full)
		p, err := s.PreviewRevert(t.Context(), req)
		require.NoError(t, err)
		assert.Nil(t, p.Preflight, "nobody asked")
		assert.Contains(t, p.Sizes, "crates")
		req.Preflight = true
		p, err = s.PreviewRevert(t.Context(), req)
		require.NoError(t, err)
		require.NotNil(t, p.Preflight)
		assert.Equal(t, l.name != "sqlite", len(p.Preflight.Blocking()) == 1, "SQLite's integers have one size: %v", p.Preflight.Blocking())
		kinds := map[preflight.Kind]string{}
		for _, f := range p.Preflight.Findings {
			kinds[f.Kind] = f.Table
		}
		assert.Equal(t, "crates", kinds[preflight.ValuesLost], "level goes")
		if l.name != "sqlite" {
			req.Digest = p.Plan.Digest
			_, err = s.Revert(t.Context(), req, nil)
			assert.Equal(t, "DATA_CAST", fault.ReasonOf(err), "%v", err)
		}
	})
}

// TestARevertInPhases goes back online where the engine has such plans, and refuses
// where it would promise too much.
func TestARevertInPhases(t *testing.T) {
	proxy := publishYard(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		url := upgradedYard(t, s, l)
		run(t, url, "UPDATE crates SET weight = 2 WHERE id = 2")
		req := revertRequest(t, url, 1, strategy.Full)
		plain, err := s.PreviewRevert(t.Context(), req)
		require.NoError(t, err)
		req.Online = true
		p, err := s.PreviewRevert(t.Context(), req)
		if l.name == "sqlite" {
			require.Equal(t, "ONLINE_UNSUPPORTED", fault.ReasonOf(err), "%v", err)
			return
		}
		require.NoError(t, err)
		assert.Equal(t, !l.journalled, p.Plan.Digest != plain.Plan.Digest)
		var phases []dialect.Phase
		for _, st := range p.Plan.Statements {
			phases = append(phases, st.Phase)
		}
		assert.Equal(t, !l.journalled, slices.Contains(phases, dialect.PhaseOnline), "%v", phases)
		req.Digest = p.Plan.Digest
		r, err := s.Revert(t.Context(), req, nil)
		require.NoError(t, err)
		assert.Equal(t, migrate.OutcomeApplied, r.Outcome)
		assert.Equal(t, state(t, s, url, 1), state(t, s, url, r.Revision))
		assert.Empty(t, clauses(drift(t, s, url).Differences))
		assert.Equal(t, "1 a here\n2 b there\n", text(t, url, "SELECT id, label, place FROM crates ORDER BY id"))
	})
}
