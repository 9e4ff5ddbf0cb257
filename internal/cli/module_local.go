package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/mod/modfile"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// workingCopy is a directory that holds a module.
type workingCopy struct {
	dir  string // as it was given
	path string // of the module
	// dirs are the directories that stand for modules: this one, and those that
	// its go.mod replaces by one, as the go command reads it there.
	dirs map[string]string
}

// openWorkingCopy reads which module a directory holds.
func openWorkingCopy(dir string) (*workingCopy, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := readFile(name, "the go.mod")
	if err != nil {
		return nil, err
	}
	path := modfile.ModulePath(data)
	if path == "" {
		return nil, fault.New(fault.Invalid, "GO_MOD_INVALID", "%s names no module", name).
			Suggest("write: module example.com/entities/crm")
	}
	required, err := module.ReadGoMod(data, name)
	if err != nil {
		return nil, err
	}
	w := &workingCopy{dir: dir, path: path, dirs: replacedDirs(required, dir)}
	w.dirs[path] = dir
	return w, nil
}

// connectLocal starts the services in this process, with the directory in the
// place of its module: a server elsewhere does not see this machine's files.
func (a *app) connectLocal(cmd *cobra.Command, f *connectFlags, w *workingCopy) (*connection, error) {
	if f.address != "" {
		return nil, usagef(cmd, "%s reads the directory %s of this machine, which the server at %s does not see: leave --address out",
			cmd.CommandPath(), w.dir, f.address)
	}
	local, getenv := *a, a.env.Getenv
	local.env.Getenv = func(name string) string {
		if name == envAddress {
			return "" // whatever other commands talk to
		}
		return getenv(name)
	}
	return local.connect(cmd.Context(), cmd, f, w.dirs)
}
