package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// UpdateTenant changes what the request sets.
func (s *tenantService) UpdateTenant(
	ctx context.Context, req *lockstepv1.UpdateTenantRequest,
) (*lockstepv1.UpdateTenantResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	if err := widens(access.FromContext(ctx), req); err != nil {
		return nil, err
	}
	u, err := tenantUpdate(req)
	if err != nil {
		return nil, err
	}
	out, err := s.change(ctx, req.GetTenant(), func() (*control.Tenant, error) { return store.UpdateTenant(ctx, req.GetTenant(), u) })
	if err != nil {
		return nil, err
	}
	return &lockstepv1.UpdateTenantResponse{Tenant: out}, nil
}

// widens refuses changes by which somebody who is limited to some tenants would
// get at more: another database, another server's secret, other labels.
func widens(who access.Identity, req *lockstepv1.UpdateTenantRequest) error {
	moves := req.GetTarget() != "" || req.GetPassword() != "" || req.SecretReference != nil || req.Server != nil || req.GetLabels() != nil
	if !moves || who.HoldsEverywhere(access.Admin) {
		return nil
	}
	return fault.New(fault.Denied, "ROLE_MISSING",
		"where a tenant lives, its secret and its labels change with the role admin without a limit to some tenants, which %s does not hold", who.Name).
		Suggest("ask an admin of this server to make the change")
}

func tenantUpdate(req *lockstepv1.UpdateTenantRequest) (control.TenantUpdate, error) {
	u := control.TenantUpdate{Revision: req.GetRevision(), DisplayName: req.DisplayName, ServerID: req.Server}
	if l := req.GetLabels(); l != nil {
		u.Labels = l.GetLabels()
		if u.Labels == nil {
			u.Labels = map[string]string{}
		}
	}
	if req.GetTarget() != "" {
		target := secret.New(req.GetTarget())
		u.Target = &target
	}
	if req.GetPassword() != "" || req.SecretReference != nil {
		u.Secret = &secret.Given{Inline: secret.New(req.GetPassword()), Reference: req.GetSecretReference()}
	}
	var err error
	if m := req.GetModules(); m != nil {
		if u.Modules, err = fromTenantModules(m.GetRefs()); err != nil {
			return u, err
		}
	}
	if req.GetStrategy() == lockstepv1.Strategy_STRATEGY_UNSPECIFIED {
		return u, nil
	}
	var name strategy.Name
	name, err = fromStrategy(req.GetStrategy())
	u.Strategy = &name
	return u, err
}
