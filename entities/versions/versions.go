// Package versions holds every released version of the example entity modules,
// one txtar archive each, so that demos and tests can publish and upgrade them.
//
// The directories beside this one hold the newest version of each module, and of
// each major version of it, as ordinary Go code; a test holds the newest archives
// against them.
package versions

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
	"golang.org/x/tools/txtar"
)

//go:embed */*.txtar
var archives embed.FS

// Prefix is the path that all example modules begin with.
const Prefix = "github.com/lockstepdb/lockstep/entities/"

// Release is one version of an example module.
type Release struct {
	Name    string // the module's name, such as "crm"
	Version string // such as "v1.2.0"
	Story   string // what is new, in one line
	Files   []txtar.File
}

// Path returns the module's path. From v2 on it ends in the major version, as
// everywhere in Go.
func (r Release) Path() string { return Prefix + r.Dir() }

// Dir returns the directory beside this one, slash-separated, that holds the
// newest version of the release's major version.
func (r Release) Dir() string {
	if major := semver.Major(r.Version); major != "v0" && major != "v1" {
		return r.Name + "/" + major
	}
	return r.Name
}

// All returns every release, sorted by name and version.
func All() ([]Release, error) {
	names, err := fs.Glob(archives, "*/*.txtar")
	if err != nil {
		return nil, fmt.Errorf("list releases: %w", err)
	}
	var out []Release
	for _, name := range names {
		data, err := archives.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read release: %w", err)
		}
		a := txtar.Parse(data)
		out = append(out, Release{
			Name:    path.Dir(name),
			Version: strings.TrimSuffix(path.Base(name), ".txtar"),
			Story:   strings.TrimSpace(string(a.Comment)),
			Files:   a.Files,
		})
	}
	slices.SortFunc(out, func(a, b Release) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return semver.Compare(a.Version, b.Version)
	})
	return out, nil
}

// WriteTo writes the release's files below dir.
func (r Release) WriteTo(dir string) error {
	for _, f := range r.Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			return fmt.Errorf("unpack %s %s: %w", r.Name, r.Version, err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			return fmt.Errorf("unpack %s %s: %w", r.Name, r.Version, err)
		}
	}
	return nil
}
