package sqlstore

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// encode is a structure in a column. Keys of maps are sorted.
func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fault.Wrap(err, fault.Bug, "STORE_ENCODE", "a value cannot be stored")
	}
	return string(data), nil
}

// decode reads what encode wrote; "" leaves v as it is.
func decode(text string, v any, where string) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fault.Wrap(err, fault.Corrupt, "STORE_CORRUPT", "%s holds something lockstep did not write", where).
			Suggest("restore the control store from a backup; do not edit it by hand")
	}
	return nil
}

func tenantOf(r *query.Tenant) (*control.Tenant, error) {
	t := &control.Tenant{
		ID: r.ID, DisplayName: r.DisplayName, Engine: dialect.Engine(r.Engine), ServerID: r.ServerID,
		Database: r.DBName, Schema: r.DBSchema, Target: r.Target, Secret: secret.Decode(r.Secret),
		Strategy: strategy.Name(r.Strategy), Status: control.TenantStatus(r.Status), StatusNote: r.StatusNote,
		Revision: r.Revision, Created: moment(r.CreatedAt), Updated: moment(r.UpdatedAt), Archived: moment(r.ArchivedAt),
	}
	if err := decode(r.Labels, &t.Labels, "labels of tenant "+r.ID); err != nil {
		return nil, err
	}
	return t, decode(r.Modules, &t.Modules, "modules of tenant "+r.ID)
}

func tenantsOf(rows []query.Tenant) ([]*control.Tenant, error) {
	out := make([]*control.Tenant, len(rows))
	for i := range rows {
		t, err := tenantOf(&rows[i])
		if err != nil {
			return nil, err
		}
		out[i] = t
	}
	return out, nil
}

// tenantRow is a tenant that is being written: the row, and its structures
// decoded.
type tenantRow struct {
	query.Tenant
	labels  map[string]string
	modules []control.TenantModule
}

// row decodes what a row holds, to be changed.
func row(r query.Tenant) (*tenantRow, error) {
	t, err := tenantOf(&r)
	if err != nil {
		return nil, err
	}
	return &tenantRow{Tenant: r, labels: t.Labels, modules: t.Modules}, nil
}

// seal puts the structures back into the columns.
func (r *tenantRow) seal() (err error) {
	slices.SortFunc(r.modules, func(a, b control.TenantModule) int { return cmp.Compare(a.Path, b.Path) })
	if r.Labels, err = encode(r.labels); err != nil {
		return err
	}
	r.Modules, err = encode(r.modules)
	return err
}

// facets is everything that the tenant can be found by.
func (r *tenantRow) facets() []string {
	out := []string{engineFacet(r.Engine), statusFacet(r.Status)}
	if r.ServerID != "" {
		out = append(out, serverFacet(r.ServerID))
	}
	for k, v := range r.labels {
		out = append(out, labelFacet(k, v))
	}
	for _, m := range r.modules {
		out = append(out, moduleFacet(m.Path, ""))
		if m.Version != "" {
			out = append(out, moduleFacet(m.Path, m.Version))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func engineFacet(engine string) string { return "engine:" + engine }
func statusFacet(status string) string { return "status:" + status }
func serverFacet(id string) string     { return "server:" + id }
func labelFacet(k, v string) string    { return "label:" + k + "=" + v }

func moduleFacet(path, version string) string {
	if version == "" {
		return "module:" + path
	}
	return "version:" + path + "@" + version
}

// insert writes a new tenant with its facets.
func (r *tenantRow) insert(ctx context.Context, q query.Queries) error {
	if err := r.seal(); err != nil {
		return err
	}
	if err := q.InsertTenant(ctx, query.InsertTenantParams(r.Tenant)); err != nil {
		return err
	}
	return r.index(ctx, q, nil)
}

// update writes a tenant that was read at the revision of the row, which rises.
func (r *tenantRow) update(ctx context.Context, q query.Queries, before *tenantRow) error {
	if err := r.seal(); err != nil {
		return err
	}
	old := r.Revision
	r.Revision++
	n, err := q.UpdateTenant(ctx, query.UpdateTenantParams{
		DisplayName: r.DisplayName, Labels: r.Labels, Engine: r.Engine, ServerID: r.ServerID, DBName: r.DBName,
		DBSchema: r.DBSchema, Target: r.Target, TargetKey: r.TargetKey, Secret: r.Secret, SecretKey: r.SecretKey,
		Modules: r.Modules, Strategy: r.Strategy, Status: r.Status, StatusBefore: r.StatusBefore, StatusNote: r.StatusNote,
		Revision: r.Revision, UpdatedAt: r.UpdatedAt, ArchivedAt: r.ArchivedAt, ID: r.ID, OldRevision: old,
	})
	if err != nil {
		return err
	}
	if n != 1 { // the row is locked, so nobody was quicker
		return fault.New(fault.Bug, "STORE_FAILED", "the tenant %s changed under its lock", r.ID)
	}
	return r.index(ctx, q, before.facets())
}

// index writes the facets anew when they are not the old ones.
func (r *tenantRow) index(ctx context.Context, q query.Queries, old []string) error {
	facets := r.facets()
	if slices.Equal(facets, old) {
		return nil
	}
	if old != nil {
		if err := q.DeleteTenantFacets(ctx, r.ID); err != nil {
			return err
		}
	}
	for _, f := range facets {
		if err := q.InsertTenantFacet(ctx, query.InsertTenantFacetParams{Facet: f, TenantID: r.ID}); err != nil {
			return err
		}
	}
	return nil
}
