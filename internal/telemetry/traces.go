package telemetry

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc/stats"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// scope names who makes our spans.
const scope = "github.com/lockstepdb/lockstep"

// Traces makes spans and sends them somewhere. The zero value makes none.
type Traces struct {
	provider *sdktrace.TracerProvider // nil: none
}

// TraceConfig says where spans go.
type TraceConfig struct {
	Endpoint string // URL of an OTLP collector over gRPC; http:// is without TLS
	Sample   float64
	Version  string
	Logger   *slog.Logger // for what the exporter has to say
}

// NewTraces makes an exporter to a collector. It connects when there is
// something to send; a collector that is away costs spans, and nothing else.
func NewTraces(ctx context.Context, cfg TraceConfig) (*Traces, error) {
	exporter, err := otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(cfg.Endpoint))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "TRACES_INVALID", "traces cannot be sent to the trace-endpoint")
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { // its text could hold the endpoint's credentials
		cfg.Logger.WarnContext(context.WithoutCancel(ctx), "traces cannot be sent")
	}))
	return newTraces(sdktrace.NewBatchSpanProcessor(exporter), cfg), nil
}

func newTraces(processor sdktrace.SpanProcessor, cfg TraceConfig) *Traces {
	return &Traces{sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(processor),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(cfg.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "lockstep"), attribute.String("service.version", cfg.Version),
		)),
	)}
}

// Close sends what is left.
func (t *Traces) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

func (t *Traces) tracer() trace.Tracer {
	if t.provider == nil {
		return noop.NewTracerProvider().Tracer(scope)
	}
	return t.provider.Tracer(scope)
}

func propagator() propagation.TextMapPropagator { return propagation.TraceContext{} }

// Server returns the handler that makes a span of each call; nil without traces.
func (t *Traces) Server() stats.Handler {
	if t.provider == nil {
		return nil
	}
	return otelgrpc.NewServerHandler(t.options()...)
}

// Client is Server for the calls that the gateway makes.
func (t *Traces) Client() stats.Handler {
	if t.provider == nil {
		return nil
	}
	return otelgrpc.NewClientHandler(t.options()...)
}

func (t *Traces) options() []otelgrpc.Option {
	return []otelgrpc.Option{otelgrpc.WithTracerProvider(t.provider), otelgrpc.WithPropagators(propagator())}
}

// HTTP takes up the trace that an HTTP caller is in; what is called within it
// belongs to that trace.
func (t *Traces) HTTP(next http.Handler) http.Handler {
	if t.provider == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagator().Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
