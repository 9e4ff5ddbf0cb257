package module

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb"
	"golang.org/x/mod/sumdb/note"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// database is a checksum database on 127.0.0.1.
type database struct {
	url, key string
	hits     atomic.Int64
}

// newDatabase knows the go.sum lines of the given modules (nil: none).
func newDatabase(t *testing.T, known map[string]*Module) *database {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "sum.example.com")
	require.NoError(t, err)
	ts := sumdb.NewTestServer(skey, func(path, version string) ([]byte, error) {
		m := known[path+"@"+version]
		if m == nil {
			return nil, os.ErrNotExist
		}
		sum, err := hashGoMod([]byte(goMod(path)))
		return fmt.Appendf(nil, "%s %s %s\n%s %s/go.mod %s\n", path, version, m.Sum, path, version, sum), err
	})
	d := &database{key: vkey}
	h := sumdb.NewServer(ts)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.hits.Add(1)
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	d.url = s.URL
	return d
}

func TestSumDB(t *testing.T) {
	p := newProxy(t)
	p.add(t, crm, "v1.0.0", "go.mod", goMod(crm), "crm.go", "package crm\n")
	p.add(t, "example.com/private/x", "v1.0.0")
	plain := t.TempDir()
	m, err := client(t, Config{Sources: p.url, CacheDir: plain}).Fetch(context.Background(), crm, "v1.0.0")
	require.NoError(t, err)
	other := *m
	other.Sum = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	right := newDatabase(t, map[string]*Module{crm + "@v1.0.0": m})
	wrong := newDatabase(t, map[string]*Module{crm + "@v1.0.0": &other})
	blank := newDatabase(t, nil)

	t.Run("confirmed once", func(t *testing.T) {
		cfg := Config{Sources: p.url, CacheDir: t.TempDir(), SumDB: right.key + " " + right.url}
		_, err := client(t, cfg).Fetch(context.Background(), crm, "v1.0.0")
		require.NoError(t, err)
		before := right.hits.Load()
		require.Positive(t, before)
		_, err = client(t, cfg).Fetch(context.Background(), crm, "v1.0.0")
		require.NoError(t, err)
		require.Equal(t, before, right.hits.Load(), "a confirmed version was looked up again")
	})
	t.Run("what was cached without is confirmed later", func(t *testing.T) {
		before := right.hits.Load()
		_, err := client(t, Config{Sources: "off", CacheDir: plain, SumDB: right.key + " " + right.url}).Fetch(context.Background(), crm, "v1.0.0")
		require.NoError(t, err)
		require.Greater(t, right.hits.Load(), before)
	})
	t.Run("contradicted", func(t *testing.T) {
		c := client(t, Config{Sources: p.url, SumDB: wrong.key + " " + wrong.url})
		for range 2 {
			_, err := c.Fetch(context.Background(), crm, "v1.0.0")
			f := wantFault(t, err, fault.Corrupt, ReasonChecksum)
			require.Contains(t, f.Detail, "sum.example.com")
		}
	})
	t.Run("not known", func(t *testing.T) {
		_, err := client(t, Config{Sources: p.url, SumDB: blank.key + " " + blank.url}).Fetch(context.Background(), crm, "v1.0.0")
		wantFault(t, err, fault.Refused, ReasonSumDBUnknown)
	})
	t.Run("private paths are not asked for", func(t *testing.T) {
		before := blank.hits.Load()
		cfg := Config{Sources: p.url, SumDB: blank.key + " " + blank.url, NoSumDB: "*.corp,example.com/private"}
		_, err := client(t, cfg).Fetch(context.Background(), "example.com/private/x", "v1.0.0")
		require.NoError(t, err)
		require.Equal(t, before, blank.hits.Load())
	})
	t.Run("signed by another", func(t *testing.T) {
		_, err := client(t, Config{Sources: p.url, SumDB: right.key + " " + wrong.url}).Fetch(context.Background(), crm, "v1.0.0")
		wantFault(t, err, fault.Corrupt, ReasonSumDBUntrusted)
	})
	t.Run("unreachable", func(t *testing.T) {
		c := client(t, Config{Sources: p.url, SumDB: right.key + " " + strings.Replace(unused(t), "//", "//u:hunter2@", 1)})
		_, err := c.Fetch(context.Background(), crm, "v1.0.0")
		f := wantFault(t, err, fault.Unavailable, ReasonSourceUnreachable)
		require.NotContains(t, f.Error(), "hunter2")
	})
	t.Run("through a module source", func(t *testing.T) {
		via := newProxy(t)
		via.before = func(w http.ResponseWriter, r *http.Request) bool {
			rest, ok := strings.CutPrefix(r.URL.Path, "/sumdb/sum.example.com")
			if !ok {
				p.ServeHTTP(w, r)
				return true
			}
			if rest == "/supported" {
				return answer(http.StatusOK)(w, r)
			}
			http.Redirect(w, r, right.url+rest, http.StatusFound)
			return true
		}
		_, err := client(t, Config{Sources: via.url, SumDB: right.key}).Fetch(context.Background(), crm, "v1.0.0")
		require.NoError(t, err)
		require.Positive(t, via.asked("sumdb/sum.example.com/lookup/example.com/crm@v1.0.0"))
	})
	t.Run("a rewritten history", func(t *testing.T) {
		dir := t.TempDir()
		_, err := client(t, Config{Sources: p.url, CacheDir: dir, SumDB: right.key + " " + right.url}).Fetch(context.Background(), crm, "v1.0.0")
		require.NoError(t, err)
		latest := filepath.Join(dir, "sumdb", "sum.example.com", "latest")
		require.FileExists(t, latest)
		require.NoError(t, os.WriteFile(latest, []byte("forged"), 0o600))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "example.com")))
		_, err = client(t, Config{Sources: p.url, CacheDir: dir, SumDB: right.key + " " + right.url}).Fetch(context.Background(), crm, "v1.0.0")
		wantFault(t, err, fault.Corrupt, ReasonSumDBUntrusted)
	})
}

func TestSumDBConfig(t *testing.T) {
	for _, spec := range []string{"", "off", " off "} {
		require.Nil(t, client(t, Config{SumDB: spec}).sumdb)
	}
	c := client(t, Config{SumDB: publicSumDB, Sources: "https://a.test,https://b.test"})
	require.Equal(t, publicSumDB, c.sumdb.name)
	require.Len(t, c.sumdb.mirrors, 2)
	for _, spec := range []string{"sum.other.test", "a b c", publicSumDB + " ftp://x", "name+00000000+key"} {
		_, err := NewClient(Config{SumDB: spec, CacheDir: t.TempDir()})
		wantFault(t, err, fault.Invalid, ReasonSumDBInvalid)
	}
}
