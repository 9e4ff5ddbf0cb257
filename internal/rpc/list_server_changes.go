package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
)

// ListServerChanges lists what syncs of a server found, the newest sync first.
func (s *serverService) ListServerChanges(
	ctx context.Context, req *lockstepv1.ListServerChangesRequest,
) (*lockstepv1.ListServerChangesResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	found, next, err := store.ListChanges(ctx, req.GetServer(), control.Page{Size: int(req.GetPageSize()), Token: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.ListServerChangesResponse{NextPageToken: next}
	for _, c := range found {
		out.Changes = append(out.Changes, &lockstepv1.ServerChange{
			Generation: c.Generation, At: moment(c.At), Kind: toServerChangeKind(c.Kind), Object: c.Object, Name: c.Name,
			Before: c.Before, After: c.After,
		})
	}
	return out, nil
}

func toServerChangeKind(k control.ChangeKind) lockstepv1.ServerChangeKind {
	switch k {
	case control.Appeared:
		return lockstepv1.ServerChangeKind_SERVER_CHANGE_KIND_APPEARED
	case control.Changed:
		return lockstepv1.ServerChangeKind_SERVER_CHANGE_KIND_CHANGED
	case control.Vanished:
		return lockstepv1.ServerChangeKind_SERVER_CHANGE_KIND_VANISHED
	}
	return lockstepv1.ServerChangeKind_SERVER_CHANGE_KIND_UNSPECIFIED
}
