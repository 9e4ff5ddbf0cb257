package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// GetServer returns one server.
func (s *serverService) GetServer(
	ctx context.Context, req *lockstepv1.GetServerRequest,
) (*lockstepv1.GetServerResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	found, err := store.GetServer(ctx, req.GetServer())
	if err != nil {
		return nil, err
	}
	out, err := toServer(found)
	if err != nil {
		return nil, err
	}
	return &lockstepv1.GetServerResponse{Server: out}, nil
}
