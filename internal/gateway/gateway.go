// Package gateway serves the public API as HTTP and JSON: grpc-gateway
// translates each call to gRPC, so that there is one implementation and one set
// of rules. It also serves the OpenAPI document and a health check.
package gateway

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/api/openapi"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// maxBodyBytes bounds a request's body.
const maxBodyBytes = 64 << 20

// New returns the handler of the HTTP API in front of a gRPC connection.
func New(ctx context.Context, conn grpc.ClientConnInterface) (http.Handler, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler()),
		runtime.WithErrorHandler(handleError),
		runtime.WithRoutingErrorHandler(handleRoutingError),
		runtime.WithIncomingHeaderMatcher(noHeader),
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithDisablePathLengthFallback(),
	)
	if err := lockstepv1.RegisterModuleServiceHandlerClient(ctx, mux, lockstepv1.NewModuleServiceClient(conn)); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "GATEWAY_BROKEN", "the HTTP routes of ModuleService cannot be set up")
	}
	if err := lockstepv1.RegisterMigrationServiceHandlerClient(ctx, mux, lockstepv1.NewMigrationServiceClient(conn)); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "GATEWAY_BROKEN", "the HTTP routes of MigrationService cannot be set up")
	}
	root := http.NewServeMux()
	root.HandleFunc("GET /openapi.json", serveOpenAPI)
	root.HandleFunc("GET /healthz", serveHealth(healthpb.NewHealthClient(conn)))
	root.Handle("/v1/", http.MaxBytesHandler(sameOrigin(mux), maxBodyBytes))
	return root, nil
}

// sameOrigin refuses what a browser sends on behalf of another site: the API has
// no authentication of its own, and loopback is within a browser's reach.
func sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(denyCrossOrigin))
	return guard.Handler(next)
}

// noHeader keeps HTTP headers from becoming gRPC metadata, and back.
func noHeader(string) (string, bool) { return "", false }

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// A client that has gone away needs no answer.
	_, _ = w.Write(openapi.Document())
}

// serveHealth answers 200 while the gRPC server serves.
func serveHealth(client healthpb.HealthClient) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		resp, err := client.Check(r.Context(), &healthpb.HealthCheckRequest{})
		body := `{"status":"SERVING"}`
		if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			w.WriteHeader(http.StatusServiceUnavailable)
			body = `{"status":"NOT_SERVING"}`
		}
		_, _ = w.Write([]byte(body + "\n")) // a client that has gone away needs no answer
	}
}
