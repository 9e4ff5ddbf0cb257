package access

import (
	"context"
	"crypto/x509"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Credentials are what a caller brings.
type Credentials struct {
	Authorization string            // the header's value; "": none
	Certificate   *x509.Certificate // of the client, verified by TLS; nil: none
	Local         bool              // the connection is the command line's own, within the process
}

// Authenticator finds out who is calling. Its zero value knows nobody.
type Authenticator struct {
	Static       TokenVerifier      // for tokens with TokenPrefix; nil: none are taken
	OIDC         TokenVerifier      // for all other bearer tokens; nil: none are taken
	Certificates map[string][]Grant // by name: "uri:spiffe://…", "dns:…", "email:…", "cn:…"
	Anonymous    Role               // of callers who bring nothing; None: they may do nothing
}

// Authenticate returns who is calling. A caller who brings nothing is
// anonymous; what is brought must be right: a bad token is Unauthenticated even
// where none is needed, and no second proof makes up for it.
func (a *Authenticator) Authenticate(ctx context.Context, c Credentials) (Identity, error) {
	switch {
	case c.Local:
		return Local(), nil
	case c.Authorization != "":
		return a.bearer(ctx, c.Authorization)
	case c.Certificate != nil:
		return a.certificate(c.Certificate), nil
	}
	return Anonymous(a.Anonymous), nil
}

func (a *Authenticator) bearer(ctx context.Context, header string) (Identity, error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Identity{}, fault.New(fault.Unauthenticated, "CREDENTIALS_INVALID", "the Authorization header holds no bearer token").
			Suggest("send Authorization: Bearer TOKEN")
	}
	verifier := a.OIDC
	if strings.HasPrefix(token, TokenPrefix) {
		verifier = a.Static
	}
	if verifier == nil {
		return Identity{}, fault.New(fault.Unauthenticated, ReasonTokenUnknown, "this server takes no tokens of this kind")
	}
	return verifier.VerifyToken(ctx, token)
}

// certificate takes the first of a certificate's names that has grants. One
// without any is known by its first name, and may do nothing.
func (a *Authenticator) certificate(cert *x509.Certificate) Identity {
	names := CertificateNames(cert)
	out := Identity{Method: ByMutualTLS, Name: "unnamed certificate"}
	if len(names) > 0 {
		out.Name = names[0]
	}
	for _, n := range names {
		if grants, ok := a.Certificates[n]; ok {
			out.Name, out.Grants = n, grants
			break
		}
	}
	out.Subject = string(ByMutualTLS) + ":" + out.Name
	return out
}

// CertificateNames lists what a certificate calls its holder, the most specific
// first. The kind is part of the name: whoever may choose a common name must
// not become a host of that name.
func CertificateNames(cert *x509.Certificate) []string {
	var out []string
	for _, u := range cert.URIs {
		out = append(out, "uri:"+u.String())
	}
	for _, n := range cert.DNSNames {
		out = append(out, "dns:"+strings.ToLower(n))
	}
	for _, n := range cert.EmailAddresses {
		out = append(out, "email:"+strings.ToLower(n))
	}
	if cn := cert.Subject.CommonName; cn != "" {
		out = append(out, "cn:"+cn)
	}
	return out
}
