package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// ProposeManifest reads a module and proposes a manifest for it.
func (s *moduleService) ProposeManifest(
	ctx context.Context, req *lockstepv1.ProposeManifestRequest,
) (*lockstepv1.ProposeManifestResponse, error) {
	ref, err := module.ParseRef(joinRef(req.GetPath(), req.GetVersion()))
	if err != nil {
		return nil, err
	}
	v, p, err := s.migrator.Propose(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.ProposeManifestResponse{Module: toModuleVersion(v), Manifest: p.Text}
	for _, j := range p.Judgements {
		out.Structs = append(out.Structs, &lockstepv1.StructJudgement{
			Pattern: j.Pattern, File: j.Position.File, Line: i32(j.Position.Line),
			Entity: j.Entity, Why: j.Why, Doubtful: j.Doubtful,
		})
	}
	for _, problem := range p.Problems {
		out.Problems = append(out.Problems, status.Violation(problem))
	}
	return out, nil
}
