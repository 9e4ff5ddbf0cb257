package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/gateway"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

// makeCertificate makes one that signs itself; for clients and authorities alike.
func makeCertificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// secured serves with authentication over TLS and returns a client for a
// certificate, or none.
func secured(t *testing.T, a *access.Authenticator, limits rpc.Limits, clientCA *x509.Certificate, opts ...gateway.Option) (string, func(*tls.Certificate) *http.Client) {
	t.Helper()
	server, err := rpc.NewServer(rpc.Config{
		Migrator: fakeMigrator{}, Modules: fakeModules{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, ShutdownTimeout: 5 * time.Second,
		Access: rpc.Access{Authenticator: a, Limits: limits},
	})
	require.NoError(t, err)
	conn, err := server.ConnectGateway(context.Background())
	require.NoError(t, err)
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("lockstep_up 1\n")) })
	handler, err := gateway.New(context.Background(), conn, append(opts, gateway.WithMetrics(metrics, server.Authenticate))...)
	require.NoError(t, err)
	web := httptest.NewUnstartedServer(handler)
	pool := x509.NewCertPool()
	pool.AddCert(clientCA)
	web.TLS = &tls.Config{ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS13}
	web.StartTLS()
	t.Cleanup(func() {
		web.Close()
		require.NoError(t, conn.Close())
		server.Shutdown()
	})
	return web.URL, func(cert *tls.Certificate) *http.Client {
		trust := x509.NewCertPool()
		trust.AddCert(web.Certificate())
		cfg := &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS13}
		if cert != nil {
			// Sent whether or not the server asked for this authority's.
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
		}
		return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg}}
	}
}

func get(t *testing.T, client *http.Client, url string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for k, v := range headers {
		req.Header.Set(k, v)
		if k == "Host" {
			req.Host = v
		}
	}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

// TestTheGatewayIsNoWayAround calls over HTTP what needs a role over gRPC.
func TestTheGatewayIsNoWayAround(t *testing.T) {
	viewer, limited := access.NewToken(), access.NewToken()
	store := func(name, token string, g access.Grant) access.StoredToken {
		return access.StoredToken{Name: name, Hash: access.HashToken(token), Expires: time.Now().Add(time.Hour), Grants: []access.Grant{g}}
	}
	ops, stranger := makeCertificate(t, "ops"), makeCertificate(t, "stranger")
	url, client := secured(t, &access.Authenticator{
		Static: access.Tokens{Now: time.Now, List: []access.StoredToken{
			store("viewer", viewer, access.Grant{Role: access.Viewer}),
			store("crm", limited, access.Grant{Role: access.Admin, Labels: access.Labels{"team": "crm"}}),
		}},
		Certificates: map[string][]access.Grant{"cn:ops": {{Role: access.Admin}}},
	}, rpc.Limits{}, ops.Leaf)

	der := base64.StdEncoding.EncodeToString(ops.Leaf.Raw)
	for name, headers := range map[string]map[string]string{
		"nothing":             {},
		"a bad token":         {"Authorization": "Bearer lks_x"},
		"the gateway's words": {"Lockstep-Forwarded-Certificate-Bin": der, "Lockstep-Forwarded-Peer": "127.0.0.1:1"},
		"metadata by prefix": {
			"Grpc-Metadata-Lockstep-Forwarded-Certificate-Bin": der, "Grpc-Metadata-Authorization": "Bearer " + viewer,
			"Grpcgateway-Authorization": "Bearer " + viewer, "Grpc-Metadata-Lockstep-Forwarded-Peer": "127.0.0.1:1",
		},
		"a proxy's words": {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Client-Cert": "Subject=\"CN=ops\"", "X-Remote-User": "ops", "Forwarded": "for=127.0.0.1"},
		"a loopback name": {"Host": "localhost"},
	} {
		for _, path := range []string{"/v1/modules", "/metrics"} {
			resp, body := get(t, client(nil), url+path, headers)
			assert.Equal(t, 401, resp.StatusCode, "%s: %s %s", name, path, body)
			assert.Equal(t, `Bearer realm="lockstep"`, resp.Header.Get("WWW-Authenticate"))
			assert.NotContains(t, body, "lockstep_up")
		}
	}
	resp, body := get(t, client(nil), url+"/v1/modules", map[string]string{"Authorization": "Bearer " + viewer})
	assert.Equal(t, 200, resp.StatusCode, body)
	resp, body = get(t, client(&ops), url+"/v1/modules", nil)
	assert.Equal(t, 200, resp.StatusCode, body)
	resp, _ = get(t, client(nil), url+"/metrics", map[string]string{"Authorization": "Bearer " + viewer})
	assert.Equal(t, 200, resp.StatusCode)
	resp, _ = get(t, client(&ops), url+"/metrics", nil)
	assert.Equal(t, 200, resp.StatusCode)
	resp, _ = get(t, client(nil), url+"/metrics", map[string]string{"Authorization": "Bearer " + limited})
	assert.Equal(t, 403, resp.StatusCode, "metrics tell of all tenants")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/modules", nil)
	require.NoError(t, err)
	if resp, err := client(&stranger).Do(req); err == nil {
		_ = resp.Body.Close()
		t.Fatal("TLS took the certificate of a stranger")
	}

	req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/migrations:execute", strings.NewReader(request))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+viewer)
	resp, err = client(nil).Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, string(text), "ROLE_MISSING")
	assert.NotContains(t, string(text), "APPLIED")

	for _, path := range []string{"/healthz", "/readyz", "/openapi.json"} {
		resp, _ := get(t, client(nil), url+path, nil)
		assert.Equal(t, 200, resp.StatusCode, path)
	}
}

func TestTooManyCallsSayWhenToComeBack(t *testing.T) {
	ca := makeCertificate(t, "ca")
	url, client := secured(t, &access.Authenticator{Anonymous: access.Viewer}, rpc.Limits{CallsPerSecond: 0.5, Burst: 1}, ca.Leaf)
	resp, _ := get(t, client(nil), url+"/v1/modules", nil)
	assert.Equal(t, 200, resp.StatusCode)
	resp, body := get(t, client(nil), url+"/v1/modules", nil)
	assert.Equal(t, 429, resp.StatusCode, body)
	assert.Equal(t, "2", resp.Header.Get("Retry-After"))
}

// TestOtherNamesForThisMachineAreRefused is about DNS rebinding: the page of
// evil.example.com, whose name now points here, calls within its own origin.
func TestOtherNamesForThisMachineAreRefused(t *testing.T) {
	ca := makeCertificate(t, "ca")
	url, client := secured(t, &access.Authenticator{Anonymous: access.Admin}, rpc.Limits{}, ca.Leaf, gateway.WithLocalHosts())
	for host, code := range map[string]int{
		"localhost": 200, "localhost:7301": 200, "127.0.0.1:9": 200, "[::1]:80": 200,
		"evil.example.com": 403, "evil.example.com:7301": 403, "localhost.evil.example.com": 403, "192.0.2.1": 403,
	} {
		for _, path := range []string{"/v1/modules", "/metrics"} {
			resp, body := get(t, client(nil), url+path, map[string]string{"Host": host, "Origin": "https://" + host})
			assert.Equal(t, code, resp.StatusCode, "%s%s: %s", host, path, body)
		}
	}
}

func TestReadinessEndsWithDraining(t *testing.T) {
	server, err := rpc.NewServer(rpc.Config{
		Migrator: fakeMigrator{}, Modules: fakeModules{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Access: rpc.Access{Authenticator: &access.Authenticator{Anonymous: access.Viewer}},
	})
	require.NoError(t, err)
	conn, err := server.ConnectGateway(context.Background())
	require.NoError(t, err)
	handler, err := gateway.New(context.Background(), conn)
	require.NoError(t, err)
	web := httptest.NewServer(handler)
	defer web.Close()
	defer server.Shutdown()
	for _, want := range []int{200, 503} {
		resp, _ := get(t, http.DefaultClient, web.URL+"/readyz", nil)
		assert.Equal(t, want, resp.StatusCode)
		for _, path := range []string{"/healthz", "/v1/modules"} {
			resp, _ = get(t, http.DefaultClient, web.URL+path, nil)
			assert.Equal(t, 200, resp.StatusCode, "it serves to the end")
		}
		server.Drain()
	}
	require.NoError(t, conn.Close())
}
