package module

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Finder finds the modules that provide packages, as a selection has it. It
// implements entity.Finder.
type Finder struct {
	client *Client
	chosen *Selection

	mu sync.Mutex
	// found holds, by path@version, what a run must not see twice with a
	// different answer: working copies, and, as nil, what no source has.
	found map[string]*Module
}

// With binds the finding of modules to a selection; nil: to none. A Finder is
// for one run: it reads a working copy once, and asks once for what is missing.
func (c *Client) With(sel *Selection) *Finder {
	return &Finder{client: c, chosen: sel, found: map[string]*Module{}}
}

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
			if m, err = f.fetch(ctx, path, wanted[path]); err != nil {
				return nil, err
			}
		}
		if m == nil {
			continue
		}
		if holdsPackage(m.FS, strings.TrimPrefix(strings.TrimPrefix(importPath, path), "/")) {
			return m, nil
		}
	}
	return nil, nil // the contract of entity.Finder
}

// fetch fetches a module; nil when no source has it.
func (f *Finder) fetch(ctx context.Context, path, version string) (*Module, error) {
	key := path + "@" + version
	f.mu.Lock()
	m, known := f.found[key]
	f.mu.Unlock()
	if known {
		return m, nil
	}
	m, err := f.client.Fetch(ctx, path, version)
	if err != nil && fault.KindOf(err) != fault.NotFound && fault.ReasonOf(err) != ReasonSourceOff {
		return nil, err
	}
	if m == nil || m.Replaced {
		f.mu.Lock()
		defer f.mu.Unlock()
		if first, known := f.found[key]; known {
			return first, nil
		}
		f.found[key] = m
	}
	return m, nil
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
