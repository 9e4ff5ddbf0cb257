package module

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Finder finds the modules that provide packages, as a selection has it. It
// implements entity.Finder.
type Finder struct {
	client *Client
	chosen *Selection
}

// With binds the finding of modules to a selection; nil: to none.
func (c *Client) With(sel *Selection) *Finder { return &Finder{client: c, chosen: sel} }

// Find is Finder.Find without a selection.
func (c *Client) Find(ctx context.Context, from *Module, importPath string) (*Module, error) {
	return c.With(nil).Find(ctx, from, importPath)
}

// Find returns the module that provides the package importPath to the module
// from: of the modules that from requires, from itself, and the replaced ones,
// the one with the longest matching path that holds the package (Go Modules
// Reference, "Resolving a package to a module"). Its version is that of the
// selection, else the one that from's go.mod requires; a replaced path gives
// its working copy.
//
// It answers (nil, nil) when no module or no source has it, which includes
// sources that are switched off. A source that cannot be reached is an error,
// and so is a module whose content cannot be trusted or read.
func (f *Finder) Find(ctx context.Context, from *Module, importPath string) (*Module, error) {
	wanted := f.candidates(from)
	paths := slices.Collect(maps.Keys(wanted))
	paths = slices.DeleteFunc(paths, func(p string) bool { return !provides(p, importPath) })
	slices.SortFunc(paths, func(a, b string) int { return len(b) - len(a) })
	for _, path := range paths {
		m := from
		if path != from.Path {
			var err error
			if m, err = f.client.Fetch(ctx, path, wanted[path]); err != nil {
				if fault.KindOf(err) == fault.NotFound || fault.ReasonOf(err) == ReasonSourceOff {
					continue
				}
				return nil, err
			}
		}
		if holdsPackage(m.FS, strings.TrimPrefix(strings.TrimPrefix(importPath, path), "/")) {
			return m, nil
		}
	}
	return nil, nil //nolint:nilnil // the contract of entity.Finder
}

// candidates are the modules that from sees, with the version it sees.
func (f *Finder) candidates(from *Module) map[string]string {
	seen := map[string]string{from.Path: from.Version.Version}
	if from.File != nil {
		for _, r := range from.File.Require {
			seen[r.Mod.Path] = r.Mod.Version
		}
	}
	for path := range seen {
		if v, ok := f.chosen.Version(path); ok {
			seen[path] = v.Version
		}
	}
	for path := range f.client.replace {
		seen[path] = Replaced
	}
	return seen
}

// provides reports whether a module's path is that of a package or a parent.
func provides(path, importPath string) bool {
	return importPath == path || strings.HasPrefix(importPath, path+"/")
}

// holdsPackage reports whether a directory of a module holds Go files.
func holdsPackage(content fs.FS, dir string) bool {
	if dir == "" {
		dir = "."
	}
	files, err := fs.ReadDir(content, dir)
	return err == nil && slices.ContainsFunc(files, func(f fs.DirEntry) bool {
		return !f.IsDir() && strings.HasSuffix(f.Name(), ".go")
	})
}
