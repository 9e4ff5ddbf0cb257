package telemetry

import (
	"database/sql"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lockstepdb/lockstep/internal/fault"
)

const namespace = "lockstep"

// Metrics holds the metrics of one process in a registry of its own.
type Metrics struct {
	registry *prometheus.Registry

	executions  *prometheus.CounterVec   // engine, command, outcome, kind
	execution   *prometheus.HistogramVec // engine, outcome; seconds
	running     *prometheus.GaugeVec     // engine
	statements  *prometheus.HistogramVec // engine, result; seconds
	phases      *prometheus.HistogramVec // engine, phase; seconds
	lockWait    *prometheus.HistogramVec // engine, result; seconds
	retries     *prometheus.CounterVec   // engine, reason
	driftChecks *prometheus.CounterVec   // engine, result
	planCache   *prometheus.CounterVec   // result
	sessions    *prometheus.GaugeVec     // engine
	calls       *prometheus.CounterVec   // method, code
	call        *prometheus.HistogramVec // method; seconds
	queries     *prometheus.HistogramVec // query, result; seconds
}

// NewMetrics registers the metrics, and those of the Go runtime and the process.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.executions = m.counter("executions_total", "Executions that ended, by how.", "engine", "command", "outcome", "kind")
	m.execution = m.histogram("execution_duration_seconds", "How long executions took, waiting for the tenant included.", long(), "engine", "outcome")
	m.running = m.gauge("executions_running", "Executions that run now.", "engine")
	m.statements = m.histogram("statement_duration_seconds", "How long single statements took.", short(), "engine", "result")
	m.phases = m.histogram("phase_duration_seconds", "How long the stages of executions took.", short(), "engine", "phase")
	m.lockWait = m.histogram("lock_wait_seconds", "How long executions waited for their tenant.", short(), "engine", "result")
	m.retries = m.counter("execution_retries_total", "Attempts that were repeated, by why.", "engine", "reason")
	m.driftChecks = m.counter("drift_checks_total", "Comparisons of live databases with their record, by what they found.", "engine", "result")
	m.planCache = m.counter("plan_cache_requests_total", "Plans that were looked for in the cache.", "result")
	m.sessions = m.gauge("tenant_sessions_open", "Connections to tenants' databases that are open.", "engine")
	m.calls = m.counter("rpc_requests_total", "Calls of the API, by how they ended.", "method", "code")
	m.call = m.histogram("rpc_duration_seconds", "How long calls of the API took.", short(), "method")
	m.queries = m.histogram("store_query_duration_seconds", "How long queries of the control store took.", quick(), "query", "result")
	build := m.gauge("build_info", "Always 1; the label says which version runs.", "version")
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// quick are the buckets of what should take a millisecond.
func quick() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

// short are the buckets of what takes from a millisecond to a minute, long of
// what takes up to hours.
func short() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
}

func long() []float64 {
	return []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

// Handler serves the metrics in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Registry is where metrics of other parts are registered.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Pool adds the use of a pool of connections, such as the control store's, as
// go_sql_…{db_name=name}. The error is a Bug: the name is taken.
func (m *Metrics) Pool(name string, db *sql.DB) error {
	if err := m.registry.Register(collectors.NewDBStatsCollector(db, name)); err != nil {
		return fault.Wrap(err, fault.Bug, "METRIC_TAKEN", "the pool %s is counted already", name)
	}
	return nil
}

// Called counts a call of the API. The method must be one that the server
// knows, as the gRPC server sees to.
func (m *Metrics) Called(method, code string, took time.Duration) {
	method = strings.TrimPrefix(method, "/")
	m.calls.WithLabelValues(method, code).Inc()
	m.call.WithLabelValues(method).Observe(took.Seconds())
}

func ok(good bool) string {
	if good {
		return "ok"
	}
	return "failed"
}
