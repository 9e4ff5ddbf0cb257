package versions_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"

	"github.com/lockstepdb/lockstep/entities/versions"
)

func releases(t *testing.T) []versions.Release {
	t.Helper()
	all, err := versions.All()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// TestNewestIsWorkingTree: what is released last is what the directory holds.
func TestNewestIsWorkingTree(t *testing.T) {
	newest := map[string]versions.Release{}
	for _, r := range releases(t) {
		newest[r.Name] = r // sorted: the last one wins
	}
	for name, r := range newest {
		dir := filepath.Join("..", name)
		seen := map[string]bool{"go.sum": true} // not needed to read a module, so not archived
		for _, f := range r.Files {
			seen[f.Name] = true
			got, err := os.ReadFile(filepath.Join(dir, f.Name))
			require.NoError(t, err)
			require.Equal(t, string(f.Data), string(got), "%s differs from release %s", f.Name, r.Version)
		}
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, e := range entries {
			require.True(t, seen[e.Name()], "%s/%s is not in release %s", name, e.Name(), r.Version)
		}
	}
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
			if sum, err := os.ReadFile(filepath.Join("..", r.Name, "go.sum")); err == nil {
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
