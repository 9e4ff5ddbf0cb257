package telemetry

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
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

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/observe"
	"github.com/lockstepdb/lockstep/internal/plan"
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

// executing is a migrator that tells what it does as the real one does.
type executing struct {
	migrate.Migrator
	events  []migrate.Event
	result  *migrate.Result
	failure error
}

func (e executing) Execute(ctx context.Context, _ migrate.ExecuteRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return nil, fault.New(fault.Bug, "NO_SPAN", "the execution runs outside its span")
	}
	for _, ev := range e.events {
		progress(ev)
	}
	return e.result, e.failure
}

func statement(summary string) *plan.Statement {
	return &plan.Statement{Statement: dialect.Statement{SQL: "ALTER TABLE t /* " + summary + " */", Summary: summary}}
}

func request(t *testing.T) migrate.ExecuteRequest {
	t.Helper()
	target, err := dialect.ParseTarget("postgres://u:" + secret + "@db.example.com/shop")
	require.NoError(t, err)
	return migrate.ExecuteRequest{Request: migrate.Request{Target: target, Strategy: "safe"}, Actor: "alice"}
}

func TestAnExecutionIsCountedAndTraced(t *testing.T) {
	spans, traces := recorder()
	metrics := NewMetrics("v1")
	now := clock()
	told := 0
	m := Follow(executing{
		events: []migrate.Event{
			{Phase: migrate.PhasePlanning, Attempt: 1},
			{Phase: migrate.PhaseLocking, Attempt: 1},
			{Phase: migrate.PhaseExecuting, Index: 1, Total: 2, Statement: statement("one"), Attempt: 1},
			{Phase: migrate.PhaseLocking, Attempt: 2},
			{Phase: migrate.PhaseExecuting, Index: 1, Total: 2, Statement: statement("one"), Attempt: 2},
			{Phase: migrate.PhaseExecuting, Index: 2, Total: 2, Statement: statement("two"), Attempt: 2},
			{Phase: migrate.PhaseVerifying, Attempt: 2},
			{Phase: migrate.PhaseDone, Attempt: 2},
		},
		result: &migrate.Result{Outcome: migrate.OutcomeApplied, Revision: 7, Plan: &plan.Plan{Digest: "p1:x"}, Statements: make([]history.Statement, 2)},
	}, NewObserver(metrics, traces, now), now)
	ctx, parent := traces.tracer().Start(t.Context(), "rpc")
	_, err := m.Execute(ctx, request(t), func(migrate.Event) { told++ })
	require.NoError(t, err)
	parent.End()
	assert.Equal(t, 8, told, "the caller hears everything, too")

	names := map[string]int{}
	var execution sdktrace.ReadOnlySpan
	for _, s := range spans.Ended() {
		names[s.Name()]++
		if s.Name() == "lockstep.execute" {
			execution = s
		}
		for _, a := range s.Attributes() {
			assert.NotContains(t, a.Value.String(), secret)
		}
	}
	assert.Equal(t, map[string]int{"rpc": 1, "lockstep.execute": 1, "planning": 1, "locking": 2, "one": 2, "two": 1, "verifying": 1}, names)
	assert.Equal(t, parent.SpanContext().SpanID(), execution.Parent().SpanID())
	for _, s := range spans.Ended() {
		if s.Name() == "two" {
			assert.Equal(t, execution.SpanContext().SpanID(), s.Parent().SpanID(), "from the call to the statement")
			assert.Equal(t, trace.SpanKindClient, s.SpanKind())
		}
	}
	text := scrape(t, metrics)
	for _, line := range []string{
		`lockstep_executions_total{command="execute",engine="postgres",kind="",outcome="applied"} 1`,
		`lockstep_execution_duration_seconds_count{engine="postgres",outcome="applied"} 1`,
		`lockstep_executions_running{engine="postgres"} 0`,
		`lockstep_statement_duration_seconds_count{engine="postgres",result="ok"} 3`,
		`lockstep_lock_wait_seconds_count{engine="postgres",result="ok"} 2`,
		`lockstep_execution_retries_total{engine="postgres",reason="lock_or_base"} 1`,
		`lockstep_phase_duration_seconds_count{engine="postgres",phase="verifying"} 1`,
		`lockstep_build_info{version="v1"} 1`,
	} {
		assert.Contains(t, text, line+"\n")
	}
	assert.NotContains(t, text, secret)
}

func TestAFailedExecutionEndsWhatIsOpen(t *testing.T) {
	spans, traces := recorder()
	metrics := NewMetrics("v1")
	now := clock()
	failure := fault.New(fault.Refused, "DUPLICATES", "2 rows hold %s", secret)
	m := Follow(executing{
		events: []migrate.Event{
			{Phase: migrate.PhaseLocking, Attempt: 1}, {Phase: migrate.PhaseExecuting, Index: 1, Total: 1, Statement: statement("one"), Attempt: 1},
		},
		result: &migrate.Result{Outcome: migrate.OutcomeRolledBack}, failure: failure,
	}, NewObserver(metrics, traces, now), now)
	_, err := m.Execute(t.Context(), request(t), nil)
	require.Equal(t, failure, err)
	require.Len(t, spans.Ended(), 3)
	assert.Len(t, spans.Started(), 3)
	for _, s := range spans.Ended() {
		if s.Name() != "locking" {
			assert.Equal(t, "DUPLICATES", s.Status().Description, s.Name())
		}
		assert.NotContains(t, s.Status().Description, secret)
	}
	text := scrape(t, metrics)
	assert.Contains(t, text, `lockstep_executions_total{command="execute",engine="postgres",kind="refused",outcome="rolled_back"} 1`)
	assert.Contains(t, text, `lockstep_statement_duration_seconds_count{engine="postgres",result="failed"} 1`)

	m = Follow(executing{events: []migrate.Event{{Phase: migrate.PhaseLocking, Attempt: 1}}, failure: fault.New(fault.Conflict, "TENANT_LOCKED", "held")},
		NewObserver(metrics, traces, now), now)
	_, err = m.Execute(t.Context(), request(t), nil)
	require.Error(t, err)
	text = scrape(t, metrics)
	assert.Contains(t, text, `outcome="refused"} 1`)
	assert.Contains(t, text, `lockstep_lock_wait_seconds_count{engine="postgres",result="failed"} 1`)
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
