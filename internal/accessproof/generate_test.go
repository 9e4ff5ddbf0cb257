package accessproof

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGeneratedIsCurrent runs each module's go:generate line in a copy without
// generated code, and wants what is committed.
func TestGeneratedIsCurrent(t *testing.T) {
	for _, dir := range []string{"../../entities/network", "../../entities/network/v2"} {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			was := files(t, os.DirFS(dir))
			fresh := t.TempDir()
			generated := 0
			for name, data := range was {
				if matched, _ := filepath.Match("*gen.go", filepath.Base(name)); matched {
					generated++
					continue
				}
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(fresh, name)), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(fresh, name), []byte(data), 0o600))
			}
			require.Greater(t, generated, 8)
			cmd := exec.CommandContext(t.Context(), "go", "generate", "./...")
			cmd.Dir = fresh
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			now := files(t, os.DirFS(fresh))
			for name, data := range was {
				require.Equal(t, data, now[name], "%s/%s: run go generate", dir, name)
			}
			require.Len(t, now, len(was))
		})
	}
}

// TestOneGenerator: it is the same in both versions but for the entities that it
// imports, as it would be in another team's module.
func TestOneGenerator(t *testing.T) {
	const dir = "/access/internal/gen"
	one, two := files(t, os.DirFS("../../entities/network"+dir)), files(t, os.DirFS("../../entities/network/v2"+dir))
	one["main.go"] = strings.ReplaceAll(one["main.go"], `entities/network"`, `entities/network/v2"`)
	require.Equal(t, one, two)
}

// files reads a module, without modules below it.
func files(t *testing.T, root fs.FS) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := fs.Stat(root, path+"/go.mod"); err == nil && path != "." {
				return fs.SkipDir
			}
			return nil
		}
		data, err := fs.ReadFile(root, path)
		out[path] = string(data)
		return err
	}))
	return out
}

// TestNothingGeneratedIsAnEntity: lockstep reads the same tables from the module
// with access as from the release before it had any, and has no more to fetch.
func TestNothingGeneratedIsAnEntity(t *testing.T) {
	l := newLockstep(t)
	tables := func(module string) (out []string) {
		var shown struct {
			Tables []struct {
				Name string `json:"name"`
			} `json:"tables"`
		}
		text := l.run(t, "module", "show", module, "--format", "json")
		require.NoError(t, json.Unmarshal([]byte(text), &shown), text)
		for _, table := range shown.Tables {
			out = append(out, table.Name)
		}
		slices.Sort(out)
		return out
	}
	three := []string{"load_balancer_backends", "load_balancer_ports", "load_balancers"}
	require.Equal(t, three, tables("github.com/lockstepdb/lockstep/entities/network@v1.1.0"))
	require.Equal(t, three, tables(v1Module))
	require.Equal(t, three, tables(v2Module))
}
