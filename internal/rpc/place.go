package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// places finds where requests lead. It is the one place that turns the id of a
// tenant into a target with its secret, a set of modules and a strategy.
type places struct {
	store   control.Store // nil: there are no tenants
	secrets control.Secrets
	targets *access.Targets
}

// place is where a request leads.
type place struct {
	target dialect.Target
	tenant *control.Tenant // nil: the request names a target
}

// placed is a request that names a target, or a tenant.
type placed interface {
	GetTarget() string
	GetTenant() string
}

// of finds the place of a request.
func (p places) of(ctx context.Context, req placed) (place, error) {
	if req.GetTenant() == "" {
		target, err := dialect.ParseTarget(req.GetTarget())
		return place{target: target}, err
	}
	store, err := p.stored()
	if err != nil {
		return place{}, err
	}
	t, err := store.GetTenant(ctx, req.GetTenant())
	if err != nil {
		return place{}, err
	}
	if !t.Archived.IsZero() {
		return place{}, fault.New(fault.Refused, "TENANT_ARCHIVED", "the tenant %s is archived", t.ID).
			Suggest("its database was not touched: name it by its target, or register it anew under another id")
	}
	switch t.Status {
	case control.TenantActive, control.TenantVanished, control.TenantArchived:
	case control.TenantFailed:
		return place{}, fault.New(fault.Refused, "TENANT_FAILED", "the onboarding of the tenant %s did not end well: %s", t.ID, t.StatusNote).
			Suggest("undo what is left of it: lockstep tenant onboard %s --undo", t.ID)
	case control.TenantOnboarding:
		return place{}, fault.New(fault.Conflict, "TENANT_ONBOARDING", "the tenant %s is being onboarded: its database is not made yet", t.ID).
			Suggest("wait for the onboarding to end; if it died, onboard the tenant again")
	}
	target, err := p.login(ctx, store, t)
	return place{target: target, tenant: t}, err
}

// stored returns the store, or why there is none.
func (p places) stored() (control.Store, error) {
	if p.store == nil || p.secrets == nil {
		return nil, fault.New(fault.Refused, "STORE_MISSING", "tenants are kept in a control store, and none is configured").
			Suggest("set store (--store or LOCKSTEP_STORE), such as sqlite:/var/lib/lockstep/control.db")
	}
	return p.store, nil
}

// login returns a tenant's target with its secret. That the target was allowed
// when it was registered does not count: the list may be shorter now.
func (p places) login(ctx context.Context, store control.Store, t *control.Tenant) (dialect.Target, error) {
	var server *control.Server
	if t.ServerID != "" {
		var err error
		if server, err = store.GetServer(ctx, t.ServerID); err != nil {
			return dialect.Target{}, err
		}
	}
	target, err := control.ResolveTenant(ctx, p.secrets, t, server)
	if err != nil || access.FromContext(ctx).Method == access.ByLocal {
		return target, err
	}
	return target, p.targets.Check(target)
}

// modules returns the set that a request names, or the tenant's.
func (p place) modules(given *lockstepv1.ModuleSet) (migrate.ModuleSet, error) {
	if given != nil || p.tenant == nil {
		return fromModuleSet(given)
	}
	if len(p.tenant.Modules) == 0 {
		return migrate.ModuleSet{}, fault.New(fault.Invalid, "TENANT_WITHOUT_MODULES", "neither the request nor the tenant %s names any modules", p.tenant.ID).
			Suggest("name them in the request, or give the tenant its modules: lockstep tenant update %s --module PATH@QUERY", p.tenant.ID)
	}
	refs := make([]module.Ref, 0, len(p.tenant.Modules))
	for _, m := range p.tenant.Modules {
		refs = append(refs, m.Ref())
	}
	return migrate.ModuleSet{Refs: refs}, nil
}

// strategy returns the one that a request names, or the tenant's.
func (p place) strategy(given lockstepv1.Strategy) (strategy.Name, error) {
	if given == lockstepv1.Strategy_STRATEGY_UNSPECIFIED && p.tenant != nil {
		return p.tenant.Strategy, nil
	}
	return fromStrategy(given)
}
