package sqlstore

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// AcquireLease implements control.LeaseStore.
func (s *Store) AcquireLease(ctx context.Context, name, owner string, length time.Duration) (control.Lease, error) {
	l := control.Lease{Name: name, Owner: clip(owner, maxRequestID)}
	if clip(name, maxRequestID) != name {
		return l, fault.New(fault.Bug, "LEASE_INVALID", "the name of a lease is too long, or is no text")
	}
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error {
		if err := q.InsertLease(ctx, name); err != nil {
			return err
		}
		now := s.now()
		l.Expires = now.Add(length)
		fences, err := q.TakeLease(ctx, query.TakeLeaseParams{Owner: l.Owner, ExpiresAt: micros(l.Expires), Name: name, At: micros(now)})
		if err != nil {
			return err
		}
		if len(fences) == 0 {
			return fault.New(fault.Conflict, control.ReasonLeaseHeld, "somebody else holds the lease %q", name).Suggest("try again")
		}
		l.Fence = fences[0]
		return nil
	})
	return l, err
}

// RenewLease implements control.LeaseStore.
func (s *Store) RenewLease(ctx context.Context, l control.Lease, length time.Duration) (control.Lease, error) {
	renewed := l
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error {
		now := s.now()
		renewed.Expires = now.Add(length)
		n, err := q.RenewLease(ctx, query.RenewLeaseParams{ExpiresAt: micros(renewed.Expires), Name: l.Name, Owner: l.Owner, Fence: l.Fence, At: micros(now)})
		if err == nil && n == 0 {
			return fault.New(fault.Conflict, control.ReasonLeaseLost, "the lease %q had ended", l.Name).Suggest("stop what it was for, and acquire it again")
		}
		return err
	})
	if err != nil {
		return l, err
	}
	return renewed, nil
}

// ReleaseLease implements control.LeaseStore.
func (s *Store) ReleaseLease(ctx context.Context, l control.Lease) error {
	return s.write(ctx, func(ctx context.Context, q query.Queries) error {
		_, err := q.ReleaseLease(ctx, query.ReleaseLeaseParams{Name: l.Name, Owner: l.Owner, Fence: l.Fence})
		return err
	})
}
