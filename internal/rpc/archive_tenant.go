package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
)

// ArchiveTenant takes a tenant out of lists; its database is not touched.
func (s *tenantService) ArchiveTenant(
	ctx context.Context, req *lockstepv1.ArchiveTenantRequest,
) (*lockstepv1.ArchiveTenantResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	out, err := s.change(ctx, req.GetTenant(), func() (*control.Tenant, error) {
		return store.ArchiveTenant(ctx, req.GetTenant(), req.GetRevision())
	})
	if err != nil {
		return nil, err
	}
	return &lockstepv1.ArchiveTenantResponse{Tenant: out}, nil
}
