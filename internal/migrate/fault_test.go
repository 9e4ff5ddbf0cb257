package migrate_test

import (
	"database/sql/driver"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// The upgrade under test, v1.0.0 to v1.1.0, holds every kind of change that
// loses no data. The rows must come through each attempt.
const (
	oldRows = "SELECT id, mail, name FROM customers ORDER BY id"
	newRows = "SELECT id, email, name FROM clients ORDER BY id"
	allRows = "1 a@x Ann\n2 b@x Bob\n3 c@x Ann\n"
)

var tenantTables = []string{"customers", "clients", "orders", "lines"}

// sides returns what a tenant looks like before and after the upgrade.
func sides(t *testing.T, s *migrate.Service, l lab) (before, after *schema.Schema) {
	t.Helper()
	url := l.fresh(t)
	mustExecute(t, s, url, "v1.0.0", strategy.Safe)
	rows(t, url)
	before = inspect(t, url, tenantTables...)
	mustExecute(t, s, url, "v1.1.0", strategy.Safe)
	return before, inspect(t, url, tenantTables...)
}

// requireOneSide proves that a tenant is exactly old or exactly new, with all
// its rows, and tells which.
func requireOneSide(t *testing.T, url string, before, after *schema.Schema, context fmt.Stringer) (isNew bool) {
	t.Helper()
	now := inspect(t, url, tenantTables...)
	if assert.ObjectsAreEqual(after, now) {
		require.Equal(t, allRows, query(t, url, newRows), "%s", context)
		return true
	}
	require.Equal(t, before, now, "neither old nor new\n%s", context)
	require.Equal(t, allRows, query(t, url, oldRows), "%s", context)
	return false
}

// TestAFaultAtEveryOperation fails operation 0, 1, 2, … of an upgrade, with an
// error or a dead connection, before or after the operation took effect.
func TestAFaultAtEveryOperation(t *testing.T) {
	proxy := publish(t)
	eachTransactional(t, func(t *testing.T, l lab) {
		healthy := newService(t, proxy, nil)
		before, after := sides(t, healthy, l)
		modes := faultdb.Modes()
		if l.another && stride() > 1 { // the first server of the engine has them all
			modes = []faultdb.Mode{faultdb.ErrorBefore, faultdb.DieAfter}
		}
		for _, mode := range modes {
			t.Run(string(mode), func(t *testing.T) {
				plan := faultdb.Never()
				faulty := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
				failed, runs := 0, 0
				for plan = range faultdb.Sweep(mode) {
					runs++
					plan.Err = lost(l, mode)
					if !upgradeUnderFault(t, healthy, faulty, l, before, after, plan) {
						failed++
					}
				}
				t.Logf("%d runs, %d of them failed and were mended", runs, failed)
				assert.Greater(t, failed, 10, "the sweep found almost nothing to fail")
			})
		}
	})
}

// lost is what a driver reports when its connection dies.
func lost(l lab, mode faultdb.Mode) error {
	if mode == faultdb.DieBefore || mode == faultdb.DieAfter {
		if l.name == "sqlite" {
			return driver.ErrBadConn
		}
		return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return nil // an error without a code
}

func upgradeUnderFault(t *testing.T, healthy, faulty *migrate.Service, l lab, before, after *schema.Schema, plan *faultdb.Plan) (ok bool) {
	t.Helper()
	url := l.fresh(t)
	mustExecute(t, healthy, url, "v1.0.0", strategy.Safe)
	rows(t, url)

	req := migrate.ExecuteRequest{Request: request(t, url, "v1.1.0", strategy.Safe), Actor: "tester", LockWait: 10 * time.Second}
	r, err := faulty.Execute(t.Context(), req, nil)
	isNew := requireOneSide(t, url, before, after, plan)
	if err == nil {
		require.True(t, isNew, "success was reported for a tenant that is still old\n%s", plan)
		require.NotNil(t, r)
	} else {
		require.NotNil(t, fault.As(err), "%v\n%s", err, plan)
		if plan.Err != nil {
			require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v\n%s", err, plan)
		}
		require.False(t, isNew && fault.As(err).RolledBack, "a rollback was reported for a tenant that is new\n%s", plan)
		require.False(t, isNew, "a failure was reported for a tenant that is new: %v\n%s", err, plan)
	}

	again, err2 := healthy.Execute(t.Context(), req, nil)
	require.NoError(t, err2, "the lock is free and a clean rerun converges\n%s", plan)
	require.Equal(t, isNew, again.Outcome == migrate.OutcomeNothing, "%s", plan)
	require.True(t, requireOneSide(t, url, before, after, plan))
	return err == nil
}

// TestKilledAtEveryStep kills a real process with SIGKILL at each of its steps.
func TestKilledAtEveryStep(t *testing.T) {
	proxy := publish(t)
	eachTransactional(t, func(t *testing.T, l lab) {
		healthy := newService(t, proxy, nil)
		before, after := sides(t, healthy, l)
		for step := 0; ; step++ {
			url := l.fresh(t)
			mustExecute(t, healthy, url, "v1.0.0", strategy.Safe)
			rows(t, url)
			killed := runChild(t, errand{Proxy: proxy, Target: url, Module: shop, Query: "v1.1.0", Strategy: strategy.Safe, Event: step})
			isNew := requireOneSide(t, url, before, after, step2s(step))
			require.False(t, killed && isNew && step < 5, "new before anything was executed")

			r, err := healthy.Execute(t.Context(), migrate.ExecuteRequest{
				Request: request(t, url, "v1.1.0", strategy.Safe), LockWait: 10 * time.Second,
			}, nil)
			require.NoError(t, err, "step %d", step)
			require.Equal(t, isNew, r.Outcome == migrate.OutcomeNothing)
			require.True(t, requireOneSide(t, url, before, after, step2s(step)))
			if !killed {
				assert.Greater(t, step, 10, "the upgrade has more steps than that")
				return
			}
		}
	})
}

type step2s int

func (s step2s) String() string { return fmt.Sprintf("killed at step %d", int(s)) }
