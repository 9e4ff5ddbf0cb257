package controltest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/secret"
)

func contexts(t *testing.T, h Harness) {
	p := newPlace(t, h)
	s := p.open(t)
	create(t, s, aTenant("acme"))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, done := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer done()
	for name, call := range map[string]func(ctx context.Context) error{
		"read": func(ctx context.Context) error { _, err := s.GetTenant(ctx, "acme"); return err },
		"list": func(ctx context.Context) error {
			_, _, err := s.ListTenants(ctx, control.TenantFilter{}, control.Page{})
			return err
		},
		"write": func(ctx context.Context) error { _, err := s.CreateTenant(ctx, aTenant("x")); return err },
		"look":  func(ctx context.Context) error { _, err := s.Inventory(ctx, "x"); return err },
		"audit": func(ctx context.Context) error { _, err := s.BeginAudit(ctx, anEvent("a", "b")); return err },
	} {
		err := call(canceled)
		require.Error(t, err, name)
		refused(t, err, fault.Canceled, "CANCELED")
		require.ErrorIs(t, err, context.Canceled, name)
		refused(t, call(late), fault.Deadline, "STORE_DEADLINE")
	}
	_, err := s.GetTenant(t.Context(), "x")
	refused(t, err, fault.NotFound, control.ReasonTenantNotFound)
	require.NoError(t, s.Ping(t.Context()))

	cfg := p.config()
	cfg.QueryDeadline = time.Nanosecond
	_, err = h.Open(t.Context(), p.url, cfg, nil)
	refused(t, err, fault.Deadline, "STORE_DEADLINE")
}

// names is an observer that remembers.
type names struct {
	mu   sync.Mutex
	seen map[string][]error
}

func (n *names) Query(ctx context.Context, name string) (context.Context, func(error)) {
	return ctx, func(err error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.seen[name] = append(n.seen[name], err)
	}
}

func observed(t *testing.T, h Harness) {
	p := newPlace(t, h)
	cfg := p.config()
	n := &names{seen: map[string][]error{}}
	cfg.Observer = n
	var pools []string
	cfg.Pool = func(name string, db *sql.DB) error {
		pools = append(pools, name)
		return db.PingContext(t.Context())
	}
	s, err := h.Open(t.Context(), p.url, cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	assert.NotEmpty(t, pools)
	clear(n.seen)
	create(t, s, aTenant("acme"))
	_, err = s.GetTenant(t.Context(), "nobody")
	require.Error(t, err)
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, calls := range map[string]int{"Begin": 1, "Commit": 1, "InsertTenant": 1, "InsertTenantFacet": 5, "GetTenant": 2} {
		assert.Len(t, n.seen[name], calls, name)
	}
	assert.Equal(t, fault.NotFound, fault.KindOf(n.seen["GetTenant"][1]))
	assert.NoError(t, n.seen["InsertTenant"][0])
}

// faults walks a failure through every operation of each transaction: after it
// the store is as before or as it should be, and the same call again converges.
func faults(t *testing.T, h Harness) {
	for name, c := range map[string]struct {
		prepare func(t *testing.T, s *sqlstore.Store)
		run     func(ctx context.Context, s *sqlstore.Store) error
		state   func(ctx context.Context, s *sqlstore.Store) (string, error)
		already string // the reason of a repetition that finds its work done
	}{
		"CreateTenant": {
			run: func(ctx context.Context, s *sqlstore.Store) error {
				_, err := s.CreateTenant(ctx, aTenant("acme"))
				return err
			},
			state: tenantState, already: control.ReasonTenantExists,
		},
		"UpdateTenant": {
			prepare: func(t *testing.T, s *sqlstore.Store) { create(t, s, aTenant("acme")) },
			run: func(ctx context.Context, s *sqlstore.Store) error {
				_, err := s.UpdateTenant(ctx, "acme", control.TenantUpdate{Revision: 1, Labels: map[string]string{"env": "test", "a": "b"}})
				return err
			},
			state: tenantState, already: control.ReasonRevisionMoved,
		},
		"ApplySync": {
			prepare: prepareSync,
			run: func(ctx context.Context, s *sqlstore.Store) error {
				d := appeared("shop", "more")
				d.Databases = append(d.Databases, vanished("acme").Databases...)
				_, err := s.ApplySync(ctx, "eu1", 1, d)
				return err
			},
			state: syncState, already: control.ReasonSyncSuperseded,
		},
		"FinishAudit": {
			run: func(ctx context.Context, s *sqlstore.Store) error {
				id, err := s.BeginAudit(ctx, anEvent("acme", "alice"))
				if err != nil {
					return err
				}
				return s.FinishAudit(ctx, id, control.AuditEvent{Actor: "alice", Outcome: "applied"})
			},
			state: func(ctx context.Context, s *sqlstore.Store) (string, error) {
				_, err := s.VerifyAudit(ctx)
				return "intact", err
			},
		},
	} {
		for _, mode := range faultdb.Modes() {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				sweep(t, h, mode, c.prepare, c.run, c.state, c.already)
			})
		}
	}
}

func tenantState(ctx context.Context, s *sqlstore.Store) (string, error) {
	got, err := s.GetTenant(ctx, "acme")
	if fault.ReasonOf(err) == control.ReasonTenantNotFound {
		return "none", nil
	}
	if err != nil {
		return "", err
	}
	prod, _, err := s.ListTenants(ctx, control.TenantFilter{Labels: map[string]string{"env": "prod"}, Module: "example.com/crm"}, control.Page{})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d %v %d", got.Revision, got.Labels, len(prod)), nil
}

func prepareSync(t *testing.T, s *sqlstore.Store) {
	t.Helper()
	newServer(t, s, "eu1")
	n := aTenant("acme")
	n.ServerID, n.Target = "eu1", secret.New("postgres://app@db-eu1/acme")
	create(t, s, n)
	_, err := s.ApplySync(t.Context(), "eu1", 0, appeared("acme"))
	require.NoError(t, err)
}

func syncState(ctx context.Context, s *sqlstore.Store) (string, error) {
	inv, err := s.Inventory(ctx, "eu1")
	if err != nil {
		return "", err
	}
	list, _, err := s.ListChanges(ctx, "eu1", control.Page{})
	if err != nil {
		return "", err
	}
	got, err := s.GetTenant(ctx, "acme")
	return fmt.Sprintf("%d %d %d %s", inv.Server.Generation, len(inv.Databases), len(list), got.Status), err
}

var errInjected = errors.New("injected")

func sweep(
	t *testing.T, h Harness, mode faultdb.Mode, prepare func(*testing.T, *sqlstore.Store),
	run func(context.Context, *sqlstore.Store) error, state func(context.Context, *sqlstore.Store) (string, error), already string,
) {
	t.Helper()
	p := newPlace(t, h)
	healthy, raw := p.open(t), h.Raw(t, p.url)
	if prepare != nil {
		prepare(t, healthy)
	}
	// What the store should be like before and after.
	before, err := state(t.Context(), healthy)
	require.NoError(t, err)
	require.NoError(t, run(t.Context(), healthy))
	after, err := state(t.Context(), healthy)
	require.NoError(t, err)

	for at := 0; ; at++ {
		wipe(t, raw)
		if prepare != nil {
			prepare(t, healthy)
		}
		counting := false
		plan := &faultdb.Plan{FailAt: at, Mode: mode, Err: errInjected, Only: func(faultdb.Op) bool { return counting }}
		broken, err := h.Open(t.Context(), p.url, p.config(), func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
		require.NoError(t, err)
		counting = true
		err = run(t.Context(), broken)
		fired := plan.Fired()
		counting = false
		_ = broken.Close()
		if err != nil {
			require.NotNil(t, fault.As(err), "every error is a fault: %v", err)
			require.NotContains(t, err.Error(), "injected")
		}
		now, stateErr := state(t.Context(), healthy)
		require.NoError(t, stateErr, "%v\n%s", err, plan)
		if err == nil {
			require.Equal(t, after, now, plan.String())
		} else {
			require.Contains(t, []string{before, after}, now, "all or nothing:\n%s", plan)
			if now == after && after != before {
				require.Equal(t, control.ReasonCommitUnknown, fault.ReasonOf(err), "what may be written is said to be so:\n%s", plan)
			}
			if err := run(t.Context(), healthy); err != nil {
				require.Equal(t, already, fault.ReasonOf(err), plan.String())
			}
			now, err = state(t.Context(), healthy)
			require.NoError(t, err)
			require.Equal(t, after, now, plan.String())
		}
		if !fired {
			require.Positive(t, at, "something was counted")
			return
		}
	}
}

// openedTogether: replicas that start at once on an empty place.
func openedTogether(t *testing.T, h Harness) {
	p := newPlace(t, h)
	stores := make([]*sqlstore.Store, 4)
	for _, err := range together(4, func(i int) (err error) {
		stores[i], err = h.Open(t.Context(), p.url, p.config(), nil)
		return err
	}) {
		require.NoError(t, err)
	}
	for _, s := range stores {
		require.NoError(t, s.Ping(t.Context()))
		require.NoError(t, s.Close())
	}
}

// wipe empties a store.
func wipe(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, statement := range []string{
		"DELETE FROM tenants", "DELETE FROM servers", "DELETE FROM audit_entries", "UPDATE audit_heads SET seq = 0, hash = '', at = 0",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
}
