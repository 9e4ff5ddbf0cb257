package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// ListModuleVersions lists the versions of a module, newest first.
func (s *moduleService) ListModuleVersions(
	ctx context.Context, req *lockstepv1.ListModuleVersionsRequest,
) (*lockstepv1.ListModuleVersionsResponse, error) {
	infos, err := s.modules.Versions(ctx, req.GetPath())
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.ListModuleVersionsResponse{}
	for _, i := range infos {
		out.Versions = append(out.Versions, &lockstepv1.VersionInfo{
			Version: i.Version, Time: i.Time, Retracted: i.Retracted != "", Retraction: i.Retracted,
		})
	}
	return out, nil
}
