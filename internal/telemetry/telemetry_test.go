package telemetry

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "modernc.org/sqlite"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/observe"
)

const secret = "hunter2-s3cr3t"

// clock moves a second with every look.
func clock() func() time.Time {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return func() time.Time {
		at = at.Add(time.Second)
		return at
	}
}

func recorder() (*tracetest.SpanRecorder, *Traces) {
	r := tracetest.NewSpanRecorder()
	return r, newTraces(r, TraceConfig{Sample: 1, Version: "v1"})
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}

func statement(summary string) observe.Statement {
	return observe.Statement{Engine: "postgres", SQL: "ALTER TABLE t /* " + summary + " */", Summary: summary, Index: 1, Total: 2}
}

func execution() observe.Execution {
	return observe.Execution{Engine: "postgres", Target: "postgres://db.example.com/shop", Actor: "alice", Command: "execute"}
}

func TestAnExecutionIsCountedAndTraced(t *testing.T) {
	spans, traces := recorder()
	metrics := NewMetrics("v1")
	o := NewObserver(metrics, traces, clock())
	ctx, parent := traces.tracer().Start(t.Context(), "rpc")
	ctx, ended := o.Execution(ctx, execution())
	for _, phase := range []string{"planning", "locking", "verifying"} {
		_, finish := o.Phase(ctx, "postgres", phase)
		finish(nil)
	}
	o.LockWaited(ctx, "postgres", time.Second, true)
	o.Retried(ctx, "postgres", "LOCK_TIMEOUT")
	for _, summary := range []string{"one", "two"} {
		_, finish := o.Statement(ctx, statement(summary))
		finish(nil)
	}
	ended(observe.Executed{Outcome: "applied", Strategy: "safe", Digest: "p1:x", Revision: 7, Statements: 2, Attempts: 2})
	parent.End()

	names := map[string]int{}
	var outer sdktrace.ReadOnlySpan
	for _, s := range spans.Ended() {
		names[s.Name()]++
		if s.Name() == "lockstep.execute" {
			outer = s
		}
	}
	assert.Equal(t, map[string]int{"rpc": 1, "lockstep.execute": 1, "planning": 1, "locking": 1, "one": 1, "two": 1, "verifying": 1}, names)
	assert.Equal(t, parent.SpanContext().SpanID(), outer.Parent().SpanID())
	for _, s := range spans.Ended() {
		if s.Name() == "two" {
			assert.Equal(t, outer.SpanContext().SpanID(), s.Parent().SpanID(), "from the call to the statement")
			assert.Equal(t, trace.SpanKindClient, s.SpanKind())
		}
	}
	text := scrape(t, metrics)
	for _, line := range []string{
		`lockstep_executions_total{command="execute",engine="postgres",kind="",outcome="applied"} 1`,
		`lockstep_execution_duration_seconds_count{engine="postgres",outcome="applied"} 1`,
		`lockstep_executions_running{engine="postgres"} 0`,
		`lockstep_statement_duration_seconds_count{engine="postgres",result="ok"} 2`,
		`lockstep_lock_wait_seconds_count{engine="postgres",result="ok"} 1`,
		`lockstep_execution_retries_total{engine="postgres",reason="LOCK_TIMEOUT"} 1`,
		`lockstep_phase_duration_seconds_count{engine="postgres",phase="verifying"} 1`,
		`lockstep_build_info{version="v1"} 1`,
	} {
		assert.Contains(t, text, line+"\n")
	}
}

// TestAFailureShowsByItsReason: the text of an error can hold the value of a row.
func TestAFailureShowsByItsReason(t *testing.T) {
	spans, traces := recorder()
	metrics := NewMetrics("v1")
	o := NewObserver(metrics, traces, clock())
	failure := fault.New(fault.Refused, "DUPLICATES", "2 rows hold %s", secret)
	ctx, ended := o.Execution(t.Context(), execution())
	_, finish := o.Statement(ctx, statement("one"))
	finish(failure)
	_, finish = o.Phase(ctx, "postgres", "recovering")
	finish(errors.New(secret))
	ended(observe.Executed{Outcome: "rolled_back", Kind: "refused", Reason: "DUPLICATES", Attempts: 1})
	require.Len(t, spans.Ended(), 3)
	said := map[string]string{}
	for _, s := range spans.Ended() {
		said[s.Name()] = s.Status().Description
		for _, a := range s.Attributes() {
			assert.NotContains(t, a.Value.String(), secret)
		}
	}
	assert.Equal(t, map[string]string{"one": "DUPLICATES", "recovering": "INTERNAL", "lockstep.execute": "DUPLICATES"}, said)
	text := scrape(t, metrics)
	assert.Contains(t, text, `lockstep_executions_total{command="execute",engine="postgres",kind="refused",outcome="rolled_back"} 1`)
	assert.Contains(t, text, `lockstep_statement_duration_seconds_count{engine="postgres",result="failed"} 1`)
	o.LockWaited(ctx, "postgres", time.Second, false)
	assert.Contains(t, scrape(t, metrics), `lockstep_lock_wait_seconds_count{engine="postgres",result="failed"} 1`)
	assert.NotContains(t, text, secret)
}

func TestEverythingElseIsCounted(t *testing.T) {
	metrics := NewMetrics("v1")
	o := NewObserver(metrics, &Traces{}, clock())
	ctx := t.Context()
	o.PlanCache(ctx, true)
	o.PlanCache(ctx, true)
	o.PlanCache(ctx, false)
	o.Drift(ctx, "mysql", true)
	o.Drift(ctx, "mysql", false)
	closed := o.Session(ctx, "mysql")
	o.Session(ctx, "mysql")
	closed()
	metrics.Called("/lockstep.v1.ModuleService/ListModules", "OK", time.Second)
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, metrics.Pool("control", db))
	assert.Equal(t, "METRIC_TAKEN", fault.ReasonOf(metrics.Pool("control", db)))
	text := scrape(t, metrics)
	for _, line := range []string{
		`lockstep_plan_cache_requests_total{result="hit"} 2`, `lockstep_plan_cache_requests_total{result="miss"} 1`,
		`lockstep_drift_checks_total{engine="mysql",result="drifted"} 1`, `lockstep_drift_checks_total{engine="mysql",result="clean"} 1`,
		`lockstep_tenant_sessions_open{engine="mysql"} 1`,
		`lockstep_rpc_requests_total{code="OK",method="lockstep.v1.ModuleService/ListModules"} 1`,
		`go_sql_open_connections{db_name="control"} 0`,
	} {
		assert.Contains(t, text, line+"\n")
	}
}

// TestNobodyListening runs all hooks of the observer that does nothing.
func TestNobodyListening(t *testing.T) {
	var o observe.Observer = observe.Nop{}
	ctx, ended := o.Execution(t.Context(), observe.Execution{})
	ended(observe.Executed{})
	ctx, finish := o.Phase(ctx, "", "")
	finish(nil)
	ctx, finish = o.Statement(ctx, observe.Statement{})
	finish(nil)
	o.LockWaited(ctx, "", 0, true)
	o.Retried(ctx, "", "")
	o.Drift(ctx, "", false)
	o.PlanCache(ctx, false)
	o.Session(ctx, "")()
	assert.Equal(t, t.Context(), ctx)
	traces := &Traces{}
	assert.Nil(t, traces.Server())
	assert.Nil(t, traces.Client())
	require.NoError(t, traces.Close(ctx))
}

func TestLinesNameTheirTrace(t *testing.T) {
	_, traces := recorder()
	ctx, span := traces.tracer().Start(t.Context(), "x")
	for _, format := range []string{"json", "text"} {
		var b bytes.Buffer
		logger := NewLogger(&b, slog.LevelInfo, format).With(slog.String("a", "b")).WithGroup("g")
		logger.InfoContext(ctx, "within")
		logger.InfoContext(t.Context(), "outside")
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		require.Len(t, lines, 2)
		assert.Contains(t, lines[0], span.SpanContext().TraceID().String())
		assert.NotContains(t, lines[1], "trace_id")
		if format == "json" {
			assert.True(t, json.Valid([]byte(lines[0])))
		}
	}
}

// collector is an OpenTelemetry collector in the process.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	mu    sync.Mutex
	names []string
}

func (c *collector) Export(_ context.Context, req *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range req.GetResourceSpans() {
		for _, s := range r.GetScopeSpans() {
			for _, span := range s.GetSpans() {
				c.names = append(c.names, span.GetName())
			}
		}
	}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func TestTracesReachACollector(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	got, server := &collector{}, grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, got)
	go func() { _ = server.Serve(lis) }()
	t.Cleanup(server.Stop)
	traces, err := NewTraces(t.Context(), TraceConfig{Endpoint: "http://" + lis.Addr().String(), Sample: 1, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	_, span := traces.tracer().Start(t.Context(), "hello")
	span.End()
	require.NoError(t, traces.Close(t.Context()))
	got.mu.Lock()
	defer got.mu.Unlock()
	assert.Equal(t, []string{"hello"}, got.names)
}
