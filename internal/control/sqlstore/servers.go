package sqlstore

import (
	"context"
	"maps"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

func serverOf(r *query.Server) (*control.Server, error) {
	s := &control.Server{
		ID: r.ID, DisplayName: r.DisplayName, Engine: dialect.Engine(r.Engine), Address: r.Address, Secret: secret.Decode(r.Secret),
		Generation: r.Generation, Synced: moment(r.SyncedAt), Tried: moment(r.TriedAt), SyncError: r.SyncError, Facts: r.Facts, Revision: r.Revision,
		Created: moment(r.CreatedAt), Updated: moment(r.UpdatedAt), Archived: moment(r.ArchivedAt),
	}
	return s, decode(r.Labels, &s.Labels, "labels of server "+r.ID)
}

// CreateServer implements control.ServerStore.
func (s *Store) CreateServer(ctx context.Context, n control.NewServer) (*control.Server, error) {
	if n.DisplayName == "" {
		n.DisplayName = n.ID
	}
	now := micros(s.now())
	r := query.Server{ID: n.ID, DisplayName: n.DisplayName, Revision: 1, CreatedAt: now, UpdatedAt: now}
	if err := s.setServer(&r, maps.Clone(n.Labels), &n.Address, &n.Secret); err != nil {
		return nil, err
	}
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error {
		switch _, err := q.GetServer(ctx, r.ID); {
		case err == nil:
			return fault.New(fault.Exists, control.ReasonServerExists, "there is a server %s already", r.ID).
				Suggest("choose another id, or update that server; archived servers keep their ids")
		case fault.ReasonOf(err) != reasonNoRow:
			return err
		}
		return q.InsertServer(ctx, query.InsertServerParams{
			ID: r.ID, DisplayName: r.DisplayName, Labels: r.Labels, Engine: r.Engine, Address: r.Address,
			Secret: r.Secret, SecretKey: r.SecretKey, Revision: r.Revision, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		})
	})
	if err != nil {
		return nil, err
	}
	return serverOf(&r)
}

// setServer checks a server, and sets labels, address and secret.
func (s *Store) setServer(r *query.Server, labels map[string]string, address *secret.Redacted, given *secret.Given) (err error) {
	var c checks
	c.id("id", r.ID)
	c.text("display_name", r.DisplayName, maxName)
	c.labels(labels)
	if r.Labels, err = encode(labels); err != nil {
		return err
	}
	if address != nil {
		given = s.setAddress(&c, r, *address, given)
	}
	if given != nil {
		stored, err := s.cfg.Keys.Store(*given, control.ServerPlace(r.ID))
		switch {
		case err == nil && stored.Kind() == secret.Server:
			c.report("secret", "", "a server has a secret of its own")
		case err == nil:
			r.Secret, r.SecretKey = stored.Encode(), stored.KeyID()
		case fault.KindOf(err) != fault.Invalid:
			return err
		default:
			c.fault("secret", err)
		}
	}
	c.needsUser(r.Address, secret.Decode(r.Secret), dialect.ParseServer)
	return c.err(control.ReasonServerInvalid, "server")
}

// setAddress returns the secret to store: the given one, or that of the address.
func (*Store) setAddress(c *checks, r *query.Server, address secret.Redacted, given *secret.Given) *secret.Given {
	a, err := control.ParseServerAddress(address)
	switch {
	case err != nil:
		c.fault("address", err)
		return given
	case r.Engine != "" && r.Engine != string(a.Target.Engine):
		c.report("address", "register another server", "the server is %s, and cannot become %s", r.Engine, a.Target.Engine)
	}
	r.Engine, r.Address = string(a.Target.Engine), a.URL
	if a.Password.Empty() {
		return given
	}
	if given != nil && *given != (secret.Given{}) {
		c.report("secret", "leave one of them out", "the address has a password, and a secret is given, too")
		return given
	}
	return &secret.Given{Inline: a.Password}
}

func noServer(id string) error {
	return fault.New(fault.NotFound, control.ReasonServerNotFound, "there is no server %q", id)
}

// GetServer implements control.ServerStore.
func (s *Store) GetServer(ctx context.Context, id string) (*control.Server, error) {
	return readServer(ctx, s.read, id)
}

func readServer(ctx context.Context, q query.Queries, id string) (*control.Server, error) {
	if !validID.MatchString(id) {
		return nil, noServer(id)
	}
	r, err := q.GetServer(ctx, id)
	if err != nil {
		return nil, absent(err, control.ReasonServerNotFound, "there is no server %q", id)
	}
	return serverOf(&r)
}

// ListServers implements control.ServerStore.
func (s *Store) ListServers(ctx context.Context, f control.ServerFilter, p control.Page) ([]*control.Server, string, error) {
	size, err := p.Limit()
	if err != nil {
		return nil, "", err
	}
	at, _, err := control.ReadPageToken("servers", f, p.Token)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.read.ListServers(ctx, query.ListServersParams{
		After: at.After, Archived: flag(f.Archived), Engine: string(f.Engine), Most: int64(size) + 1,
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		if next, err = control.MakePageToken("servers", f, control.Cursor{After: rows[size-1].ID}); err != nil {
			return nil, "", err
		}
	}
	out := make([]*control.Server, len(rows))
	for i := range rows {
		if out[i], err = serverOf(&rows[i]); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// changeServer locks a server, changes it, and writes it when it is different.
func (s *Store) changeServer(ctx context.Context, id string, revision int64, change func(r *query.Server) error) (*control.Server, error) {
	if !validID.MatchString(id) {
		return nil, noServer(id)
	}
	var out *control.Server
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error {
		locked, err := q.LockServer(ctx, id)
		if err != nil {
			return absent(err, control.ReasonServerNotFound, "there is no server %q", id)
		}
		if revision != 0 && locked.Revision != revision {
			return moved("server", id, revision, locked.Revision)
		}
		r := locked
		if err := change(&r); err != nil {
			return err
		}
		if r != locked {
			r.Revision, r.UpdatedAt = r.Revision+1, micros(s.now())
			n, err := q.UpdateServer(ctx, query.UpdateServerParams{
				DisplayName: r.DisplayName, Labels: r.Labels, Address: r.Address, Secret: r.Secret, SecretKey: r.SecretKey,
				Revision: r.Revision, UpdatedAt: r.UpdatedAt, ArchivedAt: r.ArchivedAt, ID: id, OldRevision: locked.Revision,
			})
			if err != nil {
				return err
			}
			if n != 1 {
				return fault.New(fault.Bug, "STORE_FAILED", "the server %s changed under its lock", id)
			}
		}
		out, err = serverOf(&r)
		return err
	})
	return out, err
}

// UpdateServer implements control.ServerStore.
func (s *Store) UpdateServer(ctx context.Context, id string, u control.ServerUpdate) (*control.Server, error) {
	return s.changeServer(ctx, id, u.Revision, func(r *query.Server) error {
		if u.DisplayName != nil {
			r.DisplayName = *u.DisplayName
		}
		labels := u.Labels
		if labels == nil {
			if err := decode(r.Labels, &labels, "labels of server "+id); err != nil {
				return err
			}
		}
		return s.setServer(r, labels, u.Address, u.Secret)
	})
}

// ArchiveServer implements control.ServerStore.
func (s *Store) ArchiveServer(ctx context.Context, id string, revision int64) (*control.Server, error) {
	return s.changeServer(ctx, id, revision, func(r *query.Server) error {
		if r.ArchivedAt == 0 {
			r.ArchivedAt = micros(s.now())
		}
		return nil
	})
}
