package app_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// collector keeps all that is sent to it as traces.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	mu   sync.Mutex
	text strings.Builder
}

func (c *collector) Export(_ context.Context, req *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.WriteString(req.String())
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

// collect starts a collector and returns its URL and what it has got.
func collect(t *testing.T) (endpoint string, got func() string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c, server := &collector{}, grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, c)
	go func() { _ = server.Serve(lis) }()
	t.Cleanup(server.Stop)
	return "http://" + lis.Addr().String(), func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.text.String()
	}
}

// publishVersions publishes a module whose last version rows can refuse.
func publishVersions(t *testing.T, env map[string]string) {
	t.Helper()
	dir := writeModule(t)
	for version, tag := range map[string]string{"v1.0.0": "", "v1.1.0": "size:20", "v1.2.0": "size:20;uniqueIndex"} {
		field := "\tFax *string `gorm:\"" + tag + "\"`\n"
		if tag == "" {
			field = ""
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "crm.go"), []byte(
			"package crm\n\n// User is an entity.\ntype User struct {\n\tID uint64 `gorm:\"primaryKey\"`\n"+field+"}\n"), 0o600))
		w := &world{env: env}
		require.Equal(t, 0, w.run(t.Context(), "module", "publish", dir, version, "--to", env["LOCKSTEP_SOURCE"]), w.err.String())
	}
}

// withPassword puts a password into a URL of a server that asks for none.
func withPassword(t *testing.T, raw, password string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	if _, has := u.User.Password(); has {
		t.Skip("the server wants a password of its own")
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String()
}

// secrets are those that a test uses, by what they are.
type secrets map[string]string

// nowhere asserts that a text holds none of them, however it was encoded.
func (s secrets) nowhere(t *testing.T, place, text string) {
	t.Helper()
	require.NotEmpty(t, text, "%s is not where it was looked for", place)
	for what, value := range s {
		require.NotEmpty(t, value, what)
		for _, form := range []string{
			value, url.QueryEscape(value), fmt.Sprintf("%x", value),
			base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value)),
		} {
			if strings.Contains(text, form) {
				t.Errorf("%s holds %s", place, what)
			}
		}
	}
}

// TestSecretsAreNowhere runs a server with everything on, does everything with it
// that there is to do with tenants, successfully and not, and then looks for every
// secret that was used: in the files of the store, the log at its most talkative,
// all outputs, the audit export, the metrics, the traces, and in what is kept in
// the tenants' own databases.
func TestSecretsAreNowhere(t *testing.T) {
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) { lookForSecrets(t, server) })
	}
}

func lookForSecrets(t *testing.T, server enginetest.Server) {
	dir, proxy := t.TempDir(), t.TempDir()
	crt, key := writeCertificate(t, dir, "server")
	used := secrets{
		"a sealed password": "seal-Qm7xP2vK9w", "a rotated password": "rot8-Zt4nB6yHj3", "a password of the environment": "env3-Lk5dR8sGf1",
		"a password of a file": "file-Wp2cV7mXa6", "a server's password": "serv-Hn9bT4qEu8", "a password of a target": "targ-Yv3kM6zCo5",
		"the key of the store": secret.NewKey().Reveal(),
	}
	passwordFile := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(passwordFile, []byte(used["a password of a file"]+"\n"), 0o600))
	pem, err := os.ReadFile(key)
	require.NoError(t, err)
	used["the TLS key"] = strings.Split(string(pem), "\n")[1]

	database := enginetest.FreshDatabase(t, server)
	at := func(schema, password string) string {
		u, err := url.Parse(withPassword(t, database, password))
		require.NoError(t, err)
		q := u.Query()
		q.Set("schema", schema)
		u.RawQuery = q.Encode()
		return u.String()
	}
	host, err := url.Parse(database)
	require.NoError(t, err)
	endpoint, traces := collect(t)
	store := filepath.Join(dir, "control.db")
	env := map[string]string{
		"LOCKSTEP_SOURCE": "file://" + proxy, "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_STORE": "sqlite:" + store, "NO_COLOR": "1",
		"LOCKSTEP_SECRET_KEY": used["the key of the store"], "TENANT_ENV_PASSWORD": used["a password of the environment"],
	}
	publishVersions(t, env)
	tokens := filepath.Join(dir, "tokens.yaml")
	token := func(args ...string) string { // the one output that shows it
		w := &world{env: env}
		require.Equal(t, 0, w.run(t.Context(), append([]string{"token", "create"}, args...)...), w.err.String())
		return strings.TrimSpace(w.out.String())
	}
	used["a stored token"] = token("boss", "--role", "admin", "--expires", "1h")
	used["a token of the file"] = token("eye", "--role", "viewer", "--expires", "1h", "--file", tokens)

	grpcAt, httpAt, log, end := serve(t, env, "--listen", "0.0.0.0:0", "--http-listen", "0.0.0.0:0", "--tls-cert", crt, "--tls-key", key,
		"--tokens-file", tokens, "--target-hosts", host.Hostname()+":*", "--sqlite-directories", dir, "--log-level", "debug", "--log-format", "json",
		"--trace-endpoint", endpoint, "--secret-env", "TENANT_*", "--secret-directories", dir)
	grpcAt = local(grpcAt)
	var outputs strings.Builder
	call := func(token, target string, args ...string) (code int, out string) {
		w := &world{env: map[string]string{
			"LOCKSTEP_TOKEN": token, "LOCKSTEP_CA": crt, "LOCKSTEP_ADDRESS": grpcAt, "LOCKSTEP_TARGET": target, "NO_COLOR": "1",
		}}
		code = w.run(t.Context(), args...)
		return code, w.out.String() + w.err.String()
	}
	do := func(want int, target string, args ...string) string {
		t.Helper()
		code, out := call(used["a stored token"], target, args...)
		require.Equal(t, want, code, "%v: %s", args, out)
		outputs.WriteString(out)
		return out
	}
	crm := []string{"--module", "example.com/crm@v1.0.0"}
	do(0, at("sealed", used["a sealed password"]), append([]string{"tenant", "create", "sealed", "--label", "team=crm"}, crm...)...)
	do(0, at("byenv", ""), append([]string{"tenant", "create", "byenv", "--secret", "env:TENANT_ENV_PASSWORD"}, crm...)...)
	do(0, at("byfile", ""), append([]string{"tenant", "create", "byfile", "--secret", "file:" + passwordFile}, crm...)...)
	do(0, withPassword(t, database, used["a server's password"]), "server", "create", "main")
	do(0, "", "server", "sync", "main")
	for _, tenant := range []string{"sealed", "byenv", "byfile"} {
		do(0, "", "preview", "--tenant", tenant)
		do(0, "", "preview", "--tenant", tenant, "--format", "json")
		do(0, "", "execute", "--tenant", tenant)
	}
	do(0, at("sealed", used["a rotated password"]), "tenant", "update", "sealed", "--target", at("sealed", used["a rotated password"]))
	do(0, "", "execute", "--tenant", "sealed", "--module", "example.com/crm@v1.1.0")
	db := enginetest.Connect(t, database)
	_, err = db.ExecContext(t.Context(), "INSERT INTO sealed.users (id, fax) VALUES (1, 'same'), (2, 'same')")
	require.NoError(t, err)
	do(5, "", "execute", "--tenant", "sealed", "--module", "example.com/crm@v1.2.0") // the rows refuse
	do(65, "", "preview", "--tenant", "sealed", "--module", "example.com/crm@v9.0.0")
	do(65, "", "preview", "--tenant", "nobody")
	do(77, "postgres://u:"+used["a password of a target"]+"@203.0.113.9/d", append([]string{"preview"}, crm...)...)
	do(65, "postgres:/u:"+used["a password of a target"]+"@/%zz", append([]string{"preview"}, crm...)...)
	do(0, at("direct", used["a password of a target"]), append([]string{"execute"}, crm...)...)
	do(0, at("direct", used["a password of a target"]), "history", "--format", "json")
	do(0, "", "drift", "--tenant", "sealed")
	do(0, "", "revert", "--tenant", "sealed", "--to", "1", "--strategy", "safe")
	do(0, "", append([]string{"adopt", "--tenant", "byenv", "--again"}, crm...)...)
	code, out := call(used["a token of the file"], "", append([]string{"execute", "--tenant", "sealed"}, crm...)...)
	require.Equal(t, 77, code, out)
	outputs.WriteString(out)
	code, out = call("lks_"+used["a stored token"][4:40]+"xxxxxxx", "", "tenant", "list")
	require.Equal(t, 77, code, out)
	outputs.WriteString(out)
	used["a generated password"] = onboarded(t, database, call, used["a stored token"])
	for _, args := range [][]string{
		{"tenant", "list"},
		{"tenant", "get", "sealed", "--format", "json"},
		{"server", "list", "--format", "json"},
		{"server", "users", "main", "--format", "json"},
		{"token", "list", "--format", "json"},
		{"audit", "search", "--limit", "1000"},
		{"audit", "verify"},
		{"history", "--tenant", "sealed", "--revision", "1", "--format", "json"},
	} {
		do(0, "", args...)
	}
	exported := do(0, "", "audit", "export")
	assert.Contains(t, exported, `"refused"`)
	page := scrape(t, crt, httpAt, used["a token of the file"])
	assert.Contains(t, page, `lockstep_executions_total{command="revert",engine="postgres",kind="",outcome="applied"} 1`)

	for _, suffix := range []string{"", "-wal"} { // while it is open, and nothing was moved from the one to the other at the end
		data, err := os.ReadFile(store + suffix)
		require.NoError(t, err)
		used.nowhere(t, "the store"+suffix, string(data))
	}
	require.Equal(t, 0, end(), log.err.String())
	data, err := os.ReadFile(store)
	require.NoError(t, err)
	require.Contains(t, string(data), "sealed")
	used.nowhere(t, "the store", string(data))
	used.nowhere(t, "the log", log.err.String())
	used.nowhere(t, "the outputs", outputs.String())
	used.nowhere(t, "the audit export", exported)
	used.nowhere(t, "the metrics", page)
	assert.Contains(t, traces(), "ALTER TABLE", "from the call to the statement")
	used.nowhere(t, "the traces", traces())
	for _, schema := range []string{"sealed", "byenv", "byfile", "direct"} {
		var history string
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT string_agg(h::text, ' ') FROM "+schema+".lockstep_history h").Scan(&history))
		used.nowhere(t, "the history of "+schema, history)
	}
}

// onboarded makes a tenant with a user, and returns the password that was made up
// for it, which is in that one answer.
func onboarded(t *testing.T, database string, call func(token, target string, args ...string) (int, string), token string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	name := strings.TrimPrefix(u.Path, "/")
	user := name + "_app"
	t.Cleanup(func() {
		db := enginetest.Connect(t, database)
		for _, s := range []string{`DROP OWNED BY "` + user + `"`, `DROP ROLE "` + user + `"`} {
			_, err := db.ExecContext(context.Background(), s)
			assert.NoError(t, err)
		}
	})
	code, out := call(token, "", "tenant", "onboard", "fresh", "--server", "main", "--database", name, "--schema", "fresh", "--user="+user,
		"--module", "example.com/crm@v1.0.0", "--actor", "ops", "--format", "json")
	require.Equal(t, 0, code, out)
	var found string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				if text, ok := inner.(string); ok && k == "password" {
					found = text
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	for dec := json.NewDecoder(strings.NewReader(out[strings.IndexByte(out, '{'):])); ; {
		var doc any
		if err := dec.Decode(&doc); err != nil {
			break
		}
		walk(doc)
	}
	require.NotEmpty(t, found, out)
	return found
}

// scrape reads the metrics over TLS.
func scrape(t *testing.T, crt, httpAt, token string) string {
	t.Helper()
	authority, err := os.ReadFile(crt)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(authority))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+local(strings.TrimPrefix(httpAt, "https://"))+"/metrics", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, string(body))
	return string(body)
}
