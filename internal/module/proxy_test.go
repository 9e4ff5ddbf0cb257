package module

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	gomod "golang.org/x/mod/module"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// proxy is a module proxy on 127.0.0.1 whose content a test can change.
type proxy struct {
	url string

	mu     sync.Mutex
	bodies map[string][]byte // by path, without the leading slash
	hits   map[string]int
	// before answers a request itself when it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{bodies: map[string][]byte{}, hits: map[string]int{}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rel := strings.TrimPrefix(r.URL.Path, "/")
	p.mu.Lock()
	p.hits[rel]++
	body, ok := p.bodies[rel]
	before := p.before
	p.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	if !ok {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	_, _ = w.Write(body)
}

// set replaces a body; nil removes it.
func (p *proxy) set(rel string, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if body == nil {
		delete(p.bodies, rel)
		return
	}
	p.bodies[rel] = body
}

func (p *proxy) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, h := range p.hits {
		n += h
	}
	return n
}

func (p *proxy) asked(rel string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hits[rel]
}

// add serves path@version. Files are name, content, name, content; a missing
// go.mod is added.
func (p *proxy) add(t *testing.T, path, version string, files ...string) {
	t.Helper()
	zipped := zipOf(t, path, version, files...)
	mod := "module " + path + "\n\ngo 1.26\n"
	for i := 0; i+1 < len(files); i += 2 {
		if files[i] == "go.mod" {
			mod = files[i+1]
		}
	}
	mv := gomod.Version{Path: path, Version: version}
	info, err := json.Marshal(map[string]string{"Version": version, "Time": "2026-01-02T03:04:05Z"})
	require.NoError(t, err)
	p.set(relOf(t, mv, ".zip"), zipped)
	p.set(relOf(t, mv, ".mod"), []byte(mod))
	p.set(relOf(t, mv, ".info"), info)
	if gomod.IsPseudoVersion(version) {
		return
	}
	escaped, err := gomod.EscapePath(path)
	require.NoError(t, err)
	p.mu.Lock()
	p.bodies[escaped+"/@v/list"] = append(p.bodies[escaped+"/@v/list"], version+"\n"...)
	p.mu.Unlock()
}

// require adds a version whose go.mod requires others, given as path@version.
func (p *proxy) require(t *testing.T, path, version string, requires ...string) {
	t.Helper()
	p.add(t, path, version, "go.mod", goMod(path, requires...), "m.go", "package m\n")
}

func goMod(path string, requires ...string) string {
	mod := "module " + path + "\n\ngo 1.26\n"
	for _, r := range requires {
		mod += "\nrequire " + strings.Replace(r, "@", " ", 1) + "\n"
	}
	return mod
}

func relOf(t *testing.T, mv gomod.Version, ext string) string {
	t.Helper()
	name, err := rel(mv, ext)
	require.NoError(t, err)
	return name
}

// zipOf makes a module zip, without any of the checks of x/mod/zip.
func zipOf(t *testing.T, path, version string, files ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	has := false
	write := func(name, content string) {
		w, err := zw.Create(path + "@" + version + "/" + name)
		require.NoError(t, err)
		_, err = w.Write([]byte(content))
		require.NoError(t, err)
		has = has || name == "go.mod"
	}
	for i := 0; i+1 < len(files); i += 2 {
		write(files[i], files[i+1])
	}
	if !has {
		write("go.mod", "module "+path+"\n\ngo 1.26\n")
	}
	require.NoError(t, zw.Close())
	return buf.Bytes()
}

// client makes a client with a cache of its own and without long pauses.
func client(t *testing.T, cfg Config) *Client {
	t.Helper()
	if cfg.CacheDir == "" {
		cfg.CacheDir = t.TempDir()
	}
	c, err := NewClient(cfg)
	require.NoError(t, err)
	hasten(c)
	return c
}

func hasten(c *Client) {
	for _, e := range c.sources {
		if h, ok := e.source.(*httpSource); ok {
			h.pauses = []time.Duration{time.Millisecond, time.Millisecond}
		}
	}
}

// wantFault checks kind and reason, and that the error is fit to be read.
func wantFault(t *testing.T, err error, kind fault.Kind, reason string) fault.Error {
	t.Helper()
	require.Error(t, err)
	f := fault.As(err)
	require.NotNil(t, f, "not a fault: %v", err)
	require.Equal(t, reason, f.Reason, "%s (%v)", f.Detail, f.Err)
	require.Equal(t, kind.String(), f.Kind.String(), f.Detail)
	require.NotEmpty(t, f.Detail)
	require.NotContains(t, f.Detail, "%!")
	require.NotContains(t, f.Suggestion, "%!")
	return *f
}

// unused is an address where nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	return s.URL
}

func versionsOf(infos []Info) []string {
	var out []string
	for _, i := range infos {
		v := i.Version
		if i.Retracted != "" {
			v += " (" + i.Retracted + ")"
		}
		out = append(out, v)
	}
	return out
}

func query1(t *testing.T, c *Client, ref string) (string, error) {
	t.Helper()
	r, err := ParseRef(ref)
	if err != nil {
		return "", err
	}
	v, i, err := c.Query(context.Background(), r)
	if err != nil {
		return "", err
	}
	require.Equal(t, r.Path, v.Path)
	require.Equal(t, v.Version, i.Version)
	return v.Version, nil
}
