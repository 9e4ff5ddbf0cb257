package control

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Observer is told of every query of the store.
type Observer interface {
	// Query is called before a query, with its name in the .sql files, or Begin
	// and Commit; the function it returns is called after it, with a fault or nil.
	Query(ctx context.Context, name string) (context.Context, func(err error))
}

// Telemetry makes a span and a measurement of every query.
type Telemetry struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	now      func() time.Time
}

var _ Observer = (*Telemetry)(nil)

// NewTelemetry makes an Observer over OpenTelemetry. The metric is
// lockstep.store.query.duration, in seconds, by query and outcome (ok, or the
// kind of the fault); it counts the queries, too.
func NewTelemetry(tracer trace.Tracer, meter metric.Meter, now func() time.Time) (*Telemetry, error) {
	duration, err := meter.Float64Histogram("lockstep.store.query.duration", metric.WithUnit("s"),
		metric.WithDescription("How long queries of the control store take."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "STORE_CONFIG", "the metric of the control store cannot be made")
	}
	return &Telemetry{tracer: tracer, duration: duration, now: now}, nil
}

// Query implements Observer. Neither span nor metric holds an argument.
func (t *Telemetry) Query(ctx context.Context, name string) (context.Context, func(error)) {
	begin := t.now()
	ctx, span := t.tracer.Start(ctx, "store "+name, trace.WithSpanKind(trace.SpanKindClient)) //nolint:spancheck // the function returned ends it
	return ctx, func(err error) {                                                             //nolint:spancheck // it ends the span
		outcome := "ok"
		if err != nil {
			outcome = fault.KindOf(err).String()
			span.SetStatus(codes.Error, fault.ReasonOf(err))
		}
		attributes := []attribute.KeyValue{attribute.String("query", name), attribute.String("outcome", outcome)}
		span.SetAttributes(attributes...)
		span.End()
		t.duration.Record(ctx, t.now().Sub(begin).Seconds(), metric.WithAttributes(attributes...))
	}
}
