package rpc

import (
	"context"
	"slices"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// CompareModules composes two sets and compares the targets.
func (s *moduleService) CompareModules(
	ctx context.Context, req *lockstepv1.CompareModulesRequest,
) (*lockstepv1.CompareModulesResponse, error) {
	from := &migrate.Target{Schema: &schema.Schema{}}
	if req.GetFrom() != nil {
		var err error
		if from, err = s.compose(ctx, req.GetFrom()); err != nil {
			return nil, err
		}
	}
	to, err := s.compose(ctx, req.GetTo())
	if err != nil {
		return nil, err
	}
	changes, err := diff.Diff(from.Schema, to.Schema)
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.CompareModulesResponse{
		From:     toModuleVersions(from.Modules),
		To:       toModuleVersions(to.Modules),
		Warnings: slices.Concat(from.Warnings, to.Warnings),
	}
	works := &lockstepv1.Compatibility{Reads: true, Writes: true}
	for _, a := range diff.Assess(changes) {
		out.Changes = append(out.Changes, toAssessed(a))
		if a.Breaks.Any() && req.GetFrom() != nil {
			works.Reads = works.GetReads() && !a.Breaks.Reads
			works.Writes = works.GetWrites() && !a.Breaks.Writes
			works.Breaking = append(works.Breaking, toBreaking([]diff.Assessment{a})...)
		}
	}
	out.Compatibility = works
	return out, nil
}

func (s *moduleService) compose(ctx context.Context, m *lockstepv1.ModuleSet) (*migrate.Target, error) {
	set, err := fromModuleSet(m)
	if err != nil {
		return nil, err
	}
	return s.migrator.Compose(ctx, set)
}
