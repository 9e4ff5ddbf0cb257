package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// GetTenantVersion returns the tenant's last applied revision.
func (s *migrationService) GetTenantVersion(
	ctx context.Context, req *lockstepv1.GetTenantVersionRequest,
) (*lockstepv1.GetTenantVersionResponse, error) {
	at, err := s.places.of(ctx, req)
	if err != nil {
		return nil, err
	}
	rev, err := s.migrator.Current(ctx, at.target)
	if err != nil {
		return nil, err
	}
	return &lockstepv1.GetTenantVersionResponse{Revision: toRevision(rev, false), Target: at.target.String()}, nil
}
