package migrate_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// The environment of the property test: how many times as many pairs, and which
// seed to begin with.
const (
	proofsEnv = "LOCKSTEP_TEST_PROOFS"
	seedEnv   = "LOCKSTEP_TEST_SEED"
)

// scratched is an engine that plans are proved on.
type scratched struct {
	name   string
	d      dialect.Dialect
	pairs  int
	target func(t testing.TB) string
}

// eachScratch runs a test on every engine that can build beside a tenant.
func eachScratch(t *testing.T, test func(t *testing.T, e scratched)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, scratched{name: "sqlite", d: sqlite.New(), pairs: 300, target: func(t testing.TB) string { return enginetest.SQLite(t) }})
	})
	on := func(engine string, servers func(testing.TB) []enginetest.Server, d dialect.Dialect, pairs int) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for _, server := range servers(t) {
				t.Run(server.Name, func(t *testing.T) {
					test(t, scratched{name: server.Name, d: d, pairs: pairs, target: func(t testing.TB) string {
						if engine == "postgres" {
							return enginetest.FreshSchema(t, server)
						}
						return enginetest.FreshDatabase(t, server)
					}})
				})
			}
		})
	}
	on("postgres", enginetest.Postgres, postgres.New(), 100)
	on("mysql", enginetest.MySQL, mysql.New(), 40)
	on("mariadb", enginetest.MariaDB, mysql.New(mysql.WithMariaDB()), 40)
}

func number(t testing.TB, env string, otherwise int) int {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, env)
	return n
}

// TestEveryPlanLeadsToItsResult proves plans between random pairs of schemas:
// the base, changed by the plan, is the target built fresh, to the last text.
func TestEveryPlanLeadsToItsResult(t *testing.T) {
	t.Parallel()
	eachScratch(t, func(t *testing.T, e scratched) {
		to, err := dialect.ParseTarget(e.target(t))
		require.NoError(t, err)
		first := number(t, seedEnv, int(time.Now().UnixNano()%1_000_000_000))
		pairs := e.pairs * number(t, proofsEnv, 1)
		t.Logf("%s: seeds from %d; %s=%d begins there again", e.name, first, seedEnv, first)
		statements, proved, seed := 0, 0, first
		for ; proved < pairs; seed++ {
			require.Less(t, seed-first, 50*pairs, "hardly any pair is one for this engine")
			if n := provePair(t, e, to, uint64(seed)); n > 0 {
				proved++
				statements += n
			}
			if t.Failed() {
				return
			}
		}
		t.Logf("%s: %d pairs, %d statements, seeds %d to %d", e.name, proved, statements, first, seed-1)
	})
}

// provePair proves one plan and returns how many statements it has; none when
// the pair is none for the engine.
func provePair(t *testing.T, e scratched, to dialect.Target, seed uint64) int {
	t.Helper()
	r := schematest.New(seed)
	base := schematest.Random(r, 4)
	target := schematest.Mutate(r, base)
	if seed%3 == 0 {
		target = schematest.Random(r, 4)
	}
	name := []strategy.Name{strategy.Full, strategy.Full, strategy.Safe, strategy.AddOnly}[r.IntN(4)]
	if _, widens := e.d.(*mysql.Dialect); widens && name == strategy.AddOnly {
		name = strategy.Safe // a text may grow into one that the index it keeps cannot take
	}
	from, err := e.d.Lower(base)
	if refusedToLower(err) {
		return 0
	}
	require.NoError(t, err, "seed %d", seed)
	wanted, err := e.d.Lower(target)
	if refusedToLower(err) {
		return 0
	}
	require.NoError(t, err, "seed %d", seed)
	p, err := plan.Build(t.Context(), e.d, plan.Input{Strategy: name, Base: from, Target: wanted})
	if k := fault.KindOf(err); err != nil && (k == fault.Refused || k == fault.Unsupported) {
		return 0 // the plan says itself that it cannot be had
	}
	require.NoError(t, err, "seed %d", seed)
	if keysHeldByOthers(e.d.Engine(), p) {
		return 0
	}
	proof, err := migrate.Prove(t.Context(), e.d, to, p)
	require.NoError(t, err, "seed %d", seed)
	if !proof.Proved() {
		text := ""
		for i := range p.Statements {
			text += fmt.Sprintf("\n  %d. %s;", i+1, p.Statements[i].SQL)
		}
		t.Errorf("%s, seed %d, strategy %s: %v%s", e.name, seed, name, proof.Error(), text)
	}
	return len(p.Statements)
}

// refusedToLower: some random schemas are none for this engine.
func refusedToLower(err error) bool { return fault.ReasonOf(err) == "SCHEMA_NOT_LOWERABLE" }

// keysHeldByOthers leaves out of MySQL's pairs those in which a column begins or
// stops to number its rows: where foreign keys lead to it, MySQL refuses to
// modify it at all (error 1833), which is not for these plans to settle.
func keysHeldByOthers(engine dialect.Engine, p *plan.Plan) bool {
	return engine == dialect.MySQL && slices.ContainsFunc(p.Verdicts, func(v strategy.Verdict) bool {
		return v.Aspect == diff.AspectAutoIncrement && len(v.Now) > 0
	})
}
