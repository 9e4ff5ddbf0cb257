package module

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
)

func noon() time.Time { return time.Date(2026, 3, 4, 13, 0, 0, 5, time.FixedZone("", 3600)) }

func fileURL(dir string) string { return "file://" + filepath.ToSlash(dir) }

// TestPublishRoundTrip: what is published is what is fetched.
func TestPublishRoundTrip(t *testing.T) {
	dir := tree(t, "go.mod", goMod("example.com/Acme/crm"), "crm.go", "package crm\n", "sub/go.mod", goMod("x.y/z"), "sub/s.go", "package s\n")
	root := filepath.Join(t.TempDir(), "a b", "proxy")
	to := fileURL(strings.ReplaceAll(root, " ", "%20"))
	v, err := Publish(context.Background(), dir, "v1.10.0", to, noon())
	require.NoError(t, err)
	_, err = Publish(context.Background(), dir, "v1.9.0", to, noon())
	require.NoError(t, err)
	c := client(t, Config{Sources: to})
	infos, err := c.Versions(context.Background(), v.Path)
	require.NoError(t, err)
	require.Equal(t, []Info{
		{Version: "v1.10.0", Time: "2026-03-04T12:00:00Z"}, {Version: "v1.9.0", Time: "2026-03-04T12:00:00Z"},
	}, infos)
	m, err := c.Fetch(context.Background(), v.Path, "v1.10.0")
	require.NoError(t, err)
	require.Equal(t, v, m.Version)
	_, err = fs.Stat(m.FS, "sub/s.go")
	require.Error(t, err, "a nested module is not part of this one")

	at := filepath.Join(root, "example.com", "!acme", "crm", "@v")
	list, err := os.ReadFile(filepath.Join(at, "list"))
	require.NoError(t, err)
	require.Equal(t, "v1.9.0\nv1.10.0\n", string(list))
	info, err := os.ReadFile(filepath.Join(at, "v1.10.0.info"))
	require.NoError(t, err)
	require.JSONEq(t, `{"Version":"v1.10.0","Time":"2026-03-04T12:00:00Z"}`, string(info))
}

// TestPublishForGo: the go command takes what is published.
func TestPublishForGo(t *testing.T) {
	dir := tree(t, "go.mod", goMod(crm), "crm.go", "package crm\n\nconst A = 1\n")
	root := t.TempDir()
	v, err := Publish(context.Background(), dir, "v1.0.0", fileURL(root), noon())
	require.NoError(t, err)
	service := tree(t, "go.mod", goMod("example.com/service", crm+"@v1.0.0"),
		"main.go", "package main\n\nimport \""+crm+"\"\n\nfunc main() { println(crm.A) }\n")
	cmd := exec.CommandContext(t.Context(), "go", "mod", "tidy")
	cmd.Dir = service
	cmd.Env = append(os.Environ(), "GOPROXY="+fileURL(root), "GONOSUMDB=*", "GOMODCACHE="+t.TempDir(),
		"GOFLAGS=-modcacherw", "GOTOOLCHAIN=local", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	sum, err := os.ReadFile(filepath.Join(service, "go.sum"))
	require.NoError(t, err)
	require.Contains(t, string(sum), crm+" v1.0.0 "+v.Sum+"\n", "the hash is not the go command's")
}

func TestPublishOnce(t *testing.T) {
	dir := tree(t, "go.mod", goMod(crm), "crm.go", "package crm\n")
	root := t.TempDir()
	first, err := Publish(context.Background(), dir, "v1.0.0", fileURL(root), noon())
	require.NoError(t, err)
	files := snapshot(t, root)

	again, err := Publish(context.Background(), dir, "v1.0.0", fileURL(root), noon().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, files, snapshot(t, root), "the same content changed something")

	// A publication that was interrupted is completed by the next.
	at := filepath.Join(root, "example.com", "crm", "@v")
	for _, lost := range []string{"list", "v1.0.0.info", "v1.0.0.mod", "v1.0.0.zip"} {
		require.NoError(t, os.Remove(filepath.Join(at, lost)))
		_, err = Publish(context.Background(), dir, "v1.0.0", fileURL(root), noon())
		require.NoError(t, err)
		require.Equal(t, files, snapshot(t, root))
	}

	require.NoError(t, os.WriteFile(filepath.Join(dir, "crm.go"), []byte("package crm // other\n"), 0o600))
	_, err = Publish(context.Background(), dir, "v1.0.0", fileURL(root), noon())
	f := wantFault(t, err, fault.Exists, ReasonVersionExists)
	require.NotEmpty(t, f.Suggestion)
	require.Equal(t, files, snapshot(t, root), "refused, and yet changed")
}

// TestPublishTogether: of many at once with different content, one wins.
func TestPublishTogether(t *testing.T) {
	root := t.TempDir()
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for i := range 8 {
		dir := tree(t, "go.mod", goMod(crm), "crm.go", "package crm // "+strings.Repeat("x", i)+"\n")
		wg.Go(func() {
			_, err := Publish(context.Background(), dir, "v1.0.0", fileURL(root), noon())
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	won := 0
	for err := range errs {
		if err == nil {
			won++
			continue
		}
		wantFault(t, err, fault.Exists, ReasonVersionExists)
	}
	require.Equal(t, 1, won)
	_, err := client(t, Config{Sources: fileURL(root)}).Fetch(context.Background(), crm, "v1.0.0")
	require.NoError(t, err)
}

func TestPublishPseudoVersion(t *testing.T) {
	const v = "v0.0.0-20260101000000-aaaaaaaaaaaa"
	root := t.TempDir()
	_, err := Publish(context.Background(), tree(t, "go.mod", goMod(crm)), v, fileURL(root), noon())
	require.NoError(t, err)
	got, err := query1(t, client(t, Config{Sources: fileURL(root)}), crm)
	require.NoError(t, err)
	require.Equal(t, v, got)
}

func TestPublishRefuses(t *testing.T) {
	good := tree(t, "go.mod", goMod(crm), "crm.go", "package crm\n")
	two := tree(t, "go.mod", goMod(crm+"/v2"))
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	to := fileURL(t.TempDir())
	for name, k := range map[string]struct {
		dir, version, to string
		kind             fault.Kind
		reason           string
	}{
		"no version":              {good, "", to, fault.Invalid, ReasonVersionInvalid},
		"no v":                    {good, "1.0.0", to, fault.Invalid, ReasonVersionInvalid},
		"part of a version":       {good, "v1.0", to, fault.Invalid, ReasonVersionInvalid},
		"build metadata":          {good, "v1.0.0+meta", to, fault.Invalid, ReasonVersionInvalid},
		"incompatible":            {good, "v2.0.0+incompatible", to, fault.Invalid, ReasonVersionInvalid},
		"major without suffix":    {good, "v2.0.0", to, fault.Invalid, ReasonVersionInvalid},
		"suffix of another major": {two, "v3.0.0", to, fault.Invalid, ReasonVersionInvalid},
		"suffix without major":    {two, "v1.0.0", to, fault.Invalid, ReasonVersionInvalid},
		"the working copy's":      {good, Replaced, to, fault.Invalid, ReasonVersionInvalid},
		"no go.mod":               {tree(t, "a.go", ""), "v1.0.0", to, fault.Invalid, ReasonGoModInvalid},
		"no directory":            {good + "/none", "v1.0.0", to, fault.Invalid, ReasonGoModInvalid},
		"broken go.mod":           {tree(t, "go.mod", "modul x\n"), "v1.0.0", to, fault.Invalid, ReasonGoModInvalid},
		"no module line":          {tree(t, "go.mod", "go 1.26\n"), "v1.0.0", to, fault.Invalid, ReasonGoModInvalid},
		"path without dot":        {tree(t, "go.mod", "module crm\n"), "v1.0.0", to, fault.Invalid, ReasonPathInvalid},
		"bad file name":           {tree(t, "go.mod", goMod(crm), "a*b.go", ""), "v1.0.0", to, fault.Invalid, ReasonZipInvalid},
		"plain path":              {good, "v1.0.0", t.TempDir(), fault.Invalid, ReasonTargetInvalid},
		"https":                   {good, "v1.0.0", "https://u:hunter2@h.x/", fault.Invalid, ReasonTargetInvalid},
		"relative":                {good, "v1.0.0", "file:x", fault.Invalid, ReasonTargetInvalid},
		"not a directory":         {good, "v1.0.0", fileURL(blocked), fault.Unavailable, ReasonSourceUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Publish(context.Background(), k.dir, k.version, k.to, noon())
			f := wantFault(t, err, k.kind, k.reason)
			require.NotContains(t, f.Error(), "hunter2")
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Publish(ctx, good, "v1.0.0", to, noon())
	wantFault(t, err, fault.Canceled, ReasonCanceled)
}

// snapshot is the content of all files below a directory.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		out[name] = string(data)
		return err
	}))
	return out
}
