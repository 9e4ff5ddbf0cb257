package onboard_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/onboard"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// most bounds the sweeps: an onboarding that has more operations does not end.
const most = 500

// stride is how many operations lie between two that a sweep breaks.
func stride() int {
	if os.Getenv("LOCKSTEP_TEST_SWEEP") == "full" {
		return 1
	}
	return 9
}

// TestABrokenServerLeavesNothingUnsaid breaks the connection to the server, or a
// statement, at operation after operation of an onboarding. Afterwards there is
// either all or nothing; or the error names exactly what is left, the tenant is
// kept as failed, and when that was dropped by hand the rest can be undone.
func TestABrokenServerLeavesNothingUnsaid(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		y := newYard(t, server)
		s := y.service(t, nil)
		undone, left := 0, 0
		for offset, mode := range faultdb.Modes() {
			for at := offset; ; at += stride() {
				require.Less(t, at, most)
				plan := &faultdb.Plan{FailAt: at, Mode: mode}
				y.breakWith(plan)
				id := fmt.Sprintf("%s-%d-%d", y.name, offset, at)
				out, err := s.Onboard(t.Context(), y.request(id), quiet, accept)
				y.breakWith(nil)
				switch {
				case err == nil:
					require.NotEmpty(t, y.things(t, onboard.DatabaseName(id)), plan.String())
					y.drop2(t, id)
				case fault.KindOf(err) == fault.Partial:
					left++
					y.saysWhatIsLeft(t, s, id, err, plan)
				default:
					undone++
					require.True(t, out.Password.Empty())
					y.gone(t, id, "%s\n%v", plan, err)
				}
				if !plan.Fired() {
					require.NoError(t, err)
					break
				}
			}
		}
		require.Positive(t, undone)
		t.Logf("%s: undone %d times, left something %d times", server.Name, undone, left)
	})
}

// drop2 removes a tenant that was onboarded well, by hand.
func (y *yard) drop2(t *testing.T, id string) {
	t.Helper()
	for _, thing := range y.things(t, onboard.DatabaseName(id)) {
		y.drop(t, thing)
	}
	rec, err := y.store.GetOnboarding(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, y.store.ForgetOnboarding(t.Context(), *rec))
}

func (y *yard) saysWhatIsLeft(t *testing.T, s *onboard.Service, id string, err error, plan *faultdb.Plan) {
	t.Helper()
	f := fault.As(err)
	require.Equal(t, onboard.ReasonLeft, f.Reason, plan.String())
	require.Contains(t, f.Suggestion, "tenant onboard "+id+" --undo")
	tenant, err := y.store.GetTenant(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, control.TenantFailed, tenant.Status)
	things := y.things(t, onboard.DatabaseName(id))
	require.NotEmpty(t, things, "%s\n%v", plan, f)
	for _, thing := range things {
		require.Contains(t, f.Detail, thing, "%s", plan)
		require.Contains(t, tenant.StatusNote, thing)
	}
	_, err = s.Undo(t.Context(), id, nil, quiet)
	require.Equal(t, onboard.ReasonLeft, fault.ReasonOf(err), "it is still nobody's: %s", plan)
	require.Equal(t, things, y.things(t, onboard.DatabaseName(id)))
	for _, thing := range things {
		y.drop(t, thing)
	}
	_, err = s.Undo(t.Context(), id, nil, quiet)
	require.NoError(t, err, plan.String())
	y.gone(t, id, plan.String())
}

// flaky is a store that fails in some calls, or in all from one on, as a process
// that died there would.
type flaky struct {
	control.Store
	calls   int
	failAt  int
	forever bool
	after   bool // what fails is written all the same
}

func (f *flaky) fails() error {
	f.calls++
	if f.calls-1 == f.failAt || f.forever && f.calls-1 > f.failAt {
		return fault.New(fault.Unavailable, control.ReasonStoreUnreachable, "the store is away")
	}
	return nil
}

func (f *flaky) either(write func() error) error {
	if err := f.fails(); err != nil {
		if f.after && (!f.forever || f.calls-1 == f.failAt) {
			_ = write()
		}
		return err
	}
	return write()
}

func (f *flaky) BeginOnboarding(ctx context.Context, t control.NewTenant, o control.Onboarding) (out *control.Tenant, err error) {
	return out, f.either(func() error { out, err = f.Store.BeginOnboarding(ctx, t, o); return err })
}

func (f *flaky) SaveOnboarding(ctx context.Context, o control.Onboarding) error {
	return f.either(func() error { return f.Store.SaveOnboarding(ctx, o) })
}

func (f *flaky) CompleteOnboarding(ctx context.Context, o control.Onboarding) (out *control.Tenant, err error) {
	return out, f.either(func() error { out, err = f.Store.CompleteOnboarding(ctx, o); return err })
}

func (f *flaky) ForgetOnboarding(ctx context.Context, o control.Onboarding) error {
	return f.either(func() error { return f.Store.ForgetOnboarding(ctx, o) })
}

func (f *flaky) FailOnboarding(ctx context.Context, o control.Onboarding, note string) error {
	return f.either(func() error { return f.Store.FailOnboarding(ctx, o, note) })
}

func (f *flaky) ReleaseLease(ctx context.Context, l control.Lease) error {
	if f.forever && f.calls > f.failAt {
		return nil // who is dead releases nothing
	}
	return f.Store.ReleaseLease(ctx, l)
}

// TestABrokenStoreLeavesNothing fails each call of the store in turn: what cannot
// be recorded is undone.
func TestABrokenStoreLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		y := newYard(t, server)
		for _, after := range []bool{false, true} {
			for at := 0; ; at++ {
				require.Less(t, at, most)
				broken := &flaky{Store: y.store, failAt: at, after: after}
				id := fmt.Sprintf("%s-%v-%d", y.name, after, at)
				_, err := y.service(t, broken).Onboard(t.Context(), y.request(id), quiet, accept)
				if err == nil {
					require.Less(t, broken.calls, at+1, "no call was left to fail")
					y.drop2(t, id)
					break
				}
				require.NotEqual(t, fault.Partial, fault.KindOf(err), "%v", err)
				y.gone(t, id, "call %d: %v", at, err)
			}
		}
	})
}

// TestOneAtATime: while a call has the right to work on a tenant, no other does.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	y := newYard(t, enginetest.Server{Engine: "sqlite", Name: "sqlite"})
	s := y.service(t, nil)
	lease, err := y.store.AcquireLease(t.Context(), "onboarding/"+y.name, "another call", time.Minute)
	require.NoError(t, err)
	_, err = s.Onboard(t.Context(), y.request(y.name), quiet, accept)
	require.Equal(t, onboard.ReasonRunning, fault.ReasonOf(err))
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	_, err = s.Undo(t.Context(), y.name, nil, quiet)
	require.Equal(t, onboard.ReasonRunning, fault.ReasonOf(err))
	require.NoError(t, y.store.ReleaseLease(t.Context(), lease))
	_, err = s.Onboard(t.Context(), y.request(y.name), quiet, accept)
	require.NoError(t, err)
}

// TestWhatIsNotOursStays: a database in which somebody else has made a table
// meanwhile is kept, and named.
func TestWhatIsNotOursStays(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		y := newYard(t, server)
		id := y.name
		s := y.service(t, nil)
		_, err := s.Onboard(t.Context(), y.request(id), quiet, func(r *onboard.Result) error {
			u := strings.Replace(r.Target.String(), "sqlite:/", "sqlite:///", 1)
			if y.admin != nil {
				u = y.urlOf(t, r.Target.Database)
			}
			db := enginetest.Connect(t, u)
			_, err := db.ExecContext(t.Context(), "CREATE TABLE somebody_elses (id int)")
			require.NoError(t, err)
			require.NoError(t, db.Close())
			return fault.New(fault.Unavailable, "GONE", "the caller has gone")
		})
		require.Equal(t, onboard.ReasonLeft, fault.ReasonOf(err))
		require.Contains(t, fault.As(err).Detail, "somebody_elses")
		things := y.things(t, id)
		require.Len(t, things, 1, "the user has gone, the database is kept: %v", things)
		require.Contains(t, things[0], "database "+id)
		y.saysWhatIsLeft(t, s, id, err, faultdb.Never())
	})
}

// TestAMigratorThatLeavesSomethingHalfWay: what an operator would be needed for is
// dropped as a whole.
func TestAMigratorThatLeavesSomethingHalfWay(t *testing.T) {
	t.Parallel()
	y := newYard(t, enginetest.Server{Engine: "sqlite", Name: "sqlite"})
	s := y.service(t, nil, func(c *onboard.Config) { c.Migrator = helpless{c.Migrator} })
	_, err := s.Onboard(t.Context(), y.request(y.name), quiet, accept)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.True(t, fault.As(err).RolledBack)
	y.gone(t, y.name)
}

type helpless struct{ migrate.Migrator }

func (h helpless) Execute(ctx context.Context, req migrate.ExecuteRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	res, err := h.Migrator.Execute(ctx, req, progress)
	if err == nil {
		err = fault.New(fault.Partial, "NEEDS_OPERATOR", "half way")
	}
	return res, err
}

// TestWhoLosesTheRightTouchesNothing: when another call has taken over, the first
// one undoes nothing.
func TestWhoLosesTheRightTouchesNothing(t *testing.T) {
	t.Parallel()
	y := newYard(t, enginetest.Server{Engine: "sqlite", Name: "sqlite"})
	slow := &sleepy{Store: y.store}
	began, second := make(chan struct{}), make(chan error, 1)
	first := y.service(t, slow, func(c *onboard.Config) {
		c.Lease = shortLease
		c.Migrator = waiting{c.Migrator, func() {
			slow.asleep.Store(true)
			close(began)
			require.NoError(t, <-second)
		}}
	})
	other := y.service(t, nil)
	go func() {
		<-began
		time.Sleep(2 * shortLease)
		_, err := other.Onboard(context.Background(), y.request(y.name), quiet, accept)
		second <- err
	}()
	_, err := first.Onboard(t.Context(), y.request(y.name), quiet, accept)
	require.Equal(t, control.ReasonOnboardingLost, fault.ReasonOf(err), "%v", err)
	tenant, err := y.store.GetTenant(t.Context(), y.name)
	require.NoError(t, err)
	require.Equal(t, control.TenantActive, tenant.Status, "it is the second one's")
	require.Len(t, y.things(t, y.name), 1)
}

type waiting struct {
	migrate.Migrator
	wait func()
}

func (w waiting) Execute(context.Context, migrate.ExecuteRequest, func(migrate.Event)) (*migrate.Result, error) {
	w.wait()
	return nil, fault.New(fault.Refused, "LATE", "too late")
}

// sleepy is the store of a process that stands still: it renews nothing.
type sleepy struct {
	control.Store
	asleep atomic.Bool
}

func (s *sleepy) RenewLease(ctx context.Context, l control.Lease, length time.Duration) (control.Lease, error) {
	if s.asleep.Load() {
		return l, fault.New(fault.Unavailable, control.ReasonStoreUnreachable, "asleep")
	}
	return s.Store.RenewLease(ctx, l, length)
}

// TestAnAnswerThatIsNotDelivered: what nobody heard of is undone, and meanwhile the
// tenant is not active.
func TestAnAnswerThatIsNotDelivered(t *testing.T) {
	t.Parallel()
	y := newYard(t, enginetest.Server{Engine: "sqlite", Name: "sqlite"})
	s := y.service(t, nil)
	var seen []control.TenantStatus
	_, err := s.Onboard(t.Context(), y.request(y.name), func(e onboard.Event) {
		if e.Phase != onboard.PhaseUndoing {
			return
		}
		tenant, err := y.store.GetTenant(t.Context(), y.name)
		require.NoError(t, err)
		seen = append(seen, tenant.Status)
	}, func(*onboard.Result) error { return fault.New(fault.Canceled, "CANCELED", "the caller has gone") })
	require.Equal(t, fault.Canceled, fault.KindOf(err))
	require.True(t, fault.As(err).RolledBack)
	require.Equal(t, []control.TenantStatus{control.TenantFailed, control.TenantFailed}, seen)
	y.gone(t, y.name)
}

// interloper is a server on which somebody else makes the very same thing in the
// moment in which the connection breaks.
type interloper struct {
	dialect.Dialect
	do func()
}

func (d interloper) OpenProvision(ctx context.Context, t dialect.Target) (dialect.ProvisionSession, error) {
	p, ok := d.Dialect.(dialect.Provisioner)
	if !ok {
		return nil, fault.New(fault.Bug, "NO_PROVISIONER", "it makes nothing")
	}
	s, err := p.OpenProvision(ctx, t)
	return interloped{s, d.do}, err
}

type interloped struct {
	dialect.ProvisionSession
	do func()
}

func (s interloped) Do(context.Context, dialect.ProvisionStep, secret.Redacted) error {
	s.do()
	return fault.New(fault.Unavailable, "CONNECTION_LOST", "the connection broke")
}

// TestWhatSomebodyElseMadeMeanwhileStays: nobody can tell whose it is, so it is
// named and not dropped.
func TestWhatSomebodyElseMadeMeanwhileStays(t *testing.T) {
	t.Parallel()
	y := newYard(t, enginetest.Server{Engine: "sqlite", Name: "sqlite"})
	file := filepath.Join(y.dir, y.name+".db")
	s := y.service(t, nil, func(c *onboard.Config) {
		c.Dialects = maps.Clone(c.Dialects)
		c.Dialects[dialect.SQLite] = interloper{c.Dialects[dialect.SQLite], func() {
			require.NoError(t, os.WriteFile(file, nil, 0o600))
		}}
	})
	_, err := s.Onboard(t.Context(), y.request(y.name), quiet, accept)
	require.FileExists(t, file)
	require.Contains(t, err.Error(), "holds no tables")
	y.saysWhatIsLeft(t, y.service(t, nil), y.name, err, faultdb.Never())
}
