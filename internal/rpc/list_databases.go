package rpc

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/discover/inventory"
)

// ListDatabases lists the databases of a server as its last sync found them.
func (s *serverService) ListDatabases(
	ctx context.Context, req *lockstepv1.ListDatabasesRequest,
) (*lockstepv1.ListDatabasesResponse, error) {
	stock, err := s.stock(ctx, req.GetServer())
	if err != nil {
		return nil, err
	}
	var found []*lockstepv1.ServerDatabase
	for _, d := range stock.databases() {
		if strings.HasPrefix(d.GetName(), req.GetPrefix()) && stock.wanted(d, req.GetStatus()) {
			found = append(found, d)
		}
	}
	filter := []string{req.GetServer(), req.GetStatus().String(), req.GetPrefix()}
	page := control.Page{Size: int(req.GetPageSize()), Token: req.GetPageToken()}
	out := &lockstepv1.ListDatabasesResponse{LastSync: toSyncStatus(stock.Server)}
	out.Databases, out.NextPageToken, err = paged("databases", filter, page, found, (*lockstepv1.ServerDatabase).GetName)
	return out, err
}

// stock is the inventory of a server, with who lives where.
type stock struct {
	*control.Inventory
	state    discover.State
	occupied map[discover.Place]discover.Occupancy
}

// stock reads the inventory of a server.
func (s *serverService) stock(ctx context.Context, server string) (*stock, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	out := &stock{occupied: map[discover.Place]discover.Occupancy{}}
	if out.Inventory, err = store.Inventory(ctx, server); err != nil {
		return nil, err
	}
	if out.state, err = inventory.State(out.Inventory); err != nil {
		return nil, err
	}
	tenants, err := s.syncer.Tenants(ctx, out.Server)
	if err != nil {
		return nil, err
	}
	here := make([]discover.Tenant, 0, len(tenants))
	for _, t := range tenants {
		here = append(here, t.Tenant)
	}
	for _, o := range discover.Occupied(out.state, here) {
		out.occupied[o.Place] = o
	}
	return out, nil
}

// databases lists all, those that vanished included, sorted by name.
func (s *stock) databases() []*lockstepv1.ServerDatabase {
	known := map[string]*control.Recorded[control.Database]{}
	var out []*lockstepv1.ServerDatabase
	for i := range s.Databases {
		r := &s.Databases[i]
		if r.Value.Schema != "" {
			continue
		}
		known[r.Value.Name] = r
		if !r.Vanished.IsZero() {
			out = append(out, &lockstepv1.ServerDatabase{
				Name: r.Value.Name, SeenAt: moment(r.Seen), ChangedAt: moment(r.Changed), VanishedAt: moment(r.Vanished),
			})
		}
	}
	for _, d := range s.state.Databases {
		m := s.database(d)
		if r := known[d.Name]; r != nil {
			m.SeenAt, m.ChangedAt = moment(r.Seen), moment(r.Changed)
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *lockstepv1.ServerDatabase) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return out
}

// database adds to a database who lives there.
func (s *stock) database(d dialect.Database) *lockstepv1.ServerDatabase {
	m := toServerDatabase(d)
	at := s.occupied[discover.Place{Database: d.Name}]
	m.Tenant, m.Free = at.Tenant, at.Free
	for _, x := range m.GetSchemas() {
		at := s.occupied[discover.Place{Database: d.Name, Schema: x.GetName()}]
		x.Tenant, x.Free = at.Tenant, at.Free
	}
	return m
}

func (s *stock) wanted(d *lockstepv1.ServerDatabase, status lockstepv1.DatabaseStatus) bool {
	has := func(test func(*lockstepv1.ServerSchema) bool) bool { return slices.ContainsFunc(d.GetSchemas(), test) }
	there := d.GetVanishedAt() == nil
	switch status {
	case lockstepv1.DatabaseStatus_DATABASE_STATUS_APPEARED:
		return there && s.isNew(d.GetSeenAt().AsTime())
	case lockstepv1.DatabaseStatus_DATABASE_STATUS_OWNED:
		return d.GetTenant() != "" || has(func(x *lockstepv1.ServerSchema) bool { return x.GetTenant() != "" })
	case lockstepv1.DatabaseStatus_DATABASE_STATUS_FREE:
		return d.GetFree() || has((*lockstepv1.ServerSchema).GetFree)
	case lockstepv1.DatabaseStatus_DATABASE_STATUS_VANISHED:
		return !there
	case lockstepv1.DatabaseStatus_DATABASE_STATUS_UNSPECIFIED:
	}
	return there
}

// isNew tells whether the last sync saw something for the first time.
func (s *stock) isNew(seen time.Time) bool { return seen.Equal(s.Server.Synced) }

// paged cuts a page out of a list that is sorted by name.
func paged[T any](list string, filter any, p control.Page, all []T, name func(T) string) ([]T, string, error) {
	size, err := p.Limit()
	if err != nil {
		return nil, "", err
	}
	at, ok, err := control.ReadPageToken(list, filter, p.Token)
	if err != nil {
		return nil, "", err
	}
	begin := 0
	for ok && begin < len(all) && name(all[begin]) <= at.After {
		begin++
	}
	all = all[begin:]
	if len(all) <= size {
		return all, "", nil
	}
	next, err := control.MakePageToken(list, filter, control.Cursor{After: name(all[size-1])})
	return all[:size], next, err
}
