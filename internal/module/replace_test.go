package module

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// tree writes files (name, content, …) into a new directory.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		name := filepath.Join(dir, filepath.FromSlash(files[i]))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(files[i+1]), 0o600))
	}
	return dir
}

func TestReplaced(t *testing.T) {
	dir := tree(t, "go.mod", goMod(crm, "ex.com/d@v1.0.0"), "crm.go", "package crm\n",
		"vendor/ex.com/d/d.go", "package d\n", "sub/go.mod", goMod(crm+"/sub"), "sub/s.go", "package sub\n")
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("s3cret"), 0o600))
	require.NoError(t, os.Symlink(secret, filepath.Join(dir, "link.go")))
	c := client(t, Config{Sources: "off", Replace: map[string]string{crm: dir}})

	m, err := c.Fetch(context.Background(), crm, "v1.7.0")
	require.NoError(t, err)
	require.True(t, m.Replaced)
	require.Equal(t, crm+"@"+Replaced, m.String())
	require.Equal(t, "ex.com/d", m.File.Require[0].Mod.Path)
	for _, out := range []string{"link.go", "vendor/ex.com/d/d.go", "sub/s.go", "../secret"} {
		_, err := fs.ReadFile(m.FS, out)
		require.Error(t, err, out)
	}

	// What was hashed is what is read, whatever happens to the directory.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "crm.go"), []byte("package crm // changed\n"), 0o600))
	got, err := fs.ReadFile(m.FS, "crm.go")
	require.NoError(t, err)
	require.Equal(t, "package crm\n", string(got))
	v, info, err := c.Query(context.Background(), Ref{Path: crm, Query: "v9"})
	require.NoError(t, err)
	require.NotEqual(t, m.Sum, v.Sum, "the change was not seen")
	require.Equal(t, Replaced, info.Version)
	infos, err := c.Versions(context.Background(), crm)
	require.NoError(t, err)
	require.Equal(t, []Info{{Version: Replaced}}, infos)
	f, err := c.GoMod(context.Background(), crm, "v1.0.0")
	require.NoError(t, err)
	require.Equal(t, crm, f.Module.Mod.Path)
}

// TestReplacedWithoutDot: a working copy may have a path that no source can.
func TestReplacedWithoutDot(t *testing.T) {
	dir := tree(t, "go.mod", "module acme/crm/v2\n", "crm.go", "package crm\n", "odd*name.txt", "x")
	m, err := client(t, Config{Replace: map[string]string{"acme/crm/v2": dir}}).Fetch(context.Background(), "acme/crm/v2", "v2.0.0")
	require.NoError(t, err)
	_, err = fs.Stat(m.FS, "odd*name.txt")
	require.Error(t, err, "a file that cannot be published does not count")
}

func TestReplacedRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, k := range map[string]struct{ dir, reason string }{
		"missing":        {filepath.Join(t.TempDir(), "none"), ReasonReplaceInvalid},
		"a file":         {file, ReasonReplaceInvalid},
		"no go.mod":      {tree(t, "x.go", "package x\n"), ReasonReplaceInvalid},
		"another module": {tree(t, "go.mod", goMod("ex.com/other")), ReasonPathMismatch},
		"broken go.mod":  {tree(t, "go.mod", "module\n"), ReasonGoModInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			c := client(t, Config{Replace: map[string]string{crm: k.dir}})
			_, err := c.Fetch(context.Background(), crm, "")
			wantFault(t, err, fault.Invalid, k.reason)
			_, _, err = c.Query(context.Background(), Ref{Path: crm})
			wantFault(t, err, fault.Invalid, k.reason)
			_, err = c.GoMod(context.Background(), crm, "")
			wantFault(t, err, fault.Invalid, k.reason)
		})
	}
	big := tree(t, "go.mod", goMod(crm), "a.txt", strings.Repeat("x", 1000), "b.txt", "x")
	for _, l := range []Limits{{UnpackedBytes: 500}, {Files: 2}} {
		_, err := client(t, Config{Replace: map[string]string{crm: big}, Limits: l}).Fetch(context.Background(), crm, "")
		wantFault(t, err, fault.Invalid, ReasonTooLarge)
	}
}
