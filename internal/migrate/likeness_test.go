package migrate_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestWhatDriftedIsBroughtBack builds one random schema and takes it for a
// drifted other one: the SQL that the comparison returns brings it there.
func TestWhatDriftedIsBroughtBack(t *testing.T) {
	t.Parallel()
	eachScratch(t, func(t *testing.T, e scratched) {
		first := number(t, seedEnv, int(time.Now().UnixNano()%1_000_000_000))
		pairs := max(6, e.pairs/10) * number(t, proofsEnv, 1)
		t.Logf("%s: seeds from %d; %s=%d begins there again", e.name, first, seedEnv, first)
		if e.d.Engine() == dialect.SQLite { // two unique constraints over one column, of which it keeps the first
			require.Positive(t, broughtBack(t, e, 468509698))
		}
		found, seed := 0, first
		for done := 0; done < pairs; seed++ {
			if n := broughtBack(t, e, uint64(seed)); n >= 0 {
				done++
				found += n
			}
			if t.Failed() {
				return
			}
		}
		t.Logf("%s: %d differences settled, seeds %d to %d", e.name, found, first, seed-1)
		require.Positive(t, found)
	})
}

// broughtBack returns the number of differences; -1: the pair is none for this
// engine.
func broughtBack(t *testing.T, e scratched, seed uint64) int {
	t.Helper()
	r := schematest.New(seed)
	recorded := schematest.Random(r, 3)
	live := schematest.Mutate(r, recorded)
	model, err := e.d.Lower(recorded)
	if refusedToLower(err) {
		return -1
	}
	require.NoError(t, err)
	built, err := e.d.Lower(live)
	if refusedToLower(err) {
		return -1
	}
	require.NoError(t, err)
	// What only the drifted state has is nobody's; what leads into it would stay.
	built.Tables = only(built, model)
	p, err := plan.Build(t.Context(), e.d, plan.Input{Strategy: strategy.Full, Base: built, Target: model})
	if k := fault.KindOf(err); err != nil && (k == fault.Refused || k == fault.Unsupported) || err == nil && keysHeldByOthers(e.d.Engine(), p) {
		return -1
	}
	require.NoError(t, err)

	url := e.target(t)
	to := target(t, url)
	db := oneConnection(t, url)
	defer func() { require.NoError(t, db.Close()) }()
	fresh, err := plan.Build(t.Context(), e.d, plan.Input{Strategy: strategy.Full, Target: built})
	require.NoError(t, err)
	for i := range fresh.Statements {
		_, err := db.ExecContext(t.Context(), fresh.Statements[i].SQL)
		require.NoError(t, err, "seed %d: %s", seed, fresh.Statements[i].SQL)
	}
	differences, restore, err := likeness(t, e, to, model)
	require.NoError(t, err, "seed %d", seed)
	for i, s := range restore {
		_, err := db.ExecContext(t.Context(), s)
		require.NoError(t, err, "%s, seed %d, %d: %s", e.name, seed, i, strings.Join(restore, ";\n"))
	}
	left, _, err := likeness(t, e, to, model)
	require.NoError(t, err, "seed %d", seed)
	for i := range left {
		t.Errorf("%s, seed %d: %s\n%s", e.name, seed, left[i].String(), strings.Join(restore, ";\n"))
	}
	return len(differences)
}

// only returns the tables of one schema that the other has too, without foreign
// keys to any other.
func only(s, in *schema.Schema) []*schema.Table {
	var out []*schema.Table
	for _, t := range s.Tables {
		if in.Table(t.Name) == nil {
			continue
		}
		t = t.Clone()
		keys := t.ForeignKeys
		t.ForeignKeys = nil
		for _, f := range keys {
			if in.Table(f.RefTable) != nil {
				t.ForeignKeys = append(t.ForeignKeys, f)
			}
		}
		out = append(out, t)
	}
	return out
}

func likeness(t *testing.T, e scratched, to dialect.Target, model *schema.Schema) ([]migrate.Difference, []string, error) {
	t.Helper()
	session, err := e.d.Open(t.Context(), to)
	require.NoError(t, err)
	defer func() { require.NoError(t, session.Close()) }()
	return migrate.LikeWithLike(t.Context(), e.d, to, session, model)
}

// oneConnection connects as a person's shell does: settings stay.
func oneConnection(t testing.TB, url string) *sql.DB {
	t.Helper()
	db := enginetest.Connect(t, url)
	db.SetMaxOpenConns(1)
	switch target(t, url).Engine { //nolint:exhaustive // the others need nothing
	case dialect.SQLite:
		_, err := db.ExecContext(t.Context(), "PRAGMA foreign_keys=OFF")
		require.NoError(t, err)
	case dialect.MySQL, dialect.MariaDB:
		_, err := db.ExecContext(t.Context(), "SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
		require.NoError(t, err)
	default:
	}
	return db
}
