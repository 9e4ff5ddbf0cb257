// Package oidc verifies the tokens of an OpenID Connect provider and turns their
// claims into roles. Discovery, keys and signatures are go-oidc's, which is what
// most of the Go world relies on for them; what a claim is worth is decided
// here.
package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// timeout bounds a request to the provider.
const timeout = 10 * time.Second

// Config says whose tokens are taken, and what their claims are worth.
type Config struct {
	Issuer    string                    // URL, exactly as tokens name it
	Audience  string                    // that tokens must be for
	RoleClaim string                    // where the roles are: "groups", "realm_access.roles"
	NameClaim string                    // the name for people: "preferred_username", "email"; the subject when empty or absent
	Roles     map[string][]access.Grant // by a value of RoleClaim
	Client    *http.Client              // nil: one with a timeout
	Now       func() time.Time
	Logger    *slog.Logger
}

// Verifier verifies tokens. The provider is asked for its keys at the first
// token and not before: a server starts also while the provider is down.
type Verifier struct {
	cfg Config

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
}

// New returns a verifier.
func New(cfg Config) *Verifier {
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: timeout}
	}
	return &Verifier{cfg: cfg}
}

// VerifyToken implements access.TokenVerifier.
func (v *Verifier) VerifyToken(ctx context.Context, token string) (access.Identity, error) {
	verifier, err := v.provider(context.WithoutCancel(ctx))
	if err != nil {
		return access.Identity{}, v.unavailable(ctx, err)
	}
	verified, err := verifier.Verify(ctx, token)
	var expired *oidc.TokenExpiredError
	var network net.Error
	switch {
	case errors.As(err, &expired):
		return access.Identity{}, fault.Wrap(err, fault.Unauthenticated, "TOKEN_EXPIRED", "the token has expired").
			Suggest("sign in again")
	case errors.As(err, &network), ctx.Err() != nil && err != nil:
		return access.Identity{}, v.unavailable(ctx, err)
	case err != nil: // its text may quote the token
		v.cfg.Logger.InfoContext(ctx, "a token was refused", slog.String("issuer", v.cfg.Issuer))
		return access.Identity{}, fault.Wrap(err, fault.Unauthenticated, "TOKEN_INVALID",
			"the token is not one that %s made for %s", v.cfg.Issuer, v.cfg.Audience).
			Suggest("ask the provider for a token with this audience")
	}
	return v.identity(verified)
}

// provider discovers the provider once. The keys are fetched, and fetched again
// when unknown ones turn up, beyond the life of any call.
func (v *Verifier) provider(lasting context.Context) (*oidc.IDTokenVerifier, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.verifier != nil {
		return v.verifier, nil
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(lasting, v.cfg.Client), v.cfg.Issuer)
	if err != nil {
		return nil, err
	}
	v.verifier = provider.Verifier(&oidc.Config{ClientID: v.cfg.Audience, Now: v.cfg.Now})
	return v.verifier, nil
}

func (v *Verifier) unavailable(ctx context.Context, err error) error {
	v.cfg.Logger.WarnContext(ctx, "the identity provider cannot be asked", slog.String("issuer", v.cfg.Issuer))
	return fault.Wrap(err, fault.Unavailable, "ISSUER_UNAVAILABLE", "the identity provider %s cannot be asked for its keys", v.cfg.Issuer).
		Suggest("try again; an operator can check that the server reaches the provider")
}

// identity reads the claims. A caller without any known role is known, and may
// do nothing.
func (v *Verifier) identity(token *oidc.IDToken) (access.Identity, error) {
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return access.Identity{}, fault.Wrap(err, fault.Unauthenticated, "TOKEN_INVALID", "the token's claims cannot be read")
	}
	out := access.Identity{
		Subject: string(access.ByOIDC) + ":" + token.Issuer + "#" + token.Subject, Name: token.Subject, Method: access.ByOIDC,
	}
	if name, ok := lookup(claims, v.cfg.NameClaim).(string); ok && name != "" {
		out.Name = name
	}
	for _, value := range values(lookup(claims, v.cfg.RoleClaim)) {
		out.Grants = append(out.Grants, v.cfg.Roles[value]...)
	}
	return out, nil
}

// lookup finds a claim: by its whole name first, as some names have dots
// ("https://example.com/roles"), else by following a path.
func lookup(claims map[string]any, path string) any {
	if found, ok := claims[path]; ok || path == "" {
		return found
	}
	name, rest, _ := strings.Cut(path, ".")
	inner, ok := claims[name].(map[string]any)
	if !ok {
		return nil
	}
	return lookup(inner, rest)
}

// values reads a claim that is one text, or a list of texts; "a b" is one text.
func values(claim any) []string {
	switch c := claim.(type) {
	case string:
		return []string{c}
	case []any:
		var out []string
		for _, item := range c {
			if text, ok := item.(string); ok {
				out = append(out, text)
			}
		}
		return out
	case json.Number, bool, nil:
	}
	return nil
}
