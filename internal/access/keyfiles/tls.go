package keyfiles

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// TLS names the files of a listener.
type TLS struct {
	Certificate string // PEM: the server's certificate and what leads to its authority
	Key         string // PEM
	ClientCA    string // PEM: authorities of client certificates; "": none are asked for
	MinVersion  uint16 // tls.VersionTLS13 when 0
}

// Server returns the configuration of a listener; the error is Invalid. A
// client certificate is verified when one is given, and not demanded: whether
// one is needed is decided call by call, and health checks have none.
func Server(logger *slog.Logger, files TLS) (*tls.Config, error) {
	own, err := watch(logger, parsePair(files.Certificate), files.Certificate, files.Key)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{
		MinVersion: files.MinVersion,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return own.get(hello.Context()), nil
		},
	}
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS13
	}
	if files.ClientCA == "" {
		return cfg, nil
	}
	authorities, err := watch(logger, parsePool(files.ClientCA), files.ClientCA)
	if err != nil {
		return nil, err
	}
	cfg.ClientAuth = tls.VerifyClientCertIfGiven
	cfg.ClientCAs = authorities.get(context.Background())
	base := cfg.Clone()
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		now := base.Clone()
		now.ClientCAs = authorities.get(hello.Context())
		// A session that was resumed would not show its certificate to the new
		// authorities.
		now.SessionTicketsDisabled = true
		return now, nil
	}
	return cfg, nil
}

// Client returns the configuration of a client: authorities "" are the
// system's, certificate and key "" are none. The error is Invalid.
func Client(authorities, certificate, key string) (*tls.Config, error) {
	quiet := slog.New(slog.DiscardHandler) // read once
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if authorities != "" {
		pool, err := watch(quiet, parsePool(authorities), authorities)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = pool.get(context.Background())
	}
	if certificate != "" {
		own, err := watch(quiet, parsePair(certificate), certificate, key)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{*own.get(context.Background())}
	}
	return cfg, nil
}

func parsePair(name string) func([][]byte) (*tls.Certificate, error) {
	return func(contents [][]byte) (*tls.Certificate, error) {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		if err != nil { // its text could quote the key
			return nil, fault.Wrap(err, fault.Invalid, "CERTIFICATE_INVALID", "%s and its key are not a certificate in PEM with its key", name)
		}
		return &pair, nil
	}
}

func parsePool(name string) func([][]byte) (*x509.CertPool, error) {
	return func(contents [][]byte) (*x509.CertPool, error) {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(contents[0]) {
			return nil, fault.New(fault.Invalid, "CERTIFICATE_INVALID", "%s holds no certificate in PEM", name)
		}
		return pool, nil
	}
}
