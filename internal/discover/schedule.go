package discover

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Schedule says when servers are synced.
type Schedule struct {
	Every time.Duration // between the starts of two rounds; must be positive
	// Jitter spreads the servers of a round over up to this time, so that a
	// fleet is not asked all at once; 0: none.
	Jitter time.Duration
	// Parallel bounds the syncs that run at once; 0: 4.
	Parallel int
	// Spread returns a duration in [0, limit); nil: at random.
	Spread func(limit time.Duration) time.Duration
	// After is the clock: a channel that gets a value when d is over, and what
	// gives the timer up; nil: the machine's.
	After func(d time.Duration) (tick <-chan time.Time, stop func())
}

// Scheduler runs syncs, at most one at a time for each server. Make it with
// NewScheduler.
type Scheduler struct {
	schedule Schedule
	slots    chan struct{}

	mu   sync.Mutex
	busy map[string]bool
}

// NewScheduler returns a scheduler.
func NewScheduler(s Schedule) *Scheduler {
	s.Parallel = orDefault(s.Parallel, defaultParallel)
	if s.Spread == nil {
		s.Spread = func(limit time.Duration) time.Duration {
			return rand.N(limit) //nolint:gosec // it only spreads load
		}
	}
	if s.After == nil {
		s.After = func(d time.Duration) (<-chan time.Time, func()) {
			timer := time.NewTimer(d)
			return timer.C, func() { timer.Stop() }
		}
	}
	return &Scheduler{schedule: s, slots: make(chan struct{}, s.Parallel), busy: map[string]bool{}}
}

// Run syncs all servers that list names, at once and then every so often, until
// ctx ends; it returns when the last sync has. A server that is still being
// synced is left out of the round. What fails is for sync, and for failed of a
// round whose list failed, to report: Run goes on.
func (s *Scheduler) Run(ctx context.Context, list func(context.Context) ([]string, error), sync func(ctx context.Context, server string), failed func(error)) error {
	if s.schedule.Every <= 0 {
		return fault.New(fault.Invalid, "SCHEDULE_INVALID", "the time between two syncs must be positive")
	}
	var running wait
	defer running.Wait()
	for {
		servers, err := list(ctx)
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		for _, server := range servers {
			running.Go(func() { s.turn(ctx, server, sync) })
		}
		if !s.sleep(ctx, s.schedule.Every) {
			return nil
		}
	}
}

// wait is a sync.WaitGroup, by a name that does not hide the package.
type wait = sync.WaitGroup

// turn is one server's part of a round.
func (s *Scheduler) turn(ctx context.Context, server string, sync func(context.Context, string)) {
	if s.schedule.Jitter > 0 && !s.sleep(ctx, s.schedule.Spread(s.schedule.Jitter)) {
		return
	}
	_ = s.Do(ctx, server, func(ctx context.Context) error {
		sync(ctx, server)
		return nil
	})
}

// sleep waits, and tells whether ctx is still alive then.
func (s *Scheduler) sleep(ctx context.Context, d time.Duration) bool {
	tick, stop := s.schedule.After(d)
	defer stop()
	select {
	case <-ctx.Done():
		return false
	case <-tick:
		return ctx.Err() == nil
	}
}

// Do runs a sync of one server on demand, when fewer than Parallel others run. A
// server that is being synced, or waits to be, is of kind Conflict, reason
// SYNC_RUNNING.
func (s *Scheduler) Do(ctx context.Context, server string, sync func(context.Context) error) error {
	if !s.claim(server) {
		return fault.New(fault.Conflict, "SYNC_RUNNING", "the server is being synced already").
			Suggest("wait for that sync to end")
	}
	defer s.free(server)
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "the caller went away before the sync began")
	}
	if ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "the caller went away before the sync began")
	}
	return sync(ctx)
}

func (s *Scheduler) claim(server string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[server] {
		return false
	}
	s.busy[server] = true
	return true
}

func (s *Scheduler) free(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, server)
}
