package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/observe"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/telemetry"
)

// flushTimeout bounds sending the last traces.
const flushTimeout = 5 * time.Second

// observability is what a server tells of itself.
type observability struct {
	logger   *slog.Logger
	metrics  *telemetry.Metrics
	traces   *telemetry.Traces
	observer observe.Observer
}

func newTelemetry(ctx context.Context, cfg config.Config, logger *slog.Logger) (*observability, error) {
	out := &observability{logger: logger, metrics: telemetry.NewMetrics(Version()), traces: &telemetry.Traces{}}
	if cfg.Traces.Endpoint != "" {
		var err error
		out.traces, err = telemetry.NewTraces(context.WithoutCancel(ctx), telemetry.TraceConfig{
			Endpoint: cfg.Traces.Endpoint, Sample: cfg.Traces.Sample, Version: Version(), Logger: logger,
		})
		if err != nil {
			return nil, err
		}
	}
	out.observer = telemetry.NewObserver(out.metrics, out.traces, time.Now)
	return out, nil
}

// observe makes a server tell of the calls that it answers.
func (o *observability) observe(c *rpc.Config) {
	c.Stats = o.traces.Server()
	c.Called = o.metrics.Called
}

func (o *observability) store() control.Observer {
	return telemetry.NewStoreObserver(o.metrics, o.traces, time.Now)
}

func (o *observability) handler() http.Handler { return o.metrics.Handler() }

func (o *observability) traceHTTP(next http.Handler) http.Handler { return o.traces.HTTP(next) }

func (o *observability) dialOptions() []grpc.DialOption {
	if h := o.traces.Client(); h != nil {
		return []grpc.DialOption{grpc.WithStatsHandler(h)}
	}
	return nil
}

// close sends the last traces; that they cannot be sent is in the log.
func (o *observability) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_ = o.traces.Close(ctx)
}
