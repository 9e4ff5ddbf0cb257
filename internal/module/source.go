package module

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// source is one Go module proxy.
type source interface {
	// name is the source's URL without credentials.
	name() string
	// get hands the body of rel, at most limit bytes of it, to sink. A body
	// that breaks off is asked for again, and sink is called again from the
	// start. What the source does not have is errAbsent, a longer body
	// errOversize; sink's own errors come back as they are.
	get(ctx context.Context, rel string, limit int64, sink func(io.Reader) error) error
}

// entry is one place in a list of sources.
type entry struct {
	source
	onError bool // followed by |: the next is asked after any error, not only after 404 and 410
}

// sources is a parsed list of module sources, in order.
type sources []entry

// parseSources reads a list as in GOPROXY (Go Modules Reference, "GOPROXY"
// under "Environment variables"): after a comma the next source is asked when
// this one has no such thing (404, 410), after a pipe on any error. "off" ends
// the list; an empty list is the same as off.
func parseSources(list string, client *http.Client) (sources, error) {
	var out sources
	for list != "" {
		item := list
		onError := false
		if i := strings.IndexAny(list, ",|"); i >= 0 {
			item, onError, list = list[:i], list[i] == '|', list[i+1:]
		} else {
			list = ""
		}
		switch item = strings.TrimSpace(item); item {
		case "":
			continue
		case "off":
			return out, nil
		case "direct", "noproxy":
			return nil, fault.New(fault.Invalid, ReasonSourceDirect, "the module source %q is not supported", item).
				Suggest("lockstep runs no version control: name Go module proxies only, such as https://… or file:///…")
		}
		src, err := parseSource(item, client)
		if err != nil {
			return nil, err
		}
		out = append(out, entry{source: src, onError: onError})
	}
	return out, nil
}

// parseSource reads the URL of one proxy. Errors never repeat the input: it may
// hold credentials.
func parseSource(item string, client *http.Client) (source, error) {
	bad := func(why string) error {
		return fault.New(fault.Invalid, ReasonSourceInvalid, "a module source %s", why).
			Suggest("write https://host/path or file:///absolute/path; separate several by commas")
	}
	if path.IsAbs(item) || filepath.IsAbs(item) {
		return nil, bad("is a plain path: a directory is written as file:///absolute/path")
	}
	if !strings.Contains(item, "://") && !strings.HasPrefix(item, "file:") {
		item = "https://" + item
	}
	u, err := url.Parse(item)
	if err != nil {
		return nil, bad("is not a URL")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, bad(shown(u) + " has a query or a fragment, which a proxy's address cannot have")
	}
	switch u.Scheme {
	case "file":
		root, err := fileRoot(u)
		if err != nil {
			return nil, bad(err.Error())
		}
		return &fileSource{root: root, url: shown(u)}, nil
	case "https":
	case "http":
		if !loopback(u.Hostname()) {
			return nil, bad(shown(u) + " is plain http to another machine: anyone on the way could change a module")
		}
	default:
		return nil, bad(shown(u) + " has a scheme that is none of https, http (loopback only) and file")
	}
	if u.Hostname() == "" {
		return nil, bad("names no host")
	}
	return newHTTPSource(u, client), nil
}

// shown is a URL as it may be seen: without user and password.
func shown(u *url.URL) string {
	plain := *u
	plain.User = nil
	return plain.String()
}

// RedactSources returns a list of sources as it may be shown: without users and
// passwords. An item that cannot be read is left out.
func RedactSources(list string) string {
	var b strings.Builder
	for list != "" {
		item, sep := list, ""
		if i := strings.IndexAny(list, ",|"); i >= 0 {
			item, sep, list = list[:i], list[i:i+1], list[i+1:]
		} else {
			list = ""
		}
		if u, err := url.Parse(item); err == nil && !strings.Contains(u.Opaque+u.Path, "@") {
			b.WriteString(shown(u))
		} else {
			b.WriteString("(unreadable)")
		}
		b.WriteString(sep)
	}
	return b.String()
}

// loopback reports whether host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// each asks one source after the other until one answers, by the rules of
// GOPROXY. When none does, an error of a source that failed is preferred to
// "not there", since it is what kept us from knowing.
func (s sources) each(ctx context.Context, what string, ask func(source) error) error {
	if len(s) == 0 {
		return fault.New(fault.Unavailable, ReasonSourceOff, "%s is needed, but no module source is configured", what).
			Suggest("name a source (--source https://… or file:///…), or a working copy (--replace PATH=DIR)")
	}
	var found error
	for _, e := range s {
		err := ask(e.source)
		if err == nil {
			return nil
		}
		if over := ended(ctx, "while asking %s for %s", e.name(), what); over != nil {
			return over
		}
		absent := errors.Is(err, errAbsent)
		if found == nil || !absent {
			found = err
		}
		if !absent && !e.onError {
			break
		}
	}
	return found
}

// read gets a body into memory.
func read(ctx context.Context, src source, rel string, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	err := src.get(ctx, rel, limit, func(r io.Reader) error {
		buf.Reset()
		_, err := buf.ReadFrom(r)
		return err
	})
	if errors.Is(err, errOversize) {
		return nil, fault.Wrap(err, fault.Unavailable, ReasonSourceResponse,
			"the module source %s answers %s with more than %d bytes", src.name(), rel, limit).
			Suggest("check that the source is a Go module proxy")
	}
	if err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// limited reads at most left bytes, and remembers an error of the reader below,
// so that it can be told from an error of whoever reads.
type limited struct {
	r    io.Reader
	left int64
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	switch {
	case l.left < 0:
		l.err = errOversize
		return 0, l.err
	case err != nil && !errors.Is(err, io.EOF):
		l.err = fmt.Errorf("reading the body: %w", err)
		return n, l.err
	}
	return n, err
}
