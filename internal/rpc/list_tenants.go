package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
)

// ListTenants lists the tenants that the caller may look at.
func (s *tenantService) ListTenants(
	ctx context.Context, req *lockstepv1.ListTenantsRequest,
) (*lockstepv1.ListTenantsResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	filter := control.TenantFilter{
		Labels: req.GetLabels(), ServerID: req.GetServer(), Module: req.GetModule(), Version: req.GetVersion(),
		Status: fromTenantStatus(req.GetStatus()), Archived: req.GetArchived(),
	}
	if e := req.GetEngine(); e != lockstepv1.Engine_ENGINE_UNSPECIFIED {
		if filter.Engine, err = fromEngine(e); err != nil {
			return nil, err
		}
	}
	out := &lockstepv1.ListTenantsResponse{NextPageToken: req.GetPageToken()}
	for { // a page without anything to look at is not worth an answer
		page := control.Page{Size: int(req.GetPageSize()), Token: out.GetNextPageToken()}
		tenants, next, err := store.ListTenants(ctx, filter, page)
		if err != nil {
			return nil, err
		}
		if err := seen(access.FromContext(ctx), tenants, out); err != nil {
			return nil, err
		}
		out.NextPageToken = next
		if len(out.GetTenants()) > 0 || next == "" {
			return out, nil
		}
	}
}

// seen adds the tenants that somebody may look at.
func seen(who access.Identity, tenants []*control.Tenant, out *lockstepv1.ListTenantsResponse) error {
	for _, t := range tenants {
		if !who.HoldsOn(access.Viewer, t.Labels) {
			continue
		}
		m, err := toTenant(t)
		if err != nil {
			return err
		}
		out.Tenants = append(out.Tenants, m)
	}
	return nil
}
