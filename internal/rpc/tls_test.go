package rpc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

// pair is a certificate with its key.
type pair struct {
	leaf *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (p pair) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.leaf.Raw}, PrivateKey: p.key, Leaf: p.leaf}
}

func (p pair) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.leaf)
	return pool
}

// certificate makes one for a name, signed by an authority, or an authority
// that signs itself.
func certificate(t *testing.T, name string, by *pair, uris ...string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: by == nil,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	for _, text := range uris {
		u, err := url.Parse(text)
		require.NoError(t, err)
		template.URIs = append(template.URIs, u)
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.leaf, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return pair{leaf, key}
}

func TestMutualTLS(t *testing.T) {
	authority, stranger := certificate(t, "authority", nil), certificate(t, "authority", nil)
	serving := certificate(t, "server", &authority)
	known, verifier := tokens(t)
	log := &lockedBuffer{}
	server, err := rpc.NewServer(rpc.Config{
		Migrator: &fakeMigrator{}, Modules: fakeModules{}, Logger: logTo(log), Now: func() time.Time { return began },
		TLS: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{serving.tls()},
			ClientCAs: authority.pool(), ClientAuth: tls.VerifyClientCertIfGiven,
		},
		Access: rpc.Access{Authenticator: &access.Authenticator{
			Static:       verifier,
			Certificates: map[string][]access.Grant{"uri:spiffe://cluster/ops": {{Role: access.Viewer}}},
		}},
	})
	require.NoError(t, err)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(t.Context(), lis) }()
	t.Cleanup(server.Shutdown)

	list := func(cfg *tls.Config, token string) error {
		conn, err := rpc.Client{Address: lis.Addr().String(), TLS: cfg, Token: token}.Dial()
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		_, err = lockstepv1.NewModuleServiceClient(conn).ListModules(t.Context(), &lockstepv1.ListModulesRequest{})
		return err
	}
	with := func(p *pair) *tls.Config {
		cfg := &tls.Config{RootCAs: authority.pool(), MinVersion: tls.VersionTLS12}
		if p != nil {
			cfg.Certificates = []tls.Certificate{p.tls()}
		}
		return cfg
	}
	ops, other := certificate(t, "ops", &authority, "spiffe://cluster/ops"), certificate(t, "other", &authority)
	forged := certificate(t, "ops", &stranger, "spiffe://cluster/ops")
	require.NoError(t, list(with(&ops), ""))
	assert.Contains(t, log.String(), `caller=mtls:uri:spiffe://cluster/ops`)
	assert.Equal(t, codes.PermissionDenied, grpcstatus.Code(list(with(&other), "")), "known to the authority, and no role")
	assert.Equal(t, codes.Unavailable, grpcstatus.Code(list(with(&forged), "")), "TLS refuses another authority's")
	assert.Equal(t, codes.Unauthenticated, grpcstatus.Code(list(with(nil), "")))
	require.NoError(t, list(with(nil), known['v']), "a token over TLS")
	assert.Equal(t, codes.Unavailable, grpcstatus.Code(list(&tls.Config{RootCAs: stranger.pool(), MinVersion: tls.VersionTLS13}, known['v'])))
	assert.Equal(t, codes.Unavailable, grpcstatus.Code(list(nil, "")), "without TLS there is no answer")
	old := with(&ops)
	old.MaxVersion = tls.VersionTLS12
	assert.Equal(t, codes.Unavailable, grpcstatus.Code(list(old, "")), "TLS 1.3 is the least")
}

func TestATokenDoesNotTravelInClear(t *testing.T) {
	_, err := rpc.Client{Address: "lockstep.example.com:7300", Token: "lks_x"}.Dial()
	require.Error(t, err)
	assert.Contains(t, err.Error(), "unencrypted")
	assert.NotContains(t, err.Error(), "lks_x")
}
