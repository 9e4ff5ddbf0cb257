package migrate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestTheDriftScriptKeepsRows: on SQLite, what brings a table back copies it, and a
// shell that holds to foreign keys would delete what refers to it with the old one.
func TestTheDriftScriptKeepsRows(t *testing.T) {
	t.Parallel()
	s, url := keeperService(t, publish(t)), enginetest.SQLite(t)
	brought(t, s, url, "v1.0.0", strategy.Safe)
	run(t, url, "CREATE TABLE reports (id integer PRIMARY KEY, customer integer REFERENCES customers (id) ON DELETE CASCADE)",
		"INSERT INTO customers (id, mail, name) VALUES (1, 'a@x', 'a')", "INSERT INTO reports VALUES (1, 1)", "ALTER TABLE customers ADD COLUMN by_hand text")

	r, err := s.Drift(t.Context(), migrate.DriftRequest{Target: target(t, url)})
	require.NoError(t, err)
	require.Contains(t, strings.Join(r.Restore, ";"), "DROP TABLE `customers`", "the table is copied")
	script, found := strings.CutPrefix(r.Script, ".bail on\n") // the shell's own
	require.True(t, found, r.Script)
	db := oneConnection(t, url)
	defer func() { assert.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), "PRAGMA foreign_keys=ON;\n"+script)
	require.NoError(t, err)
	assert.Equal(t, "1\n", query(t, url, "SELECT count(*) FROM reports"))
	assert.Empty(t, drift(t, s, url).Differences)
}

// TestTheDriftScriptIsTheEngines: it runs as it stands in the engine's own shell, as
// that of a preview does; there is none where nothing drifted.
func TestTheDriftScriptIsTheEngines(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		brought(t, s, url, "v1.0.0", strategy.Safe)
		assert.Empty(t, drift(t, s, url).Script)
		run(t, url, "CREATE INDEX by_hand ON customers (legacy)")
		r := drift(t, s, url)
		to, err := dialect.ParseTarget(url)
		require.NoError(t, err)
		assert.Equal(t, e.d.Script(to, r.Restore), r.Script)
	})
}
