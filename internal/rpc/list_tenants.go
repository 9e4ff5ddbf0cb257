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
	who := access.FromContext(ctx)
	filter.Visible = visible(who)
	tenants, next, err := store.ListTenants(ctx, filter, control.Page{Size: int(req.GetPageSize()), Token: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.ListTenantsResponse{NextPageToken: next}
	return out, seen(who, tenants, out)
}

// visible returns the labels of the tenants that somebody may look at; nil when
// these are all.
func visible(who access.Identity) []map[string]string {
	if who.HoldsEverywhere(access.Viewer) {
		return nil
	}
	out := []map[string]string{}
	for _, g := range who.Grants {
		if g.Role >= access.Viewer {
			out = append(out, g.Labels)
		}
	}
	return out
}

// seen adds the tenants that somebody may look at. The store has left out the
// others already; this is where it is held to that.
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
