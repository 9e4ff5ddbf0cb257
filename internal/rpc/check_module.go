package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// CheckModule finds every problem of a module.
func (s *moduleService) CheckModule(
	ctx context.Context, req *lockstepv1.CheckModuleRequest,
) (*lockstepv1.CheckModuleResponse, error) {
	in := migrate.CheckRequest{Entities: req.GetEntities(), Against: req.GetAgainst()}
	var err error
	if in.Ref, err = module.ParseRef(joinRef(req.GetPath(), req.GetVersion())); err != nil {
		return nil, err
	}
	if req.GetManifest() != "" {
		if in.Manifest, err = entity.ParseManifest([]byte(req.GetManifest()), "manifest of "+req.GetPath()); err != nil {
			return nil, err
		}
	}
	for _, e := range req.GetEngines() {
		engine, err := fromEngine(e)
		if err != nil {
			return nil, err
		}
		in.Engines = append(in.Engines, engine)
	}
	found, err := s.migrator.Check(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.CheckModuleResponse{
		Module: toModuleVersion(found.Module), Tables: i32(found.Tables), Warnings: found.Warnings,
		Engines: toEngines(found.Engines),
	}
	for _, p := range found.Problems {
		out.Problems = append(out.Problems, &lockstepv1.ModuleProblem{
			Violation: status.Violation(p.Violation), Reason: p.Reason, Engines: toEngines(p.Engines),
		})
	}
	if found.Against != nil {
		out.Against = toModuleVersion(*found.Against)
	}
	for _, a := range found.Changes {
		out.Changes = append(out.Changes, toAssessed(a))
	}
	return out, nil
}

func toEngines(engines []dialect.Engine) []lockstepv1.Engine {
	out := make([]lockstepv1.Engine, 0, len(engines))
	for _, e := range engines {
		out = append(out, toEngine(e))
	}
	return out
}

func fromEngine(e lockstepv1.Engine) (dialect.Engine, error) {
	for _, known := range []dialect.Engine{
		dialect.Postgres, dialect.MySQL, dialect.MariaDB, dialect.SQLServer, dialect.SQLite,
	} {
		if toEngine(known) == e {
			return known, nil
		}
	}
	return "", fault.New(fault.Invalid, "ENGINE_UNKNOWN", "there is no engine %s", e)
}
