package versions_test

import (
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/entities/versions"
)

var update = flag.Bool("update", false, "make the newest archives anew")

func releases(t *testing.T) []versions.Release {
	t.Helper()
	all, err := versions.All()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// TestNewestIsWorkingTree: what is released last is what the directory holds.
// With -update the newest archive is made anew from the directory: for a release
// that is not published yet.
func TestNewestIsWorkingTree(t *testing.T) {
	newest := map[string]versions.Release{}
	for _, r := range releases(t) {
		newest[r.Dir()] = r // sorted: the last one wins
	}
	for dir, r := range newest {
		files := workingTree(t, filepath.Join("..", filepath.FromSlash(dir)))
		released := byName(r.Files)
		if *update && !maps.Equal(released, byName(files)) {
			archive := txtar.Format(&txtar.Archive{Comment: []byte(r.Story + "\n"), Files: files})
			require.NoError(t, os.WriteFile(filepath.Join(r.Name, r.Version+".txtar"), archive, 0o600))
			continue
		}
		for _, f := range files {
			require.Contains(t, released, f.Name, "%s/%s is not in release %s", dir, f.Name, r.Version)
			require.Equal(t, released[f.Name], string(f.Data), "%s/%s differs from release %s", dir, f.Name, r.Version)
		}
		require.Len(t, files, len(released), "%s lacks a file of release %s", dir, r.Version)
	}
}

func byName(files []txtar.File) map[string]string {
	out := map[string]string{}
	for _, f := range files {
		out[f.Name] = string(f.Data)
	}
	return out
}

// workingTree lists the files of the module in dir, without its go.sum, which
// nobody needs to read a module, and without modules further down.
func workingTree(t *testing.T, dir string) (out []txtar.File) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != dir {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == "go.sum" {
			return err
		}
		data, err := os.ReadFile(path)
		out = append(out, txtar.File{Name: filepath.ToSlash(name), Data: data})
		return err
	}))
	return out
}

// TestReleasesCompile builds each release with real GORM, beside the release of
// the common module that it requires.
func TestReleasesCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles GORM")
	}
	byName := map[string]versions.Release{}
	for _, r := range releases(t) {
		byName[r.Name+"@"+r.Version] = r
	}
	for key, r := range byName {
		t.Run(key, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, r.Name)
			require.NoError(t, r.WriteTo(dir))
			if sum, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(r.Dir()), "go.sum")); err == nil {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600))
			}
			data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			require.NoError(t, err)
			mod, err := modfile.Parse("go.mod", data, nil)
			require.NoError(t, err)
			require.Equal(t, r.Path(), mod.Module.Mod.Path)
			for _, req := range mod.Require {
				if req.Mod.Path == versions.Prefix+"common" {
					require.NoError(t, byName["common@"+req.Mod.Version].WriteTo(filepath.Join(root, "common")))
				}
			}
			cmd := exec.CommandContext(t.Context(), "go", "vet", "./...")
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}
