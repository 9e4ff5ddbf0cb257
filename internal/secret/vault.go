package secret

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// defaultVaultTimeout bounds one question to Vault.
const defaultVaultTimeout = 10 * time.Second

// VaultConfig says how Vault is reached. Its fields are those of Vault's own
// environment variables.
type VaultConfig struct {
	Address   string // VAULT_ADDR
	Token     Redacted
	TokenFile string // read at each use, so that an agent may renew it; wins over Token
	Namespace string // VAULT_NAMESPACE; "": none
	// Paths, as mount/prefix, below which secrets may be referred to; none: all
	// that the token may read.
	Paths   []string
	Timeout time.Duration // 0: 10 s
	HTTP    *http.Client  // nil: the default transport, without redirects
}

// vault reads secrets of KV version 2 engines by Vault's HTTP API. One GET is all
// that is needed, so there is no client library:
// https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
type vault struct {
	cfg  VaultConfig
	base *url.URL
}

func newVault(cfg VaultConfig) (*vault, error) {
	u, err := url.Parse(cfg.Address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fault.New(fault.Invalid, "SECRET_CONFIG", "the address of Vault is not an https:// URL").
			Suggest("http:// is for Vault on loopback only: the token would cross the network in the clear")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultVaultTimeout
	}
	if cfg.HTTP == nil {
		// A redirect could carry the token to somebody else.
		cfg.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &vault{cfg: cfg, base: u}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// vaultRef is mount/path#field.
type vaultRef struct{ mount, path, field string }

func parseVault(text string) (vaultRef, error) {
	place, field, _ := strings.Cut(text, "#")
	mount, rest, _ := strings.Cut(place, "/")
	ok := mount != "" && rest != "" && field != "" && path.Clean("/"+place) == "/"+place && !strings.ContainsAny(place, "?\\\x00")
	if !ok {
		return vaultRef{}, invalid("vault: is followed by mount/path#field")
	}
	return vaultRef{mount, rest, field}, nil
}

func (v *vault) allowed(r vaultRef) bool {
	for _, p := range v.cfg.Paths {
		p = strings.Trim(p, "/")
		if at := r.mount + "/" + r.path; at == p || strings.HasPrefix(at, p+"/") {
			return true
		}
	}
	return len(v.cfg.Paths) == 0
}

func (v *vault) read(ctx context.Context, text string) (Redacted, error) {
	ref, err := parseVault(text)
	if err != nil {
		return Redacted{}, err
	}
	if !v.allowed(ref) {
		return Redacted{}, notAllowed("the Vault path %s/%s may not be referred to", ref.mount, ref.path).
			Suggest("allow it in the server's settings")
	}
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	req, err := v.request(ctx, ref)
	if err != nil {
		return Redacted{}, err
	}
	resp, err := v.cfg.HTTP.Do(req)
	if err != nil {
		return Redacted{}, unreachable(ctx, err, ref)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return Redacted{}, statusFault(resp.StatusCode, ref)
	}
	return field(resp.Body, ref)
}

func (v *vault) request(ctx context.Context, ref vaultRef) (*http.Request, error) {
	token := v.cfg.Token
	if v.cfg.TokenFile != "" {
		data, err := os.ReadFile(v.cfg.TokenFile)
		if err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "VAULT_TOKEN_MISSING", "the file with Vault's token cannot be read").
				Suggest("check the path and whether the agent that writes it runs")
		}
		token = New(strings.TrimSpace(string(data)))
	}
	u := v.base.JoinPath("v1", ref.mount, "data", ref.path)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "SECRET_INVALID", "no request to Vault can be made for %s/%s", ref.mount, ref.path)
	}
	req.Header.Set("X-Vault-Token", token.Reveal())
	req.Header.Set("X-Vault-Request", "true")
	if v.cfg.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", v.cfg.Namespace)
	}
	return req, nil
}

func unreachable(ctx context.Context, err error, ref vaultRef) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "the caller went away while Vault was asked")
	}
	return fault.Wrap(err, fault.Unavailable, "VAULT_UNREACHABLE", "Vault did not answer when asked for %s/%s", ref.mount, ref.path).
		Suggest("check VAULT_ADDR and whether Vault is up, and try again")
}

// statusFault follows https://developer.hashicorp.com/vault/api-docs#http-status-codes
func statusFault(code int, ref vaultRef) error {
	at := ref.mount + "/" + ref.path
	switch code {
	case http.StatusNotFound: // also of a deleted version
		return notFound("Vault has no secret at %s", at).Suggest("check mount and path; the engine must be KV version 2")
	case http.StatusForbidden:
		return fault.New(fault.Denied, "VAULT_DENIED", "Vault does not let this token read %s", at).
			Suggest("give the token's policy read on %s/data/%s, or renew the token", ref.mount, ref.path)
	case http.StatusBadRequest:
		return invalid("Vault does not understand the path " + at)
	case http.StatusTooManyRequests:
		return fault.New(fault.Unavailable, "VAULT_UNREACHABLE", "Vault is on standby, or its rate limit is reached").Suggest("try again")
	}
	return fault.New(fault.Unavailable, "VAULT_UNREACHABLE", "Vault answered %s with status %d", at, code).
		Suggest("check that Vault is initialised and unsealed")
}

// field reads the answer. Only strings can be secrets.
func field(body io.Reader, ref vaultRef) (Redacted, error) {
	var answer struct {
		Data struct {
			Data map[string]any `json:"data"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(body, 4*maxSecret)).Decode(&answer); err != nil {
		return Redacted{}, fault.Wrap(err, fault.Unavailable, "VAULT_UNREACHABLE", "Vault's answer for %s/%s cannot be read", ref.mount, ref.path)
	}
	text, ok := answer.Data.Data[ref.field].(string)
	if !ok || text == "" {
		return Redacted{}, notFound("the secret %s/%s of Vault has no text in %q", ref.mount, ref.path, ref.field).
			Suggest("check the name of the field")
	}
	return New(text), nil
}
