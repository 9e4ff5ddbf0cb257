package rpc

import (
	"context"
	"slices"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// PreviewMigration plans without touching anything.
func (s *migrationService) PreviewMigration(
	ctx context.Context, req *lockstepv1.PreviewMigrationRequest,
) (*lockstepv1.PreviewMigrationResponse, error) {
	in, warnings, err := s.request(ctx, req)
	if err != nil {
		return nil, err
	}
	p, err := s.sets.migrator.Preview(ctx, in)
	if err != nil {
		return nil, err
	}
	return &lockstepv1.PreviewMigrationResponse{
		Plan:     toPlan(p.Plan),
		Current:  toRevision(p.Current, false),
		Changed:  p.Changed,
		Warnings: slices.Concat(warnings, p.Warnings),
		Script:   p.Script,
		Target:   in.Target.String(),
	}, nil
}

// planned is what preview and execute ask for alike.
type planned interface {
	GetModules() *lockstepv1.ModuleSet
	GetTarget() string
	GetStrategy() lockstepv1.Strategy
}

// request reads what preview and execute have in common.
func (s *migrationService) request(ctx context.Context, req planned) (migrate.Request, []string, error) {
	var out migrate.Request
	var err error
	if out.Target, err = dialect.ParseTarget(req.GetTarget()); err != nil {
		return out, nil, err
	}
	if out.Strategy, err = fromStrategy(req.GetStrategy()); err != nil {
		return out, nil, err
	}
	var warnings []string
	out.Modules, warnings, err = s.sets.read(ctx, req.GetModules())
	return out, warnings, err
}
