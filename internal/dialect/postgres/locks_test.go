package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestStatementsSayWhatTheyLock runs plans between random schemas, statement by
// statement, and holds the locks that the hazards name against those that the
// server gave, for each table that was there before.
func TestStatementsSayWhatTheyLock(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			first := int(time.Now().UnixNano() % 1_000_000_000)
			t.Logf("seeds from %d", first)
			seen := map[string]int{}
			for seed := first; seed < first+30 && !t.Failed(); seed++ {
				r := schematest.New(uint64(seed))
				base := schematest.Random(r, 3)
				locksOfPair(t, server, base, schematest.Mutate(r, base), fmt.Sprintf("seed %d", seed), seen)
			}
			for _, c := range linked() {
				locksOfPair(t, server, c[0], c[1], "linked", seen)
			}
			t.Logf("locks that were held against pg_locks: %v", seen)
			for _, mode := range []string{"ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE", "SHARE UPDATE EXCLUSIVE"} {
				assert.NotZero(t, seen[mode], mode)
			}
		})
	}
}

// linked are pairs that concern two tables: what leads from one to the other comes,
// goes, and changes its type.
func linked() [][2]*schema.Schema {
	sides := func(bits int, refers bool) *schema.Schema {
		id := schema.Type{Kind: schema.Int, Bits: bits}
		parents := &schema.Table{Name: "parents", PrimaryKey: []string{"id"}, Columns: []*schema.Column{{Name: "id", Type: id}}}
		children := &schema.Table{Name: "children", PrimaryKey: []string{"id"}, Columns: []*schema.Column{{Name: "id", Type: id}, {Name: "parent_id", Type: id, Nullable: true}}}
		if refers {
			children.Indexes = []*schema.Index{{Name: "idx_children_parent_id", Parts: []schema.IndexPart{{Column: "parent_id"}}}}
			children.Checks = []*schema.Check{{Name: "chk_children", Expr: "parent_id > 0"}}
			children.ForeignKeys = []*schema.ForeignKey{{Name: "fk_children_parent", Columns: []string{"parent_id"}, RefTable: "parents", RefColumns: []string{"id"}}}
		}
		return &schema.Schema{Tables: []*schema.Table{children, parents}}
	}
	return [][2]*schema.Schema{
		{sides(64, false), sides(64, true)},
		{sides(64, true), sides(64, false)},
		{sides(32, true), sides(64, true)},
		{sides(64, true), sides(32, true)},
		{sides(32, false), sides(64, true)},
	}
}

func locksOfPair(t *testing.T, server enginetest.Server, base, target *schema.Schema, name string, seen map[string]int) {
	t.Helper()
	for _, online := range []bool{false, true} {
		locksOfPlan(t, server, base, target, online, name, seen)
	}
}

func locksOfPlan(t *testing.T, server enginetest.Server, base, target *schema.Schema, online bool, name string, seen map[string]int) {
	t.Helper()
	d := postgres.New()
	from, err := d.Lower(base)
	require.NoError(t, err)
	to, err := d.Lower(target)
	require.NoError(t, err)
	build := func(a, b *schema.Schema, online bool) *plan.Plan {
		p, err := plan.Build(t.Context(), d, plan.Input{EngineVersion: 15, Strategy: strategy.Full, Base: a, Target: b, Online: online})
		if err != nil {
			require.Contains(t, []fault.Kind{fault.Refused, fault.Unsupported}, fault.KindOf(err), "%s: %v", name, err)
			return nil
		}
		return p
	}
	p := build(from, to, online)
	if p == nil {
		return
	}
	url := enginetest.FreshSchema(t, server)
	db := enginetest.Connect(t, url)
	for _, st := range build(nil, from, false).Statements {
		_, err := db.ExecContext(t.Context(), st.SQL)
		require.NoError(t, err)
	}
	was := tablesOf(t, db)
	for _, st := range p.Statements {
		query := st.SQL
		if st.Plain != "" {
			query = st.Plain
		}
		now := tablesOf(t, db)
		got := locksOf(t, db, query)
		said := map[string]string{}
		for _, h := range st.Hazards {
			if h.Kind == dialect.HazardLock {
				assert.NotEmpty(t, h.Lasts, "%s: %s", st.SQL, h.Detail)
				said[h.Table] = stronger(said[h.Table], h.Mode)
			}
		}
		held := map[string]string{}
		for oid, mode := range got {
			if _, old := was[oid]; old {
				held[now[oid]] = mode
			}
		}
		if st.Plain != "" { // where it runs by itself its locks are others
			held = said
		}
		for _, mode := range held {
			seen[mode]++
		}
		require.Equal(t, held, said, "%s: %s", name, st.SQL)
	}
}

// tablesOf are the names of the tables, by their numbers.
func tablesOf(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	return pairs(t, db.QueryContext, "SELECT oid::text, relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace")
}

// locksOf runs a statement in a transaction and returns the strongest lock that it
// took of each table, of those that keep others waiting.
func locksOf(t *testing.T, db *sql.DB, query string) map[string]string {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), query)
	require.NoError(t, err, query)
	got := pairs(t, tx.QueryContext, `SELECT relation::text, string_agg(mode, ',') FROM pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' GROUP BY 1`)
	require.NoError(t, tx.Commit())
	out := map[string]string{}
	for oid, modes := range got {
		mode := ""
		for m := range strings.SplitSeq(modes, ",") {
			mode = stronger(mode, spelled(m))
		}
		if mode != "" {
			out[oid] = mode
		}
	}
	return out
}

// spelled is a mode as the manual spells it; "" for those of readers and writers.
func spelled(mode string) string {
	switch mode {
	case "ShareUpdateExclusiveLock":
		return "SHARE UPDATE EXCLUSIVE"
	case "ShareLock":
		return "SHARE"
	case "ShareRowExclusiveLock":
		return "SHARE ROW EXCLUSIVE"
	case "ExclusiveLock":
		return "EXCLUSIVE"
	case "AccessExclusiveLock":
		return "ACCESS EXCLUSIVE"
	}
	return ""
}

type query = func(context.Context, string, ...any) (*sql.Rows, error)

func pairs(t *testing.T, ask query, text string) map[string]string {
	t.Helper()
	rows, err := ask(t.Context(), text)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	out := map[string]string{}
	for rows.Next() {
		var a, b string
		require.NoError(t, rows.Scan(&a, &b))
		out[a] = b
	}
	require.NoError(t, rows.Err())
	return out
}

func stronger(a, b string) string {
	for _, m := range []string{"ACCESS EXCLUSIVE", "EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE", "SHARE UPDATE EXCLUSIVE"} {
		if a == m || b == m {
			return m
		}
	}
	return ""
}
