package module

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// httpSource is a proxy behind https, or http on this machine.
type httpSource struct {
	base    *url.URL
	shown   string
	client  *http.Client
	pauses  []time.Duration // between attempts; their number is that of the retries
	timeout time.Duration   // of one attempt, body included
}

func newHTTPSource(u *url.URL, client *http.Client) *httpSource {
	base := *u
	base.Path = strings.TrimRight(u.Path, "/")
	base.RawPath = strings.TrimRight(u.EscapedPath(), "/")
	return &httpSource{
		base: &base, shown: shown(&base), client: client,
		pauses:  []time.Duration{150 * time.Millisecond, 600 * time.Millisecond},
		timeout: 5 * time.Minute,
	}
}

// defaultHTTP is the client used when none is configured. It never follows a
// redirect from https to plain http.
func defaultHTTP() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
		},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			switch {
			case len(via) >= 10:
				return errors.New("too many redirects")
			case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
				return errors.New("redirect from https to " + req.URL.Scheme)
			}
			return nil
		},
	}
}

func (s *httpSource) name() string { return s.shown }

func (s *httpSource) get(ctx context.Context, rel string, limit int64, sink func(io.Reader) error) error {
	for try := 0; ; try++ {
		again, err := s.attempt(ctx, rel, limit, sink)
		if err == nil || !again || try >= len(s.pauses) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(s.pauses[try]):
		}
	}
}

// attempt asks once; again says whether it may help to ask again.
func (s *httpSource) attempt(ctx context.Context, rel string, limit int64, sink func(io.Reader) error) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	target := *s.base
	target.Path += "/" + rel
	target.RawPath += "/" + strings.ReplaceAll(url.PathEscape(rel), "%2F", "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return false, s.unreachable(err, "is not usable as an address")
	}
	req.Header.Set("User-Agent", "lockstep")
	resp, err := s.client.Do(req)
	if err != nil {
		return true, s.unreachable(withoutURL(err), "cannot be reached"+because(err))
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	if again, err := s.status(resp.StatusCode, rel); err != nil {
		return again, err
	}
	if resp.ContentLength > limit {
		return false, errOversize
	}
	body := &limited{r: resp.Body, left: limit}
	err = sink(body)
	switch {
	case errors.Is(body.err, errOversize):
		return false, errOversize
	case body.err != nil:
		return true, s.unreachable(withoutURL(body.err), "broke off its answer")
	}
	return false, err
}

// status turns a response's status into an error.
func (s *httpSource) status(code int, rel string) (again bool, err error) {
	switch {
	case code == http.StatusOK:
		return false, nil
	case code == http.StatusNotFound, code == http.StatusGone:
		return false, fmt.Errorf("%s: %s: %w", s.shown, rel, errAbsent)
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return false, fault.New(fault.Unavailable, ReasonSourceDenied, "the module source %s denies access to %s (status %d)", s.shown, rel, code).
			Suggest("check the user and password in the source's URL, and whether the source may serve this module")
	case strings.HasSuffix(rel, "/@latest") && (code == http.StatusMethodNotAllowed || code == http.StatusNotImplemented):
		return false, fmt.Errorf("%s: %s: %w", s.shown, rel, errAbsent) // @latest is optional
	}
	again = code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
	return again, s.unreachable(nil, fmt.Sprintf("answers with status %d", code))
}

func (s *httpSource) unreachable(err error, why string) error {
	return fault.Wrap(err, fault.Unavailable, ReasonSourceUnreachable, "the module source %s %s", s.shown, why).
		Suggest("check the address and the network, or name another source")
}

// withoutURL takes the URL, which may hold credentials, out of an HTTP error.
func withoutURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}

// because names the common causes of a failed connection.
func because(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return ": its host name does not resolve"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ": its certificate is not trusted here"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return ": it does not speak TLS"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return ": no connection"
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return ": it does not answer in time"
	}
	return ""
}
