package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/discover/inventory"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// serverService implements lockstep.v1.ServerService.
type serverService struct {
	lockstepv1.UnimplementedServerServiceServer
	places   places
	ledger   *ledger
	syncer   *inventory.Syncer
	migrator migrate.Migrator
}

// CreateServer registers a server.
func (s *serverService) CreateServer(
	ctx context.Context, req *lockstepv1.CreateServerRequest,
) (*lockstepv1.CreateServerResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	out, err := s.change(ctx, req.GetId(), func() (*control.Server, error) {
		return store.CreateServer(ctx, control.NewServer{
			ID: req.GetId(), DisplayName: req.GetDisplayName(), Labels: req.GetLabels(), Address: secret.New(req.GetAddress()),
			Secret: secret.Given{Inline: secret.New(req.GetPassword()), Reference: req.GetSecretReference()},
		})
	})
	if err != nil {
		return nil, err
	}
	return &lockstepv1.CreateServerResponse{Server: out}, nil
}

// change writes down a change of a server's registration, and carries it out.
func (s *serverService) change(ctx context.Context, id string, do func() (*control.Server, error)) (*lockstepv1.Server, error) {
	var out *lockstepv1.Server
	err := s.ledger.run(ctx, control.AuditEvent{ServerID: id}, func(e *control.AuditEvent) error {
		found, err := do()
		if err != nil {
			return err
		}
		out, err = toServer(found)
		e.Target = out.GetAddress()
		return err
	})
	return out, err
}
