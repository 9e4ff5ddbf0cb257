package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/observe"
)

// maxSQL bounds the text of a statement in a span.
const maxSQL = 4096

// observer counts, times and traces what the use cases do.
type observer struct {
	metrics *Metrics
	traces  *Traces
	now     func() time.Time
}

var _ observe.Observer = (*observer)(nil)

// NewObserver returns the observer of a process.
func NewObserver(m *Metrics, t *Traces, now func() time.Time) observe.Observer {
	return &observer{metrics: m, traces: t, now: now}
}

// start begins a span that the caller ends.
func (o *observer) start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	return o.traces.tracer().Start(ctx, name, opts...) //nolint:spancheck // whoever asked for it ends it
}

// Execution implements observe.Observer.
func (o *observer) Execution(ctx context.Context, e observe.Execution) (context.Context, func(observe.Executed)) {
	began := o.now()
	ctx, span := o.start(ctx, "lockstep."+e.Command, trace.WithAttributes(
		attribute.String("db.system.name", e.Engine), attribute.String("lockstep.target", e.Target), attribute.String("lockstep.actor", e.Actor),
	))
	running := o.metrics.running.WithLabelValues(e.Engine)
	running.Inc()
	return ctx, func(end observe.Executed) {
		running.Dec()
		o.metrics.executions.WithLabelValues(e.Engine, e.Command, end.Outcome, end.Kind).Inc()
		o.metrics.execution.WithLabelValues(e.Engine, end.Outcome).Observe(o.now().Sub(began).Seconds())
		span.SetAttributes(
			attribute.String("lockstep.outcome", end.Outcome), attribute.String("lockstep.strategy", end.Strategy),
			attribute.String("lockstep.plan", end.Digest), attribute.Int64("lockstep.revision", end.Revision),
			attribute.Int("lockstep.statements", end.Statements), attribute.Int("lockstep.attempts", end.Attempts),
		)
		if end.Reason != "" {
			span.SetAttributes(attribute.String("error.type", end.Reason))
			span.SetStatus(codes.Error, end.Reason)
		}
		span.End()
	}
}

// Phase implements observe.Observer.
func (o *observer) Phase(ctx context.Context, engine, phase string) (context.Context, func(error)) {
	began := o.now()
	ctx, span := o.start(ctx, phase)
	return ctx, func(err error) {
		o.metrics.phases.WithLabelValues(engine, phase).Observe(o.now().Sub(began).Seconds())
		finish(span, err)
	}
}

// Statement implements observe.Observer.
func (o *observer) Statement(ctx context.Context, s observe.Statement) (context.Context, func(error)) {
	began := o.now()
	sql := s.SQL
	if len(sql) > maxSQL {
		sql = sql[:maxSQL]
	}
	ctx, span := o.start(ctx, s.Summary, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", s.Engine), attribute.String("db.query.text", sql), attribute.String("db.query.summary", s.Summary),
		attribute.Int("lockstep.statement.index", s.Index), attribute.Int("lockstep.statement.total", s.Total),
	))
	return ctx, func(err error) {
		o.metrics.statements.WithLabelValues(s.Engine, ok(err == nil)).Observe(o.now().Sub(began).Seconds())
		finish(span, err)
	}
}

// finish ends a span with a reason, and never with the text of an error, which
// could hold the value of a row.
func finish(span trace.Span, err error) {
	if err != nil {
		reason := fault.ReasonOf(err)
		if reason == "" {
			reason = "INTERNAL"
		}
		span.SetAttributes(attribute.String("error.type", reason))
		span.SetStatus(codes.Error, reason)
	}
	span.End()
}

// LockWaited implements observe.Observer.
func (o *observer) LockWaited(_ context.Context, engine string, waited time.Duration, got bool) {
	o.metrics.lockWait.WithLabelValues(engine, ok(got)).Observe(waited.Seconds())
}

// Retried implements observe.Observer.
func (o *observer) Retried(ctx context.Context, engine, reason string) {
	o.metrics.retries.WithLabelValues(engine, reason).Inc()
	trace.SpanFromContext(ctx).AddEvent("retry", trace.WithAttributes(attribute.String("reason", reason)))
}

// Drift implements observe.Observer.
func (o *observer) Drift(_ context.Context, engine string, drifted bool) {
	result := "clean"
	if drifted {
		result = "drifted"
	}
	o.metrics.driftChecks.WithLabelValues(engine, result).Inc()
}

// PlanCache implements observe.Observer.
func (o *observer) PlanCache(_ context.Context, hit bool) {
	result := "miss"
	if hit {
		result = "hit"
	}
	o.metrics.planCache.WithLabelValues(result).Inc()
}

// Session implements observe.Observer.
func (o *observer) Session(_ context.Context, engine string) func() {
	open := o.metrics.sessions.WithLabelValues(engine)
	open.Inc()
	return open.Dec
}
