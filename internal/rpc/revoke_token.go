package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
)

// RevokeToken takes a token out of use for good.
func (s *tokenService) RevokeToken(
	ctx context.Context, req *lockstepv1.RevokeTokenRequest,
) (*lockstepv1.RevokeTokenResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	out, err := s.change(ctx, req.GetToken(), nil, func() (*control.Token, error) { return store.RevokeToken(ctx, req.GetToken()) })
	if err != nil {
		return nil, err
	}
	return &lockstepv1.RevokeTokenResponse{Token: out}, nil
}
