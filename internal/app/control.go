package app

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// controls is a control store with what finds the secrets of its tenants.
type controls struct {
	control.Store
	secrets *secret.Resolver
}

// openControl opens the control store that the settings name; nil when they name
// none. told is nil for a single command.
func openControl(ctx context.Context, cfg config.Config, getenv func(string) string, told *observability) (*controls, error) {
	if cfg.Store.Empty() {
		return nil, nil
	}
	keys, err := secret.LoadKeyring(getenv, os.ReadFile)
	if err != nil {
		return nil, err
	}
	out := &controls{}
	if out.secrets, err = secret.NewResolver(secretConfig(cfg.Secrets, getenv, keys)); err != nil {
		return nil, err
	}
	settings := sqlstore.Config{Now: time.Now, Keys: keys}
	if told != nil {
		settings.Observer, settings.Pool, settings.Logger = told.store(), told.metrics.Pool, told.logger
	}
	out.Store, err = OpenStore(ctx, cfg.Store.Reveal(), settings)
	return out, err
}

// secretConfig says where secrets may come from.
func secretConfig(cfg config.Secrets, getenv func(string) string, keys *secret.Keyring) secret.Config {
	out := secret.Config{Keys: keys, Getenv: getenv, EnvNames: cfg.Env, Directories: cfg.Directories}
	if address := getenv("VAULT_ADDR"); address != "" {
		out.Vault = &secret.VaultConfig{
			Address: address, Token: secret.New(getenv("VAULT_TOKEN")), TokenFile: cfg.VaultToken,
			Namespace: getenv("VAULT_NAMESPACE"), Paths: cfg.VaultPaths,
		}
	}
	return out
}

// serve makes a server keep its tenants, and what is done, in the store.
func (s *controls) serve(c *rpc.Config) { c.Store, c.Secrets = s.Store, s.secrets }

// useStore makes the store's tokens count, and its tenants' labels.
func useStore(may *access.Authenticator, store control.Store, logger *slog.Logger) access.Registry {
	tokens := storedTokens{store: store, logger: logger}
	if may.Static == nil {
		may.Static = tokens
	} else {
		may.Static = access.Verifiers{may.Static, tokens}
	}
	return storedTenants{store}
}

// storedTokens verifies static tokens against the control store.
type storedTokens struct {
	store  control.TokenStore
	logger *slog.Logger
}

// VerifyToken implements access.TokenVerifier.
func (s storedTokens) VerifyToken(ctx context.Context, token string) (access.Identity, error) {
	found, err := s.store.FindToken(ctx, access.HashToken(token))
	switch {
	case fault.ReasonOf(err) == control.ReasonTokenNotFound:
		return access.Verifiers{}.VerifyToken(ctx, token) // unknown
	case err != nil:
		return access.Identity{}, err
	case !found.Revoked.IsZero():
		return access.Identity{}, fault.New(fault.Unauthenticated, "TOKEN_REVOKED", "the token %s was revoked", found.Name).
			Suggest("ask an admin of this server for a new one")
	}
	who, err := access.Tokens{List: []access.StoredToken{found.Stored()}, Now: time.Now}.VerifyToken(ctx, token)
	if err != nil {
		return who, err
	}
	if err := s.store.TouchToken(ctx, found.ID); err != nil { // it is in use all the same
		s.logger.WarnContext(ctx, "that a token was used could not be recorded", slog.String("token", found.Name))
	}
	return who, nil
}

// storedTenants finds the labels of tenants in the control store.
type storedTenants struct{ store control.TenantStore }

// LabelsOf implements access.Registry.
func (s storedTenants) LabelsOf(ctx context.Context, tenant string) (access.Labels, bool, error) {
	return labels(s.store.GetTenant(ctx, tenant))
}

// LabelsAt implements access.Registry.
func (s storedTenants) LabelsAt(ctx context.Context, target dialect.Target) (access.Labels, bool, error) {
	return labels(s.store.FindTenantAt(ctx, target))
}

// labels takes a tenant that is not there for one without a name.
func labels(t *control.Tenant, err error) (access.Labels, bool, error) {
	switch {
	case fault.ReasonOf(err) == control.ReasonTenantNotFound:
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	return t.Labels, t.Archived.IsZero(), nil
}
