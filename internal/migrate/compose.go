package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/compose"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// manifestFile is the manifest at a module's root.
const manifestFile = "lockstep.yaml"

// Compose implements Migrator. Modules whose entities are referred to, or that
// a manifest requires, join the set at the version their requirers demand.
func (s *Service) Compose(ctx context.Context, set ModuleSet) (*Target, error) {
	refs, warnings, err := s.references(ctx, set)
	if err != nil {
		return nil, err
	}
	var also []string
	for {
		sel, err := s.cfg.Modules.Select(ctx, refs, also)
		if err != nil {
			return nil, err
		}
		results, err := s.readAll(ctx, set, refs, sel)
		if err != nil {
			return nil, err
		}
		missing := unselected(sel, results)
		if len(missing) == 0 {
			t, err := composed(sel, results, warnings)
			if err != nil {
				return nil, err
			}
			for _, r := range refs {
				t.Named = append(t.Named, r.Path)
			}
			return t, nil
		}
		also = append(also, missing...)
	}
}

func composed(sel *module.Selection, results []*entity.Result, warnings []string) (*Target, error) {
	target, err := compose.Compose(results)
	if err != nil {
		return nil, err
	}
	t := &Target{Schema: target, Warnings: slices.Concat(warnings, sel.Warnings), Edges: sel.Edges}
	for _, r := range results {
		t.Modules = append(t.Modules, r.Module)
		t.LeaveAlone = append(t.LeaveAlone, r.LeaveAlone...)
		for _, w := range r.Warnings {
			t.Warnings = append(t.Warnings, r.Module.Path+": "+w)
		}
	}
	slices.Sort(t.LeaveAlone)
	t.LeaveAlone = slices.Compact(t.LeaveAlone)
	slices.SortFunc(t.Modules, func(a, b module.Version) int { return strings.Compare(a.Path, b.Path) })
	return t, nil
}

// unselected returns the paths that were found to be needed and are not there.
func unselected(sel *module.Selection, results []*entity.Result) []string {
	var out []string
	for _, r := range results {
		for _, path := range r.Requires {
			if _, ok := sel.Version(path); !ok && !slices.Contains(out, path) {
				out = append(out, path)
			}
		}
	}
	return out
}

func (s *Service) readAll(ctx context.Context, set ModuleSet, refs []module.Ref, sel *module.Selection) ([]*entity.Result, error) {
	texts, err := encodeManifests(set)
	if err != nil {
		return nil, err
	}
	results := make([]*entity.Result, 0, len(sel.Versions))
	var problems []fault.Violation
	var unreadable *fault.Error
	for _, v := range sel.Versions {
		opts := entity.Options{Manifest: set.Manifests[v.Path]}
		if opts.Manifest == nil && slices.ContainsFunc(refs, func(r module.Ref) bool { return r.Path == v.Path }) {
			opts.Entities = set.Entities
		}
		r, err := s.read(ctx, v, sel, opts, texts)
		if f := fault.As(err); f != nil && len(f.Violations) > 0 {
			unreadable = f
			problems = append(problems, f.Violations...)
			continue
		}
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	if unreadable != nil {
		all := *unreadable
		all.Violations = problems
		return nil, &all
	}
	return results, nil
}

// read reads one module, or takes it from the cache: content is immutable, so
// the hashes of everything it may draw types from are the key, with the texts of
// the manifests that the operator gave.
func (s *Service) read(
	ctx context.Context, v module.Version, sel *module.Selection, opts entity.Options, texts map[string][]byte,
) (*entity.Result, error) {
	mod, err := s.cfg.Modules.Fetch(ctx, v.Path, v.Version)
	if err != nil {
		return nil, err
	}
	if opts.Manifest == nil && hasManifest(mod) {
		opts.Entities = nil // its own manifest speaks for it
	}
	key := readKey(mod, sel, opts, texts)
	if r, ok := s.reads.Get(key); ok {
		return r, nil
	}
	r, err := entity.Read(ctx, mod, s.finder(sel, texts), opts)
	if err != nil {
		return nil, err
	}
	if !draws(sel, mod) {
		s.reads.Add(key, r)
	}
	return r, nil
}

// draws tells whether a module may draw types from a working copy, whose
// content has no hash before it is read.
func draws(sel *module.Selection, mod *module.Module) bool {
	if mod.Replaced {
		return true
	}
	return slices.ContainsFunc(sel.Versions, func(v module.Version) bool { return v.Version == module.Replaced })
}

func readKey(mod *module.Module, sel *module.Selection, opts entity.Options, texts map[string][]byte) string {
	h := sha256.New()
	put := func(format string, args ...any) { _, _ = fmt.Fprintf(h, format, args...) } // a hash never fails
	put("%q %q %q\n%q\n", mod.Path, mod.Version.Version, mod.Sum, opts.Entities)
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		put("%q %q\n", path, texts[path])
	}
	for _, v := range sel.Versions {
		put("%q %q\n", v.Path, v.Version)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hasManifest(mod *module.Module) bool {
	_, err := fs.Stat(mod.FS, manifestFile)
	return err == nil
}

// lower gives the target its physical form on one engine, shared by all
// tenants with the same modules. The modules are part of the key because the
// fingerprint leaves rename hints out.
func (s *Service) lower(d dialect.Dialect, variant string, t *Target) (*lowered, error) {
	key := fmt.Sprintf("%s %s %s %q", d.Engine(), variant, t.Schema.Fingerprint(), t.Modules)
	if l, ok := s.targets.Get(key); ok {
		return l, nil
	}
	physical, err := d.Lower(t.Schema)
	if err != nil {
		return nil, err
	}
	l := &lowered{schema: physical, fingerprint: physical.Fingerprint()}
	s.targets.Add(key, l)
	return l, nil
}
