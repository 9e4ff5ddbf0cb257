package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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
	secrets  *secret.Resolver
	dialects map[dialect.Engine]dialect.Dialect // on whose servers tenants are onboarded
}

// openControl opens the control store that the settings name; nil when they name
// none. told is nil for a single command, which makes no directory: only a server
// sets up a store that nobody named.
func openControl(ctx context.Context, cfg config.Config, getenv func(string) string, told *observability) (*controls, error) {
	if cfg.Store.URL.Empty() {
		return nil, nil
	}
	if cfg.Store.Default && told != nil {
		if err := makeDataDir(filepath.Dir(cfg.Store.File())); err != nil {
			return nil, err
		}
	}
	keys, err := secret.LoadKeyring(getenv, os.ReadFile)
	if err != nil {
		return nil, err
	}
	out := &controls{}
	if out.dialects, err = engines(); err != nil {
		return nil, err
	}
	if out.secrets, err = secret.NewResolver(secretConfig(cfg.Secrets, getenv, keys)); err != nil {
		return nil, err
	}
	settings := sqlstore.Config{Now: time.Now, Keys: keys}
	if told != nil {
		settings.Observer, settings.Pool, settings.Logger = told.store(), told.metrics.Pool, told.logger
	}
	if out.Store, err = OpenStore(ctx, cfg.Store.URL.Reveal(), settings); err != nil {
		return nil, adviseDataDir(err, cfg.Store)
	}
	return out, nil
}

// dataDirPerm: what is in there is for the server's user alone.
const dataDirPerm = 0o700

// makeDataDir makes the directory of a store that nobody named.
func makeDataDir(dir string) error {
	err := os.MkdirAll(dir, dataDirPerm)
	if err == nil {
		return nil
	}
	var why *fs.PathError
	reason := "of a failure of the file system"
	if errors.As(err, &why) {
		reason = why.Path + ": " + why.Err.Error()
	}
	return fault.Wrap(err, fault.Invalid, "DATA_DIR_UNUSABLE", "the directory %s, where the control store is to be, cannot be made (%s)", dir, reason).
		Suggest("%s", dataDirAdvice)
}

const dataDirAdvice = "set data-dir to a directory that the server can write to, or store to where the control store is, or store=none to run without tenants, tokens and audit"

// adviseDataDir says of the failure of a store that nobody named which settings are about it.
func adviseDataDir(err error, s config.Store) error {
	if f := fault.As(err); f != nil && s.Default && (f.Kind == fault.Denied || f.Kind == fault.NotFound) {
		named := *f
		named.Suggestion = dataDirAdvice
		return &named
	}
	return err
}

// announceStore says where what is done is written down, or that it is not.
func announceStore(ctx context.Context, cfg config.Config, logger *slog.Logger) {
	if cfg.Store.URL.Empty() {
		logger.WarnContext(ctx, "there is no control store, as store=none says: no call is audited, and there are no tenants and no stored tokens")
		return
	}
	at := cfg.Store.String()
	if file := cfg.Store.File(); file != "" {
		if path, err := filepath.Abs(file); err == nil {
			at = "sqlite:" + path
		}
	}
	logger.InfoContext(ctx, "the control store is open", slog.String("store", at), slog.Bool("default", cfg.Store.Default))
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
func (s *controls) serve(c *rpc.Config) {
	c.Store, c.Secrets, c.Dialects = s.Store, s.secrets, s.dialects
}

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
	if !access.ParseToken(token) { // nothing that is stored
		return access.Verifiers{}.VerifyToken(ctx, token)
	}
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
