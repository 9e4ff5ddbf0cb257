package gateway

import (
	"context"
	"math"
	"net/http"
	"regexp"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// handleError writes an error as google.rpc.Status. An error without details of
// ours was made by the gateway from a body or a parameter that it could not
// read; its text may repeat what was sent, a password included, so it is
// replaced.
func handleError(
	ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error,
) {
	switch {
	case tooSlow(ctx):
		err = status.Of(errTooSlow()).Err()
	case len(grpcstatus.Convert(err).Details()) == 0:
		err = status.Of(unreadable(err)).Err()
	}
	for _, d := range grpcstatus.Convert(err).Details() {
		if retry, ok := d.(*errdetails.RetryInfo); ok {
			seconds := math.Ceil(retry.GetRetryDelay().AsDuration().Seconds())
			w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
		}
	}
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, challenger{w}, r, err)
}

// streamError gives an error in the middle of a stream its details, where the gateway's
// own call ended before the server could say why: a deadline, a caller that left.
func streamError(_ context.Context, err error) *grpcstatus.Status {
	if st := grpcstatus.Convert(err); len(st.Details()) > 0 {
		return st
	}
	return status.Of(status.Fault(err))
}

// challenger names the scheme that an unauthenticated caller should use, where
// the runtime would put the error's message.
type challenger struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (c challenger) WriteHeader(code int) {
	if code == http.StatusUnauthorized {
		c.Header().Set("WWW-Authenticate", `Bearer realm="lockstep"`)
	}
	c.ResponseWriter.WriteHeader(code)
}

// unreadable says what can be said of an error without details.
func unreadable(err error) *fault.Error {
	f := status.Fault(err)
	if f.Kind != fault.Invalid {
		return f
	}
	text := grpcstatus.Convert(err).Message()
	f = fault.New(fault.Invalid, "REQUEST_MALFORMED", "the request cannot be read as JSON of this call").
		Suggest("compare it with the schema at /openapi.json")
	v := fault.Violation{Subject: "body", Description: "not as the schema says"}
	if at := regexp.MustCompile(`line (\d+:\d+)`).FindStringSubmatch(text); at != nil {
		v.Description += ", at line " + at[1]
	}
	if name := regexp.MustCompile(`unknown field "([A-Za-z_][A-Za-z0-9_]{0,60})"`).FindStringSubmatch(text); name != nil {
		v.Subject, v.Description = name[1], "there is no such field"
	}
	f.Violations = []fault.Violation{v}
	return f
}

// denyCrossOrigin answers a call that another site's page made.
func denyCrossOrigin(w http.ResponseWriter, r *http.Request) {
	writeError(w, r, fault.New(fault.Denied, "CROSS_ORIGIN", "the API takes no calls from pages of other sites"))
}

// handleRoutingError answers what no route of the API takes.
func handleRoutingError(
	ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int,
) {
	f := fault.New(fault.NotFound, "ROUTE_UNKNOWN", "the API has no such path")
	if code == http.StatusMethodNotAllowed {
		f = fault.New(fault.Unsupported, "METHOD_NOT_ALLOWED", "the API does not take this method here")
	}
	handleError(ctx, mux, m, w, r, status.Of(f.Suggest("see /openapi.json for what there is")).Err())
}
