package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// PreviewMigration plans without touching anything.
func (s *migrationService) PreviewMigration(
	ctx context.Context, req *lockstepv1.PreviewMigrationRequest,
) (*lockstepv1.PreviewMigrationResponse, error) {
	in, err := s.request(ctx, req)
	if err != nil {
		return nil, err
	}
	in.Prove, in.Preflight, in.Estimate = req.GetProve(), req.GetPreflight(), req.GetEstimate()
	p, err := s.migrator.Preview(ctx, in)
	if err != nil {
		return nil, err
	}
	return &lockstepv1.PreviewMigrationResponse{
		Plan:      toSizedPlan(p.Plan, p.Sizes),
		Current:   toRevision(p.Current, false),
		Changed:   p.Changed,
		Warnings:  p.Warnings,
		Script:    p.Script,
		Target:    in.Target.String(),
		Proof:     toProof(p.Proof),
		Sizes:     toSizes(p.Sizes),
		Preflight: toPreflight(p.Preflight),
	}, nil
}

// planned is what preview and execute ask for alike.
type planned interface {
	placed
	GetModules() *lockstepv1.ModuleSet
	GetStrategy() lockstepv1.Strategy
	GetOnline() bool
}

// request reads what preview and execute have in common.
func (s *migrationService) request(ctx context.Context, req planned) (migrate.Request, error) {
	at, err := s.places.of(ctx, req)
	out := migrate.Request{Target: at.target, Online: req.GetOnline()}
	if err != nil {
		return out, err
	}
	if out.Strategy, err = at.strategy(req.GetStrategy()); err != nil {
		return out, err
	}
	out.Modules, err = at.modules(req.GetModules())
	return out, err
}
