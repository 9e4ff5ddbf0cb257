package sqlstore

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// probe is how many tenants of a facet are counted to find the rarest one.
const probe = 2000

// ListTenants implements control.TenantStore. One row more than the page is
// read, to know whether there is a next page.
func (s *Store) ListTenants(ctx context.Context, f control.TenantFilter, p control.Page) ([]*control.Tenant, string, error) {
	size, err := p.Limit()
	if err != nil {
		return nil, "", err
	}
	at, _, err := control.ReadPageToken("tenants", f, p.Token)
	if err != nil {
		return nil, "", err
	}
	facets, err := facetsOf(f)
	if err != nil {
		return nil, "", err
	}
	archived := flag(f.Archived || f.Status == control.TenantArchived)
	rows, err := s.tenantPage(ctx, facets, at.After, archived, int64(size)+1)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		if next, err = control.MakePageToken("tenants", f, control.Cursor{After: rows[size-1].ID}); err != nil {
			return nil, "", err
		}
	}
	out, err := tenantsOf(rows)
	return out, next, err
}

// facetsOf turns a filter into facets.
func facetsOf(f control.TenantFilter) ([]string, error) {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(f.Labels)) {
		out = append(out, labelFacet(k, f.Labels[k]))
	}
	if f.Version != "" && f.Module == "" {
		return nil, fault.New(fault.Invalid, control.ReasonTenantInvalid, "the filter names a version and no module").Suggest("name the module, too")
	}
	if f.Module != "" {
		out = append(out, moduleFacet(f.Module, f.Version))
	}
	for _, e := range []struct{ value, facet string }{
		{string(f.Engine), engineFacet(string(f.Engine))},
		{f.ServerID, serverFacet(f.ServerID)},
		{string(f.Status), statusFacet(string(f.Status))},
	} {
		if e.value != "" {
			out = append(out, e.facet)
		}
	}
	if len(out) > control.MaxTenantFilters {
		return nil, fault.New(fault.Invalid, control.ReasonTenantInvalid, "the filter has %d conditions, and %d are allowed", len(out), control.MaxTenantFilters)
	}
	for _, facet := range out {
		if clip(facet, maxPath+maxQuery+maxPath) != facet { // nothing can have it, and engines must not see it
			return nil, fault.New(fault.Invalid, control.ReasonTenantInvalid, "a condition of the filter is too long, or is no text")
		}
	}
	return out, nil
}

func (s *Store) tenantPage(ctx context.Context, facets []string, after string, archived, most int64) ([]query.Tenant, error) {
	if len(facets) == 0 {
		return s.read.ListTenants(ctx, query.ListTenantsParams{After: after, Archived: archived, Most: most})
	}
	facets, err := s.rarestFirst(ctx, facets)
	if err != nil {
		return nil, err
	}
	facets = append(facets, make([]string, control.MaxTenantFilters-len(facets))...)
	return s.read.ListTenantsByFacet(ctx, query.ListTenantsByFacetParams{
		Facet: facets[0], After: after, Archived: archived, Most: most,
		Facet2: facets[1], Facet3: facets[2], Facet4: facets[3], Facet5: facets[4],
		Facet6: facets[5], Facet7: facets[6], Facet8: facets[7],
	})
}

// rarestFirst puts the facet in front that the fewest tenants have: the query
// reads its tenants one by one.
func (s *Store) rarestFirst(ctx context.Context, facets []string) ([]string, error) {
	if len(facets) == 1 {
		return facets, nil
	}
	counts := make(map[string]int64, len(facets))
	for _, f := range facets {
		n, err := s.read.CountTenantFacet(ctx, query.CountTenantFacetParams{Facet: f, Most: probe})
		if err != nil {
			return nil, err
		}
		counts[f] = n
	}
	slices.SortStableFunc(facets, func(a, b string) int { return cmp.Compare(counts[a], counts[b]) })
	return facets, nil
}
