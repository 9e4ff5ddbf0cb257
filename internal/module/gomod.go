package module

import (
	"maps"
	"slices"

	"golang.org/x/mod/modfile"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Requirements is what a business service's go.mod says about the modules that
// it compiles in.
type Requirements struct {
	// Refs are the required modules at the versions that are compiled in,
	// sorted by path: replacements by another version are followed.
	Refs []Ref
	// Dirs are the modules that a directory replaces, by path. They are in
	// Refs too, at the version that is required; to read what is compiled in,
	// give them as Config.Replace. Directories are as written, relative to the
	// go.mod.
	Dirs map[string]string
	// Forks are the modules that another module replaces, by path, as
	// path@version. They are not in Refs: under their own path no source has
	// the content that is compiled in.
	Forks map[string]string
}

// FromGoMod returns the modules that a business service's go.mod requires, at
// the versions it compiles in: Requirements.Refs. name says in errors
// which file it is. Errors are Invalid, MODULE_GOMOD_INVALID.
func FromGoMod(data []byte, name string) ([]Ref, error) {
	r, err := ReadGoMod(data, name)
	if err != nil {
		return nil, err
	}
	return r.Refs, nil
}

// ReadGoMod reads a business service's go.mod. It is the main module's, so its
// replace directives count (Go Modules Reference, "replace directive"), one for
// a single version before one for all. Errors are Invalid, MODULE_GOMOD_INVALID.
func ReadGoMod(data []byte, name string) (*Requirements, error) {
	f, err := modfile.Parse(name, data, nil)
	if err != nil {
		return nil, badGoMod(name, err)
	}
	if f.Module == nil {
		return nil, fault.New(fault.Invalid, ReasonGoModInvalid, "the go.mod of %s has no module line", name).
			Suggest("name the go.mod of the business service")
	}
	out := &Requirements{Dirs: map[string]string{}, Forks: map[string]string{}}
	versions := map[string]string{}
	for _, r := range f.Require {
		path, version := r.Mod.Path, r.Mod.Version
		switch by := replacement(f, path, version); {
		case by == nil:
		case by.New.Version == "":
			out.Dirs[path] = by.New.Path
		case by.New.Path == path:
			version = by.New.Version
		default:
			out.Forks[path] = by.New.Path + "@" + by.New.Version
			continue
		}
		versions[path] = version
	}
	for _, path := range slices.Sorted(maps.Keys(versions)) {
		out.Refs = append(out.Refs, Ref{Path: path, Query: versions[path]})
	}
	return out, nil
}

// replacement finds the directive that replaces a version.
func replacement(f *modfile.File, path, version string) *modfile.Replace {
	var all *modfile.Replace
	for _, r := range f.Replace {
		switch {
		case r.Old.Path != path:
		case r.Old.Version == version:
			return r
		case r.Old.Version == "":
			all = r
		}
	}
	return all
}
