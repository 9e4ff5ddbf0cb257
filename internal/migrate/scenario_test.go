package migrate_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// neutral is a snapshot without what its engine chose: what two engines at the
// same versions have in common.
func neutral(t testing.TB, s *migrate.Service, url string) string {
	t.Helper()
	head, err := s.Current(t.Context(), target(t, url))
	require.NoError(t, err)
	_, snapshot, err := s.Revision(t.Context(), target(t, url), head.Number)
	require.NoError(t, err)
	out := &schema.Schema{}
	for _, table := range snapshot.Tables {
		table = table.Clone()
		for _, c := range table.Columns {
			c.Physical = ""
		}
		out.Tables = append(out.Tables, table)
	}
	return out.Fingerprint()
}

// TestOneScenarioOnEveryEngine tells one tenant's life, step by step, on each
// engine, with the same modules and only another target. What lockstep records
// must be the same everywhere.
func TestOneScenarioOnEveryEngine(t *testing.T) {
	proxy := publish(t)
	told := map[string][]string{}
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		note := func(step string) {
			t.Helper()
			told[l.name] = append(told[l.name], fmt.Sprintf("%s: %s", step, neutral(t, s, url)))
		}
		// Initialise.
		r := mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		require.EqualValues(t, 1, r.Revision)
		rows(t, url)
		note("initialised")

		// A grey release: what old code would notice is withheld, and stays pending.
		r = mustExecute(t, s, url, "v1.3.0", strategy.AddOnly)
		require.NotEmpty(t, r.Plan.Withheld())
		require.True(t, r.Plan.Compatibility().Reads && r.Plan.Compatibility().Writes)
		note("withheld")
		run(t, url, "INSERT INTO customers (id, mail, name) VALUES (4, 'd@x', 'Dan')") // as old code does
		run(t, url, "UPDATE customers SET region = 'EU' WHERE region IS NULL")

		// Flushed.
		r = mustExecute(t, s, url, "v1.3.0", strategy.Safe)
		require.Empty(t, r.Plan.Withheld())
		note("flushed")

		// A failing upgrade leaves it where it was.
		_, err := execute(t, s, url, "v1.4.0", strategy.Full)
		require.Equal(t, "DATA_DUPLICATE", fault.ReasonOf(err), "%v", err)
		require.True(t, fault.As(err).RolledBack)
		note("failed")

		// Renames keep the data; removal waits for full, and full for its digest.
		mustExecute(t, s, url, "v1.1.0", strategy.Safe)
		note("renamed")
		require.Equal(t, "1 a@x Ann\n2 b@x Bob\n3 c@x Ann\n4 d@x Dan\n", query(t, url, newRows))
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.2.0", strategy.Full)}, nil)
		require.Equal(t, "DESTRUCTIVE_NEEDS_DIGEST", fault.ReasonOf(err))
		mustExecute(t, s, url, "v1.2.0", strategy.Full)
		note("removed")

		// Back to the beginning, and all rows with it.
		revert(t, s, url, 1, strategy.Full)
		note("reverted")
		require.Equal(t, "1 a@x Ann\n2 b@x Bob\n3 c@x Ann\n4 d@x Dan\n", query(t, url, oldRows))
	})
	require.NotEmpty(t, told["sqlite"])
	for engine, steps := range told {
		assert.Equal(t, told["sqlite"], steps, engine)
	}
}
