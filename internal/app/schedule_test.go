package app

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// scheduleStore is a store with one server, main.
func scheduleStore(t *testing.T) control.Store {
	t.Helper()
	store, err := OpenStore(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"), sqlstore.Config{Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	_, err = store.CreateServer(t.Context(), control.NewServer{ID: "main", Address: secret.New("sqlite:/tenants")})
	require.NoError(t, err)
	return store
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// syncing is a sync that only says that it was done.
func syncing(store control.Store, count *atomic.Int64) func(context.Context, string) error {
	return func(ctx context.Context, server string) error {
		count.Add(1)
		known, err := store.GetServer(ctx, server)
		if err != nil {
			return err
		}
		_, err = store.ApplySync(ctx, server, known.Generation, control.Delta{})
		return err
	}
}

// TestOneReplicaAtATimeSyncsAServer: the others leave it alone while it is being
// synced, and a while after.
func TestOneReplicaAtATimeSyncsAServer(t *testing.T) {
	t.Parallel()
	store := scheduleStore(t)
	var count atomic.Int64
	inside, release := make(chan struct{}), make(chan struct{})
	do := syncing(store, &count)
	first := newSyncSchedule(store, func(ctx context.Context, server string) error {
		close(inside)
		<-release
		return do(ctx, server)
	}, config.Config{SyncEvery: time.Hour}, quiet())
	second := newSyncSchedule(store, do, config.Config{SyncEvery: time.Hour}, quiet())
	var group sync.WaitGroup
	group.Go(func() { first.one(t.Context(), "main") })
	<-inside
	did, err := second.leased(t.Context(), "main")
	assert.False(t, did)
	assert.Equal(t, control.ReasonLeaseHeld, fault.ReasonOf(err))
	close(release)
	group.Wait()
	assert.EqualValues(t, 1, count.Load())
	did, err = second.leased(t.Context(), "main")
	require.NoError(t, err, "the lease was given back")
	assert.False(t, did, "another replica synced it a moment ago")
	second.now = func() time.Time { return time.Now().Add(40 * time.Minute) }
	did, err = second.leased(t.Context(), "main")
	require.NoError(t, err)
	assert.True(t, did)
	assert.EqualValues(t, 2, count.Load())
	_, err = second.leased(t.Context(), "nowhere")
	assert.Equal(t, control.ReasonServerNotFound, fault.ReasonOf(err))
}

// losing is a store whose leases are lost once the sync has begun.
type losing struct {
	control.Store
	begun, renewed chan struct{}
	err            error
}

func (l losing) RenewLease(ctx context.Context, lease control.Lease, _ time.Duration) (control.Lease, error) {
	select {
	case <-l.begun:
	case <-ctx.Done():
		return lease, ctx.Err()
	}
	l.renewed <- struct{}{}
	return lease, l.err
}

// TestASyncEndsWithItsLease: who lost the lease stops; who only could not renew
// it goes on.
func TestASyncEndsWithItsLease(t *testing.T) {
	t.Parallel()
	store := losing{Store: scheduleStore(t), begun: make(chan struct{}), renewed: make(chan struct{}, 100), err: fault.New(fault.Conflict, control.ReasonLeaseLost, "lost")}
	s := newSyncSchedule(store, func(ctx context.Context, _ string) error {
		close(store.begun)
		<-ctx.Done()
		return fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "gone")
	}, config.Config{SyncEvery: time.Hour}, quiet())
	s.lease = 300 * time.Millisecond
	did, err := s.leased(t.Context(), "main")
	assert.True(t, did)
	assert.Equal(t, control.ReasonLeaseLost, fault.ReasonOf(err))

	store.err = fault.New(fault.Unavailable, control.ReasonStoreUnreachable, "away")
	s.store, s.sync = store, func(context.Context, string) error {
		<-store.renewed
		<-store.renewed
		return nil
	}
	did, err = s.leased(t.Context(), "main")
	require.NoError(t, err)
	assert.True(t, did)
}

// TestALeaseThatIsLostBeforeTheSync is said to be that.
func TestALeaseThatIsLostBeforeTheSync(t *testing.T) {
	t.Parallel()
	store := slow{losing{Store: scheduleStore(t), begun: make(chan struct{}), renewed: make(chan struct{}, 100), err: fault.New(fault.Conflict, control.ReasonLeaseLost, "lost")}}
	s := newSyncSchedule(store, func(context.Context, string) error { panic("nobody holds the lease") }, config.Config{SyncEvery: time.Hour}, quiet())
	s.lease = 30 * time.Millisecond
	close(store.begun)
	did, err := s.leased(t.Context(), "main")
	assert.False(t, did)
	assert.Equal(t, control.ReasonLeaseLost, fault.ReasonOf(err))
}

// slow is a store that finds no server before its caller gives up.
type slow struct{ losing }

func (slow) GetServer(ctx context.Context, _ string) (*control.Server, error) {
	<-ctx.Done()
	return nil, fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "gone")
}

// TestAScheduledSyncIsBounded by the time for an execution.
func TestAScheduledSyncIsBounded(t *testing.T) {
	t.Parallel()
	s := newSyncSchedule(scheduleStore(t), func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}, config.Config{SyncEvery: time.Hour, ExecuteTimeout: 10 * time.Millisecond}, quiet())
	_, err := s.leased(t.Context(), "main")
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

// TestWhatFailsOnScheduleIsLogged with its reason, and the next round goes on.
func TestWhatFailsOnScheduleIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	s := newSyncSchedule(scheduleStore(t), func(context.Context, string) error {
		return fault.Wrap(assert.AnError, fault.Unavailable, "SERVER_UNREACHABLE", "nobody answers")
	}, config.Config{SyncEvery: time.Hour}, logger)
	s.one(t.Context(), "main")
	assert.Contains(t, log.String(), "reason=SERVER_UNREACHABLE")
	assert.Contains(t, log.String(), "server=main")
	assert.NotContains(t, log.String(), assert.AnError.Error(), "causes may hold anything")
	log.Reset()
	s.sync = func(context.Context, string) error { panic("a secret that somebody put there") }
	s.one(t.Context(), "main")
	assert.Contains(t, log.String(), "panicked")
	assert.NotContains(t, log.String(), "a secret")
	log.Reset()
	s.sync = func(context.Context, string) error { return assert.AnError }
	s.one(t.Context(), "main")
	assert.Contains(t, log.String(), "reason=INTERNAL")
}

// noServers is a store whose servers cannot be listed.
type noServers struct{ control.Store }

func (noServers) ListServers(context.Context, control.ServerFilter, control.Page) ([]*control.Server, string, error) {
	return nil, "", fault.New(fault.Unavailable, control.ReasonStoreUnreachable, "away")
}

// TestTheScheduleEnds with its context, when the running sync has.
func TestTheScheduleEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		s := newSyncSchedule(noServers{}, nil, config.Config{SyncEvery: time.Minute}, slog.New(slog.NewTextHandler(&log, nil)))
		ended := make(chan error, 1)
		go func() { ended <- s.run(ctx) }()
		time.Sleep(150 * time.Second)
		stop()
		require.NoError(t, <-ended)
		assert.Equal(t, 3, bytes.Count(log.Bytes(), []byte("STORE_UNREACHABLE")), "at once, and every minute")
	})
}
