package oidc_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/access/oidc"
	"github.com/lockstepdb/lockstep/internal/fault"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// provider is an identity provider in the process.
type provider struct {
	*httptest.Server
	keys atomic.Pointer[jose.JSONWebKeySet]
	down atomic.Bool
}

func newKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"}
}

func start(t *testing.T, keys ...jose.JSONWebKey) *provider {
	t.Helper()
	p := &provider{}
	p.publish(keys...)
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": p.URL, "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"},
			"authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token",
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(p.keys.Load()) })
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) publish(keys ...jose.JSONWebKey) {
	set := &jose.JSONWebKeySet{}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public())
	}
	p.keys.Store(set)
}

func sign(t *testing.T, key jose.JSONWebKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, nil)
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	object, err := signer.Sign(payload)
	require.NoError(t, err)
	text, err := object.CompactSerialize()
	require.NoError(t, err)
	return text
}

func (p *provider) claims(change func(map[string]any)) map[string]any {
	out := map[string]any{
		"iss": p.URL, "aud": "lockstep", "sub": "42", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"preferred_username": "alice", "realm_access": map[string]any{"roles": []string{"crm-team", "unknown", "lookers"}},
	}
	if change != nil {
		change(out)
	}
	return out
}

func (p *provider) verifier(t *testing.T, log *bytes.Buffer) *oidc.Verifier {
	t.Helper()
	return oidc.New(oidc.Config{
		Issuer: p.URL, Audience: "lockstep", RoleClaim: "realm_access.roles", NameClaim: "preferred_username",
		Roles: map[string][]access.Grant{
			"crm-team": {{Role: access.Operator, Labels: access.Labels{"team": "crm"}}}, "lookers": {{Role: access.Viewer}}, "root": {{Role: access.Admin}},
		},
		Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
}

func TestClaimsBecomeRoles(t *testing.T) {
	key := newKey(t, "1")
	p := start(t, key)
	v := p.verifier(t, &bytes.Buffer{})
	who, err := v.VerifyToken(t.Context(), sign(t, key, p.claims(nil)))
	require.NoError(t, err)
	assert.Equal(t, access.Identity{
		Subject: "oidc:" + p.URL + "#42", Name: "alice", Method: access.ByOIDC,
		Grants: []access.Grant{{Role: access.Operator, Labels: access.Labels{"team": "crm"}}, {Role: access.Viewer}},
	}, who)
	for name, change := range map[string]func(map[string]any){
		"no claim":          func(c map[string]any) { delete(c, "realm_access") },
		"another type":      func(c map[string]any) { c["realm_access"] = map[string]any{"roles": 7} },
		"not an object":     func(c map[string]any) { c["realm_access"] = "root" },
		"elsewhere":         func(c map[string]any) { c["realm_access"] = nil; c["roles"] = []string{"root"} },
		"words in one text": func(c map[string]any) { c["realm_access"] = map[string]any{"roles": "root lookers"} },
		"a list of lists":   func(c map[string]any) { c["realm_access"] = map[string]any{"roles": []any{[]string{"root"}}} },
	} {
		who, err := v.VerifyToken(t.Context(), sign(t, key, p.claims(change)))
		require.NoError(t, err, name)
		assert.Empty(t, who.Grants, name)
	}
	who, err = v.VerifyToken(t.Context(), sign(t, key, p.claims(func(c map[string]any) {
		c["realm_access.roles"] = "root"
		delete(c, "preferred_username")
	})))
	require.NoError(t, err)
	assert.True(t, who.HoldsEverywhere(access.Admin), "a name with dots is looked up whole first")
	assert.Equal(t, "42", who.Name)
}

func TestBadTokensAreRefused(t *testing.T) {
	key, stranger := newKey(t, "1"), newKey(t, "1")
	p, log := start(t, key), &bytes.Buffer{}
	v := p.verifier(t, log)
	encode := func(v any) string {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	good := sign(t, key, p.claims(nil))
	parts := strings.Split(good, ".")
	public, err := key.Public().MarshalJSON()
	require.NoError(t, err)
	symmetric := sign(t, jose.JSONWebKey{Key: public, KeyID: "1", Algorithm: string(jose.HS256)}, p.claims(nil))
	for name, token := range map[string]string{
		"another audience":       sign(t, key, p.claims(func(c map[string]any) { c["aud"] = "somebody" })),
		"another issuer":         sign(t, key, p.claims(func(c map[string]any) { c["iss"] = "https://evil.example.com" })),
		"another key":            sign(t, stranger, p.claims(nil)),
		"no signature":           encode(map[string]string{"alg": "none"}) + "." + parts[1] + ".",
		"a signature by the key": symmetric,
		"changed claims":         parts[0] + "." + encode(p.claims(func(c map[string]any) { c["sub"] = "1" })) + "." + parts[2],
		"no token":               "garbage",
	} {
		_, err := v.VerifyToken(t.Context(), token)
		assert.Equal(t, "TOKEN_INVALID", fault.ReasonOf(err), name)
		assert.Equal(t, fault.Unauthenticated, fault.KindOf(err), name)
		assert.NotContains(t, err.Error(), token, name)
		assert.NotContains(t, log.String(), token, name)
	}
	_, err = v.VerifyToken(t.Context(), sign(t, key, p.claims(func(c map[string]any) { c["exp"] = now.Add(-time.Minute).Unix() })))
	assert.Equal(t, "TOKEN_EXPIRED", fault.ReasonOf(err))
}

func TestProviderThatIsDownIsAskedAgain(t *testing.T) {
	key := newKey(t, "1")
	p := start(t, key)
	p.down.Store(true)
	v := p.verifier(t, &bytes.Buffer{})
	_, err := v.VerifyToken(t.Context(), sign(t, key, p.claims(nil)))
	assert.Equal(t, fault.Unavailable, fault.KindOf(err))
	p.down.Store(false)
	_, err = v.VerifyToken(t.Context(), sign(t, key, p.claims(nil)))
	require.NoError(t, err)
}

func TestKeysAreRotated(t *testing.T) {
	first, second := newKey(t, "1"), newKey(t, "2")
	p := start(t, first)
	v := p.verifier(t, &bytes.Buffer{})
	_, err := v.VerifyToken(t.Context(), sign(t, first, p.claims(nil)))
	require.NoError(t, err)
	p.publish(second)
	_, err = v.VerifyToken(t.Context(), sign(t, second, p.claims(nil)))
	require.NoError(t, err)
	_, err = v.VerifyToken(t.Context(), sign(t, first, p.claims(nil)))
	assert.Equal(t, fault.Unauthenticated, fault.KindOf(err), "a withdrawn key")
}
