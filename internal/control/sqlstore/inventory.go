package sqlstore

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
)

// Inventory implements control.SyncStore.
func (s *Store) Inventory(ctx context.Context, serverID string) (*control.Inventory, error) {
	var out *control.Inventory
	err := s.look(ctx, func(ctx context.Context, q query.Queries) (err error) {
		out = &control.Inventory{}
		if out.Server, err = readServer(ctx, q, serverID); err != nil {
			return err
		}
		if out.Databases, err = databases(ctx, q, serverID); err != nil {
			return err
		}
		if out.Users, err = users(ctx, q, serverID); err != nil {
			return err
		}
		out.Privileges, err = privileges(ctx, q, serverID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func databases(ctx context.Context, q query.Queries, serverID string) ([]control.Recorded[control.Database], error) {
	places, err := q.ListTenantPlaces(ctx, serverID)
	if err != nil {
		return nil, err
	}
	tenants := make(map[[2]string]string, len(places))
	for _, p := range places {
		tenants[[2]string{p.DBName, p.DBSchema}] = p.ID
	}
	rows, err := q.ListServerDatabases(ctx, serverID)
	if err != nil {
		return nil, err
	}
	out := make([]control.Recorded[control.Database], len(rows))
	for i, r := range rows {
		out[i] = control.Recorded[control.Database]{
			Value: control.Database{Name: r.DBName, Schema: r.DBSchema},
			Seen:  moment(r.SeenAt), Changed: moment(r.ChangedAt), Vanished: moment(r.VanishedAt),
			TenantID: tenants[[2]string{r.DBName, r.DBSchema}],
		}
		if err := decode(r.Attributes, &out[i].Value.Attributes, "a database of server "+serverID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func users(ctx context.Context, q query.Queries, serverID string) ([]control.Recorded[control.User], error) {
	rows, err := q.ListServerUsers(ctx, serverID)
	if err != nil {
		return nil, err
	}
	out := make([]control.Recorded[control.User], len(rows))
	for i, r := range rows {
		out[i] = control.Recorded[control.User]{
			Value: control.User{Name: r.Name},
			Seen:  moment(r.SeenAt), Changed: moment(r.ChangedAt), Vanished: moment(r.VanishedAt),
		}
		if err := decode(r.Attributes, &out[i].Value.Attributes, "a user of server "+serverID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func privileges(ctx context.Context, q query.Queries, serverID string) ([]control.Privilege, error) {
	rows, err := q.ListServerGrants(ctx, serverID)
	if err != nil {
		return nil, err
	}
	out := make([]control.Privilege, len(rows))
	for i, r := range rows {
		out[i] = control.Privilege{User: r.UserName, Database: r.DBName, Schema: r.DBSchema, Privilege: r.Privilege}
		if err := decode(r.Attributes, &out[i].Attributes, "a privilege on server "+serverID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ListChanges implements control.SyncStore.
func (s *Store) ListChanges(ctx context.Context, serverID string, p control.Page) ([]*control.ServerChange, string, error) {
	size, err := p.Limit()
	if err != nil {
		return nil, "", err
	}
	at, ok, err := control.ReadPageToken("changes", serverID, p.Token)
	if err != nil {
		return nil, "", err
	}
	if _, err := readServer(ctx, s.read, serverID); err != nil {
		return nil, "", err
	}
	if !ok {
		at.Seq = int64(1) << 62
	}
	rows, err := s.read.ListServerChanges(ctx, query.ListServerChangesParams{
		ServerID: serverID, Generation: at.Seq, Position: at.Sub, Most: int64(size) + 1,
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		last := rows[size-1]
		if next, err = control.MakePageToken("changes", serverID, control.Cursor{Seq: last.Generation, Sub: last.Position}); err != nil {
			return nil, "", err
		}
	}
	return query.Each(rows, func(r query.ServerChange) *control.ServerChange {
		return &control.ServerChange{
			Generation: r.Generation, Kind: control.ChangeKind(r.Kind), Object: r.Object, Name: r.Name,
			Before: r.ValueBefore, After: r.ValueAfter, At: moment(r.At),
		}
	}), next, nil
}
