package access_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func granted(t *testing.T, text string) access.Identity {
	t.Helper()
	grants, err := access.ParseGrants(text)
	require.NoError(t, err)
	return access.Identity{Subject: "token:ci", Name: "ci", Method: access.ByToken, Grants: grants}
}

func TestNobodyMayDoAnything(t *testing.T) {
	var nobody access.Identity
	assert.Equal(t, nobody, access.FromContext(context.Background()))
	for _, r := range []access.Role{access.None, access.Viewer} {
		assert.False(t, nobody.HoldsAnywhere(r))
		assert.False(t, access.Local().HoldsAnywhere(access.None), "no role is nothing to hold")
	}
	assert.False(t, access.Anonymous(access.None).HoldsAnywhere(access.Viewer))
	assert.Equal(t, access.Local(), access.FromContext(access.WithIdentity(t.Context(), access.Local())))
}

func TestRolesIncludeTheOnesBefore(t *testing.T) {
	for role, holds := range map[string]string{"viewer": "viewer", "operator": "viewer operator", "admin": "viewer operator admin"} {
		for _, asked := range []access.Role{access.Viewer, access.Operator, access.Admin} {
			want := strings.Contains(holds, asked.String())
			assert.Equal(t, want, granted(t, role).HoldsEverywhere(asked), "%s asks %s", role, asked)
		}
	}
}

func TestGrantsAreLimitedByLabels(t *testing.T) {
	who := granted(t, "viewer; operator team=crm env=prod")
	assert.True(t, who.HoldsEverywhere(access.Viewer))
	assert.False(t, who.HoldsEverywhere(access.Operator))
	assert.True(t, who.HoldsAnywhere(access.Operator))
	assert.True(t, who.HoldsOn(access.Operator, access.Labels{"team": "crm", "env": "prod", "tier": "gold"}))
	assert.False(t, who.HoldsOn(access.Operator, access.Labels{"team": "crm"}))
	assert.False(t, who.HoldsOn(access.Operator, access.Labels{"team": "crm", "env": "test"}))
	assert.False(t, who.HoldsOn(access.Operator, nil))
	assert.Equal(t, "operator env=prod team=crm", who.Grants[1].String())
	for _, bad := range []string{"", ";", "root", "operator team", "operator =x", "operator team="} {
		_, err := access.ParseGrants(bad)
		assert.Equal(t, fault.Invalid, fault.KindOf(err), bad)
	}
}

func TestPolicyDeniesByDefault(t *testing.T) {
	policy := access.Policy{
		"/s/Unscoped": {Role: access.Viewer}, "/s/Roleless": {Scope: access.Modules},
		"/s/Global": {Role: access.Viewer, Scope: access.Global}, "/s/Open": {Public: true},
		"/s/Target": {Role: access.Operator, Scope: access.Target},
	}
	admin := granted(t, "admin")
	for _, call := range []string{"/s/Missing", "/s/Unscoped", "/s/Roleless", ""} {
		_, err := policy.Admit(admin, call)
		assert.Equal(t, "CALL_CLOSED", fault.ReasonOf(err), call)
		_, err = policy.Admit(access.Local(), call)
		assert.Equal(t, "CALL_CLOSED", fault.ReasonOf(err), call)
	}
	_, err := policy.Admit(access.Identity{}, "/s/Open")
	require.NoError(t, err)
	_, err = policy.Admit(granted(t, "admin team=crm"), "/s/Global")
	assert.Equal(t, fault.Denied, fault.KindOf(err), "a limited grant does not count globally")
	_, err = policy.Admit(access.Anonymous(access.None), "/s/Global")
	assert.Equal(t, fault.Unauthenticated, fault.KindOf(err))

	crm := granted(t, "operator team=crm")
	rule, err := policy.Admit(crm, "/s/Target")
	require.NoError(t, err)
	require.NoError(t, rule.Permit(crm, access.Labels{"team": "crm"}, true))
	for name, err := range map[string]error{
		"a target that nobody registered": rule.Permit(crm, nil, false),
		"labels of what is not known":     rule.Permit(crm, access.Labels{"team": "crm"}, false),
		"another team's tenant":           rule.Permit(crm, access.Labels{"team": "hr"}, true),
		"only a viewer there":             rule.Permit(granted(t, "viewer; operator team=crm"), access.Labels{"team": "hr"}, true),
		"no scope":                        access.Rule{Role: access.Viewer}.Permit(admin, nil, true),
	} {
		assert.Equal(t, fault.Denied, fault.KindOf(err), name)
		assert.Equal(t, "ROLE_MISSING", fault.ReasonOf(err), name)
	}
}

func TestNobodyActsUnderAnotherName(t *testing.T) {
	ci := granted(t, "admin")
	assert.Equal(t, "ci", ci.Actor(""))
	assert.Equal(t, "ci", ci.Actor("ci"))
	assert.Equal(t, "alice (by ci)", ci.Actor("alice"))
	assert.Equal(t, "root (by alice) (by ci)", ci.Actor("root (by alice)"))
	assert.Equal(t, "alice", access.Local().Actor("alice"))
	assert.Equal(t, "alice", access.Anonymous(access.Admin).Actor("alice"))
	assert.Empty(t, access.Anonymous(access.Admin).Actor(" "), "who has no name must say one")
	long := ci.Actor(strings.Repeat("ä", 300))
	assert.LessOrEqual(t, len(long), 250)
	assert.True(t, strings.HasSuffix(long, "ä (by ci)"), long)
	ci.Name = strings.Repeat("n", 400)
	assert.LessOrEqual(t, len(ci.Actor("alice")), 250)
	assert.LessOrEqual(t, len(ci.Actor("")), 250)
}

func TestStaticTokens(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	token, other := access.NewToken(), access.NewToken()
	assert.NotEqual(t, token, other)
	assert.True(t, access.ParseToken(token))
	assert.False(t, access.ParseToken(token[:len(token)-2]))
	assert.False(t, access.ParseToken("lks_hello"))
	list, err := access.ParseTokenFile([]byte(`
tokens:
  - {name: ci, hash: "`+access.HashToken(token)+`", role: operator, labels: {team: crm}, expires: 2026-05-01}
  - {name: old, hash: "`+access.HashToken(other)+`", role: admin, expires: "2026-04-30T23:59:59Z"}
`), "tokens.yaml")
	require.NoError(t, err)
	tokens := access.Tokens{List: list, Now: func() time.Time { return now }}
	who, err := tokens.VerifyToken(t.Context(), token)
	require.NoError(t, err)
	assert.Equal(t, access.Identity{
		Subject: "token:ci", Name: "ci", Method: access.ByToken,
		Grants: []access.Grant{{Role: access.Operator, Labels: access.Labels{"team": "crm"}}},
	}, who)
	_, err = tokens.VerifyToken(t.Context(), other)
	assert.Equal(t, "TOKEN_EXPIRED", fault.ReasonOf(err))
	_, err = tokens.VerifyToken(t.Context(), access.NewToken())
	assert.Equal(t, "TOKEN_UNKNOWN", fault.ReasonOf(err))
	_, err = tokens.VerifyToken(t.Context(), access.HashToken(token))
	assert.Equal(t, "TOKEN_UNKNOWN", fault.ReasonOf(err), "who reads the file has no token")
	now = now.AddDate(0, 0, 1)
	_, err = tokens.VerifyToken(t.Context(), token)
	assert.Equal(t, "TOKEN_EXPIRED", fault.ReasonOf(err))
	assert.NotContains(t, err.Error(), token)
}

func TestTokenFilesAreStrict(t *testing.T) {
	token := access.NewToken()
	hash := access.HashToken(token)
	entry := func(changes ...string) string {
		e := `{name: ci, hash: "` + hash + `", role: viewer, expires: 2030-01-01}`
		return "tokens: [" + strings.NewReplacer(changes...).Replace(e) + "]"
	}
	_, err := access.ParseTokenFile([]byte(entry()), "f")
	require.NoError(t, err)
	for words, text := range map[string]string{
		"no name":               entry("name: ci", `name: ""`),
		"its role":              entry("role: viewer", "role: root"),
		"its hash":              entry("sha256:", ""),
		"expires is neither":    entry(", expires: 2030-01-01", ""),
		"token itself":          entry(hash, token),
		"its name is taken":     strings.Replace(entry(), "[{", "[{name: ci, hash: \""+hash+"\", role: viewer, expires: 2030-01-01}, {", 1),
		"is not a file of":      "tokens: {",
		"f is not a file of to": entry("expires: 2030-01-01", "expires: 2030-01-01, rolle: x"),
	} {
		_, err := access.ParseTokenFile([]byte(text), "f")
		require.Error(t, err, words)
		assert.Contains(t, err.Error(), words)
		assert.NotContains(t, err.Error(), token)
	}
	none, err := access.ParseTokenFile(nil, "f")
	require.NoError(t, err)
	assert.Empty(t, none)
}

func TestAuthenticate(t *testing.T) {
	token := access.NewToken()
	stored := access.StoredToken{Name: "ci", Hash: access.HashToken(token), Expires: time.Now().Add(time.Hour), Grants: []access.Grant{{Role: access.Viewer}}}
	a := &access.Authenticator{
		Static:       access.Tokens{List: []access.StoredToken{stored}, Now: time.Now},
		Certificates: map[string][]access.Grant{"dns:ops.example.com": {{Role: access.Admin}}},
	}
	spiffe := &url.URL{Scheme: "spiffe", Host: "cluster", Path: "/ops"}
	ops := &x509.Certificate{
		Subject: pkix.Name{CommonName: "somebody"}, DNSNames: []string{"OPS.example.com"}, URIs: []*url.URL{spiffe},
	}
	pretender := &x509.Certificate{Subject: pkix.Name{CommonName: "ops.example.com"}}
	for name, c := range map[string]struct {
		bring   access.Credentials
		subject string
		reason  string
		admin   bool
	}{
		"nothing":                     {access.Credentials{}, "anonymous", "", false},
		"token":                       {access.Credentials{Authorization: "bearer " + token}, "token:ci", "", false},
		"token and certificate":       {access.Credentials{Authorization: "Bearer " + token, Certificate: ops}, "token:ci", "", false},
		"certificate":                 {access.Credentials{Certificate: ops}, "mtls:dns:ops.example.com", "", true},
		"common name is no host":      {access.Credentials{Certificate: pretender}, "mtls:cn:ops.example.com", "", false},
		"certificate without a name":  {access.Credentials{Certificate: &x509.Certificate{}}, "mtls:unnamed certificate", "", false},
		"bad token, good certificate": {access.Credentials{Authorization: "Bearer lks_x", Certificate: ops}, "", "TOKEN_UNKNOWN", false},
		"no issuer":                   {access.Credentials{Authorization: "Bearer a.b.c"}, "", "TOKEN_UNKNOWN", false},
		"basic":                       {access.Credentials{Authorization: "Basic " + token}, "", "CREDENTIALS_INVALID", false},
		"empty bearer":                {access.Credentials{Authorization: "Bearer "}, "", "CREDENTIALS_INVALID", false},
		"the process itself":          {access.Credentials{Local: true}, "local", "", true},
	} {
		who, err := a.Authenticate(t.Context(), c.bring)
		assert.Equal(t, c.reason, fault.ReasonOf(err), name)
		assert.Equal(t, c.subject, who.Subject, name)
		assert.Equal(t, c.admin, who.HoldsEverywhere(access.Admin), name)
		if err != nil {
			assert.Equal(t, fault.Unauthenticated, fault.KindOf(err), name)
			assert.NotContains(t, err.Error(), token)
		}
	}
}

func TestTheFirstWhoKnowsATokenDecides(t *testing.T) {
	token := access.NewToken()
	list := func(name string, expires time.Time) access.Tokens {
		return access.Tokens{Now: time.Now, List: []access.StoredToken{{Name: name, Hash: access.HashToken(token), Expires: expires}}}
	}
	later := time.Now().Add(time.Hour)
	who, err := access.Verifiers{access.Tokens{}, list("a", later), list("b", later)}.VerifyToken(t.Context(), token)
	require.NoError(t, err)
	assert.Equal(t, "a", who.Name)
	_, err = access.Verifiers{list("a", time.Unix(0, 0)), list("b", later)}.VerifyToken(t.Context(), token)
	assert.Equal(t, "TOKEN_EXPIRED", fault.ReasonOf(err))
	for _, v := range []access.Verifiers{nil, {access.Tokens{}}} {
		_, err = v.VerifyToken(t.Context(), token)
		assert.Equal(t, "TOKEN_UNKNOWN", fault.ReasonOf(err))
	}
}
