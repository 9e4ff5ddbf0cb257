package app

import (
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/access/keyfiles"
	"github.com/lockstepdb/lockstep/internal/access/oidc"
	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

// secure puts together who may do what on a server, and the encryption of its
// listeners.
func secure(cfg config.Config, logger *slog.Logger) (rpc.Access, *tls.Config, error) {
	out := rpc.Access{Limits: rpc.Limits{
		CallsPerSecond: cfg.Callers.Rate, Burst: cfg.Callers.Burst,
		Executions: cfg.Callers.Executions, ExecutionsPerCaller: cfg.Callers.ExecutionsEach,
	}}
	var err error
	if out.Authenticator, err = authenticator(cfg, logger); err != nil {
		return out, nil, err
	}
	if out.Targets, err = targets(cfg); err != nil {
		return out, nil, err
	}
	if !cfg.Encrypted() {
		return out, nil, nil
	}
	encryption, err := keyfiles.Server(logger, keyfiles.TLS{
		Certificate: cfg.TLS.Certificate, Key: cfg.TLS.Key, ClientCA: cfg.TLS.ClientCA, MinVersion: cfg.TLS.MinVersion,
	})
	return out, encryption, err
}

func authenticator(cfg config.Config, logger *slog.Logger) (*access.Authenticator, error) {
	out := &access.Authenticator{Anonymous: cfg.AnonymousRole()}
	var err error
	if out.Certificates, err = config.Grants("tls-identities", cfg.Auth.Certificates); err != nil {
		return nil, err
	}
	if cfg.Auth.TokensFile != "" {
		if out.Static, err = keyfiles.NewTokens(logger, cfg.Auth.TokensFile, time.Now); err != nil {
			return nil, err
		}
	}
	if o := cfg.Auth.OIDC; o.Issuer != "" {
		roles, err := config.Grants("oidc-roles", o.Roles)
		if err != nil {
			return nil, err
		}
		out.OIDC = oidc.New(oidc.Config{
			Issuer: o.Issuer, Audience: o.Audience, RoleClaim: o.RoleClaim, NameClaim: o.NameClaim, Roles: roles,
			Now: time.Now, Logger: logger,
		})
	}
	return out, nil
}

func targets(cfg config.Config) (*access.Targets, error) {
	if cfg.OpenTargets() {
		return access.AllTargets(), nil
	}
	return access.NewTargets(access.TargetRules{
		Engines: cfg.Targets.Engines, Hosts: cfg.Targets.Hosts, Directories: cfg.Targets.SQLiteDirectories,
		Files: access.FileSystem{
			Absolute: filepath.Abs, Resolve: filepath.EvalSymlinks,
			Exists: func(path string) bool { _, err := os.Lstat(path); return err == nil },
		},
	})
}

// announce says at the start who may do what, and warns of what was switched
// off on purpose.
func announce(ctx context.Context, cfg config.Config, logger *slog.Logger) {
	switch {
	case cfg.DeveloperMode():
		logger.WarnContext(ctx, "listening on loopback only, without authentication: everybody on this machine may do everything",
			slog.Bool("any_database", cfg.OpenTargets()))
	case !cfg.Exposed():
		logger.InfoContext(ctx, "listening on loopback only")
	}
	if cfg.Exposed() && !cfg.Encrypted() {
		logger.WarnContext(ctx, "listening beyond loopback without TLS, as insecure-plaintext says")
	}
	announceStore(ctx, cfg, logger)
	if role := cfg.Auth.Anonymous; role != access.None {
		logger.WarnContext(ctx, "callers who prove nothing have a role, as anonymous-role says", slog.String("role", role.String()))
	}
}
