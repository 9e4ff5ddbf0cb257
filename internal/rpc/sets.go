package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
)

// manifestName is the file that makes a required module an entity module.
const manifestName = "lockstep.yaml"

// parallelFetches bounds how many of a go.mod's modules are looked at at once.
const parallelFetches = 8

// sets turns the API's module sets into those of the use cases.
type sets struct {
	migrator migrate.Migrator
	modules  Modules
	replaced []string
}

// read returns the set and what the caller should know about it.
func (s *sets) read(ctx context.Context, m *lockstepv1.ModuleSet) (migrate.ModuleSet, []string, error) {
	out := migrate.ModuleSet{Entities: m.GetEntities(), Manifests: map[string]*entity.Manifest{}}
	for path, text := range m.GetManifests() {
		manifest, err := entity.ParseManifest([]byte(text), "manifest of "+path)
		if err != nil {
			return out, nil, err
		}
		out.Manifests[path] = manifest
	}
	var required *module.Requirements
	if len(m.GetGoMod()) > 0 {
		var err error
		if required, err = module.ReadGoMod(m.GetGoMod(), "go.mod"); err != nil {
			return out, nil, err
		}
	}
	for _, r := range m.GetRefs() {
		ref, err := module.ParseRef(joinRef(r.GetPath(), r.GetQuery()))
		if err != nil {
			return out, nil, err
		}
		if ref.Query == "" && required != nil {
			if ref, err = s.pinned(ref, required); err != nil {
				return out, nil, err
			}
		}
		out.Refs = append(out.Refs, ref)
	}
	if len(out.Refs) > 0 {
		return out, s.directories(out.Refs, required), nil
	}
	return s.fromGoMod(ctx, out, required)
}

func joinRef(path, query string) string {
	if query == "" {
		return path
	}
	return path + "@" + query
}

// pinned gives a reference without a query the version that a go.mod requires.
func (s *sets) pinned(ref module.Ref, required *module.Requirements) (module.Ref, error) {
	if by, ok := required.Forks[ref.Path]; ok {
		return ref, fault.New(fault.Unsupported, "GO_MOD_FORK", "the go.mod replaces %s by another module, %s", ref.Path, by).
			Suggest("name the module with a version, or give a working copy of the fork as replacement")
	}
	for _, r := range required.Refs {
		if r.Path == ref.Path {
			return r, nil
		}
	}
	return ref, fault.New(fault.Invalid, "GO_MOD_NOT_REQUIRED", "the go.mod does not require %s", ref.Path).
		Suggest("name a version, as in %s@latest", ref.Path)
}

// fromGoMod takes the entity modules among those that a go.mod requires.
func (s *sets) fromGoMod(
	ctx context.Context, set migrate.ModuleSet, required *module.Requirements,
) (migrate.ModuleSet, []string, error) {
	states := make([]candidate, len(required.Refs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelFetches)
	for i, ref := range required.Refs {
		group.Go(func() error {
			var err error
			states[i], err = s.candidate(ctx, set, ref)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return set, nil, err
	}
	var missing []string
	for i, ref := range required.Refs {
		switch states[i] {
		case isEntities:
			set.Refs = append(set.Refs, ref)
		case isMissing:
			missing = append(missing, ref.Path+"@"+ref.Query)
		case isOther:
		}
	}
	if len(set.Refs) == 0 {
		return set, nil, fault.New(fault.Invalid, "GO_MOD_NO_ENTITIES",
			"none of the %d modules that the go.mod requires is an entity module", len(required.Refs)).
			Suggest("an entity module holds a %s; for one that does not, name it and give a manifest or patterns", manifestName)
	}
	warnings := s.directories(set.Refs, required)
	if len(missing) > 0 {
		warnings = append(warnings, fmt.Sprintf(
			"left out, because no module source has them: %s", strings.Join(missing, ", ")))
	}
	for path, by := range required.Forks {
		warnings = append(warnings, fmt.Sprintf("left out, because the go.mod replaces it by %s: %s", by, path))
	}
	slices.Sort(warnings)
	return set, warnings, nil
}

// candidate says what a module that a go.mod requires is to us.
type candidate uint8

const (
	isOther candidate = iota
	isEntities
	isMissing
)

func (s *sets) candidate(ctx context.Context, set migrate.ModuleSet, ref module.Ref) (candidate, error) {
	if _, given := set.Manifests[ref.Path]; given {
		return isEntities, nil
	}
	m, err := s.modules.Fetch(ctx, ref.Path, ref.Query)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
		return isMissing, nil
	}
	if err != nil {
		return isOther, err
	}
	_, err = fs.Stat(m.FS, manifestName)
	switch {
	case err == nil:
		return isEntities, nil
	case errors.Is(err, fs.ErrNotExist):
		return isOther, nil
	default:
		return isOther, fault.Wrap(err, fault.Corrupt, "MODULE_UNREADABLE", "the content of %s cannot be read", m.Version)
	}
}

// directories warns of modules that the go.mod replaces by a directory which
// this server does not see.
func (s *sets) directories(refs []module.Ref, required *module.Requirements) []string {
	if required == nil {
		return nil
	}
	var out []string
	for _, r := range refs {
		if dir, ok := required.Dirs[r.Path]; ok && !slices.Contains(s.replaced, r.Path) {
			out = append(out, fmt.Sprintf("the go.mod replaces %s by the directory %s; the released %s is used", r.Path, dir, r.Query))
		}
	}
	return out
}
