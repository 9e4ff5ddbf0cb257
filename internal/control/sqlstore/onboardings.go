package sqlstore

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// BeginOnboarding implements control.OnboardingStore.
func (s *Store) BeginOnboarding(ctx context.Context, t control.NewTenant, o control.Onboarding) (*control.Tenant, error) {
	t.Status = control.TenantOnboarding
	r, err := s.newTenant(t)
	if err != nil {
		return nil, err
	}
	if clip(o.RequestID, maxRequestID) != o.RequestID || clip(o.Fingerprint, maxDigest) != o.Fingerprint {
		return nil, fault.New(fault.Invalid, "REQUEST_ID_INVALID", "the request id or the fingerprint is too long, or is no text").
			Suggest("use at most %d bytes, such as a UUID", maxRequestID)
	}
	steps, tables, err := encodeOnboarding(o)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, q query.Queries) error {
		if err := register(ctx, q, r); err != nil {
			return err
		}
		return q.InsertOnboarding(ctx, query.InsertOnboardingParams{
			TenantID: r.ID, ServerID: o.ServerID, State: string(control.OnboardingRunning), RequestID: o.RequestID, Fingerprint: o.Fingerprint,
			Steps: steps, MadeTables: tables, Fence: o.Fence, CreatedAt: r.CreatedAt, UpdatedAt: r.CreatedAt,
		})
	})
	if err != nil {
		return nil, err
	}
	return tenantOf(&r.Tenant)
}

func encodeOnboarding(o control.Onboarding) (steps, tables string, err error) {
	if steps, err = encode(o.Steps); err != nil {
		return "", "", err
	}
	tables, err = encode(o.Tables)
	return steps, tables, err
}

// GetOnboarding implements control.OnboardingStore.
func (s *Store) GetOnboarding(ctx context.Context, tenantID string) (*control.Onboarding, error) {
	if !validID.MatchString(tenantID) {
		return nil, noTenant(tenantID)
	}
	r, err := s.read.GetOnboarding(ctx, tenantID)
	if err != nil {
		return nil, absent(err, control.ReasonOnboardingUnknown, "the tenant %q was not made by an onboarding", tenantID)
	}
	o := &control.Onboarding{
		TenantID: r.TenantID, ServerID: r.ServerID, State: control.OnboardingState(r.State), Fence: r.Fence, RequestID: r.RequestID,
		Fingerprint: r.Fingerprint, Created: moment(r.CreatedAt), Updated: moment(r.UpdatedAt),
	}
	if err := decode(r.Steps, &o.Steps, "the onboarding of tenant "+tenantID); err != nil {
		return nil, err
	}
	return o, decode(r.MadeTables, &o.Tables, "the onboarding of tenant "+tenantID)
}

// SaveOnboarding implements control.OnboardingStore.
func (s *Store) SaveOnboarding(ctx context.Context, o control.Onboarding) error {
	return s.write(ctx, func(ctx context.Context, q query.Queries) error { return s.saveOnboarding(ctx, q, o) })
}

func (s *Store) saveOnboarding(ctx context.Context, q query.Queries, o control.Onboarding) error {
	steps, tables, err := encodeOnboarding(o)
	if err != nil {
		return err
	}
	n, err := q.UpdateOnboarding(ctx, query.UpdateOnboardingParams{
		State: string(o.State), Steps: steps, MadeTables: tables, Fence: o.Fence, UpdatedAt: micros(s.now()), TenantID: o.TenantID,
	})
	if err == nil && n != 1 {
		return takenOver(o.TenantID)
	}
	return err
}

func takenOver(id string) error {
	return fault.New(fault.Conflict, control.ReasonOnboardingLost, "the onboarding of the tenant %s was taken over, or undone, by another call", id).
		Suggest("look at the tenant; onboard it again when it is not there")
}

// CompleteOnboarding implements control.OnboardingStore.
func (s *Store) CompleteOnboarding(ctx context.Context, o control.Onboarding) (*control.Tenant, error) {
	o.State = control.OnboardingDone
	return s.endOnboarding(ctx, o, control.TenantActive, "")
}

// FailOnboarding implements control.OnboardingStore.
func (s *Store) FailOnboarding(ctx context.Context, o control.Onboarding, note string) error {
	o.State = control.OnboardingLeft
	_, err := s.endOnboarding(ctx, o, control.TenantFailed, note)
	return err
}

func (s *Store) endOnboarding(ctx context.Context, o control.Onboarding, status control.TenantStatus, note string) (*control.Tenant, error) {
	return s.changeTenant(ctx, o.TenantID, 0, func(ctx context.Context, q query.Queries, r *tenantRow) error {
		if err := s.saveOnboarding(ctx, q, o); err != nil {
			return err
		}
		s.setStatus(r, status, clip(note, maxNote))
		return q.OutdateServer(ctx, o.ServerID)
	})
}

// ForgetOnboarding implements control.OnboardingStore.
func (s *Store) ForgetOnboarding(ctx context.Context, o control.Onboarding) error {
	if !validID.MatchString(o.TenantID) {
		return noTenant(o.TenantID)
	}
	return s.write(ctx, func(ctx context.Context, q query.Queries) error {
		locked, err := q.LockTenant(ctx, o.TenantID)
		if fault.ReasonOf(err) == reasonNoRow {
			return nil
		}
		if err != nil {
			return err
		}
		switch n, err := q.DeleteOnboarding(ctx, query.DeleteOnboardingParams{TenantID: o.TenantID, Fence: o.Fence}); {
		case err != nil:
			return err
		case n != 1:
			return takenOver(o.TenantID)
		}
		if err := q.DeleteTenantFacets(ctx, o.TenantID); err != nil {
			return err
		}
		if _, err := q.DeleteTenant(ctx, query.DeleteTenantParams{ID: o.TenantID, Revision: locked.Revision}); err != nil {
			return err
		}
		return q.OutdateServer(ctx, o.ServerID)
	})
}
