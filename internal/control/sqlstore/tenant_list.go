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

// probe is how many tenants of a facet are counted to find the rarest one. A
// facet that more have is not rare.
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
	search := tenantSearch{s: s, after: at.After, archived: f.Archived || f.Status == control.TenantArchived, most: size + 1}
	rows, err := search.visible(ctx, facets, f)
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

// tenantSearch looks for one page.
type tenantSearch struct {
	s        *Store
	after    string
	archived bool
	most     int // rows
}

// visible finds the tenants of a filter that a caller may see: each set of labels
// is looked for by itself, and the engine sorts what was found.
func (t tenantSearch) visible(ctx context.Context, facets []string, f control.TenantFilter) ([]query.Tenant, error) {
	if f.Visible == nil {
		return t.page(ctx, facets, nil)
	}
	found := map[string]query.Tenant{}
	sets := 0
	var rows []query.Tenant
	for _, labels := range f.Visible {
		if contradicts(labels, f.Labels) {
			continue
		}
		var err error
		if rows, err = t.page(ctx, facets, labels); err != nil {
			return nil, err
		}
		sets++
		for i := range rows {
			found[rows[i].ID] = rows[i]
		}
	}
	if sets < 2 {
		return rows, nil
	}
	ids, err := encode(slices.Collect(maps.Keys(found)))
	if err != nil {
		return nil, err
	}
	return t.s.read.SortTenants(ctx, query.SortTenantsParams{Ids: ids, Most: int64(t.most)})
}

// contradicts tells whether no tenant can have both.
func contradicts(a, b map[string]string) bool {
	for k, v := range a {
		if other, ok := b[k]; ok && other != v {
			return true
		}
	}
	return false
}

// page finds the tenants that have all facets and all labels. What a query does
// not look at is looked at here, and it goes on until the page is full.
func (t tenantSearch) page(ctx context.Context, facets []string, labels map[string]string) ([]query.Tenant, error) {
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		facet := labelFacet(k, labels[k])
		if clip(facet, maxPath+maxQuery+maxPath) != facet { // nothing can have it
			return nil, nil
		}
		if len(facets) < control.MaxTenantFilters && !slices.Contains(facets, facet) {
			facets = append(slices.Clip(facets), facet)
		}
	}
	find, err := t.finder(ctx, facets)
	if err != nil {
		return nil, err
	}
	var out []query.Tenant
	for after := t.after; ; {
		rows, err := find(ctx, after)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			has, err := t.wanted(&rows[i], labels)
			if err != nil {
				return nil, err
			}
			if has {
				out = append(out, rows[i])
			}
		}
		if len(rows) < t.most || len(out) >= t.most {
			return out[:min(len(out), t.most)], nil
		}
		after = rows[len(rows)-1].ID
	}
}

// wanted tells whether a tenant has all labels, and is archived only if those are
// asked for.
func (t tenantSearch) wanted(r *query.Tenant, labels map[string]string) (bool, error) {
	if !t.archived && r.ArchivedAt != 0 {
		return false, nil
	}
	if len(labels) == 0 {
		return true, nil
	}
	var has map[string]string
	if err := decode(r.Labels, &has, "labels of tenant "+r.ID); err != nil {
		return false, err
	}
	for k, v := range labels {
		if got, ok := has[k]; !ok || got != v {
			return false, nil
		}
	}
	return true, nil
}

// finder picks the query: a rare facet leads the others, and those that many have
// are met where they cross.
func (t tenantSearch) finder(ctx context.Context, facets []string) (func(context.Context, string) ([]query.Tenant, error), error) {
	read, archived, most := t.s.read, flag(t.archived), int64(t.most)
	switch len(facets) {
	case 0:
		return func(ctx context.Context, after string) ([]query.Tenant, error) {
			return read.ListTenants(ctx, query.ListTenantsParams{After: after, Archived: archived, Most: most})
		}, nil
	case 1:
		return func(ctx context.Context, after string) ([]query.Tenant, error) {
			return read.ListTenantsByFacet(ctx, query.ListTenantsByFacetParams{Facet: facets[0], After: after, Archived: archived, Most: most})
		}, nil
	}
	sorted, fewest, err := t.s.rarestFirst(ctx, facets)
	if err != nil {
		return nil, err
	}
	two := len(sorted) == 2
	x := append(sorted, make([]string, control.MaxTenantFilters-len(sorted))...)
	switch {
	case fewest < probe:
		return func(ctx context.Context, after string) ([]query.Tenant, error) {
			return read.ListTenantsByRareFacet(ctx, query.ListTenantsByRareFacetParams{
				Facet: x[0], Facet2: x[1], Facet3: x[2], Facet4: x[3], Facet5: x[4], Facet6: x[5], Facet7: x[6], Facet8: x[7],
				After: after, Archived: archived, Most: most,
			})
		}, nil
	case two:
		return func(ctx context.Context, after string) ([]query.Tenant, error) {
			return read.ListTenantsByTwoFacets(ctx, query.ListTenantsByTwoFacetsParams{Facet: x[0], Facet2: x[1], After: after, Most: most})
		}, nil
	}
	return func(ctx context.Context, after string) ([]query.Tenant, error) {
		return read.ListTenantsByFacets(ctx, query.ListTenantsByFacetsParams{
			Facet: x[0], Facet2: x[1], Facet3: x[2], Facet4: x[3], Facet5: x[4], Facet6: x[5], Facet7: x[6], Facet8: x[7],
			After: after, Most: most,
		})
	}, nil
}

// rarestFirst puts the facet in front that the fewest tenants have, and tells how
// many those are, up to probe.
func (s *Store) rarestFirst(ctx context.Context, facets []string) (sorted []string, fewest int64, err error) {
	counts := make(map[string]int64, len(facets))
	for _, f := range facets {
		n, err := s.read.CountTenantFacet(ctx, query.CountTenantFacetParams{Facet: f, Most: probe})
		if err != nil {
			return nil, 0, err
		}
		counts[f] = n
	}
	sorted = slices.SortedStableFunc(slices.Values(facets), func(a, b string) int { return cmp.Compare(counts[a], counts[b]) })
	return sorted, counts[sorted[0]], nil
}
