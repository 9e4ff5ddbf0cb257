package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
)

// ArchiveServer takes a server out of lists; its tenants stay.
func (s *serverService) ArchiveServer(
	ctx context.Context, req *lockstepv1.ArchiveServerRequest,
) (*lockstepv1.ArchiveServerResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	out, err := s.change(ctx, req.GetServer(), func() (*control.Server, error) {
		return store.ArchiveServer(ctx, req.GetServer(), req.GetRevision())
	})
	if err != nil {
		return nil, err
	}
	return &lockstepv1.ArchiveServerResponse{Server: out}, nil
}
