package module

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/lockstepdb/lockstep/internal/fault"
)

const crm = "example.com/crm"

func TestFetch(t *testing.T) {
	p := newProxy(t)
	p.add(t, crm, "v1.0.0", "crm.go", "package crm\n", "sub/x.go", "package sub\n", "go.mod", goMod(crm, "example.com/common@v1.2.0"))
	c := client(t, Config{Sources: p.url})
	m, err := c.Fetch(context.Background(), crm, "v1.0.0")
	require.NoError(t, err)
	require.Equal(t, crm+"@v1.0.0", m.String())
	require.False(t, m.Replaced)
	require.Equal(t, "example.com/common", m.File.Require[0].Mod.Path)
	got, err := fs.ReadFile(m.FS, "sub/x.go")
	require.NoError(t, err)
	require.Equal(t, "package sub\n", string(got))
	var files []string
	require.NoError(t, fs.WalkDir(m.FS, ".", func(p string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			files = append(files, p)
		}
		return err
	}))
	require.Equal(t, []string{"crm.go", "go.mod", "sub/x.go"}, files)

	// The hash is the one that the go command would write into go.sum.
	name := filepath.Join(t.TempDir(), "m.zip")
	require.NoError(t, os.WriteFile(name, p.bodies[crm+"/@v/v1.0.0.zip"], 0o600))
	want, err := dirhash.HashZip(name, dirhash.Hash1)
	require.NoError(t, err)
	require.Equal(t, want, m.Sum)

	// From now on Query knows it too.
	v, _, err := c.Query(context.Background(), Ref{Path: crm})
	require.NoError(t, err)
	require.Equal(t, want, v.Sum)
}

// TestFetchCached: a version in memory or in the cache needs no source.
func TestFetchCached(t *testing.T) {
	p := newProxy(t)
	p.add(t, crm, "v1.0.0")
	dir := t.TempDir()
	c := client(t, Config{Sources: p.url, CacheDir: dir})
	first, err := c.Fetch(context.Background(), crm, "v1.0.0")
	require.NoError(t, err)
	before := p.requests()
	again, err := c.Fetch(context.Background(), crm, "v1.0.0")
	require.NoError(t, err)
	require.Equal(t, first.Sum, again.Sum)
	again.Path = "changed" // a caller's copy
	for _, list := range []string{p.url, "off", unused(t)} {
		cold := client(t, Config{Sources: list, CacheDir: dir})
		m, err := cold.Fetch(context.Background(), crm, "v1.0.0")
		require.NoError(t, err)
		require.Equal(t, first.Version, m.Version)
		_, err = cold.GoMod(context.Background(), crm, "v1.0.0")
		require.NoError(t, err)
	}
	require.Equal(t, before, p.requests(), "the network was touched")
	v, info, err := client(t, Config{Sources: unused(t), CacheDir: dir}).Query(context.Background(), Ref{Path: crm, Query: "v1.0.0"})
	require.NoError(t, err, "what is in the cache exists")
	require.Equal(t, first.Version, v)
	require.Equal(t, Info{Version: "v1.0.0"}, info)
}

// TestCorruptCache: whatever happens to the cached files, what is returned is
// what was recorded, and files that were damaged are fetched again.
func TestCorruptCache(t *testing.T) {
	for _, ext := range []string{".zip", ".mod"} {
		for name, damage := range map[string]func([]byte) []byte{
			"truncated": func(b []byte) []byte { return b[:len(b)/2] },
			"emptied":   func([]byte) []byte { return nil },
			"flipped":   func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b },
			"replaced": func([]byte) []byte {
				if ext == ".mod" {
					return []byte(goMod(crm, "example.com/evil@v1.0.0"))
				}
				return zipOf(t, crm, "v1.0.0", "crm.go", "package evil\n")
			},
		} {
			t.Run(name+ext, func(t *testing.T) {
				p := newProxy(t)
				p.add(t, crm, "v1.0.0", "crm.go", "package crm // "+strings.Repeat("long ", 100)+"\n")
				dir := t.TempDir()
				first, err := client(t, Config{Sources: p.url, CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
				require.NoError(t, err)
				file := filepath.Join(dir, filepath.FromSlash(relOf(t, gomod.Version{Path: crm, Version: "v1.0.0"}, ext)))
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(file, damage(data), 0o600))

				_, err = client(t, Config{Sources: unused(t), CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
				wantFault(t, err, fault.Unavailable, ReasonSourceUnreachable)
				m, err := client(t, Config{Sources: p.url, CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
				require.NoError(t, err)
				require.Equal(t, first.Version, m.Version)
				_, err = client(t, Config{Sources: "off", CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
				require.NoError(t, err, "it was not mended")

				// The recorded hash is enforced when fetching again.
				require.NoError(t, os.Remove(file))
				p.set(crm+"/@v/v1.0.0"+ext, damage(p.bodies[crm+"/@v/v1.0.0"+ext]))
				if name == "replaced" {
					_, err = client(t, Config{Sources: p.url, CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
					f := wantFault(t, err, fault.Corrupt, ReasonChecksum)
					require.NotEmpty(t, f.Suggestion)
				}
			})
		}
	}
}

func TestCorruptRecord(t *testing.T) {
	p := newProxy(t)
	p.add(t, crm, "v1.0.0")
	dir := t.TempDir()
	_, err := client(t, Config{Sources: p.url, CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
	require.NoError(t, err)
	file := filepath.Join(dir, "example.com", "crm", "@v", "v1.0.0.sum")
	for _, damaged := range []string{"", "{", "{}", `{"format_version":99}`} {
		require.NoError(t, os.WriteFile(file, []byte(damaged), 0o600))
		_, err = client(t, Config{Sources: p.url, CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
		f := wantFault(t, err, fault.Corrupt, ReasonCacheCorrupt)
		require.Contains(t, f.Detail, file)
	}
}

func TestBadContent(t *testing.T) {
	mv := gomod.Version{Path: crm, Version: "v1.0.0"}
	for _, k := range []struct {
		name   string
		zip    []byte
		kind   fault.Kind
		reason string
	}{
		{"no zip", []byte("<html>"), fault.Invalid, ReasonZipInvalid},
		{"empty", []byte{}, fault.Invalid, ReasonZipInvalid},
		{"another version's", zipOf(t, crm, "v1.0.1"), fault.Invalid, ReasonZipInvalid},
		{"escaping", zipOf(t, crm, "v1.0.0", "../../x.go", ""), fault.Invalid, ReasonZipInvalid},
		{"two names for one file", zipOf(t, crm, "v1.0.0", "a.go", "", "A.go", ""), fault.Invalid, ReasonZipInvalid},
		{"nested module", zipOf(t, crm, "v1.0.0", "sub/go.mod", ""), fault.Invalid, ReasonZipInvalid},
		{"other requirements", zipOf(t, crm, "v1.0.0", "go.mod", goMod(crm, "example.com/x@v1.0.0")), fault.Corrupt, ReasonChecksum},
	} {
		t.Run(k.name, func(t *testing.T) {
			p := newProxy(t)
			p.add(t, crm, "v1.0.0")
			p.set(relOf(t, mv, ".zip"), k.zip)
			c := client(t, Config{Sources: p.url})
			for range 2 { // and it is not believed the second time
				_, err := c.Fetch(context.Background(), crm, "v1.0.0")
				wantFault(t, err, k.kind, k.reason)
			}
		})
	}
	t.Run("another module's go.mod", func(t *testing.T) {
		p := newProxy(t)
		p.add(t, crm, "v1.0.0", "go.mod", goMod("example.com/fork"))
		_, err := client(t, Config{Sources: p.url}).Fetch(context.Background(), crm, "v1.0.0")
		f := wantFault(t, err, fault.Invalid, ReasonPathMismatch)
		require.Contains(t, f.Suggestion, "example.com/fork")
	})
	t.Run("a broken go.mod", func(t *testing.T) {
		p := newProxy(t)
		p.add(t, crm, "v1.0.0", "go.mod", "module "+crm+"\n\nrequire example.com/x\n")
		_, err := client(t, Config{Sources: p.url}).GoMod(context.Background(), crm, "v1.0.0")
		f := wantFault(t, err, fault.Invalid, ReasonGoModInvalid)
		require.Equal(t, 3, f.Violations[0].Position.Line)
	})
	t.Run("no go.mod of its own", func(t *testing.T) {
		p := newProxy(t)
		p.add(t, crm, "v1.0.0", "go.mod", "module "+crm+"\n")
		m, err := client(t, Config{Sources: p.url}).Fetch(context.Background(), crm, "v1.0.0")
		require.NoError(t, err)
		require.Empty(t, m.File.Require)
	})
}

func TestLimits(t *testing.T) {
	p := newProxy(t)
	big := strings.Repeat("x", 10_000)
	p.add(t, crm, "v1.0.0", "a.txt", big, "b.txt", big, "c.txt", "")
	size := int64(len(p.bodies[crm+"/@v/v1.0.0.zip"]))
	for name, k := range map[string]struct {
		limits Limits
		ok     bool
	}{
		"all defaults":        {Limits{}, true},
		"just enough":         {Limits{ZipBytes: size, UnpackedBytes: 20_100, Files: 4}, true},
		"a byte of zip less":  {Limits{ZipBytes: size - 1}, false},
		"a file less":         {Limits{Files: 3}, false},
		"unpacked, too large": {Limits{UnpackedBytes: 20_000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := client(t, Config{Sources: p.url, Limits: k.limits, CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
			if k.ok {
				require.NoError(t, err)
				return
			}
			f := wantFault(t, err, fault.Invalid, ReasonTooLarge)
			require.Contains(t, f.Suggestion, "max-zip-bytes", "what a person may raise")
			// Also when another process, with wider limits, has cached it.
			_, err = client(t, Config{Sources: p.url, CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
			require.NoError(t, err)
			_, err = client(t, Config{Sources: p.url, Limits: k.limits, CacheDir: dir}).Fetch(context.Background(), crm, "v1.0.0")
			wantFault(t, err, fault.Invalid, ReasonTooLarge)
		})
	}
}

// TestSharedCache: many fetch the same versions at once, in several clients and
// processes over one cache directory; each is downloaded once.
func TestSharedCache(t *testing.T) {
	p := newProxy(t)
	versions := []string{"v1.0.0", "v1.1.0", "v1.2.0"}
	for _, v := range versions {
		p.add(t, crm, v, "v.go", "package crm // "+v+"\n")
	}
	dir := t.TempDir()
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for range 4 {
		wg.Go(func() { errs <- fetchInChild(t, p.url, dir, versions) })
	}
	for range 4 {
		c := client(t, Config{Sources: p.url, CacheDir: dir})
		for range 4 {
			wg.Go(func() { errs <- fetchAll(c, versions) })
		}
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	for _, v := range versions {
		require.Equal(t, 1, p.asked(crm+"/@v/"+v+".zip"))
		require.Equal(t, 1, p.asked(crm+"/@v/"+v+".mod"))
	}
	require.NoError(t, filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		require.NotContains(t, filepath.Base(name), ".tmp")
		require.NotContains(t, filepath.Base(name), ".part")
		return err
	}))
}

func fetchAll(c *Client, versions []string) error {
	for _, v := range versions {
		m, err := c.Fetch(context.Background(), crm, v)
		if err != nil {
			return err
		}
		got, err := fs.ReadFile(m.FS, "v.go")
		if err != nil {
			return err
		}
		if string(got) != "package crm // "+v+"\n" {
			return errors.New("other content than published")
		}
	}
	return nil
}

// fetchInChild runs fetchAll in a process of its own.
func fetchInChild(t *testing.T, source, dir string, versions []string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildFetches$")
	cmd.Env = append(os.Environ(), "LOCKSTEP_TEST_FETCH="+source+" "+dir+" "+strings.Join(versions, " "))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return errors.New(err.Error() + ": " + string(out))
	}
	if !strings.Contains(string(out), "PASS") {
		return errors.New("the child did nothing: " + string(out))
	}
	return nil
}

// TestChildFetches is the body of fetchInChild's process.
func TestChildFetches(t *testing.T) {
	job := strings.Fields(os.Getenv("LOCKSTEP_TEST_FETCH"))
	if len(job) == 0 {
		t.Skip("runs only as a child of TestSharedCache")
	}
	c, err := NewClient(Config{Sources: job[0], CacheDir: job[1]})
	require.NoError(t, err)
	require.NoError(t, fetchAll(c, job[2:]))
}

// TestLockHonoursContext: who waits for another process waits no longer than
// the context lasts.
func TestLockHonoursContext(t *testing.T) {
	p := newProxy(t)
	p.add(t, crm, "v1.0.0")
	dir := t.TempDir()
	held := &cache{dir: dir}
	unlock, err := held.lock(context.Background(), gomod.Version{Path: crm, Version: "v1.0.0"})
	require.NoError(t, err)
	c := client(t, Config{Sources: p.url, CacheDir: dir})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Millisecond)
	defer cancel()
	_, err = c.Fetch(ctx, crm, "v1.0.0")
	wantFault(t, err, fault.Deadline, ReasonDeadline)
	unlock()
	_, err = c.Fetch(context.Background(), crm, "v1.0.0")
	require.NoError(t, err)
}

func TestUnusableCache(t *testing.T) {
	p := newProxy(t)
	p.add(t, crm, "v1.0.0")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := client(t, Config{Sources: p.url, CacheDir: file}).Fetch(context.Background(), crm, "v1.0.0")
	wantFault(t, err, fault.Unavailable, ReasonCache)
}

func TestMemory(t *testing.T) {
	m := newMemory(100)
	m.put("a", 1, 40)
	m.put("b", 2, 40)
	_, ok := m.get("a")
	require.True(t, ok)
	m.put("c", 3, 40) // b was not used for longest
	_, ok = m.get("b")
	require.False(t, ok)
	_, ok = m.get("a")
	require.True(t, ok)
	m.put("giant", 4, 60)
	_, ok = m.get("giant")
	require.False(t, ok, "a value of more than half is not kept")
	m.put("a", 5, 10)
	v, _ := m.get("a")
	require.Equal(t, 5, v)
	require.Equal(t, int64(100-40-10), m.left)
}
