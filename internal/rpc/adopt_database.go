package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// AdoptDatabase makes a tenant of a database that something else has created.
func (s *migrationService) AdoptDatabase(
	ctx context.Context, req *lockstepv1.AdoptDatabaseRequest,
) (*lockstepv1.AdoptDatabaseResponse, error) {
	at, err := s.places.of(ctx, req)
	if err != nil {
		return nil, err
	}
	modules, err := at.modules(req.GetModules())
	if err != nil {
		return nil, err
	}
	r, err := s.migrator.Adopt(ctx, migrate.AdoptRequest{
		Modules: modules, Target: at.target, Actor: req.GetActor(),
		Preview: req.GetPreview(), Again: req.GetAgain(), LockWait: wait(req.GetLockWait()),
	})
	if err != nil {
		return nil, err
	}
	return toAdoption(r, at.target), nil
}

func toAdoption(r *migrate.AdoptReport, target dialect.Target) *lockstepv1.AdoptDatabaseResponse {
	return &lockstepv1.AdoptDatabaseResponse{
		Revision: r.Revision, Differences: toDifferences(r.Differences), Method: toMethod(r.Method), MethodReason: r.Reason,
		Tables: i32(r.Tables), Unowned: r.Unowned, References: toReferences(r.References),
		Modules: toModuleVersions(r.Modules), Warnings: r.Warnings, Target: target.String(),
	}
}
