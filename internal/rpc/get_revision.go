package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// GetRevision returns one revision in full, with the snapshot after it.
func (s *migrationService) GetRevision(
	ctx context.Context, req *lockstepv1.GetRevisionRequest,
) (*lockstepv1.GetRevisionResponse, error) {
	at, err := s.places.of(ctx, req)
	if err != nil {
		return nil, err
	}
	rev, snapshot, err := s.migrator.Revision(ctx, at.target, req.GetNumber())
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.GetRevisionResponse{Revision: toRevision(rev, true), Target: at.target.String()}
	if snapshot != nil {
		for _, t := range snapshot.Tables {
			out.Tables = append(out.Tables, toTable(t))
		}
	}
	return out, nil
}
