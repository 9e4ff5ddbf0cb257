package migrate_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

func TestATenantsLife(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)

		p, err := s.Preview(t.Context(), request(t, url, "v1.0.0", strategy.Safe))
		require.NoError(t, err)
		assert.Nil(t, p.Current)
		assert.True(t, p.Changed)
		assert.Empty(t, inspect(t, url, allTables...).Tables, "a preview touches nothing")
		_, err = s.Current(t.Context(), target(t, url))
		assert.Equal(t, "TENANT_NOT_INITIALISED", fault.ReasonOf(err))

		first := mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		assert.Equal(t, migrate.OutcomeApplied, first.Outcome)
		assert.Equal(t, int64(1), first.Revision)
		assert.Equal(t, p.Plan.Digest, first.Plan.Digest)
		rows(t, url)

		again := mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		assert.Equal(t, migrate.OutcomeNothing, again.Outcome)

		second := mustExecute(t, s, url, "v1.1.0", strategy.Safe)
		assert.Equal(t, migrate.OutcomeApplied, second.Outcome)
		assert.Empty(t, second.Plan.Withheld())
		assert.Equal(t, "1 a@x Ann old 1\n2 b@x Bob <nil> 1\n3 c@x Ann <nil> 1\n",
			query(t, url, "SELECT id, email, name, legacy, level FROM clients ORDER BY id"), "renames keep the rows")
		assert.Equal(t, "10 1 5\n11 1 6\n12 3 7\n", query(t, url, "SELECT id, client_id, total FROM orders ORDER BY id"))

		waiting := mustExecute(t, s, url, "v1.2.0", strategy.Safe)
		assert.Equal(t, migrate.OutcomeApplied, waiting.Outcome, "the new versions are recorded although nothing may be removed")
		assert.Len(t, waiting.Plan.Withheld(), 2)
		assert.Empty(t, waiting.Statements)
		assert.Equal(t, migrate.OutcomeNothing, mustExecute(t, s, url, "v1.2.0", strategy.Safe).Outcome)

		flushed := mustExecute(t, s, url, "v1.2.0", strategy.Full)
		assert.True(t, flushed.Plan.Destructive())
		assert.Equal(t, "1 a@x\n2 b@x\n3 c@x\n", query(t, url, "SELECT id, email FROM clients ORDER BY id"))
		assert.Empty(t, inspect(t, url, "lines").Tables)
		assert.Equal(t, "10 1 5\n11 1 6\n12 3 7\n", query(t, url, "SELECT id, client_id, total FROM orders ORDER BY id"),
			"rows of a child survive a rebuild of its parent")

		list, err := s.Revisions(t.Context(), target(t, url), 0, 10)
		require.NoError(t, err)
		require.Len(t, list, 4)
		assert.Equal(t, int64(4), list[0].Number)
		assert.Equal(t, "tester", list[0].Actor)
		assert.Equal(t, flushed.Plan.Digest, list[0].Digest)
		assert.Len(t, list[1].Withheld, 2)
		_, snapshot, err := s.Revision(t.Context(), target(t, url), 4)
		require.NoError(t, err)
		assert.Equal(t, flushed.Plan.Target, snapshot.Fingerprint())
	})
}

func TestAddOnlySplitsAndALaterSafeFinishes(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)

		grey := mustExecute(t, s, url, "v1.3.0", strategy.AddOnly)
		require.Len(t, grey.Plan.Withheld(), 1)
		assert.Equal(t, strategy.Split, grey.Plan.Withheld()[0].Decision)
		run(t, url, "INSERT INTO customers (id, mail) VALUES (4, 'old code')")

		_, err := execute(t, s, url, "v1.3.0", strategy.Safe)
		require.Error(t, err, "rows without a region forbid NOT NULL")
		f := fault.As(err)
		assert.Equal(t, "DATA_NULL", f.Reason)
		assert.True(t, f.RolledBack)
		assert.NotEmpty(t, f.Suggestion)

		run(t, url, "UPDATE customers SET region = 'eu'")
		done := mustExecute(t, s, url, "v1.3.0", strategy.Safe)
		assert.Empty(t, done.Plan.Withheld())
		assert.Equal(t, done.Plan.Target, done.Plan.Result)
	})
}

func TestDestructivePlansNeedTheirDigest(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.1.0", strategy.Safe)
		req := migrate.ExecuteRequest{Request: request(t, url, "v1.2.0", strategy.Full), Actor: "tester"}
		p, err := s.Preview(t.Context(), req.Request)
		require.NoError(t, err)

		_, err = s.Execute(t.Context(), req, nil)
		assert.Equal(t, "DESTRUCTIVE_NEEDS_DIGEST", fault.ReasonOf(err))
		assert.NotContains(t, err.Error()+fault.As(err).Suggestion, p.Plan.Digest, "the digest comes from looking at the plan")

		req.Digest = "p1:0123"
		_, err = s.Execute(t.Context(), req, nil)
		assert.Equal(t, "PLAN_CHANGED", fault.ReasonOf(err))
		assert.Equal(t, fault.Drift, fault.KindOf(err))

		mustExecute(t, s, url, "v1.1.1", strategy.Safe) // somebody else was here
		req.Digest = p.Plan.Digest
		_, err = s.Execute(t.Context(), req, nil)
		assert.Equal(t, "PLAN_CHANGED", fault.ReasonOf(err))
		assert.Len(t, inspect(t, url, "lines").Tables, 1)
	})
}

func TestAFailureLeavesTheTenantAsItWas(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)
		before := inspect(t, url, allTables...)

		r, err := execute(t, s, url, "v1.4.0", strategy.Safe)
		require.Error(t, err)
		f := fault.As(err)
		assert.Equal(t, "DATA_DUPLICATE", f.Reason)
		assert.NotEmpty(t, r.Preflight.Blocking())
		assert.Contains(t, f.Detail, "idx_customers_name")
		assert.NotContains(t, f.Detail, "Ann", "errors hold no values of rows")
		assert.True(t, f.RolledBack)
		assert.Equal(t, migrate.OutcomeRolledBack, r.Outcome)
		assert.Equal(t, before, inspect(t, url, allTables...))

		list, err := s.Revisions(t.Context(), target(t, url), 0, 10)
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, history.RolledBack, list[0].Outcome)
		assert.Equal(t, "DATA_DUPLICATE", list[0].Error.Reason)
		assert.Equal(t, f.Suggestion, list[0].Error.Suggestion)
		assert.Equal(t, f.Violations, list[0].Error.Violations)
		assert.Empty(t, list[0].Statements, "nothing was run")

		run(t, url, "UPDATE customers SET name = 'Cid' WHERE id = 3")
		done := mustExecute(t, s, url, "v1.4.0", strategy.Safe)
		assert.Equal(t, int64(3), done.Revision)
	})
}

func TestAChangeBehindOurBackIsFoundBeforeAnythingRuns(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		run(t, url, "ALTER TABLE customers ADD COLUMN sneaked integer")
		before := inspect(t, url, allTables...)

		_, err := execute(t, s, url, "v1.3.0", strategy.AddOnly)
		require.Error(t, err)
		assert.Equal(t, "TABLE_DRIFTED", fault.ReasonOf(err))
		assert.Equal(t, fault.Drift, fault.KindOf(err))
		assert.Contains(t, err.Error(), "sneaked")
		assert.Equal(t, before, inspect(t, url, allTables...))
	})
}

func TestTwoExecutionsAtOnce(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		url := l.fresh(t)
		outcomes := make(chan migrate.Outcome, 8)
		var wait sync.WaitGroup
		for range 8 {
			s := newService(t, proxy, nil)
			wait.Go(func() {
				req := migrate.ExecuteRequest{Request: request(t, url, "v1.0.0", strategy.Safe), LockWait: 30 * time.Second}
				r, err := s.Execute(t.Context(), req, nil)
				if assert.NoError(t, err) {
					outcomes <- r.Outcome
				}
			})
		}
		wait.Wait()
		close(outcomes)
		counts := map[migrate.Outcome]int{}
		for o := range outcomes {
			counts[o]++
		}
		assert.Equal(t, map[migrate.Outcome]int{migrate.OutcomeApplied: 1, migrate.OutcomeNothing: 7}, counts)
	})
}

// TestRowsThatComeTooLateForPreflight writes, while the plan runs, what preflight
// would have found: the engine refuses, and everything is undone.
func TestRowsThatComeTooLateForPreflight(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		if l.name == "sqlite" {
			return // nobody else writes there while the plan runs
		}
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)
		run(t, url, "UPDATE customers SET name = 'Cid' WHERE id = 3")
		before := inspect(t, url, allTables...)
		_, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.4.0", strategy.Safe)}, func(e migrate.Event) {
			if e.Index == 1 {
				run(t, url, "INSERT INTO customers (id, mail, name) VALUES (4, 'd@x', 'Bob')")
			}
		})
		require.Error(t, err)
		assert.Equal(t, "DATA_DUPLICATE", fault.ReasonOf(err))
		assert.True(t, fault.As(err).RolledBack)
		assert.Equal(t, before, inspect(t, url, allTables...))
		assert.Equal(t, "4\n", query(t, url, "SELECT count(*) FROM customers"), "what the application wrote is there")

		list, err := s.Revisions(t.Context(), target(t, url), 0, 1)
		require.NoError(t, err)
		outcomes := map[string]bool{}
		for _, st := range list[0].Statements {
			outcomes[st.Outcome] = true
		}
		assert.True(t, outcomes["failed"] && outcomes["rolled_back"], "%v", outcomes)
	})
}

func TestAnEditedSnapshotIsRefused(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		run(t, url, `UPDATE lockstep_history SET snapshot = replace(snapshot, '"legacy"', '"other"')`)
		_, err := newService(t, proxy, nil).Preview(t.Context(), request(t, url, "v1.1.0", strategy.Safe))
		assert.Equal(t, "SNAPSHOT_CHANGED", fault.ReasonOf(err))
		assert.Equal(t, fault.Corrupt, fault.KindOf(err))
	})
}

// An index that somebody added by hand would be lost without a word when SQLite
// rebuilds its table.
func TestARebuildDoesNotLoseWhatItDoesNotKnow(t *testing.T) {
	s, url := newService(t, publish(t), nil), enginetest.SQLite(t)
	mustExecute(t, s, url, "v1.0.0", strategy.Safe)
	rows(t, url)
	run(t, url, "CREATE INDEX by_hand ON customers (legacy)")

	_, err := execute(t, s, url, "v1.1.0", strategy.Safe)
	require.Error(t, err)
	assert.Equal(t, "TABLE_DRIFTED", fault.ReasonOf(err))
	assert.Contains(t, err.Error(), "by_hand")
	assert.NotNil(t, inspect(t, url, "customers").Table("customers").Index("by_hand"))

	run(t, url, "DROP INDEX by_hand", "CREATE TRIGGER watch AFTER DELETE ON customers BEGIN SELECT 1; END")
	_, err = execute(t, s, url, "v1.1.0", strategy.Safe)
	assert.Equal(t, "REBUILD_WOULD_LOSE_TRIGGERS", fault.ReasonOf(err), "found under the name that the table has before")
	run(t, url, "DROP TRIGGER watch")
	mustExecute(t, s, url, "v1.1.0", strategy.Safe)
}

func TestNothingRunsWhereItCouldNotBeUndone(t *testing.T) {
	client, err := module.NewClient(module.Config{Sources: publish(t), CacheDir: t.TempDir()})
	require.NoError(t, err)
	s, err := migrate.New(migrate.Config{
		Modules: client, Now: time.Now, Dialects: map[dialect.Engine]dialect.Dialect{dialect.MySQL: struct{ dialect.Dialect }{mysql.New()}},
	})
	require.NoError(t, err)
	_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, "mysql://root@127.0.0.1:1/tenant", "v1.0.0", strategy.Safe)}, nil)
	assert.Equal(t, "ENGINE_WITHOUT_ROLLBACK", fault.ReasonOf(err))
}
