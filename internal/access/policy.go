package access

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Scope says on what a caller must hold a role.
type Scope uint8

// The scopes. The zero value is denied.
const (
	Unscoped Scope = iota
	Global         // on everything
	Modules        // on anything: what is asked for belongs to no tenant
	Target         // on the database that the request names by its URL
	Tenant         // on the tenant that the request names
	Tenants        // on anything: the answer leaves out other tenants
)

// Rule is who may make a call.
type Rule struct {
	Role    Role
	Scope   Scope
	Mutates bool // it changes a tenant's database, and counts as an execution
	Public  bool // everybody, also who proved nothing: health and reflection
}

// Policy is the rule of every call, by its full name ("/package.Service/Call").
// What is not in it is denied.
type Policy map[string]Rule

// Registry is what decisions need to know of the tenant registry.
type Registry interface {
	// LabelsOf returns the labels of a tenant; false when there is no such one.
	LabelsOf(ctx context.Context, tenant string) (Labels, bool, error)
	// LabelsAt returns the labels of the tenant that lives at a target; false
	// when none is registered there.
	LabelsAt(ctx context.Context, target dialect.Target) (Labels, bool, error)
}

// Admit decides what can be decided before the request is read. Errors are
// Unauthenticated for a caller who proved nothing, else Denied.
func (p Policy) Admit(who Identity, method string) (Rule, error) {
	rule, ok := p[method]
	if rule.Public {
		return rule, nil
	}
	if !ok || rule.Role == None || rule.Scope == Unscoped {
		return rule, fault.New(fault.Denied, "CALL_CLOSED", "the call is open to nobody")
	}
	if rule.Scope == Global && !who.HoldsEverywhere(rule.Role) || !who.HoldsAnywhere(rule.Role) {
		return rule, rule.refuse(who)
	}
	return rule, nil
}

// Permit decides on what the request names: the labels of a tenant, or nothing
// that is known. Errors are as those of Admit.
func (r Rule) Permit(who Identity, labels Labels, known bool) error {
	switch r.Scope {
	case Modules, Tenants, Global: // Admit has decided
		return nil
	case Target, Tenant:
		if who.HoldsEverywhere(r.Role) || known && who.HoldsOn(r.Role, labels) {
			return nil
		}
	case Unscoped:
	}
	return r.refuse(who)
}

// refuse says what is missing. It tells nothing about the tenant: whether one
// exists is not for everybody to know.
func (r Rule) refuse(who Identity) error {
	if who.Method == "" || who.Method == ByNobody {
		return fault.New(fault.Unauthenticated, "CREDENTIALS_MISSING", "the call needs the role %s, and the caller has proved nothing", r.Role).
			Suggest("send a token (Authorization: Bearer …, LOCKSTEP_TOKEN for the command line), or use a client certificate")
	}
	where := ""
	switch {
	case r.Scope == Global:
		where = " without a limit to some tenants"
	case who.HoldsAnywhere(r.Role):
		where = " on what the request names"
	}
	return fault.New(fault.Denied, "ROLE_MISSING", "the call needs the role %s%s, which %s does not hold", r.Role, where, who.Name).
		Suggest("ask an admin of this server for the role")
}
