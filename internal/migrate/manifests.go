package migrate

import (
	"bytes"
	"context"
	"io/fs"
	"time"

	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/module"
)

// manifestFinder finds modules with the manifests that the operator gave in the
// place of their own, so that a module which is only reached through a relation
// is named as it would be if it were read itself.
type manifestFinder struct {
	entity.Finder
	manifests map[string][]byte // text by module path
}

// finder binds the finding of modules to a selection and to a set's manifests.
func (s *Service) finder(sel *module.Selection, texts map[string][]byte) entity.Finder {
	found := s.cfg.Modules.With(sel)
	if len(texts) == 0 {
		return found
	}
	return &manifestFinder{Finder: found, manifests: texts}
}

// Find implements entity.Finder.
func (f *manifestFinder) Find(ctx context.Context, from *module.Module, importPath string) (*module.Module, error) {
	m, err := f.Finder.Find(ctx, from, importPath)
	if err != nil || m == nil {
		return m, err
	}
	text, given := f.manifests[m.Path]
	if !given {
		return m, nil
	}
	with := *m // fetched modules are shared
	with.FS = overlay{FS: m.FS, text: text}
	return &with, nil
}

// encodeManifests renders a set's manifests.
func encodeManifests(set ModuleSet) (map[string][]byte, error) {
	out := map[string][]byte{}
	for path, m := range set.Manifests {
		text, err := m.Encode()
		if err != nil {
			return nil, err
		}
		out[path] = text
	}
	return out, nil
}

// overlay is the content of a module with another manifest at its root.
type overlay struct {
	fs.FS
	text []byte
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if name == manifestFile {
		return &overlaid{Reader: bytes.NewReader(o.text), size: int64(len(o.text))}, nil
	}
	return o.FS.Open(name)
}

// overlaid is the manifest as an open file, and its own description.
type overlaid struct {
	*bytes.Reader
	size int64
}

// Stat implements fs.File.
func (f *overlaid) Stat() (fs.FileInfo, error) { return overlaidInfo{f.size}, nil }

// Close implements fs.File.
func (*overlaid) Close() error { return nil }

type overlaidInfo struct{ size int64 }

// Name implements fs.FileInfo.
func (overlaidInfo) Name() string { return manifestFile }

// Size implements fs.FileInfo.
func (i overlaidInfo) Size() int64 { return i.size }

// Mode implements fs.FileInfo.
func (overlaidInfo) Mode() fs.FileMode { return 0o444 }

// ModTime implements fs.FileInfo.
func (overlaidInfo) ModTime() time.Time { return time.Time{} }

// IsDir implements fs.FileInfo.
func (overlaidInfo) IsDir() bool { return false }

// Sys implements fs.FileInfo.
func (overlaidInfo) Sys() any { return nil }
