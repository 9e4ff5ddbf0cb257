package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// UpdateServer changes what the request sets.
func (s *serverService) UpdateServer(
	ctx context.Context, req *lockstepv1.UpdateServerRequest,
) (*lockstepv1.UpdateServerResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	out, err := s.change(ctx, req.GetServer(), func() (*control.Server, error) {
		return store.UpdateServer(ctx, req.GetServer(), serverUpdate(req))
	})
	if err != nil {
		return nil, err
	}
	return &lockstepv1.UpdateServerResponse{Server: out}, nil
}

func serverUpdate(req *lockstepv1.UpdateServerRequest) control.ServerUpdate {
	u := control.ServerUpdate{Revision: req.GetRevision(), DisplayName: req.DisplayName}
	if l := req.GetLabels(); l != nil {
		u.Labels = l.GetLabels()
		if u.Labels == nil {
			u.Labels = map[string]string{}
		}
	}
	if req.GetAddress() != "" {
		address := secret.New(req.GetAddress())
		u.Address = &address
	}
	if req.GetPassword() != "" || req.SecretReference != nil {
		u.Secret = &secret.Given{Inline: secret.New(req.GetPassword()), Reference: req.GetSecretReference()}
	}
	return u
}
