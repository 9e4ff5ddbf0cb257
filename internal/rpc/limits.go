package rpc

import (
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Limits bound what callers may ask for; 0 is without limit. The command line
// in its own process has none.
type Limits struct {
	CallsPerSecond      float64 // of one caller, over time
	Burst               int     // of one caller, at once
	Executions          int     // at a time
	ExecutionsPerCaller int     // at a time
}

// maxCallers bounds the callers that are remembered: the least recent one
// starts afresh.
const maxCallers = 10_000

// executionRetry is when to try again after a limit of executions: nobody knows
// how long the running ones take.
const executionRetry = 5 * time.Second

const reasonRateLimited = "RATE_LIMITED"

// retryError says when to try again; status sends it along.
type retryError time.Duration

// Error implements error.
func (retryError) Error() string { return "a limit is reached" }

// RetryAfter returns when to try again.
func (r retryError) RetryAfter() time.Duration { return time.Duration(r) }

// limiter enforces Limits.
type limiter struct {
	limits  Limits
	now     func() time.Time
	callers *lru.Cache[string, *rate.Limiter]

	mu      sync.Mutex
	running int
	by      map[string]int
}

func newLimiter(l Limits, now func() time.Time) (*limiter, error) {
	callers, err := lru.New[string, *rate.Limiter](maxCallers)
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "LIMITER_BROKEN", "the limits of callers cannot be kept")
	}
	return &limiter{limits: l, now: now, callers: callers, by: map[string]int{}}, nil
}

// call counts a call of a caller; the error is Exhausted.
func (l *limiter) call(key string) error {
	if l.limits.CallsPerSecond <= 0 {
		return nil
	}
	bucket := rate.NewLimiter(rate.Limit(l.limits.CallsPerSecond), max(l.limits.Burst, 1))
	if known, ok, _ := l.callers.PeekOrAdd(key, bucket); ok {
		bucket = known
		l.callers.Get(key) // it is in use
	}
	now := l.now()
	r := bucket.ReserveN(now, 1)
	delay := r.DelayFrom(now)
	if delay <= 0 {
		return nil
	}
	r.CancelAt(now)
	return fault.Wrap(retryError(delay), fault.Exhausted, reasonRateLimited,
		"the caller makes more than %g calls a second", l.limits.CallsPerSecond).
		Suggest("try again in %s, and slow down", delay.Round(time.Millisecond))
}

// execution takes a place for an execution; the error is Exhausted. The place
// must be given back.
func (l *limiter) execution(key string) (giveBack func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.limits.Executions > 0 && l.running >= l.limits.Executions:
		return nil, tooMany("the server runs %d executions already, as many as it may", l.running)
	case l.limits.ExecutionsPerCaller > 0 && l.by[key] >= l.limits.ExecutionsPerCaller:
		return nil, tooMany("the caller runs %d executions already, as many as one may", l.by[key])
	}
	l.running++
	l.by[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running--
		if l.by[key]--; l.by[key] == 0 {
			delete(l.by, key)
		}
	}, nil
}

func tooMany(format string, n int) error {
	return fault.Wrap(retryError(executionRetry), fault.Exhausted, "EXECUTIONS_EXHAUSTED", format, n).
		Suggest("try again when one of them has ended")
}
