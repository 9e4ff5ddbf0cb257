package migrate_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

const yard = "example.com/entities/yard"

// yardVersions: the upgrade to v1.1.0 has work for every phase, and that to v1.2.0
// fails on duplicates while it is online.
var yardVersions = map[string]string{
	"v1.0.0": `package yard

type Keeper struct {
	ID   uint64
	Name string ` + "`gorm:\"size:50\"`" + `
}

type Crate struct {
	ID       uint64
	Label    *string ` + "`gorm:\"size:40\"`" + `
	Weight   int32
	KeeperID *uint64
	Old      *string ` + "`gorm:\"size:20\"`" + `
	Place    string  ` + "`gorm:\"size:30;index:idx_place\"`" + `
}
`,
	"v1.1.0": `package yard

type Keeper struct {
	ID   uint64
	Name string ` + "`gorm:\"size:50;check:name <> ''\"`" + `
}

type Crate struct {
	ID       uint64
	Label    string  ` + "`gorm:\"size:40;not null;default:none;index\"`" + `
	Weight   int64   ` + "`gorm:\"index\"`" + `
	KeeperID *uint64
	Keeper   *Keeper
	Spot     string  ` + "`gorm:\"size:30;index:idx_place,unique;check:spot <> ''\" lockstep:\"renamed_from:place\"`" + `
	Level    int     ` + "`gorm:\"not null;default:1;index\"`" + `
	Moves    []Move
}

type Move struct {
	ID      uint64
	CrateID uint64
	Note    string ` + "`gorm:\"index\"`" + `
}
`,
	"v1.2.0": `package yard

type Keeper struct {
	ID   uint64
	Name string ` + "`gorm:\"size:50;uniqueIndex\"`" + `
}

type Crate struct {
	ID       uint64
	Label    *string ` + "`gorm:\"size:40\"`" + `
	Weight   int32   ` + "`gorm:\"index\"`" + `
	KeeperID *uint64
	Old      *string ` + "`gorm:\"size:20\"`" + `
	Place    string  ` + "`gorm:\"size:30;index:idx_place\"`" + `
}
`,
}

func publishYard(t testing.TB) string {
	t.Helper()
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	for version, source := range yardVersions {
		publishModule(t, proxy, yard, version, source)
	}
	return proxy
}

func yardRequest(t testing.TB, url, version string) migrate.Request {
	t.Helper()
	r := request(t, url, version, strategy.Full)
	r.Modules.Refs = []module.Ref{{Path: yard, Query: version}}
	r.Online = true
	return r
}

func yardTenant(t testing.TB, s *migrate.Service, l lab) string {
	t.Helper()
	url := l.fresh(t)
	_, err := s.Execute(context.WithoutCancel(t.Context()), migrate.ExecuteRequest{Request: yardRequest(t, url, "v1.0.0")}, nil)
	require.NoError(t, err)
	run(t, url,
		"INSERT INTO keepers (id, name) VALUES (1, 'Ann'), (2, 'Bob'), (3, 'Cy')",
		"INSERT INTO crates (id, label, weight, keeper_id, old, place) SELECT n, 'l' || n, n, 1 + n % 3, 'o', 'p' || n FROM generate_series(1, 50) n")
	return url
}

// eachOnline runs a test on every engine that has plans in phases.
func eachOnline(t *testing.T, test func(t *testing.T, l lab)) {
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			test(t, lab{name: server.Name, fresh: func(t testing.TB) string {
				_, target := enginetest.UnusedSchema(t, server)
				return target
			}})
		})
	}
}

var yardTables = []string{"keepers", "crates", "moves"}

// yardLook is everything that can be seen of a tenant, with what no inspection
// shows: whether indexes and constraints are valid.
func yardLook(t testing.TB, url string) sight {
	t.Helper()
	s := sight{schema: inspect(t, url, yardTables...)}
	s.rows = query(t, url, "SELECT count(*), sum(id), sum(weight) FROM crates") + query(t, url, "SELECT * FROM keepers ORDER BY id")
	require.Empty(t, query(t, url, "SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE NOT x.indisvalid AND i.relnamespace = current_schema()::regnamespace"))
	require.Empty(t, query(t, url, "SELECT conname FROM pg_constraint WHERE NOT convalidated AND connamespace = current_schema()::regnamespace"))
	require.Empty(t, query(t, url, "SELECT relname FROM pg_class WHERE relname LIKE 'lockstep%' AND relkind = 'r' AND relname <> 'lockstep_history' AND relnamespace = current_schema()::regnamespace"))
	return s
}

// yardSides returns a tenant before and after the upgrade, and its digest.
func yardSides(t *testing.T, s *migrate.Service, l lab) (before, after sight, digest string) {
	t.Helper()
	url := yardTenant(t, s, l)
	before = yardLook(t, url)
	p, err := s.Preview(t.Context(), yardRequest(t, url, "v1.1.0"))
	require.NoError(t, err)
	require.True(t, p.Plan.Online)
	r, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: yardRequest(t, url, "v1.1.0"), Digest: p.Plan.Digest}, nil)
	require.NoError(t, err)
	require.Equal(t, migrate.OutcomeApplied, r.Outcome)
	return before, yardLook(t, url), p.Plan.Digest
}

// TestOnlineLeadsWhereThePlainPlanLeads compares the two, and looks at the parts
// of the plan.
func TestOnlineLeadsWhereThePlainPlanLeads(t *testing.T) {
	proxy := publishYard(t)
	eachOnline(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		_, after, _ := yardSides(t, s, l)
		url := yardTenant(t, s, l)
		plain := yardRequest(t, url, "v1.1.0")
		plain.Online = false
		p, err := s.Preview(t.Context(), plain)
		require.NoError(t, err)
		require.False(t, p.Plan.Online)
		require.NotContains(t, p.Script, "CONCURRENTLY")

		online := yardRequest(t, url, "v1.1.0")
		online.Prove = true
		q, err := s.Preview(t.Context(), online)
		require.NoError(t, err)
		require.NotEqual(t, p.Plan.Digest, q.Plan.Digest)
		assert.True(t, q.Proof.Proved(), "%v", q.Proof)
		assert.Contains(t, q.Script, "COMMIT;\nALTER TABLE \"keepers\" VALIDATE")
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: online, Digest: p.Plan.Digest}, nil)
		require.Equal(t, "PLAN_CHANGED", fault.ReasonOf(err), "%v", err)
		require.ErrorContains(t, err, "--online")

		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: plain, Digest: p.Plan.Digest}, nil)
		require.NoError(t, err)
		assert.Equal(t, after, yardLook(t, url))

		phases := map[dialect.Phase]int{}
		for _, st := range q.Plan.Statements {
			phases[st.Phase]++
		}
		assert.Equal(t, 6, phases[dialect.PhaseOnline], "three indexes, a check, a foreign key and NOT NULL: %v", q.Script)
		assert.Greater(t, phases[dialect.PhasePrepare], 3)
		assert.Greater(t, phases[dialect.PhaseFinish], 5)
	})
}

// TestOnlineSurvivesAFaultAtEveryOperation fails each operation: the tenant is
// old or new afterwards, and free.
func TestOnlineSurvivesAFaultAtEveryOperation(t *testing.T) {
	proxy := publishYard(t)
	eachOnline(t, func(t *testing.T, l lab) {
		healthy := newService(t, proxy, nil)
		before, after, digest := yardSides(t, healthy, l)
		for _, mode := range faultdb.Modes() {
			t.Run(string(mode), func(t *testing.T) {
				t.Parallel()
				plan := faultdb.Never()
				faulty := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
				url := yardTenant(t, healthy, l)
				failed := 0
				for plan = range sweep(mode) {
					plan.Err = lost(l, mode)
					r, err := faulty.Execute(t.Context(), migrate.ExecuteRequest{
						Request: yardRequest(t, url, "v1.1.0"), Digest: digest, Actor: "tester", LockWait: 10 * time.Second,
					}, nil)
					isNew := yardLook(t, url).side(t, before, after, plan)
					require.Equal(t, err == nil, isNew, "%v\n%s", err, plan)
					if err != nil {
						failed++
						require.NotEqual(t, fault.Partial, fault.KindOf(err), "%v\n%s", err, plan)
						continue
					}
					require.Equal(t, migrate.OutcomeApplied, r.Outcome, "%s", plan)
					url = yardTenant(t, healthy, l)
				}
				t.Logf("%d operations, %d of them failed and were mended", plan.Count(), failed)
				assert.Greater(t, failed*stride(), 30)
			})
		}
	})
}

// TestOnlineSurvivesSIGKILL ends a real process before and after its operations.
func TestOnlineSurvivesSIGKILL(t *testing.T) {
	proxy := publishYard(t)
	eachOnline(t, func(t *testing.T, l lab) {
		healthy := newService(t, proxy, nil)
		before, after, digest := yardSides(t, healthy, l)
		for _, mode := range []faultdb.Mode{faultdb.EndBefore, faultdb.EndAfter} {
			t.Run(string(mode), func(t *testing.T) {
				t.Parallel()
				url := yardTenant(t, healthy, l)
				open := 0
				for step := first(mode); runChild(t, errand{
					Proxy: proxy, Target: url, Module: yard, Query: "v1.1.0", Strategy: strategy.Full, Digest: digest, Mode: mode, Op: step, Online: true,
				}); step += stride() {
					p, err := healthy.Preview(t.Context(), yardRequest(t, url, "v1.1.0"))
					require.NoError(t, err)
					told := strings.Contains(strings.Join(p.Warnings, "\n"), "is not finished")
					if told {
						open++
					}
					head, err := healthy.Current(t.Context(), target(t, url))
					require.NoError(t, err)
					require.Equal(t, history.Applied, head.Outcome)
					r, err := healthy.Execute(t.Context(), migrate.ExecuteRequest{
						Request: yardRequest(t, url, head.Modules[0].Version), LockWait: 10 * time.Second,
					}, nil)
					require.NoError(t, err, "step %d", step)
					require.Equal(t, migrate.OutcomeNothing, r.Outcome)
					require.Equal(t, told, len(r.Warnings) > 0, "step %d: %v", step, r.Warnings)
					if yardLook(t, url).side(t, before, after, step2s(step)) {
						url = yardTenant(t, healthy, l)
					}
				}
				require.True(t, yardLook(t, url).side(t, before, after, step2s(-1)), "the last child came to its end")
				assert.Greater(t, open*stride(), 10, "so often was there something to mend")
			})
		}
	})
}

// TestADuplicateThatStopsAnOnlineBuild leaves no invalid index, and the tenant as
// it was. The row comes after preflight has looked.
func TestADuplicateThatStopsAnOnlineBuild(t *testing.T) {
	proxy := publishYard(t)
	eachOnline(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		url := yardTenant(t, s, l)
		before := yardLook(t, url).schema
		r, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: yardRequest(t, url, "v1.2.0")}, func(e migrate.Event) {
			if e.Phase == migrate.PhaseExecuting && e.Statement.Phase == dialect.PhaseOnline && e.Index == 1 {
				run(t, url, "INSERT INTO keepers (id, name) VALUES (9, 'Ann')")
			}
		})
		require.Error(t, err)
		require.Equal(t, migrate.OutcomeRolledBack, r.Outcome)
		require.True(t, fault.As(err).RolledBack)
		require.ErrorContains(t, err, "keepers")
		assert.Equal(t, before, yardLook(t, url).schema)
		assert.Equal(t, "rolled_back\n", query(t, url, "SELECT outcome FROM lockstep_history WHERE revision = 2"))

		// A leftover of somebody else's build is found and built anew.
		db := enginetest.Connect(t, url)
		_, err = db.ExecContext(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY idx_keepers_name ON keepers (name)")
		require.Error(t, err, "the rows hold duplicates")
		require.NotEmpty(t, query(t, url, "SELECT 1 FROM pg_index WHERE NOT indisvalid AND indexrelid = 'idx_keepers_name'::regclass"))
		run(t, url, "DELETE FROM keepers WHERE id = 9")
		r, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: yardRequest(t, url, "v1.2.0")}, nil)
		require.NoError(t, err)
		assert.Contains(t, strings.Join(r.Warnings, "\n"), "idx_keepers_name")
		yardLook(t, url)
	})
}

// TestWritersGoOnWhileAnIndexIsBuilt inserts all the time.
func TestWritersGoOnWhileAnIndexIsBuilt(t *testing.T) {
	proxy := publishYard(t)
	eachOnline(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		url := yardTenant(t, s, l)
		run(t, url, "INSERT INTO crates (id, label, weight, place) SELECT n, md5(n::text), n, 'q' || n FROM generate_series(1000, 400000) n")
		db := enginetest.Connect(t, url)
		ctx, stop := context.WithCancel(t.Context())
		var longest time.Duration
		written := 0
		var failure error
		var wg sync.WaitGroup
		wg.Go(func() {
			for id := 1000000; ctx.Err() == nil; id++ {
				began := time.Now()
				_, err := db.ExecContext(ctx, "INSERT INTO crates (id, label, weight, place) VALUES ($1, 'w', 1, 'w' || $1::bigint::text)", id)
				if err != nil {
					if !errors.Is(err, context.Canceled) && ctx.Err() == nil {
						failure = err
					}
					return
				}
				longest, written = max(longest, time.Since(began)), written+1
			}
		})
		began := time.Now()
		r, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: yardRequest(t, url, "v1.2.0"), LockTimeout: 200 * time.Millisecond}, nil)
		took := time.Since(began)
		stop()
		wg.Wait()
		require.NoError(t, err)
		require.NoError(t, failure)
		var building time.Duration
		for _, st := range r.Statements {
			building += st.Duration
		}
		t.Logf("%d rows written in %v, of which %v for statements; the longest wait was %v", written, took, building, longest)
		assert.Greater(t, written, 20)
		assert.Less(t, longest, building/2+200*time.Millisecond, "no writer waited for a build")
		yardLook(t, url)
	})
}

// TestTwoOnlineExecutionsAtOnce: one carries the plan out, the other finds it done.
func TestTwoOnlineExecutionsAtOnce(t *testing.T) {
	proxy := publishYard(t)
	eachOnline(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		_, after, _ := yardSides(t, s, l)
		url := yardTenant(t, s, l)
		p, err := s.Preview(t.Context(), yardRequest(t, url, "v1.1.0"))
		require.NoError(t, err)
		outcomes := make([]migrate.Outcome, 3)
		var wg sync.WaitGroup
		for i := range outcomes {
			wg.Go(func() {
				r, err := s.Execute(t.Context(), migrate.ExecuteRequest{
					Request: yardRequest(t, url, "v1.1.0"), Digest: p.Plan.Digest, LockWait: time.Minute, RequestID: "the same one",
				}, nil)
				if assert.NoError(t, err) {
					outcomes[i] = r.Outcome
				}
			})
		}
		wg.Wait()
		assert.Equal(t, []migrate.Outcome{migrate.OutcomeApplied, migrate.OutcomeApplied, migrate.OutcomeApplied}, outcomes)
		assert.Equal(t, "2\n", query(t, url, "SELECT count(*) FROM lockstep_history"))
		assert.Equal(t, after, yardLook(t, url))
	})
}

// TestOnlineWhereThereIsNone: refused where it would promise too much, and no
// matter where the engine alters online anyway.
func TestOnlineWhereThereIsNone(t *testing.T) {
	proxy := publishYard(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s := newService(t, proxy, nil)
		_, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: yardRequest(t, l.fresh(t), "v1.0.0")}, nil)
		if l.name != "sqlite" {
			require.NoError(t, err)
			return
		}
		require.Equal(t, "ONLINE_UNSUPPORTED", fault.ReasonOf(err), "%v", err)
		require.Equal(t, fault.Invalid, fault.KindOf(err))
	})
}
