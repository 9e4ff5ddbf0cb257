package app_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/app"
)

// writeCertificate writes one for loopback that signs itself, and its key.
func writeCertificate(t *testing.T, dir, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	certificate, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	require.NoError(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
	return certificate, key
}

// serve runs a server as a process would, beyond loopback by its settings, and
// returns where it listens and how to end it.
func serve(t *testing.T, env map[string]string, args ...string) (grpcAt, httpAt string, log *world, end func() int) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	log, ended := &world{env: env}, make(chan int, 1)
	go func() {
		ended <- app.Main(ctx, append([]string{"serve"}, args...), app.World{
			Out: writer, Err: &locked{log}, Getenv: func(name string) string { return env[name] },
		})
		_ = writer.Close()
	}()
	lines := bufio.NewScanner(reader)
	if !lines.Scan() {
		t.Fatalf("the server did not start: %s", log.err.String())
	}
	grpcAt = strings.Fields(lines.Text())[1]
	require.True(t, lines.Scan())
	httpAt = strings.Fields(lines.Text())[1]
	return grpcAt, httpAt, log, func() int {
		stop()
		return <-ended
	}
}

// local is the loopback address of a listener on all addresses.
func local(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return "127.0.0.1:" + port
}

// TestSecuredServer runs a server that listens on all addresses, with TLS,
// tokens, client certificates and a list of targets, and calls it by the
// command line and over HTTP.
func TestSecuredServer(t *testing.T) {
	dir, proxy, data := t.TempDir(), t.TempDir(), t.TempDir()
	crt, key := writeCertificate(t, dir, "server")
	clientCrt, clientKey := writeCertificate(t, dir, "ops")
	env := map[string]string{"LOCKSTEP_SOURCE": "file://" + proxy, "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_DATA_DIR": t.TempDir(), "NO_COLOR": "1"}
	w := &world{env: env}
	require.Equal(t, 0, w.run(t.Context(), "module", "publish", writeModule(t), "v1.0.0", "--to", "file://"+proxy), w.err.String())

	tokens := filepath.Join(dir, "tokens.yaml")
	token := func(name, role string) string {
		w := &world{env: env}
		require.Equal(t, 0, w.run(t.Context(), "token", "create", name, "--role", role, "--expires", "1h", "--file", tokens), w.err.String())
		return strings.TrimSpace(w.out.String())
	}
	viewer, operator := token("viewer", "viewer"), token("ci", "operator")
	file := filepath.Join(dir, "lockstep.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
listen: 0.0.0.0:0
http_listen: 0.0.0.0:0
tls_cert: `+crt+`
tls_key: `+key+`
tls_client_ca: `+clientCrt+`
tls_identities: {"cn:ops": operator}
tokens_file: `+tokens+`
sqlite_directories: [`+data+`]
target_hosts: [db.example.com]
log_format: json
`), 0o600))
	grpcAt, httpAt, log, end := serve(t, env, "--config", file)
	grpcAt = local(grpcAt)
	target := "sqlite:" + filepath.Join(data, "acme.db")

	run := func(token, target string, args ...string) (int, string) {
		w := &world{env: map[string]string{
			"LOCKSTEP_TARGET": target, "LOCKSTEP_TOKEN": token, "LOCKSTEP_CA": crt, "LOCKSTEP_ADDRESS": grpcAt, "NO_COLOR": "1",
		}}
		code := w.run(t.Context(), args...)
		return code, w.out.String() + w.err.String()
	}
	execute := []string{"execute", "--module", "example.com/crm@v1"}
	preview := []string{"preview", "--module", "example.com/crm@v1"}
	code, text := run("", target, preview...)
	assert.Equal(t, 77, code, text)
	assert.Contains(t, text, "LOCKSTEP_TOKEN")
	code, text = run(viewer, target, preview...)
	assert.Equal(t, 0, code, text)
	code, text = run(viewer, target, execute...)
	assert.Equal(t, 77, code, text)
	assert.Contains(t, text, "role operator")
	code, text = run(operator, "sqlite:"+filepath.Join(dir, "outside.db"), execute...)
	assert.Equal(t, 77, code, text)
	assert.NoFileExists(t, filepath.Join(dir, "outside.db"))
	code, text = run(operator, "postgres://169.254.169.254:80/d", execute...)
	assert.Equal(t, 77, code, text)
	code, text = run(operator, target, append(execute, "--actor", "alice")...)
	assert.Equal(t, 0, code, text)
	code, text = run(viewer, target, "history")
	assert.Equal(t, 0, code, text)
	assert.Contains(t, text, "alice (by ci)")

	byCertificate := &world{env: map[string]string{"LOCKSTEP_TARGET": target, "LOCKSTEP_ADDRESS": grpcAt, "NO_COLOR": "1"}}
	assert.Equal(t, 0, byCertificate.run(t.Context(), append(execute, "--ca", crt, "--client-cert", clientCrt, "--client-key", clientKey)...),
		byCertificate.err.String())
	plain := &world{env: map[string]string{"LOCKSTEP_TARGET": target, "LOCKSTEP_ADDRESS": grpcAt, "NO_COLOR": "1"}}
	assert.Equal(t, 69, plain.run(t.Context(), preview...), "without TLS there is no answer")

	pool := x509.NewCertPool()
	authority, err := os.ReadFile(crt)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(authority))
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
	at := "https://" + local(strings.TrimPrefix(httpAt, "https://"))
	get := func(path, token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+path, nil)
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := web.Do(req)
		require.NoError(t, err)
		defer func() { require.NoError(t, resp.Body.Close()) }()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	for path, codes := range map[string][2]int{
		"/healthz": {200, 200}, "/readyz": {200, 200}, "/openapi.json": {200, 200}, "/metrics": {401, 200}, "/v1/modules/example.com/crm/versions": {401, 200},
	} {
		code, text := get(path, "")
		assert.Equal(t, codes[0], code, path+text)
		code, text = get(path, viewer)
		assert.Equal(t, codes[1], code, path+text)
	}
	_, metrics := get("/metrics", viewer)
	assert.Contains(t, metrics, `lockstep_rpc_requests_total{code="PermissionDenied",method="lockstep.v1.MigrationService/ExecuteMigration"} 3`)

	assert.Equal(t, 0, end(), log.err.String())
	lines := log.err.String()
	assert.Contains(t, lines, `"caller":"token:ci"`)
	assert.Contains(t, lines, `"caller":"mtls:cn:ops"`)
	assert.Contains(t, lines, `"execution finished"`)
	for _, secret := range []string{viewer, operator} {
		assert.NotContains(t, lines, secret)
	}
}

// TestServerSaysThatItGoes: after the signal it serves on for a while, and says
// that it is not ready.
func TestServerSaysThatItGoes(t *testing.T) {
	env := map[string]string{"LOCKSTEP_SOURCE": "off", "LOCKSTEP_CACHE_DIR": t.TempDir(), "LOCKSTEP_DATA_DIR": t.TempDir()}
	_, at, log, end := serve(t, env, "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--shutdown-delay", "700ms")
	status := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/readyz", nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode
	}
	assert.Equal(t, 200, status())
	code := make(chan int, 1)
	go func() { code <- end() }()
	require.Eventually(t, func() bool { return status() == 503 }, 5*time.Second, 10*time.Millisecond)
	assert.Equal(t, 0, <-code, log.err.String())
	assert.Equal(t, 0, status(), "and then it is gone")
}
