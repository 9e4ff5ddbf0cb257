package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/module"
)

// setFlags say what a target is composed from.
type setFlags struct {
	modules   []string
	goMod     string
	manifests []string
	entities  []string
	target    *targetFlag // of a tenant that has modules; may be nil
}

// addSet gives a command the flags of a module set; withModules those that
// choose modules, too.
func addSet(cmd *cobra.Command, withModules bool) *setFlags {
	f := &setFlags{}
	if withModules {
		cmd.Flags().StringArrayVar(&f.modules, "module", nil,
			"PATH@VERSION of an entity module; repeatable; VERSION may be a query such as latest, v1 or >=v1.2.0")
		cmd.Flags().StringVar(&f.goMod, "go-mod", "",
			"take versions from this go.mod of a service: for --module PATH, or, without --module, for all its entity modules")
	}
	cmd.Flags().StringArrayVar(&f.manifests, "manifest", nil,
		"PATH=FILE: use this lockstep.yaml for the module PATH, which has none; repeatable")
	cmd.Flags().StringArrayVar(&f.entities, "entities", nil,
		"which packages or types are entities, such as ./types or ./types.User, for modules without a manifest; repeatable")
	return f
}

// read builds the message, and tells what the go.mod replaces by directories.
func (f *setFlags) read(cmd *cobra.Command) (*lockstepv1.ModuleSet, map[string]string, error) {
	if len(f.modules) == 0 && f.goMod == "" {
		if f.target != nil && f.target.tenant != "" && len(f.manifests)+len(f.entities) == 0 {
			return nil, nil, nil
		}
		return nil, nil, usagef(cmd, "say what to bring the tenant to: --module PATH@VERSION, or --go-mod FILE")
	}
	out := &lockstepv1.ModuleSet{Entities: f.entities}
	var err error
	if out.Refs, err = refs(f.modules); err != nil {
		return nil, nil, err
	}
	if out.Manifests, err = f.readManifests(cmd); err != nil {
		return nil, nil, err
	}
	if f.goMod == "" {
		return out, nil, nil
	}
	if out.GoMod, err = readFile(f.goMod, "the go.mod"); err != nil {
		return nil, nil, err
	}
	required, err := module.ReadGoMod(out.GetGoMod(), f.goMod)
	if err != nil {
		return nil, nil, err
	}
	return out, replacedDirs(required, filepath.Dir(f.goMod)), nil
}

// replacedDirs are the directories that the go.mod in base replaces modules by.
func replacedDirs(required *module.Requirements, base string) map[string]string {
	dirs := map[string]string{}
	for path, dir := range required.Dirs {
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(base, dir)
		}
		dirs[path] = dir
	}
	return dirs
}

func (f *setFlags) readManifests(cmd *cobra.Command) (map[string]string, error) {
	out := map[string]string{}
	for _, m := range f.manifests {
		path, file, ok := strings.Cut(m, "=")
		if !ok || path == "" || file == "" {
			return nil, usagef(cmd, "--manifest %q is not PATH=FILE", m)
		}
		data, err := readFile(file, "the manifest")
		if err != nil {
			return nil, err
		}
		out[path] = string(data)
	}
	return out, nil
}

// refs reads PATH@QUERY items.
func refs(items []string) ([]*lockstepv1.ModuleRef, error) {
	out := make([]*lockstepv1.ModuleRef, 0, len(items))
	for _, item := range items {
		ref, err := module.ParseRef(item)
		if err != nil {
			return nil, err
		}
		out = append(out, &lockstepv1.ModuleRef{Path: ref.Path, Query: ref.Query})
	}
	return out, nil
}
