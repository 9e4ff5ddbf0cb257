package discover_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Each test runs in a bubble: its clock only moves when all wait, and it fails
// if a goroutine is left.

// log keeps what happened when.
type log struct {
	mu      sync.Mutex
	start   time.Time
	begun   map[string][]time.Duration
	now     int
	most    int
	perName map[string]int
	twice   bool
}

func newLog() *log {
	return &log{start: time.Now(), begun: map[string][]time.Duration{}, perName: map[string]int{}}
}

func (l *log) sync(takes time.Duration) func(context.Context, string) {
	return func(ctx context.Context, name string) {
		l.mu.Lock()
		l.begun[name] = append(l.begun[name], time.Since(l.start))
		l.now++
		l.most = max(l.most, l.now)
		l.perName[name]++
		l.twice = l.twice || l.perName[name] > 1
		l.mu.Unlock()
		select {
		case <-time.After(takes):
		case <-ctx.Done():
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.now--
		l.perName[name]--
	}
}

func list(names ...string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return names, nil }
}

func never(t *testing.T) func(error) {
	return func(err error) { t.Errorf("failed: %v", err) }
}

func TestScheduleRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
		defer cancel()
		s := discover.NewScheduler(discover.Schedule{Every: 10 * time.Minute})
		require.NoError(t, s.Run(ctx, list("a", "b"), l.sync(time.Second), never(t)))
		require.Equal(t, []time.Duration{0, 10 * time.Minute, 20 * time.Minute}, l.begun["a"])
		require.Equal(t, 25*time.Minute, time.Since(l.start))
	})
}

// TestScheduleBounds: many servers, some slower than a round.
func TestScheduleBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var names []string
		for c := 'a'; c <= 'z'; c++ {
			names = append(names, string(c))
		}
		s := discover.NewScheduler(discover.Schedule{Every: time.Minute, Parallel: 3, Jitter: 30 * time.Second})
		require.NoError(t, s.Run(ctx, list(names...), l.sync(70*time.Second), never(t)))
		require.Equal(t, 3, l.most)
		require.False(t, l.twice, "one at a time for each server")
		require.Zero(t, l.now, "Run waits for those it began")
		require.Len(t, l.begun, len(names), "none is passed over")
	})
}

func TestScheduleJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s := discover.NewScheduler(discover.Schedule{Every: time.Hour, Jitter: 40 * time.Second, Spread: func(limit time.Duration) time.Duration { return limit / 2 }})
		require.NoError(t, s.Run(ctx, list("a"), l.sync(time.Second), never(t)))
		require.Equal(t, []time.Duration{20 * time.Second}, l.begun["a"])
	})
}

func TestScheduleGoesOnAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		broken := errors.New("no list")
		var failures []error
		calls := 0
		s := discover.NewScheduler(discover.Schedule{Every: time.Minute})
		require.NoError(t, s.Run(ctx, func(context.Context) ([]string, error) { calls++; return nil, broken }, nil, func(err error) { failures = append(failures, err) }))
		require.Equal(t, 3, calls)
		require.Equal(t, []error{broken, broken, broken}, failures)
		require.Equal(t, fault.Invalid, fault.KindOf(discover.NewScheduler(discover.Schedule{}).Run(ctx, nil, nil, nil)))
	})
}

// TestScheduleOnDemand: a sync on demand and the schedule keep out of each
// other's way.
func TestScheduleOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		ctx, cancel := context.WithCancel(t.Context())
		s := discover.NewScheduler(discover.Schedule{Every: time.Minute, Parallel: 1})
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Run(ctx, list("a"), l.sync(10*time.Second), never(t)) })
		synctest.Wait()
		err := s.Do(ctx, "a", func(context.Context) error { return nil })
		require.Equal(t, "SYNC_RUNNING", fault.ReasonOf(err))
		broken := errors.New("broken")
		require.ErrorIs(t, s.Do(ctx, "b", func(context.Context) error { return broken }), broken)
		require.Equal(t, 10*time.Second, time.Since(l.start), "after a, there is one place")
		wg.Go(func() {
			_ = s.Do(ctx, "a", func(context.Context) error { time.Sleep(55 * time.Second); return nil })
		})
		time.Sleep(2 * time.Minute) // to 2:10
		cancel()
		wg.Wait()
		require.Equal(t, []time.Duration{0, 2 * time.Minute}, l.begun["a"], "left out of one round")
		require.Equal(t, fault.Canceled, fault.KindOf(s.Do(ctx, "a", func(context.Context) error { return nil })))
	})
}

// TestScheduleClock drives it by a clock of the test's own.
func TestScheduleClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks := make(chan time.Time)
		stopped := 0
		synced := make(chan string, 1)
		ctx, cancel := context.WithCancel(t.Context())
		s := discover.NewScheduler(discover.Schedule{Every: time.Hour, After: func(d time.Duration) (<-chan time.Time, func()) {
			require.Equal(t, time.Hour, d)
			return ticks, func() { stopped++ }
		}})
		done := make(chan error)
		go func() {
			done <- s.Run(ctx, list("a"), func(_ context.Context, name string) { synced <- name }, never(t))
		}()
		for range 3 {
			require.Equal(t, "a", <-synced)
			ticks <- time.Time{}
		}
		<-synced
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, 4, stopped, "no timer is left")
	})
}
