package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// GetTenant returns one tenant.
func (s *tenantService) GetTenant(
	ctx context.Context, req *lockstepv1.GetTenantRequest,
) (*lockstepv1.GetTenantResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	t, err := store.GetTenant(ctx, req.GetTenant())
	if err != nil {
		return nil, err
	}
	out, err := toTenant(t)
	if err != nil {
		return nil, err
	}
	return &lockstepv1.GetTenantResponse{Tenant: out}, nil
}
