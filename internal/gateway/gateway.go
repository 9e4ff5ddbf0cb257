// Package gateway serves the public API as HTTP and JSON: grpc-gateway
// translates each call to gRPC, so that there is one implementation and one set
// of rules. It decides nothing about who may call: it passes on what the caller
// proved over a connection that only this process can make. It also serves the
// OpenAPI document, checks of health, and the metrics.
package gateway

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/api/openapi"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// defaultBodyBytes bounds a request's body.
const defaultBodyBytes = 16 << 20

// Option configures the gateway.
type Option func(*options)

type options struct {
	bodyBytes    int64
	patience     func(http.Handler) http.Handler
	metrics      http.Handler
	authenticate Authenticate
	localHosts   bool
	ready        func(context.Context) error
}

// Authenticate finds out who is calling, as rpc.Server.Authenticate does.
type Authenticate func(context.Context, access.Credentials) (access.Identity, error)

// WithMaxBodyBytes bounds a request's body.
func WithMaxBodyBytes(n int) Option { return func(o *options) { o.bodyBytes = int64(n) } }

// WithMetrics serves metrics at /metrics to whoever is a viewer of everything.
func WithMetrics(h http.Handler, a Authenticate) Option {
	return func(o *options) { o.metrics, o.authenticate = h, a }
}

// WithReadiness makes /readyz ask for more than whether the server takes calls.
func WithReadiness(check func(context.Context) error) Option {
	return func(o *options) { o.ready = check }
}

// WithLocalHosts takes only requests whose Host header names this machine. A
// server that asks nobody who they are needs it: a page of another site can
// point its own name at the loopback address, and then calls within its origin.
func WithLocalHosts() Option { return func(o *options) { o.localHosts = true } }

// New returns the handler of the HTTP API in front of a gRPC connection, which
// rpc.Server.ConnectGateway made.
func New(ctx context.Context, conn grpc.ClientConnInterface, opts ...Option) (http.Handler, error) {
	o := options{bodyBytes: defaultBodyBytes, patience: func(h http.Handler) http.Handler { return h }}
	for _, option := range opts {
		option(&o)
	}
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler()),
		runtime.WithErrorHandler(handleError),
		runtime.WithStreamErrorHandler(streamError),
		runtime.WithRoutingErrorHandler(handleRoutingError),
		runtime.WithIncomingHeaderMatcher(noHeader),
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithMetadata(forward),
		runtime.WithDisablePathLengthFallback(),
	)
	if err := lockstepv1.RegisterModuleServiceHandlerClient(ctx, mux, lockstepv1.NewModuleServiceClient(conn)); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "GATEWAY_BROKEN", "the HTTP routes of ModuleService cannot be set up")
	}
	if err := lockstepv1.RegisterMigrationServiceHandlerClient(ctx, mux, lockstepv1.NewMigrationServiceClient(conn)); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "GATEWAY_BROKEN", "the HTTP routes of MigrationService cannot be set up")
	}
	if err := lockstepv1.RegisterTenantServiceHandlerClient(ctx, mux, lockstepv1.NewTenantServiceClient(conn)); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "GATEWAY_BROKEN", "the HTTP routes of TenantService cannot be set up")
	}
	if err := lockstepv1.RegisterAuditServiceHandlerClient(ctx, mux, lockstepv1.NewAuditServiceClient(conn)); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "GATEWAY_BROKEN", "the HTTP routes of AuditService cannot be set up")
	}
	if err := lockstepv1.RegisterServerServiceHandlerClient(ctx, mux, lockstepv1.NewServerServiceClient(conn)); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "GATEWAY_BROKEN", "the HTTP routes of ServerService cannot be set up")
	}
	if err := lockstepv1.RegisterTokenServiceHandlerClient(ctx, mux, lockstepv1.NewTokenServiceClient(conn)); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "GATEWAY_BROKEN", "the HTTP routes of TokenService cannot be set up")
	}
	root := http.NewServeMux()
	root.HandleFunc("GET /openapi.json", serveOpenAPI)
	root.HandleFunc("GET /healthz", serveAlive)
	root.HandleFunc("GET /readyz", serveReady(healthpb.NewHealthClient(conn), o.ready))
	if o.metrics != nil {
		root.Handle("GET /metrics", sameOrigin(viewers(o.metrics, o.authenticate)))
	}
	root.Handle("/v1/", http.MaxBytesHandler(o.patience(sameOrigin(mux)), o.bodyBytes))
	if o.localHosts {
		return localHosts(root), nil
	}
	return root, nil
}

// sameOrigin refuses what a browser sends on behalf of another site: loopback is
// within a browser's reach, and a client certificate goes along by itself.
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

// serveAlive answers while the process does.
func serveAlive(w http.ResponseWriter, _ *http.Request) { writeHealth(w, true) }

// serveReady answers 200 while the gRPC server serves, and 503 once it is about
// to go away.
func serveReady(client healthpb.HealthClient, check func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		resp, err := client.Check(r.Context(), &healthpb.HealthCheckRequest{})
		if err == nil && check != nil {
			err = check(r.Context())
		}
		writeHealth(w, err == nil && resp.GetStatus() == healthpb.HealthCheckResponse_SERVING)
	}
}

func writeHealth(w http.ResponseWriter, serving bool) {
	w.Header().Set("Content-Type", "application/json")
	body := `{"status":"SERVING"}`
	if !serving {
		w.WriteHeader(http.StatusServiceUnavailable)
		body = `{"status":"NOT_SERVING"}`
	}
	_, _ = w.Write([]byte(body + "\n")) // a client that has gone away needs no answer
}
