package secret

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// maxSecret is the longest secret, in bytes, that a file or Vault may give.
const maxSecret = 64 << 10

// Config says where secrets may come from. Who registers a tenant chooses the
// reference and also the server that is shown the secret, so nothing can be
// referred to that was not allowed here.
type Config struct {
	Keys   *Keyring // nil: nothing is sealed or opened
	Getenv func(string) string
	// EnvNames are patterns, as of path.Match, of the variables that may be
	// referred to, such as "TENANT_*".
	EnvNames []string
	// Directories whose files may be referred to, with what is below them.
	// Links that lead out of them are not followed.
	Directories []string
	Vault       *VaultConfig // nil: none
}

// Resolver finds secrets. It keeps none: what is rotated elsewhere is seen at
// the next use.
type Resolver struct {
	cfg   Config
	vault *vault
}

// NewResolver checks a configuration. Errors are Invalid.
func NewResolver(cfg Config) (*Resolver, error) {
	for _, p := range cfg.EnvNames {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fault.New(fault.Invalid, "SECRET_CONFIG", "%q is no pattern of names of variables", p)
		}
	}
	for _, d := range cfg.Directories {
		if !filepath.IsAbs(d) {
			return nil, fault.New(fault.Invalid, "SECRET_CONFIG", "the directory of secrets %q is not absolute", d)
		}
	}
	r := &Resolver{cfg: cfg}
	var err error
	if cfg.Vault != nil {
		r.vault, err = newVault(*cfg.Vault)
	}
	return r, err
}

// Keys returns the keyring; nil when there is none.
func (r *Resolver) Keys() *Keyring { return r.cfg.Keys }

// Resolve finds the secret that is stored for a place.
//
// Errors: SECRET_NOT_ALLOWED (Denied), SECRET_NOT_FOUND (NotFound),
// SECRET_KEY_UNKNOWN (Refused), SECRET_CORRUPT (Corrupt), SECRET_INVALID
// (Invalid), and those of Vault: VAULT_UNREACHABLE (Unavailable), VAULT_DENIED
// (Denied).
func (r *Resolver) Resolve(ctx context.Context, s Stored, place string) (Redacted, error) {
	switch s.Kind() {
	case None:
		if s.text != "" {
			return Redacted{}, fault.New(fault.Corrupt, "SECRET_CORRUPT", "what is stored as the secret of %s is none", place)
		}
		return Redacted{}, nil
	case Sealed:
		return r.cfg.Keys.Open(s, place)
	case Env:
		return r.env(s.Name())
	case File:
		return r.file(s.Name())
	case Vault:
		if r.vault == nil {
			return Redacted{}, notAllowed("Vault is not configured").Suggest("set VAULT_ADDR and VAULT_TOKEN, or a token file")
		}
		return r.vault.read(ctx, s.Name())
	case Server:
	}
	return Redacted{}, fault.New(fault.Bug, "SECRET_UNRESOLVED", "the secret of %s is that of its server, which the caller resolves", place)
}

func notAllowed(format string, args ...any) *fault.Error {
	return fault.New(fault.Denied, "SECRET_NOT_ALLOWED", format, args...)
}

func notFound(format string, args ...any) *fault.Error {
	return fault.New(fault.NotFound, "SECRET_NOT_FOUND", format, args...)
}

func (r *Resolver) env(name string) (Redacted, error) {
	for _, p := range r.cfg.EnvNames {
		if ok, _ := path.Match(p, name); !ok || r.cfg.Getenv == nil || own(name) {
			continue
		}
		if v := r.cfg.Getenv(name); v != "" {
			return New(v), nil
		}
		return Redacted{}, notFound("the environment variable %s is not set", name)
	}
	return Redacted{}, notAllowed("the environment variable %s may not be referred to", name).
		Suggest("allow its name in the server's settings")
}

// own names the variables that hold lockstep's own secrets: no pattern allows
// those.
func own(name string) bool {
	return strings.HasPrefix(name, KeyEnv) || name == "VAULT_TOKEN"
}

func (r *Resolver) file(name string) (Redacted, error) {
	for _, dir := range r.cfg.Directories {
		rel, err := filepath.Rel(dir, name)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		return readBelow(dir, rel, name)
	}
	return Redacted{}, notAllowed("the file %s may not be referred to", name).Suggest("allow its directory in the server's settings")
}

// readBelow reads a file without ever leaving dir: os.Root follows links only
// inside of it. One line end at the end is not part of the secret.
func readBelow(dir, rel, name string) (Redacted, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Redacted{}, unreadable(err, name)
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(rel)
	if err != nil {
		return Redacted{}, unreadable(err, name)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return Redacted{}, notAllowed("%s is not a file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Redacted{}, unreadable(err, name)
	}
	if len(data) > maxSecret {
		return Redacted{}, fault.New(fault.Exhausted, "SECRET_TOO_LONG", "%s is longer than %d bytes", name, maxSecret)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return Redacted{}, notFound("%s is empty", name)
	}
	return New(text), nil
}

func unreadable(err error, name string) error {
	if errors.Is(err, fs.ErrNotExist) {
		f := notFound("there is no file %s", name)
		f.Err = err
		return f
	}
	return fault.Wrap(err, fault.Denied, "SECRET_NOT_ALLOWED", "%s cannot be read", name).
		Suggest("let lockstep read it; a link may not lead out of the allowed directory")
}
