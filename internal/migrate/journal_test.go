package migrate_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// depot is a module whose upgrade from v1.0.0 to v2.0.0, under full, holds
// statements of every kind: it removes, narrows, renames, widens and adds.
const depot = "example.com/entities/depot"

// minStatements is how many the upgrade must have for the sweeps to say much.
const minStatements = 25

func publishDepot(t testing.TB) string {
	t.Helper()
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	for _, version := range []string{"v1.0.0", "v1.1.0"} {
		source, err := os.ReadFile(filepath.Join("testdata", "depot", version+".txt"))
		require.NoError(t, err)
		publishModule(t, proxy, depot, version, string(source))
	}
	return proxy
}

var depotTables = []string{
	"suppliers", "items", "stocks", "old_logs", "labels", "tags", "moments", "sessions", "visits", "shipments", "parcels",
}

func depotRequest(t testing.TB, url, version string) migrate.Request {
	t.Helper()
	r := request(t, url, version, strategy.Full)
	r.Modules.Refs = []module.Ref{{Path: depot, Query: version}}
	return r
}

// depotTenant makes a tenant at v1.0.0 with rows in every table.
func depotTenant(t testing.TB, s *migrate.Service, l lab) string {
	t.Helper()
	url := l.fresh(t)
	_, err := s.Execute(context.WithoutCancel(t.Context()), migrate.ExecuteRequest{Request: depotRequest(t, url, "v1.0.0")}, nil)
	require.NoError(t, err)
	run(t, url,
		"INSERT INTO suppliers (id, code, name, rating, legacy, fax) VALUES (1, 'a', 'Ann', 1.2345, 'x', '12'), (2, 'b', NULL, 99.9999, 'y', NULL), (3, 'c', 'Cy', NULL, '007', '7')",
		"UPDATE suppliers SET name = 'Bob' WHERE id = 2",
		"INSERT INTO items (id, supplier_id, title, price, note, discontinued, quantity) VALUES (10, 1, 'nail', 1.2345, 'sharp', true, 5), (11, 1, 'screw', 2, 'round', false, 0), (12, 2, NULL, 3.5, NULL, false, 7)",
		"INSERT INTO stocks (id, item_id, place, `rank`) VALUES (20, 10, 'left', 4), (21, 11, 'right', NULL), (22, 12, NULL, 1)",
		"INSERT INTO old_logs (id, item_id, text) VALUES (30, 10, 'one'), (31, NULL, NULL), (32, 12, 'three')",
		"INSERT INTO labels (id, word) VALUES (40, 'red'), (41, NULL), (42, 'blue')",
		"INSERT INTO moments (id, at, `end`) VALUES (50, '2026-01-02 03:04:05.123456', NULL), (51, '2026-01-02 03:04:05.999999', '2026-01-02 03:04:05.123')",
		"INSERT INTO sessions (id, token) VALUES (60, x'00ff'), (61, NULL)",
		"INSERT INTO visits (id, pages, agent, kind) VALUES (70, 5, 'fox', 'web'), (71, NULL, NULL, 'app')",
	)
	return url
}

// sight is everything that can be seen of a tenant's tables.
type sight struct {
	schema *schema.Schema
	rows   string
}

func look(t testing.TB, url string) sight {
	t.Helper()
	s := sight{schema: inspect(t, url, depotTables...)}
	var b strings.Builder
	for _, table := range s.schema.Tables {
		b.WriteString(table.Name + "\n" + query(t, url, "SELECT * FROM "+table.Name+" ORDER BY id"))
	}
	s.rows = b.String()
	return s
}

// clean proves that nothing of an execution is left over.
func clean(t testing.TB, url string) {
	t.Helper()
	assert.Equal(t, "0\n", query(t, url, "SELECT count(*) FROM lockstep_journal"), "the journal is empty")
	assert.Equal(t, "0\n", query(t, url, "SELECT count(*) FROM information_schema.columns WHERE table_schema = database()"+
		" AND (table_name LIKE 'lockstep\\_%' AND table_name NOT IN ('lockstep_history', 'lockstep_journal') OR column_name LIKE 'lockstep\\_%' AND table_name NOT LIKE 'lockstep\\_%')"),
		"nothing is left aside")
}

// depotSides returns a tenant's state before and after the upgrade, and the
// digest of its plan.
func depotSides(t *testing.T, s *migrate.Service, l lab) (before, after sight, digest string) {
	t.Helper()
	url := depotTenant(t, s, l)
	before = look(t, url)
	req := depotRequest(t, url, "v1.1.0")
	p, err := s.Preview(t.Context(), req)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(p.Plan.Statements), minStatements)
	_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: req, Digest: p.Plan.Digest}, nil)
	require.NoError(t, err)
	clean(t, url)
	return before, look(t, url), p.Plan.Digest
}

// side tells whether a tenant is new; it must be that, or old.
func (s sight) side(t testing.TB, before, after sight, context fmt.Stringer) (isNew bool) {
	t.Helper()
	if assert.ObjectsAreEqual(after, s) {
		return true
	}
	if !assert.ObjectsAreEqual(before.schema, s.schema) {
		require.Fail(t, "neither old nor new", "against new: %v\nagainst old: %v\n%s", differences(after.schema, s.schema), differences(before.schema, s.schema), context)
	}
	require.Equal(t, before.rows, s.rows, "%s", context)
	return false
}

// stride is how many operations lie between two that a sweep fails. All of them,
// on two servers and in six ways, take more than a quarter of an hour;
// LOCKSTEP_TEST_SWEEP set to "full" asks for that.
func stride() int {
	if os.Getenv("LOCKSTEP_TEST_SWEEP") == "full" {
		return 1
	}
	return 19
}

// first is the operation that a sweep begins with, another one for each mode.
func first(mode faultdb.Mode) int {
	return slices.Index([]faultdb.Mode{
		faultdb.ErrorBefore, faultdb.EndAfter, faultdb.DieBefore, faultdb.ErrorAfter, faultdb.EndBefore, faultdb.DieAfter,
	}, mode) * stride() / 6
}

// sweep is faultdb.Sweep with the stride.
func sweep(mode faultdb.Mode) iter.Seq[*faultdb.Plan] {
	return func(yield func(*faultdb.Plan) bool) {
		for at := first(mode); ; at += stride() {
			p := &faultdb.Plan{FailAt: at, Mode: mode}
			if !yield(p) || !p.Fired() {
				return
			}
		}
	}
}

func differences(want, have *schema.Schema) (out []string) {
	for _, name := range depotTables {
		out = append(out, mysql.New().Compare(want.Table(name), have.Table(name))...)
	}
	return out
}

// TestTheJournalSurvivesAFaultAtEveryOperation fails each operation of an
// upgrade in every way that goes on in the same process: afterwards the tenant
// is old, and the next attempt begins there.
func TestTheJournalSurvivesAFaultAtEveryOperation(t *testing.T) {
	proxy := publishDepot(t)
	eachJournalled(t, func(t *testing.T, l lab) {
		healthy := newService(t, proxy, nil)
		before, after, digest := depotSides(t, healthy, l)
		for _, mode := range faultdb.Modes() {
			t.Run(string(mode), func(t *testing.T) {
				t.Parallel()
				plan := faultdb.Never()
				faulty := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
				url := depotTenant(t, healthy, l)
				failed := 0
				for plan = range sweep(mode) {
					plan.Err = lost(l, mode)
					req := migrate.ExecuteRequest{Request: depotRequest(t, url, "v1.1.0"), Digest: digest, Actor: "tester", LockWait: 10 * time.Second}
					r, err := faulty.Execute(t.Context(), req, nil)
					isNew := look(t, url).side(t, before, after, plan)
					require.Equal(t, err == nil, isNew, "%v\n%s", err, plan)
					clean(t, url)
					if err != nil {
						failed++
						require.NotNil(t, fault.As(err), "%v\n%s", err, plan)
						require.NotEqual(t, fault.Partial, fault.KindOf(err), "%v\n%s", err, plan)
						continue
					}
					require.Equal(t, migrate.OutcomeApplied, r.Outcome, "%s", plan)
					url = depotTenant(t, healthy, l) // the fault came too late to matter
				}
				t.Logf("%d operations, %d of them failed and were mended", plan.Count(), failed)
				assert.Greater(t, failed*stride(), 2*minStatements)
			})
		}
	})
}

// TestTheJournalSurvivesFaultsOfItsOwnRecovery lets an upgrade fail at its end,
// and then its recovery again and again: each contact takes it a few operations
// further, until the tenant is old.
func TestTheJournalSurvivesFaultsOfItsOwnRecovery(t *testing.T) {
	proxy := publishDepot(t)
	eachJournalled(t, func(t *testing.T, l lab) {
		healthy := newService(t, proxy, nil)
		before, after, digest := depotSides(t, healthy, l)
		seed := number(t, seedEnv, int(time.Now().UnixNano()%1_000_000_000))
		t.Logf("seed %d; %s repeats it", seed, seedEnv)
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		failed := 0
		for round := 0; round < 3 || failed <= 8 && round < 20; round++ { // a fault that is mended on the way fails no contact
			plan := faultdb.Never()
			faulty := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
			url := depotTenant(t, healthy, l)
			require.True(t, endChild(t, proxy, url, digest, faultdb.EndBefore, "INSERT INTO lockstep_history", 0))
			contacts := 0
			for ; ; contacts++ {
				require.Less(t, contacts, 400, "the recovery comes to an end")
				plan = &faultdb.Plan{FailAt: 8 + random.IntN(12), Mode: faultdb.Modes()[random.IntN(4)]}
				plan.Err = lost(l, plan.Mode)
				_, err := faulty.Execute(t.Context(), migrate.ExecuteRequest{Request: depotRequest(t, url, "v1.0.0"), LockWait: 10 * time.Second}, nil)
				if err == nil {
					break
				}
			}
			t.Logf("round %d: %d contacts failed", round, contacts)
			clean(t, url)
			require.False(t, look(t, url).side(t, before, after, plan))
			failed += contacts
		}
		assert.Greater(t, failed, 8)
	})
}

// TestTheJournalSurvivesSIGKILL ends a real process before and after each of its
// operations. The next contact says so, and mends it.
func TestTheJournalSurvivesSIGKILL(t *testing.T) {
	proxy := publishDepot(t)
	eachJournalled(t, func(t *testing.T, l lab) {
		healthy := newService(t, proxy, nil)
		before, after, digest := depotSides(t, healthy, l)
		for _, mode := range []faultdb.Mode{faultdb.EndBefore, faultdb.EndAfter} {
			t.Run(string(mode), func(t *testing.T) {
				t.Parallel()
				url := depotTenant(t, healthy, l)
				open := 0
				for step := first(mode); endChild(t, proxy, url, digest, mode, "", step); step += stride() {
					p, err := healthy.Preview(t.Context(), depotRequest(t, url, "v1.1.0"))
					require.NoError(t, err)
					told := strings.Contains(strings.Join(p.Warnings, "\n"), "is not finished")
					if told {
						open++
					}
					isNew := mend(t, healthy, url, told, before, after, step2s(step))
					require.False(t, isNew && step < minStatements)
					if isNew {
						url = depotTenant(t, healthy, l)
					}
				}
				require.True(t, look(t, url).side(t, before, after, step2s(-1)), "the last child came to its end")
				assert.Greater(t, open*stride(), 2*minStatements, "so often was there something to mend")
			})
		}
	})
}

// mend makes contact with a tenant after a crash, and tells on which side that
// brought it.
func mend(t *testing.T, healthy *migrate.Service, url string, told bool, before, after sight, context fmt.Stringer) (isNew bool) {
	t.Helper()
	head, err := healthy.Current(t.Context(), target(t, url))
	require.NoError(t, err)
	r, err := healthy.Execute(t.Context(), migrate.ExecuteRequest{
		Request: depotRequest(t, url, head.Modules[0].Version), LockWait: 10 * time.Second,
	}, nil)
	require.NoError(t, err, "%s", context)
	require.Equal(t, migrate.OutcomeNothing, r.Outcome, "%s", context)
	require.Equal(t, told, len(r.Warnings) > 0, "%s: %v", context, r.Warnings)
	clean(t, url)
	isNew = look(t, url).side(t, before, after, context)
	require.Equal(t, head.Modules[0].Version == "v1.1.0", isNew, "%s", context)
	return isNew
}

// TestWhatApplicationsWroteSurvivesARollback writes into the tenant while an
// upgrade runs that fails at its end.
func TestWhatApplicationsWroteSurvivesARollback(t *testing.T) {
	proxy := publishDepot(t)
	eachJournalled(t, func(t *testing.T, l lab) {
		healthy := newService(t, proxy, nil)
		_, _, digest := depotSides(t, healthy, l)
		url := depotTenant(t, healthy, l)
		plan := &faultdb.Plan{FailAt: 0, Only: func(op faultdb.Op) bool { return strings.HasPrefix(op.SQL, "INSERT INTO lockstep_history") }}
		faulty := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
		written := 0
		_, err := faulty.Execute(t.Context(), migrate.ExecuteRequest{Request: depotRequest(t, url, "v1.1.0"), Digest: digest}, func(e migrate.Event) {
			if e.Phase == migrate.PhaseExecuting {
				written++
				run(t, url, fmt.Sprintf("INSERT INTO moments (id, at) VALUES (%d, '2026-05-05 05:05:05')", 1000+written),
					"UPDATE moments SET at = '2027-01-01 00:00:00' WHERE id = 51",
					fmt.Sprintf("UPDATE visits SET kind = 'k%d' WHERE id = 70", written))
			}
		})
		require.Error(t, err)
		require.True(t, fault.As(err).RolledBack, "%v", err)
		require.Greater(t, written, minStatements/2)
		clean(t, url)
		assert.Equal(t, fmt.Sprintf("%d\n", written), query(t, url, "SELECT count(*) FROM moments WHERE id > 1000"))
		assert.Equal(t, "2026-01-02 03:04:05.123456\n2027-01-01 00:00:00.000000\n",
			query(t, url, "SELECT CAST(at AS CHAR) FROM moments WHERE id IN (50, 51) ORDER BY id"))
		assert.Equal(t, fmt.Sprintf("k%d\n", written), query(t, url, "SELECT kind FROM visits WHERE id = 70"))
	})
}

// TestAFailedInitialisationLeavesNothing fails each operation of a tenant's
// first execution.
func TestAFailedInitialisationLeavesNothing(t *testing.T) {
	proxy := publish(t)
	eachJournalled(t, func(t *testing.T, l lab) {
		plan := faultdb.Never()
		faulty := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
		url := l.fresh(t)
		for plan = range faultdb.Sweep(faultdb.DieAfter) {
			plan.Err = lost(l, faultdb.DieAfter)
			_, err := faulty.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.0.0", strategy.Safe), LockWait: 10 * time.Second}, nil)
			if err == nil {
				assert.NotNil(t, inspect(t, url, "orders").Table("orders"))
				url = l.fresh(t)
				continue
			}
			found := inspect(t, url, allTables...)
			assert.Empty(t, found.Tables, "%s", plan)
		}
	})
}

// BenchmarkJournal runs a plan of 50 statements under the journal, and the same
// statements raw on one connection. Target: 1.5 times.
func BenchmarkJournal(b *testing.B) {
	for _, servers := range []func(testing.TB) []enginetest.Server{enginetest.MySQL, enginetest.MariaDB} {
		for _, server := range servers(b) {
			b.Run(server.Name, func(b *testing.B) { benchJournal(b, server) })
		}
	}
}

func benchJournal(b *testing.B, server enginetest.Server) {
	b.Helper()
	s := newService(b, manyTables(b, 50), nil)
	var raw, whole time.Duration
	for b.Loop() {
		ours, theirs := enginetest.FreshDatabase(b, server), enginetest.FreshDatabase(b, server)
		mustExecute(b, s, ours, "v1.0.0", strategy.Safe)
		mustExecute(b, s, theirs, "v1.0.0", strategy.Safe)
		begin := time.Now()
		r, err := s.Execute(b.Context(), migrate.ExecuteRequest{Request: request(b, ours, "v1.1.0", strategy.Safe)}, nil)
		whole += time.Since(begin)
		require.NoError(b, err)
		require.GreaterOrEqual(b, len(r.Statements), 50)

		db := enginetest.Connect(b, theirs)
		begin = time.Now()
		conn, err := db.Conn(b.Context())
		require.NoError(b, err)
		for _, st := range r.Statements {
			_, err := conn.ExecContext(b.Context(), st.SQL)
			require.NoError(b, err)
		}
		raw += time.Since(begin)
		_ = conn.Close()
	}
	b.ReportMetric(float64(whole)/float64(raw), "ratio")
	b.ReportMetric(float64(raw.Nanoseconds())/float64(b.N), "raw-ns/op")
}

// endChild runs the upgrade in a process of its own that ends at one of the
// operations that begin with only, and tells whether it got there.
func endChild(t *testing.T, proxy, url, digest string, mode faultdb.Mode, only string, op int) bool {
	t.Helper()
	return runChild(t, errand{
		Proxy: proxy, Target: url, Module: depot, Query: "v1.1.0", Strategy: strategy.Full, Digest: digest, Mode: mode, Only: only, Op: op,
	})
}
