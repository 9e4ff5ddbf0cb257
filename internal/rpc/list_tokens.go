package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
)

// ListTokens lists tokens in the order of their ids.
func (s *tokenService) ListTokens(
	ctx context.Context, req *lockstepv1.ListTokensRequest,
) (*lockstepv1.ListTokensResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	found, next, err := store.ListTokens(ctx, control.Page{Size: int(req.GetPageSize()), Token: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.ListTokensResponse{NextPageToken: next}
	for _, t := range found {
		out.Tokens = append(out.Tokens, toToken(t))
	}
	return out, nil
}
