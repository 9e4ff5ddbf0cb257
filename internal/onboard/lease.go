package onboard

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// renewals is how often a lease is renewed in its length.
const renewals = 4

// releaseTime bounds what is written when a call is over.
const releaseTime = 10 * time.Second

// held is the exclusive right to work on a tenant.
type held struct {
	fence int64
	// alive lasts as long as the right, also when the caller has gone.
	alive context.Context //nolint:containedctx // what outlives the caller's context needs one
}

// lost tells that somebody else may have the right now: nothing may be touched
// any more.
func (h held) lost() error {
	if h.alive.Err() == nil {
		return nil
	}
	return context.Cause(h.alive)
}

// alone returns a context that outlives the caller's, but not the right.
func (h held) alone(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	stop := context.AfterFunc(h.alive, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// hold works on a tenant while nobody else does. The context of work ends with
// the caller's, or when the right is lost.
func (s *Service) hold(ctx context.Context, id string, work func(context.Context, held) error) error {
	store := s.cfg.Store
	lease, err := store.AcquireLease(ctx, "onboarding/"+id, rand.Text(), s.cfg.Lease)
	if fault.ReasonOf(err) == control.ReasonLeaseHeld {
		return fault.Wrap(err, fault.Conflict, ReasonRunning, "the tenant %s is being onboarded, or undone, by another call", id).
			Suggest("wait for it to end; one whose process died is given up after %s", s.cfg.Lease)
	}
	if err != nil {
		return err
	}
	alive, give := context.WithCancelCause(context.WithoutCancel(ctx))
	ended := make(chan control.Lease, 1)
	over := make(chan struct{})
	go func() { ended <- s.renew(alive, lease, over, give) }()
	defer func() {
		close(over)
		lease := <-ended
		give(nil)
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer cancel()
		_ = store.ReleaseLease(clean, lease) // it ends by itself
	}()
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(alive, func() { stop(context.Cause(alive)) })()
	return work(working, held{fence: lease.Fence, alive: alive})
}

// renew keeps a lease until over, or gives the right up when it was lost, or could
// not be renewed before it ended.
func (s *Service) renew(ctx context.Context, l control.Lease, over <-chan struct{}, give context.CancelCauseFunc) control.Lease {
	every := s.cfg.Lease / renewals
	tick := time.NewTicker(every)
	defer tick.Stop()
	missed := 0
	for {
		select {
		case <-over:
			return l
		case <-tick.C:
		}
		renewed, err := s.cfg.Store.RenewLease(ctx, l, s.cfg.Lease)
		switch {
		case err == nil:
			l, missed = renewed, 0
			continue
		case fault.ReasonOf(err) != control.ReasonLeaseLost && missed < renewals-2:
			missed++
			continue
		}
		give(fault.Wrap(err, fault.Conflict, control.ReasonOnboardingLost, "the right to work on the tenant could not be kept").
			Suggest("look at the tenant; onboard it again, which undoes what this call made"))
		<-over
		return l
	}
}
