// Package telemetry is what lockstep says about itself: the structured log,
// metrics for Prometheus, and traces for OpenTelemetry. It implements
// observe.Observer, by which the use cases tell what they do.
//
// The libraries are the ones that every collector understands:
// prometheus/client_golang and the OpenTelemetry SDK.
//
// Nothing that is logged, counted or traced may hold a secret: targets print
// themselves redacted, and requests are never logged. Labels of metrics come
// from closed sets, so that no caller can make new series.
package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// NewLogger returns a logger that writes to w, as JSON or as text. A line that
// is logged within a trace names it.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(tracedHandler{slog.NewJSONHandler(w, opts)})
	}
	return slog.New(tracedHandler{slog.NewTextHandler(w, opts)})
}

// tracedHandler adds the trace to each line.
type tracedHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h tracedHandler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h tracedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tracedHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h tracedHandler) WithGroup(name string) slog.Handler {
	return tracedHandler{h.Handler.WithGroup(name)}
}
