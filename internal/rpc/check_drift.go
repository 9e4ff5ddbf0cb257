package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// CheckDrift compares the tenant's tables with what was last recorded.
func (s *migrationService) CheckDrift(
	ctx context.Context, req *lockstepv1.CheckDriftRequest,
) (*lockstepv1.CheckDriftResponse, error) {
	at, err := s.places.of(ctx, req)
	if err != nil {
		return nil, err
	}
	r, err := s.migrator.Drift(ctx, migrate.DriftRequest{Target: at.target, Unowned: req.GetUnowned()})
	if err != nil {
		return nil, err
	}
	return &lockstepv1.CheckDriftResponse{
		Revision: toRevision(r.Revision, false), Method: toMethod(r.Method), MethodReason: r.Reason,
		Tables: i32(r.Tables), Differences: toDifferences(r.Differences), Restore: r.Restore, Script: r.Script,
		Unowned: r.Unowned, References: toReferences(r.References), Target: at.target.String(),
	}, nil
}
