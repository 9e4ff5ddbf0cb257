package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// CreateTenant registers a tenant.
func (s *tenantService) CreateTenant(
	ctx context.Context, req *lockstepv1.CreateTenantRequest,
) (*lockstepv1.CreateTenantResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	in := control.NewTenant{
		ID: req.GetId(), DisplayName: req.GetDisplayName(), Labels: req.GetLabels(), ServerID: req.GetServer(),
		Target: secret.New(req.GetTarget()),
		Secret: secret.Given{Inline: secret.New(req.GetPassword()), Reference: req.GetSecretReference()},
	}
	if in.Modules, err = fromTenantModules(req.GetModules()); err != nil {
		return nil, err
	}
	if in.Strategy, err = fromStrategy(req.GetStrategy()); err != nil {
		return nil, err
	}
	out, err := s.change(ctx, in.ID, func() (*control.Tenant, error) { return store.CreateTenant(ctx, in) })
	if err != nil {
		return nil, err
	}
	return &lockstepv1.CreateTenantResponse{Tenant: out}, nil
}

// change writes down a change of a tenant's registration, and carries it out.
func (s *tenantService) change(ctx context.Context, id string, do func() (*control.Tenant, error)) (*lockstepv1.Tenant, error) {
	var out *lockstepv1.Tenant
	err := s.ledger.run(ctx, control.AuditEvent{TenantID: id}, func(e *control.AuditEvent) error {
		t, err := do()
		if err != nil {
			return err
		}
		if out, err = toTenant(t); err != nil {
			return err
		}
		e.ServerID, e.Target, e.Strategy = t.ServerID, out.GetTarget(), string(t.Strategy)
		for _, m := range t.Modules {
			e.Modules = append(e.Modules, control.AuditModule{Path: m.Path, Version: m.Query})
		}
		return nil
	})
	return out, err
}
