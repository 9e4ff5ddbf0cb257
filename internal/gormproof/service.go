package gormproof

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
)

// NewService serves an engine, and reads this module's fixtures as those of a
// working copy.
func NewService(t testing.TB, e Engine) *migrate.Service {
	t.Helper()
	client, err := module.NewClient(module.Config{
		Sources: "file://" + filepath.ToSlash(moduleCache()) + "/cache/download", CacheDir: t.TempDir(),
		Replace: map[string]string{Self: workingCopy(t)},
	})
	require.NoError(t, err)
	s, err := migrate.New(migrate.Config{
		Modules: client, Now: time.Now, LockstepVersion: "test",
		Dialects: map[dialect.Engine]dialect.Dialect{e.Engine(): e.Dialect},
	})
	require.NoError(t, err)
	return s
}

// workingCopy is this module with its fixtures, and without the requirement of
// lockstep itself, which no fixture has and no source knows.
func workingCopy(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	file, err := modfile.Parse("go.mod", modfile.Format(ownGoMod(t).Syntax), nil)
	require.NoError(t, err)
	const root = "github.com/lockstepdb/lockstep"
	require.NoError(t, file.DropRequire(root))
	for _, r := range file.Replace {
		require.NoError(t, file.DropReplace(r.Old.Path, r.Old.Version))
	}
	file.Cleanup()
	text, err := file.Format()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), text, 0o600))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "fixtures"), os.DirFS("fixtures")))
	return dir
}
