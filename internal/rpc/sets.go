package rpc

import (
	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
)

// fromModuleSet turns the API's module set into that of the use cases.
func fromModuleSet(m *lockstepv1.ModuleSet) (migrate.ModuleSet, error) {
	out := migrate.ModuleSet{GoMod: m.GetGoMod(), Entities: m.GetEntities(), Manifests: map[string]*entity.Manifest{}}
	for path, text := range m.GetManifests() {
		manifest, err := entity.ParseManifest([]byte(text), "manifest of "+path)
		if err != nil {
			return out, err
		}
		out.Manifests[path] = manifest
	}
	for _, r := range m.GetRefs() {
		ref, err := module.ParseRef(joinRef(r.GetPath(), r.GetQuery()))
		if err != nil {
			return out, err
		}
		out.Refs = append(out.Refs, ref)
	}
	return out, nil
}

func joinRef(path, query string) string {
	if query == "" {
		return path
	}
	return path + "@" + query
}
