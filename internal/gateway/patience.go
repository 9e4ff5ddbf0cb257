package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// WithPatience bounds how long the gateway waits for a client: for a request's
// whole body, which is read before anybody knows who sent it, and for each piece
// of an answer to be taken. now is the wall clock, which connections go by.
func WithPatience(body, piece time.Duration, now func() time.Time) Option {
	return func(o *options) {
		o.patience = func(next http.Handler) http.Handler { return patient(next, body, piece, now) }
	}
}

// slowKey is where a request says that its body was too slow.
type slowKey struct{}

// tooSlow tells whether the body of a request did not arrive in time.
func tooSlow(ctx context.Context) bool {
	slow, ok := ctx.Value(slowKey{}).(*atomic.Bool)
	return ok && slow.Load()
}

func errTooSlow() *fault.Error {
	return fault.New(fault.Invalid, "REQUEST_TOO_SLOW", "the body of the request did not arrive in time").
		Suggest("send it again over a better connection, or over gRPC")
}

// patient bounds how long a client can hold a connection by sending its body, or
// taking its answer, slowly. An answer can take as long as an execution does, so
// the server's own timeouts, which are for the whole of it, do not serve.
func patient(next http.Handler, body, piece time.Duration, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		slow := &atomic.Bool{}
		r = r.WithContext(context.WithValue(r.Context(), slowKey{}, slow))
		// A connection that knows no deadlines is none of a listener's.
		if r.Body != http.NoBody && control.SetReadDeadline(now().Add(body)) == nil {
			r.Body = &timedBody{ReadCloser: r.Body, control: control, slow: slow}
		}
		next.ServeHTTP(&timedWriter{ResponseWriter: w, control: control, until: func() time.Time { return now().Add(piece) }}, r)
	})
}

// timedBody lifts the deadline when the body has been read, because the server
// goes on to read: to notice that the client went away.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	slow    *atomic.Bool
}

// Read implements io.Reader.
func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.slow.Store(true)
	case errors.Is(err, io.EOF):
		_ = b.control.SetReadDeadline(time.Time{}) // it could be set
	}
	return n, err
}

// timedWriter gives the client some time for each piece.
type timedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	until   func() time.Time
}

// Unwrap is for http.ResponseController.
func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements http.ResponseWriter.
func (w *timedWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(w.until()) // as for reading
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher, which streams need.
func (w *timedWriter) Flush() {
	_ = w.control.SetWriteDeadline(w.until())
	_ = w.control.Flush() // a client that has gone away shows in the context
}
