package migrate_test

import (
	"context"
	"database/sql/driver"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// holdTable locks a table in a transaction of its own until release is called.
func holdTable(t *testing.T, url, table string) (release func()) {
	t.Helper()
	db := enginetest.Connect(t, url)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	lock := "LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE"
	if !strings.HasPrefix(url, "postgres") { // an open transaction that wrote is enough there
		lock = "UPDATE " + table + " SET id = id"
	}
	_, err = tx.ExecContext(t.Context(), lock)
	require.NoError(t, err)
	return func() { _ = tx.Rollback() }
}

func TestAnExecutionWaitsForABusyTableAndTriesAgain(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)
		release := holdTable(t, url, "customers")
		held := 700 * time.Millisecond
		if l.journalled {
			held = 2500 * time.Millisecond // MySQL counts the wait for a lock in whole seconds
		}
		timer := time.AfterFunc(held, release)
		defer timer.Stop()

		var attempts int
		r, err := s.Execute(t.Context(), migrate.ExecuteRequest{
			Request: request(t, url, "v1.1.0", strategy.Safe), LockWait: 10 * time.Second, LockTimeout: 200 * time.Millisecond,
		}, func(e migrate.Event) { attempts = max(attempts, e.Attempt) })
		require.NoError(t, err)
		assert.Equal(t, migrate.OutcomeApplied, r.Outcome)
		if l.name != "sqlite" { // SQLite has one lock for the file, and waits for it in Begin
			assert.Greater(t, attempts, 1, "the first attempt ran into the lock")
		}
	})
}

func TestABusyTableGivesUpInTime(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)
		before := inspect(t, url, tenantTables...)
		release := holdTable(t, url, "customers")

		_, err := s.Execute(t.Context(), migrate.ExecuteRequest{
			Request: request(t, url, "v1.1.0", strategy.Safe), LockWait: 100 * time.Millisecond, LockTimeout: 50 * time.Millisecond,
		}, nil)
		require.Error(t, err)
		assert.Equal(t, fault.Conflict, fault.KindOf(err))
		assert.NotEmpty(t, fault.As(err).Suggestion)
		release()
		assert.Equal(t, before, inspect(t, url, tenantTables...))
		mustExecute(t, s, url, "v1.1.0", strategy.Safe)
	})
}

func TestACallerThatGoesAwayLeavesNothingBehind(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)
		before := inspect(t, url, tenantTables...)

		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.Execute(ctx, migrate.ExecuteRequest{Request: request(t, url, "v1.1.0", strategy.Safe)}, func(e migrate.Event) {
			if e.Index == 4 {
				cancel()
			}
		})
		cancel()
		require.Error(t, err)
		assert.Equal(t, fault.Canceled, fault.KindOf(err))
		assert.True(t, fault.As(err).RolledBack)
		assert.Equal(t, before, inspect(t, url, tenantTables...))

		r, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.1.0", strategy.Safe), LockWait: time.Second}, nil)
		require.NoError(t, err, "the lock is free")
		assert.Equal(t, migrate.OutcomeApplied, r.Outcome)
	})
}

// TestNothingToDoCostsOneRoundTrip counts what an execution asks of the driver.
func TestNothingToDoCostsOneRoundTrip(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		plan := faultdb.Never()
		s := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
		url := l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)

		plan = faultdb.Never()
		r, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.0.0", strategy.Safe)}, nil)
		require.NoError(t, err)
		require.Equal(t, migrate.OutcomeNothing, r.Outcome)
		var trips []string
		for _, op := range plan.Log() {
			opening := op.Kind == faultdb.Connect || strings.HasPrefix(op.SQL, "PRAGMA") || strings.Contains(op.SQL, "sqlite_version")
			if !opening {
				trips = append(trips, op.String())
			}
		}
		want := 1
		if l.journalled {
			want = 3 // the server's version, and whether the journal holds anything
		}
		assert.Len(t, trips, want, "%s", plan)
	})
}

// TestTenantsShareAPlan proves that the second tenant's upgrade reads no
// snapshot: the plan of the first serves it.
func TestTenantsShareAPlan(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		plan := faultdb.Never()
		s := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
		first, second := l.fresh(t), l.fresh(t)
		mustExecute(t, s, first, "v1.0.0", strategy.Safe)
		mustExecute(t, s, second, "v1.0.0", strategy.Safe)
		one := mustExecute(t, s, first, "v1.1.0", strategy.Safe)

		plan = faultdb.Never()
		two := mustExecute(t, s, second, "v1.1.0", strategy.Safe)
		assert.Same(t, one.Plan, two.Plan)
		assert.NotContains(t, plan.String(), "SELECT snapshot")
	})
}
