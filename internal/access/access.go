// Package access decides who may do what: identities, the roles they hold, the
// rules of the API's calls, and the databases that requests may name. It is
// pure: it reads no file, opens no connection and knows no wire; where a
// decision needs such a thing, a function or an interface is given to it.
//
// Everything is denied unless a rule and a grant allow it. The rules stand in
// the proto options beside each call; package rpc reads them once and enforces
// them in one interceptor.
package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Role is what a caller may do at most. Each role includes the ones before it;
// the zero value may do nothing.
type Role uint8

// The roles.
const (
	None     Role = iota
	Viewer        // may look: modules, previews, history
	Operator      // may also execute
	Admin         // may also manage the server
)

// String returns the role's name.
func (r Role) String() string {
	switch r {
	case None:
		return "none"
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	case Admin:
		return "admin"
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// Labels are a tenant's labels, or those that a grant asks for.
type Labels map[string]string

// Has tells whether every wanted label is among l. Nothing wanted is always had.
func (l Labels) Has(wanted Labels) bool {
	for k, v := range wanted {
		if got, ok := l[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// Grant is a role on some tenants.
type Grant struct {
	Role   Role
	Labels Labels // that a tenant must have; none: everything, tenants or not
}

// Method is how a caller proved who they are.
type Method string

// The methods.
const (
	ByLocal     Method = "local"     // the command line that runs everything in its own process
	ByNobody    Method = "anonymous" // not at all
	ByToken     Method = "token"     // a static token
	ByOIDC      Method = "oidc"      // a token of an identity provider
	ByMutualTLS Method = "mtls"      // a client certificate
)

// Identity is who is calling. The zero value is nobody and may do nothing.
type Identity struct {
	Subject string // unique: "token:ci", "oidc:https://issuer#sub", "mtls:uri:spiffe://…"
	Name    string // for people and for the record
	Method  Method
	Grants  []Grant
}

// Local is the caller of services that run in the caller's own process: what
// the operating system lets them do is what they may do.
func Local() Identity {
	return Identity{Subject: "local", Name: "local", Method: ByLocal, Grants: []Grant{{Role: Admin}}}
}

// Anonymous is a caller who proved nothing.
func Anonymous(role Role) Identity {
	out := Identity{Subject: "anonymous", Name: "anonymous", Method: ByNobody}
	if role > None {
		out.Grants = []Grant{{Role: role}}
	}
	return out
}

// HoldsEverywhere tells whether the role is held without a limit to tenants.
func (i Identity) HoldsEverywhere(role Role) bool {
	return i.holds(role, func(g Grant) bool { return len(g.Labels) == 0 })
}

// HoldsAnywhere tells whether the role is held on anything at all.
func (i Identity) HoldsAnywhere(role Role) bool {
	return i.holds(role, func(Grant) bool { return true })
}

// HoldsOn tells whether the role is held on a tenant with these labels.
func (i Identity) HoldsOn(role Role, labels Labels) bool {
	return i.holds(role, func(g Grant) bool { return labels.Has(g.Labels) })
}

func (i Identity) holds(role Role, counts func(Grant) bool) bool {
	return role > None && slices.ContainsFunc(i.Grants, func(g Grant) bool { return g.Role >= role && counts(g) })
}

// maxActor is the length, in bytes, of an actor that history can hold.
const maxActor = 250

// Actor returns who an execution is recorded for. Nobody who has a name can act
// under another: what a request claims, such as the person behind a pipeline, is
// kept in front of who made the claim, "alice (by ci)". Callers without a name
// of their own, on the command line or on a server without authentication, are
// who they say they are.
func (i Identity) Actor(claim string) string {
	claim = strings.TrimSpace(claim)
	switch {
	case i.Method == ByLocal, i.Method == ByNobody:
		return claim
	case claim == "" || claim == i.Name:
		return clip(i.Name, maxActor)
	}
	by := " (by " + clip(i.Name, maxActor/2) + ")"
	return clip(claim, maxActor-len(by)) + by
}

// clip shortens a text to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

type contextKey struct{}

// WithIdentity returns a context that carries who is calling.
func WithIdentity(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// FromContext returns who is calling; nobody, who may do nothing, when the
// context does not say.
func FromContext(ctx context.Context) Identity {
	i, _ := ctx.Value(contextKey{}).(Identity)
	return i
}
