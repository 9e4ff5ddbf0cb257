package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/gateway"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

const secret = "hunter2-s3cr3t"

const request = `{"modules": {"refs": [{"path": "example.com/crm", "query": "v1"}]},
	"target": "postgres://u:` + secret + `@h/db", "actor": "alice"}`

// fakeMigrator answers previews and executions; the embedded interface stands
// for what these tests do not call.
type fakeMigrator struct {
	migrate.Migrator
	failure *fault.Error
	endless bool // an execution goes on until it is given up
}

func (f fakeMigrator) Preview(context.Context, migrate.Request) (*migrate.Preview, error) {
	if f.failure != nil {
		return nil, f.failure
	}
	return &migrate.Preview{Plan: &plan.Plan{Engine: "postgres", Digest: "p1:abc"}}, nil
}

func (f fakeMigrator) Execute(
	ctx context.Context, _ migrate.ExecuteRequest, progress func(migrate.Event),
) (*migrate.Result, error) {
	progress(migrate.Event{Phase: migrate.PhasePlanning})
	progress(migrate.Event{Phase: migrate.PhaseLocking})
	if f.endless {
		<-ctx.Done()
		return nil, fault.Wrap(ctx.Err(), fault.Deadline, "DEADLINE_EXCEEDED", "over")
	}
	if f.failure != nil {
		return &migrate.Result{Outcome: migrate.OutcomeRolledBack, Error: f.failure}, f.failure
	}
	return &migrate.Result{Outcome: migrate.OutcomeApplied, Revision: 1}, nil
}

type fakeModules struct{ rpc.Modules }

func (fakeModules) Versions(_ context.Context, path string) ([]module.Info, error) {
	if path != "example.com/entities/crm" {
		return nil, fault.New(fault.NotFound, "MODULE_NOT_FOUND", "no source knows %s", path)
	}
	return []module.Info{{Version: "v1.0.0"}}, nil
}

func serve(t *testing.T, m migrate.Migrator, options ...gateway.Option) string {
	t.Helper()
	server, err := rpc.NewServer(rpc.Config{
		Migrator: m, Modules: fakeModules{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		ShutdownTimeout: 5 * time.Second,
	})
	require.NoError(t, err)
	conn, err := server.Connect(context.Background())
	require.NoError(t, err)
	handler, err := gateway.New(context.Background(), conn, options...)
	require.NoError(t, err)
	web := httptest.NewServer(handler)
	t.Cleanup(func() {
		web.Close()
		require.NoError(t, conn.Close())
		server.Shutdown()
	})
	return web.URL
}

func call(t *testing.T, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.NotContains(t, string(data), secret)
	return resp, string(data)
}

func TestCallsOverHTTP(t *testing.T) {
	url := serve(t, fakeMigrator{})
	resp, body := call(t, "GET", url+"/v1/modules/example.com/entities/crm/versions", "")
	assert.Equal(t, 200, resp.StatusCode, body)
	assert.JSONEq(t, `{"versions":[{"version":"v1.0.0","time":"","retracted":false,"retraction":""}]}`, body)

	preview := strings.Replace(request, `, "actor": "alice"`, "", 1)
	resp, body = call(t, "POST", url+"/v1/migrations:preview", preview)
	assert.Equal(t, 200, resp.StatusCode, body)
	assert.Contains(t, body, `"p1:abc"`)
	assert.Contains(t, body, `"postgres://h/db"`, "the target is redacted")
}

func TestExecuteIsNDJSON(t *testing.T) {
	resp, body := call(t, "POST", serve(t, fakeMigrator{})+"/v1/migrations:execute", request)
	assert.Equal(t, 200, resp.StatusCode, body)
	assert.Equal(t, "application/x-ndjson", resp.Header.Get("Content-Type"))
	lines := strings.Split(strings.TrimSpace(body), "\n")
	require.Len(t, lines, 3)
	for _, l := range lines {
		assert.True(t, json.Valid([]byte(l)), l)
	}
	assert.Contains(t, lines[0], "EXECUTION_PHASE_PLANNING")
	assert.Contains(t, lines[2], "EXECUTION_OUTCOME_APPLIED")
}

func TestFailedExecuteEndsWithAnError(t *testing.T) {
	f := fault.New(fault.Refused, "DUPLICATES", "2 rows hold the same email").Suggest("merge them")
	f.RolledBack = true
	_, body := call(t, "POST", serve(t, fakeMigrator{failure: f})+"/v1/migrations:execute", request)
	lines := strings.Split(strings.TrimSpace(body), "\n")
	require.Len(t, lines, 4)
	assert.Contains(t, lines[2], "EXECUTION_OUTCOME_ROLLED_BACK")
	assert.Contains(t, lines[3], `"error"`)
	assert.Contains(t, lines[3], "DUPLICATES")
	assert.Contains(t, lines[3], "merge them")
}

// TestAStreamWhoseDeadlinePassesSaysSo: the gateway's own call ends first, without the
// server's details.
func TestAStreamWhoseDeadlinePassesSaysSo(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, serve(t, fakeMigrator{endless: true})+"/v1/migrations:execute", strings.NewReader(request))
	require.NoError(t, err)
	req.Header.Set("Grpc-Timeout", "200m")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	assert.Contains(t, lines[len(lines)-1], `"reason":"DEADLINE_EXCEEDED"`)
	assert.Contains(t, lines[len(lines)-1], `"kind":"deadline"`)
}

func TestErrorsAreStatusesWithReasons(t *testing.T) {
	url := serve(t, fakeMigrator{failure: fault.New(fault.Conflict, "TENANT_LOCKED", "somebody else holds the tenant")})
	preview := strings.Replace(request, `, "actor": "alice"`, "", 1)
	for name, c := range map[string]struct {
		method, path, body string
		code               int
		reason             string
		words              string
	}{
		"fault":         {"POST", "/v1/migrations:preview", preview, 409, "TENANT_LOCKED", "holds the tenant"},
		"not found":     {"GET", "/v1/modules/example.com/x/versions", "", 404, "MODULE_NOT_FOUND", "example.com/x"},
		"rule":          {"POST", "/v1/migrations:execute", `{"target": "sqlite:x"}`, 400, "REQUEST_INVALID", "modules"},
		"unknown field": {"POST", "/v1/migrations:preview", `{"targt": "` + secret + `"}`, 400, "REQUEST_MALFORMED", "targt"},
		"not JSON":      {"POST", "/v1/migrations:preview", `{"target": ` + secret + `}`, 400, "REQUEST_MALFORMED", "body"},
		"wrong type":    {"POST", "/v1/revisions:get", `{"number": "` + secret + `"}`, 400, "REQUEST_MALFORMED", "body"},
		"no route":      {"GET", "/v1/nothing", "", 404, "ROUTE_UNKNOWN", "openapi"},
		"method":        {"GET", "/v1/migrations:preview", "", 501, "METHOD_NOT_ALLOWED", "openapi"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := call(t, c.method, url+c.path, c.body)
			assert.Equal(t, c.code, resp.StatusCode, body)
			assert.Contains(t, body, c.reason)
			assert.Contains(t, body, c.words)
			assert.True(t, json.Valid([]byte(body)), body)
		})
	}
}

func TestPagesOfOtherSitesAreDenied(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		serve(t, fakeMigrator{})+"/v1/migrations:execute", strings.NewReader(request))
	require.NoError(t, err)
	req.Header.Set("Origin", "https://evil.example.com")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, 403, resp.StatusCode)
	assert.Contains(t, string(body), "CROSS_ORIGIN")
}

func TestOpenAPIAndHealth(t *testing.T) {
	url := serve(t, fakeMigrator{})
	resp, body := call(t, "GET", url+"/openapi.json", "")
	assert.Equal(t, 200, resp.StatusCode)
	var doc struct {
		Paths map[string]any `json:"paths"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &doc))
	assert.Contains(t, doc.Paths, "/v1/migrations:execute")

	resp, body = call(t, "GET", url+"/healthz", "")
	assert.Equal(t, 200, resp.StatusCode)
	assert.Contains(t, body, "SERVING")
}
