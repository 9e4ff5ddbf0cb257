package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
)

// GetRevision returns one revision in full, with the snapshot after it.
func (s *migrationService) GetRevision(
	ctx context.Context, req *lockstepv1.GetRevisionRequest,
) (*lockstepv1.GetRevisionResponse, error) {
	target, err := dialect.ParseTarget(req.GetTarget())
	if err != nil {
		return nil, err
	}
	rev, snapshot, err := s.migrator.Revision(ctx, target, req.GetNumber())
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.GetRevisionResponse{Revision: toRevision(rev, true), Target: target.String()}
	if snapshot != nil {
		for _, t := range snapshot.Tables {
			out.Tables = append(out.Tables, toTable(t))
		}
	}
	return out, nil
}
