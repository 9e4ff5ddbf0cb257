package rpc

import (
	"context"
	"slices"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// ListModules lists what the server is configured to offer.
func (s *moduleService) ListModules(
	context.Context, *lockstepv1.ListModulesRequest,
) (*lockstepv1.ListModulesResponse, error) {
	paths := slices.Concat(s.offered, s.replaced)
	slices.Sort(paths)
	out := &lockstepv1.ListModulesResponse{}
	for _, p := range slices.Compact(paths) {
		out.Modules = append(out.Modules, &lockstepv1.OfferedModule{Path: p, Replaced: slices.Contains(s.replaced, p)})
	}
	return out, nil
}
