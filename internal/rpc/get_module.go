package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// GetModule reads one version of a module. What it refers to in other modules
// must resolve, so the whole set is composed; the tables returned are its own.
func (s *moduleService) GetModule(
	ctx context.Context, req *lockstepv1.GetModuleRequest,
) (*lockstepv1.GetModuleResponse, error) {
	wanted := &lockstepv1.ModuleSet{
		Refs:     []*lockstepv1.ModuleRef{{Path: req.GetPath(), Query: req.GetVersion()}},
		Entities: req.GetEntities(),
	}
	if req.GetManifest() != "" {
		wanted.Manifests = map[string]string{req.GetPath(): req.GetManifest()}
	}
	set, err := fromModuleSet(wanted)
	if err != nil {
		return nil, err
	}
	target, err := s.migrator.Compose(ctx, set)
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.GetModuleResponse{Warnings: target.Warnings}
	for _, v := range target.Modules {
		if v.Path == req.GetPath() {
			out.Module = toModuleVersion(v)
		} else {
			out.Requires = append(out.Requires, toModuleVersion(v))
		}
	}
	if out.GetModule() == nil {
		return nil, fault.New(fault.Bug, "MODULE_LOST", "module %s is not among those that were composed", req.GetPath())
	}
	for _, t := range target.Schema.Tables {
		if t.Origin.Module == req.GetPath() {
			out.Tables = append(out.Tables, toTable(t))
		} else if added := addedBy(t, req.GetPath()); added != nil {
			out.Extensions = append(out.Extensions, toTable(added))
		}
	}
	return out, nil
}
