package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// parallelFetches bounds how many of a go.mod's modules are looked at at once.
const parallelFetches = 8

// references returns what to resolve: the set's own references, with versions
// from the go.mod where they have none, or else the entity modules among what
// the go.mod requires. Warnings tell what the go.mod says that is not followed.
func (s *Service) references(ctx context.Context, set ModuleSet) ([]module.Ref, []string, error) {
	if len(set.GoMod) == 0 {
		if len(set.Refs) == 0 {
			return nil, nil, fault.New(fault.Invalid, "NO_MODULES", "no module is named").
				Suggest("name modules as PATH@VERSION, or give the go.mod of a service")
		}
		return set.Refs, nil, nil
	}
	required, err := module.ReadGoMod(set.GoMod, "go.mod")
	if err != nil {
		return nil, nil, err
	}
	if len(set.Refs) == 0 {
		return s.entityModules(ctx, set, required)
	}
	refs := slices.Clone(set.Refs)
	for i, r := range refs {
		if r.Query != "" {
			continue
		}
		if refs[i], err = pinned(r, required); err != nil {
			return nil, nil, err
		}
	}
	warnings, err := s.directories(ctx, refs, required)
	return refs, warnings, err
}

// pinned gives a reference without a query the version that a go.mod requires.
func pinned(ref module.Ref, required *module.Requirements) (module.Ref, error) {
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

// candidate says what a module that a go.mod requires is to us.
type candidate uint8

const (
	isOther candidate = iota
	isEntities
	isMissing
)

// entityModules takes the entity modules among those that a go.mod requires.
func (s *Service) entityModules(ctx context.Context, set ModuleSet, required *module.Requirements) ([]module.Ref, []string, error) {
	states := make([]candidate, len(required.Refs))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelFetches)
	for i, ref := range required.Refs {
		group.Go(func() error {
			var err error
			states[i], err = s.candidate(gctx, set, ref)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	var refs []module.Ref
	var missing []string
	for i, ref := range required.Refs {
		switch states[i] {
		case isEntities:
			refs = append(refs, ref)
		case isMissing:
			missing = append(missing, ref.Path+"@"+ref.Query)
		case isOther:
		}
	}
	if len(refs) == 0 {
		return nil, nil, fault.New(fault.Invalid, "GO_MOD_NO_ENTITIES",
			"none of the %d modules that the go.mod requires is an entity module", len(required.Refs)).
			Suggest("an entity module holds a %s; for one that does not, name it and give a manifest or patterns", manifestFile)
	}
	warnings, err := s.directories(ctx, refs, required)
	if err != nil {
		return nil, nil, err
	}
	if len(missing) > 0 {
		warnings = append(warnings, "left out, because no module source has them: "+strings.Join(missing, ", "))
	}
	for path, by := range required.Forks {
		warnings = append(warnings, fmt.Sprintf("left out, because the go.mod replaces it by %s: %s", by, path))
	}
	slices.Sort(warnings)
	return refs, warnings, nil
}

func (s *Service) candidate(ctx context.Context, set ModuleSet, ref module.Ref) (candidate, error) {
	if _, given := set.Manifests[ref.Path]; given {
		return isEntities, nil
	}
	m, err := s.cfg.Modules.Fetch(ctx, ref.Path, ref.Query)
	switch f := fault.As(err); {
	case f != nil && f.Kind == fault.NotFound:
		return isMissing, nil
	case err != nil:
		return isOther, err
	case hasManifest(m):
		return isEntities, nil
	default:
		return isOther, nil
	}
}

// directories warns of modules that the go.mod replaces by a directory which is
// not read here.
func (s *Service) directories(ctx context.Context, refs []module.Ref, required *module.Requirements) ([]string, error) {
	var out []string
	for _, r := range refs {
		dir, ok := required.Dirs[r.Path]
		if !ok {
			continue
		}
		v, _, err := s.cfg.Modules.Query(ctx, r)
		if err != nil {
			return nil, err
		}
		if v.Version != module.Replaced {
			out = append(out, fmt.Sprintf("the go.mod replaces %s by the directory %s; the released %s is used", r.Path, dir, r.Query))
		}
	}
	return out, nil
}
