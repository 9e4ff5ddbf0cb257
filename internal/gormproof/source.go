package gormproof

import (
	"context"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"

	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/module"
)

// Self is this module's path.
const Self = "github.com/lockstepdb/lockstep/internal/gormproof"

// Source is a directory of this module, as an entity module of its own with the
// requirements of this one.
func Source(t testing.TB, dir string) *module.Module {
	t.Helper()
	return &module.Module{
		Version: module.Version{Path: path.Join(Self, filepath.ToSlash(dir)), Version: "v1.0.0"},
		FS:      os.DirFS(dir), File: ownGoMod(t),
	}
}

// ownGoMod is the go.mod of this module.
func ownGoMod(t testing.TB) *modfile.File {
	t.Helper()
	data, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	file, err := modfile.Parse("go.mod", data, nil)
	require.NoError(t, err)
	return file
}

// Patterns name the types of models below a module's path, as a manifest would.
func Patterns(mod *module.Module, models ...any) []string {
	var out []string
	for _, m := range models {
		t := reflect.TypeOf(m).Elem()
		pattern := "." + strings.TrimPrefix(t.PkgPath(), mod.Path) + "." + t.Name()
		if t.PkgPath() == mod.Path {
			pattern = "." + t.Name()
		}
		out = append(out, pattern)
	}
	return slices.Compact(out)
}

// NewFinder finds this module's packages here, and those of other modules where
// the go command keeps what it downloaded to compile the fixtures.
func NewFinder(t testing.TB) entity.Finder {
	t.Helper()
	client, err := module.NewClient(module.Config{Sources: "file://" + filepath.ToSlash(moduleCache()) + "/cache/download", CacheDir: t.TempDir()})
	require.NoError(t, err)
	own := Source(t, ".")
	own.Path = Self
	return finder{client: client, own: own}
}

type finder struct {
	client *module.Client
	own    *module.Module
}

// Find implements entity.Finder.
func (f finder) Find(ctx context.Context, from *module.Module, importPath string) (*module.Module, error) {
	if importPath == Self || strings.HasPrefix(importPath, Self+"/") {
		return f.own, nil
	}
	return f.client.Find(ctx, from, importPath)
}

var moduleCache = sync.OnceValue(func() string {
	out, err := exec.CommandContext(context.Background(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "GOMODCACHE-is-not-known"
	}
	return strings.TrimSpace(string(out))
})
