package module

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
)

func TestParseSourcesRefuses(t *testing.T) {
	for list, reason := range map[string]string{
		"direct":                               ReasonSourceDirect,
		"https://proxy.test,direct":            ReasonSourceDirect,
		"http://proxy.test":                    ReasonSourceInvalid, // not loopback
		"ftp://proxy.test":                     ReasonSourceInvalid,
		"/srv/proxy":                           ReasonSourceInvalid,
		"file:relative":                        ReasonSourceInvalid,
		"file://host/srv/proxy":                ReasonSourceInvalid,
		"https://":                             ReasonSourceInvalid,
		"https://proxy.test?x=1":               ReasonSourceInvalid,
		"https://u:hunter2@proxy.test/%zz":     ReasonSourceInvalid,
		"https://u:hunter2@proxy.test/a?b=c":   ReasonSourceInvalid,
		"https://ok.test|http://u:hunter2@h.x": ReasonSourceInvalid,
	} {
		_, err := NewClient(Config{Sources: list, CacheDir: t.TempDir()})
		f := wantFault(t, err, fault.Invalid, reason)
		require.NotContains(t, f.Error()+f.Suggestion, "hunter2", list)
	}
	_, err := NewClient(Config{CacheDir: t.TempDir(), Replace: map[string]string{"example.com/crm": ""}})
	wantFault(t, err, fault.Invalid, ReasonReplaceInvalid)
	_, err = NewClient(Config{CacheDir: t.TempDir(), Replace: map[string]string{"../crm": "x"}})
	wantFault(t, err, fault.Invalid, ReasonPathInvalid)
	s, err := parseSources("proxy.test, https://u:p@other.test/x/ |file:///srv/proxy,off,direct", nil)
	require.NoError(t, err)
	require.Len(t, s, 3, "off ends the list")
	require.Equal(t, "https://proxy.test", s[0].name())
	require.Equal(t, "https://other.test/x", s[1].name())
	require.Equal(t, []bool{false, true, false}, []bool{s[0].onError, s[1].onError, s[2].onError})
}

// TestFallback: a comma goes on after 404 and 410 only, a pipe after anything.
func TestFallback(t *testing.T) {
	const m = "example.com/crm"
	full, empty, gone, broken, denying := newProxy(t), newProxy(t), newProxy(t), newProxy(t), newProxy(t)
	full.add(t, m, "v1.0.0")
	gone.before = answer(http.StatusGone)
	broken.before = answer(http.StatusBadGateway)
	denying.before = answer(http.StatusForbidden)
	down := unused(t)
	file := "file://" + filepath.ToSlash(t.TempDir())
	for _, k := range []struct{ name, list, reason string }{
		{"comma after 404", empty.url + "," + full.url, ""},
		{"comma after 410", gone.url + "," + full.url, ""},
		{"comma after an empty directory", file + "," + full.url, ""},
		{"comma after a missing directory", file + "/none," + full.url, ReasonSourceUnreachable},
		{"comma after 502", broken.url + "," + full.url, ReasonSourceUnreachable},
		{"comma after 403", denying.url + "," + full.url, ReasonSourceDenied},
		{"comma after no connection", down + "," + full.url, ReasonSourceUnreachable},
		{"pipe after 502", broken.url + "|" + full.url, ""},
		{"pipe after 403", denying.url + "|" + full.url, ""},
		{"pipe after no connection", down + "|" + full.url, ""},
		{"pipe after 404", empty.url + "|" + full.url, ""},
		{"each separator is its own", empty.url + "," + broken.url + "|" + full.url, ""},
		{"the failure is told, not the absence", broken.url + "|" + empty.url, ReasonSourceUnreachable},
		{"nowhere", empty.url + "," + gone.url, ReasonModuleNotFound},
		{"off ends the list", empty.url + ",off," + full.url, ReasonModuleNotFound},
		{"off", "off", ReasonSourceOff},
		{"nothing", "", ReasonSourceOff},
	} {
		t.Run(k.name, func(t *testing.T) {
			c := client(t, Config{Sources: k.list})
			_, qerr := query1(t, c, m)
			_, xerr := query1(t, c, m+"@v1.0.0")
			_, ferr := c.Fetch(context.Background(), m, "v1.0.0")
			_, verr := c.Versions(context.Background(), m)
			for _, err := range []error{qerr, xerr, ferr, verr} {
				if k.reason == "" {
					require.NoError(t, err)
					continue
				}
				kind := fault.Unavailable
				if k.reason == ReasonModuleNotFound {
					kind = fault.NotFound
				}
				f := wantFault(t, err, kind, k.reason)
				require.NotEmpty(t, f.Suggestion)
			}
		})
	}
}

func answer(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		return true
	}
}

// TestCredentials: they are sent, and never shown.
func TestCredentials(t *testing.T) {
	p := newProxy(t)
	p.add(t, "example.com/crm", "v1.0.0")
	p.before = func(w http.ResponseWriter, r *http.Request) bool {
		if u, pw, _ := r.BasicAuth(); u == "deploy-token" && pw == "hunter2" {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	with := func(base, user string) string { return strings.Replace(base, "http://", "http://"+user+"@", 1) }
	c := client(t, Config{Sources: with(p.url, "deploy-token:hunter2")})
	_, err := c.Fetch(context.Background(), "example.com/crm", "v1.0.0")
	require.NoError(t, err)

	moved := newProxy(t)
	moved.before = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, with(unused(t), "deploy-token:hunter2")+"/x", http.StatusFound)
		return true
	}
	for _, list := range []string{
		with(p.url, "deploy-token:wrong-hunter2"), with(unused(t), "deploy-token:hunter2"), with(moved.url, "deploy-token:hunter2"),
	} {
		_, err := client(t, Config{Sources: list}).Fetch(context.Background(), "example.com/crm", "v1.0.0")
		f := fault.As(err)
		require.NotNil(t, f)
		for e := error(f); e != nil; e = unwrap(e) {
			require.NotContains(t, e.Error(), "hunter2")
			require.NotContains(t, e.Error(), "deploy-token")
		}
		require.NotContains(t, f.Suggestion, "hunter2")
	}
}

func unwrap(err error) error {
	u, ok := err.(interface{ Unwrap() error })
	if !ok {
		return nil
	}
	return u.Unwrap()
}

func TestRedactSources(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "",
		"off":                               "off",
		"https://u:p@h.x/y|file:///a,off":   "https://h.x/y|file:///a,off",
		"https://token@h.x":                 "https://h.x",
		"u:p@h.x":                           "(unreadable)",
		"token@h.x,https://u:p%zz@h.x,a.b/": "(unreadable),(unreadable),a.b/",
	} {
		require.Equal(t, want, RedactSources(in))
	}
}

func TestHTTPS(t *testing.T) {
	p := newProxy(t)
	p.add(t, "example.com/crm", "v1.0.0")
	s := httptest.NewTLSServer(p)
	defer s.Close()
	_, err := client(t, Config{Sources: s.URL, HTTP: s.Client()}).Fetch(context.Background(), "example.com/crm", "v1.0.0")
	require.NoError(t, err)
	_, err = client(t, Config{Sources: s.URL}).Fetch(context.Background(), "example.com/crm", "v1.0.0")
	wantFault(t, err, fault.Unavailable, ReasonSourceUnreachable) // nobody vouches for its certificate

	p.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.TLS == nil {
			return false
		}
		http.Redirect(w, r, p.url+r.URL.Path, http.StatusFound)
		return true
	}
	careful := s.Client()
	careful.CheckRedirect = defaultHTTP().CheckRedirect
	_, err = client(t, Config{Sources: s.URL, HTTP: careful}).Fetch(context.Background(), "example.com/crm", "v1.0.0")
	wantFault(t, err, fault.Unavailable, ReasonSourceUnreachable) // from https to http
}

// TestRetries: what may pass is asked for again, what will not is not.
func TestRetries(t *testing.T) {
	for _, k := range []struct {
		name  string
		code  int
		fails int64
		asked int
		ok    bool
	}{
		{"503 twice", 503, 2, 3, true},
		{"503 for ever", 503, 1 << 30, 3, false},
		{"429 once", 429, 1, 2, true},
		{"404 is an answer", 404, 1 << 30, 1, false},
		{"403 is an answer", 403, 1 << 30, 1, false},
		{"a connection that breaks in the body", 0, 2, 3, true},
	} {
		t.Run(k.name, func(t *testing.T) {
			p := newProxy(t)
			p.add(t, "example.com/crm", "v1.0.0")
			const zipAt = "example.com/crm/@v/v1.0.0.zip"
			var n atomic.Int64
			p.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/"+zipAt || n.Add(1) > k.fails {
					return false
				}
				if k.code != 0 {
					w.WriteHeader(k.code)
					return true
				}
				w.Header().Set("Content-Length", "1000")
				_, _ = w.Write([]byte("PK half of it"))
				return true
			}
			_, err := client(t, Config{Sources: p.url}).Fetch(context.Background(), "example.com/crm", "v1.0.0")
			require.Equal(t, k.ok, err == nil, "%v", err)
			require.Equal(t, k.asked, p.asked(zipAt))
		})
	}
}

func TestContextEnds(t *testing.T) {
	p := newProxy(t)
	release := make(chan struct{})
	defer close(release)
	p.before = func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
	c := client(t, Config{Sources: p.url + "|" + p.url})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := c.Fetch(ctx, "example.com/crm", "v1.0.0")
	wantFault(t, err, fault.Deadline, ReasonDeadline)
	_, err = c.Versions(ctx, "example.com/crm")
	wantFault(t, err, fault.Deadline, ReasonDeadline)
	require.Less(t, time.Since(begun), 5*time.Second)
	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(30*time.Millisecond, cancel)
	_, _, err = c.Query(ctx, Ref{Path: "example.com/crm"})
	wantFault(t, err, fault.Canceled, ReasonCanceled)
	require.ErrorIs(t, err, context.Canceled)
}

// TestOddServers: answers that are not the protocol's are named, not believed.
func TestOddServers(t *testing.T) {
	const m = "example.com/crm"
	t.Run("a login page", func(t *testing.T) {
		p := newProxy(t)
		p.before = func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("<html>please log in</html>"))
			return true
		}
		c := client(t, Config{Sources: p.url})
		_, err := query1(t, c, m)
		wantFault(t, err, fault.Unavailable, ReasonSourceResponse)
		_, err = query1(t, c, m+"@v1.0.0")
		wantFault(t, err, fault.Unavailable, ReasonSourceResponse)
		_, err = c.Fetch(context.Background(), m, "v1.0.0")
		wantFault(t, err, fault.Invalid, ReasonGoModInvalid)
	})
	t.Run("another version than asked for", func(t *testing.T) {
		p := newProxy(t)
		p.add(t, m, "v1.0.0")
		p.set(m+"/@v/v1.0.0.info", []byte(`{"Version":"v1.0.1"}`))
		_, err := query1(t, client(t, Config{Sources: p.url}), m+"@v1.0.0")
		wantFault(t, err, fault.Unavailable, ReasonSourceResponse)
	})
	t.Run("an endless list", func(t *testing.T) {
		p := newProxy(t)
		p.set(m+"/@v/list", bytesOf('\n', maxList+1))
		_, err := query1(t, client(t, Config{Sources: p.url}), m)
		wantFault(t, err, fault.Unavailable, ReasonSourceResponse)
	})
	t.Run("an empty list for everything", func(t *testing.T) {
		p := newProxy(t)
		p.set(m+"/@v/list", []byte{})
		c := client(t, Config{Sources: p.url})
		_, err := query1(t, c, m)
		wantFault(t, err, fault.NotFound, ReasonModuleNotFound)
		_, err = query1(t, c, m+"@v1.0.0")
		wantFault(t, err, fault.NotFound, ReasonModuleNotFound)
	})
	t.Run("@latest is not allowed", func(t *testing.T) {
		p := newProxy(t)
		const v = "v0.0.0-20260101000000-aaaaaaaaaaaa"
		p.add(t, m, v)
		p.set(m+"/@v/list", []byte(v+"\n"))
		p.before = func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/@latest") && answer(http.StatusMethodNotAllowed)(w, r)
		}
		got, err := query1(t, client(t, Config{Sources: p.url}), m)
		require.NoError(t, err)
		require.Equal(t, v, got)
	})
	t.Run("noise in the list", func(t *testing.T) {
		p := newProxy(t)
		p.add(t, m, "v1.0.0")
		p.set(m+"/@v/list", []byte("v1.0.0 2026-05-06T07:08:09Z\r\nnonsense\nv1\nv2.0.0\nv1.0.0\n\n"))
		infos, err := client(t, Config{Sources: p.url}).Versions(context.Background(), m)
		require.NoError(t, err)
		require.Equal(t, []Info{{Version: "v1.0.0", Time: "2026-05-06T07:08:09Z"}}, infos)
	})
}

func TestPathInURL(t *testing.T) {
	p := newProxy(t)
	p.add(t, "example.com/Acme/crm", "v2.0.0+incompatible")
	var seen atomic.Value
	p.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".zip") {
			seen.Store(r.RequestURI)
		}
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/go mod")
		return false
	}
	src := newProxy(t)
	src.before = func(w http.ResponseWriter, r *http.Request) bool {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/go mod")
		seen.Store(r.RequestURI)
		p.ServeHTTP(w, r)
		return true
	}
	_, err := client(t, Config{Sources: src.url + "/go%20mod/"}).Fetch(context.Background(), "example.com/Acme/crm", "v2.0.0+incompatible")
	require.NoError(t, err)
	got, err := url.PathUnescape(seen.Load().(string))
	require.NoError(t, err)
	require.Equal(t, "/go mod/example.com/!acme/crm/@v/v2.0.0+incompatible.zip", got)
}

func TestUnreadableFileSource(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "example.com"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "example.com", "crm"), nil, 0o600)) // a file in the way
	c := client(t, Config{Sources: "file://" + filepath.ToSlash(dir)})
	_, err := query1(t, c, "example.com/crm")
	wantFault(t, err, fault.NotFound, ReasonModuleNotFound)
}

// TestTLSFailuresSayWhy: an operator must see that it is the certificate, or that
// nobody speaks TLS there.
func TestTLSFailuresSayWhy(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := newProxy(t)
	for source, why := range map[string]string{
		secure.URL: "certificate is not trusted here",
		"https://" + strings.TrimPrefix(plain.url, "http://"): "does not speak TLS",
	} {
		_, err := query1(t, client(t, Config{Sources: source}), "example.com/crm")
		f := wantFault(t, err, fault.Unavailable, ReasonSourceUnreachable)
		require.Contains(t, f.Detail, why)
	}
}
