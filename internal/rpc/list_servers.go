package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
)

// ListServers lists servers in the order of their ids.
func (s *serverService) ListServers(
	ctx context.Context, req *lockstepv1.ListServersRequest,
) (*lockstepv1.ListServersResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	filter := control.ServerFilter{Archived: req.GetArchived()}
	if e := req.GetEngine(); e != lockstepv1.Engine_ENGINE_UNSPECIFIED {
		if filter.Engine, err = fromEngine(e); err != nil {
			return nil, err
		}
	}
	found, next, err := store.ListServers(ctx, filter, control.Page{Size: int(req.GetPageSize()), Token: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.ListServersResponse{NextPageToken: next}
	for _, f := range found {
		m, err := toServer(f)
		if err != nil {
			return nil, err
		}
		out.Servers = append(out.Servers, m)
	}
	return out, nil
}
