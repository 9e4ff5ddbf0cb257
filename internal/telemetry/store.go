package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// NewStoreObserver returns what the control store tells of its queries.
func NewStoreObserver(m *Metrics, t *Traces, now func() time.Time) control.Observer {
	return storeObserver{observer{metrics: m, traces: t, now: now}}
}

type storeObserver struct{ observer }

// Query implements control.Observer. The names of queries are those in the .sql
// files, and so a closed set.
func (o storeObserver) Query(ctx context.Context, name string) (context.Context, func(error)) {
	began := o.now()
	ctx, span := o.start(ctx, "store."+name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("db.operation.name", name)))
	return ctx, func(err error) {
		result := "ok"
		if err != nil {
			result = fault.KindOf(err).String()
		}
		o.metrics.queries.WithLabelValues(name, result).Observe(o.now().Sub(began).Seconds())
		finish(span, err)
	}
}
