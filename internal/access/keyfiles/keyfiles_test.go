package keyfiles_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/access/keyfiles"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// writePair writes a certificate that signs itself, and its key.
func writePair(t *testing.T, dir, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"},
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

// replace puts one file's content over another's, with a time of its own.
func replace(t *testing.T, old, with string) {
	t.Helper()
	data, err := os.ReadFile(with)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(old, data, 0o600))
	later := time.Now().Add(time.Duration(time.Now().UnixNano()%1000+1) * time.Second)
	require.NoError(t, os.Chtimes(old, later, later))
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// handshake connects over a pipe; it returns the server's name and what each
// side says.
func handshake(t *testing.T, server, client *tls.Config) (string, error) {
	t.Helper()
	near, far := net.Pipe()
	defer func() { _ = near.Close() }()
	c, s := tls.Client(near, client), tls.Server(far, server)
	answered := make(chan error, 1)
	go func() {
		err := s.HandshakeContext(context.Background())
		if err == nil {
			_, err = s.Write([]byte("x"))
		}
		_ = far.Close()
		answered <- err
	}()
	_, err := c.Read(make([]byte, 1))
	if refused := <-answered; refused != nil {
		return "", refused
	}
	if err != nil {
		return "", err
	}
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func TestCertificatesAreRenewedWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	crt, key := writePair(t, dir, "old")
	newCrt, newKey := writePair(t, dir, "new")
	ca, caKey := writePair(t, dir, "client")
	other, otherKey := writePair(t, dir, "other")
	log := &bytes.Buffer{}
	server, err := keyfiles.Server(slog.New(slog.NewTextHandler(log, nil)), keyfiles.TLS{Certificate: crt, Key: key, ClientCA: ca})
	require.NoError(t, err)
	client := func(certificate, key string) *tls.Config {
		cfg, err := keyfiles.Client("", certificate, key)
		require.NoError(t, err)
		cfg.InsecureSkipVerify = true
		if certificate != "" {
			own := cfg.Certificates[0]
			cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil }
		}
		return cfg
	}
	name, err := handshake(t, server, client(ca, caKey))
	require.NoError(t, err)
	assert.Equal(t, "old", name)
	_, err = handshake(t, server, client("", ""))
	require.NoError(t, err, "a certificate is not demanded")
	_, err = handshake(t, server, client(other, otherKey))
	require.Error(t, err, "and verified when given")

	replace(t, crt, newCrt) // half of it
	name, err = handshake(t, server, client(ca, caKey))
	require.NoError(t, err)
	assert.Equal(t, "old", name, "a certificate without its key is not taken")
	assert.Contains(t, log.String(), "stays in force")
	replace(t, key, newKey)
	name, err = handshake(t, server, client(ca, caKey))
	require.NoError(t, err)
	assert.Equal(t, "new", name)

	mine, mineKey := filepath.Join(dir, "mine.crt"), filepath.Join(dir, "mine.key")
	replace(t, mine, ca)
	replace(t, mineKey, caKey)
	replace(t, ca, other)
	_, err = handshake(t, server, client(mine, mineKey))
	require.Error(t, err, "the authority is not trusted any more")
	_, err = handshake(t, server, client(other, otherKey))
	require.NoError(t, err)

	old := client("", "")
	old.MaxVersion = tls.VersionTLS12
	_, err = handshake(t, server, old)
	require.Error(t, err)
	relaxed, err := keyfiles.Server(quiet(), keyfiles.TLS{Certificate: crt, Key: key, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	_, err = handshake(t, relaxed, old)
	require.NoError(t, err)
}

func TestMissingFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	crt, key := writePair(t, dir, "a")
	_, otherKey := writePair(t, dir, "b")
	for name, files := range map[string]keyfiles.TLS{
		"no.crt": {Certificate: filepath.Join(dir, "no.crt"), Key: key}, "no.key": {Certificate: crt, Key: filepath.Join(dir, "no.key")},
		"a.crt": {Certificate: crt, Key: otherKey}, "a.key": {Certificate: crt, Key: key, ClientCA: key}, dir: {Certificate: crt, Key: key, ClientCA: dir},
	} {
		_, err := keyfiles.Server(quiet(), files)
		require.Error(t, err)
		assert.Equal(t, fault.Invalid, fault.KindOf(err))
		assert.Contains(t, err.Error(), name)
	}
	_, err := keyfiles.Client(filepath.Join(dir, "no.pem"), "", "")
	require.Error(t, err)
	_, err = keyfiles.Client("", crt, otherKey)
	require.Error(t, err)
}

func TestTokensAreWithdrawnWithoutARestart(t *testing.T) {
	token := access.NewToken()
	path := filepath.Join(t.TempDir(), "tokens.yaml")
	write := func(text string) {
		require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
		replace(t, path, path+".new")
	}
	write("tokens: [{name: ci, hash: \"" + access.HashToken(token) + "\", role: viewer, expires: 2999-01-01}]")
	tokens, err := keyfiles.NewTokens(quiet(), path, time.Now)
	require.NoError(t, err)
	who, err := tokens.VerifyToken(t.Context(), token)
	require.NoError(t, err)
	assert.Equal(t, "ci", who.Name)
	write("tokens: [{")
	_, err = tokens.VerifyToken(t.Context(), token)
	require.NoError(t, err, "a half-written file locks nobody out")
	write("tokens: []")
	_, err = tokens.VerifyToken(t.Context(), token)
	assert.Equal(t, "TOKEN_UNKNOWN", fault.ReasonOf(err))
	_, err = keyfiles.NewTokens(quiet(), path+".not", time.Now)
	assert.Equal(t, fault.Invalid, fault.KindOf(err))
}
