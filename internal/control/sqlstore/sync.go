package sqlstore

import (
	"context"
	"slices"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// perChange is how much longer a transaction may take for each change of a sync:
// two queries, to a store that is far away.
const perChange = 10 * time.Millisecond

// ApplySync implements control.SyncStore. The server's row is what two syncs
// meet at: it moves to the next generation first, and only from the expected one.
func (s *Store) ApplySync(ctx context.Context, serverID string, generation int64, d control.Delta) (*control.SyncResult, error) {
	var out *control.SyncResult
	changes := len(d.Databases) + len(d.Users) + len(d.Privileges)
	err := s.writeWithin(ctx, s.limit()+time.Duration(changes)*perChange, func(ctx context.Context, q query.Queries) error {
		w := &syncWriter{s: s, q: q, server: serverID, generation: generation + 1, at: micros(s.now()), out: &control.SyncResult{}}
		if err := w.advance(ctx, d.Facts); err != nil {
			return err
		}
		if err := w.apply(ctx, d); err != nil {
			return err
		}
		var err error
		w.out.Server, err = readServer(ctx, q, serverID)
		out = w.out
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// syncWriter writes one sync in one transaction.
type syncWriter struct {
	s          *Store
	q          query.Queries
	server     string
	generation int64
	at         int64
	out        *control.SyncResult
}

func (w *syncWriter) advance(ctx context.Context, facts string) error {
	n, err := w.q.AdvanceServer(ctx, query.AdvanceServerParams{At: w.at, Facts: facts, ID: w.server, Generation: w.generation - 1})
	if err != nil || n == 1 {
		return err
	}
	server, err := readServer(ctx, w.q, w.server)
	switch {
	case err != nil:
		return err
	case !server.Archived.IsZero():
		return fault.New(fault.Refused, "SERVER_ARCHIVED", "the server %s is archived", w.server)
	}
	return fault.New(fault.Conflict, control.ReasonSyncSuperseded,
		"another sync of %s was written meanwhile: it is at generation %d, not %d", w.server, server.Generation, w.generation-1).
		Suggest("read the inventory again and compare anew")
}

func (w *syncWriter) apply(ctx context.Context, d control.Delta) error {
	for _, c := range d.Databases {
		if err := w.database(ctx, c); err != nil {
			return err
		}
		if d.Tenants == nil {
			if err := w.tenants(ctx, c); err != nil {
				return err
			}
		}
	}
	if d.Tenants != nil {
		if err := w.fates(ctx, *d.Tenants); err != nil {
			return err
		}
	}
	for _, c := range d.Users {
		if err := w.user(ctx, c); err != nil {
			return err
		}
	}
	for _, c := range d.Privileges {
		if err := w.privilege(ctx, c); err != nil {
			return err
		}
	}
	slices.Sort(w.out.TenantsVanished)
	slices.Sort(w.out.TenantsReturned)
	return nil
}

func (w *syncWriter) database(ctx context.Context, c control.Change[control.Database]) error {
	name := c.Value.Name
	if c.Value.Schema != "" {
		name += "." + c.Value.Schema
	}
	if err := note(ctx, w, "database", name, c); err != nil {
		return err
	}
	if c.Kind == control.Vanished {
		n, err := w.q.VanishServerDatabase(ctx, query.VanishServerDatabaseParams{At: w.at, ServerID: w.server, DBName: c.Value.Name, DBSchema: c.Value.Schema})
		if err != nil {
			return err
		}
		return w.known(n, name)
	}
	attributes, err := encode(c.Value.Attributes)
	if err != nil {
		return err
	}
	return w.q.PutServerDatabase(ctx, query.PutServerDatabaseParams{
		ServerID: w.server, DBName: c.Value.Name, DBSchema: c.Value.Schema, Attributes: attributes, At: w.at,
	})
}

// known proves that what vanished was there: else the delta was made from
// another inventory.
func (w *syncWriter) known(rows int64, name string) error {
	if rows == 1 {
		return nil
	}
	return fault.New(fault.Invalid, "SYNC_INVALID", "%s is said to have vanished from %s, where it was not recorded", name, w.server)
}

// tenants marks those that live in the database.
func (w *syncWriter) tenants(ctx context.Context, c control.Change[control.Database]) error {
	rows, err := w.q.ListTenantsAtPlace(ctx, query.ListTenantsAtPlaceParams{ServerID: w.server, DBName: c.Value.Name, DBSchema: c.Value.Schema})
	if err != nil {
		return err
	}
	for _, found := range rows {
		locked, err := w.q.LockTenant(ctx, found.ID)
		if err != nil {
			return err
		}
		if err := w.mark(ctx, locked, c.Kind); err != nil {
			return err
		}
	}
	return nil
}

// fates marks the tenants that are still where they were looked for.
func (w *syncWriter) fates(ctx context.Context, all control.TenantFates) error {
	for kind, list := range map[control.ChangeKind][]control.TenantAt{control.Vanished: all.Vanished, control.Appeared: all.Returned} {
		for _, at := range list {
			locked, err := w.q.LockTenant(ctx, at.ID)
			switch {
			case fault.ReasonOf(err) == reasonNoRow:
				continue
			case err != nil:
				return err
			case locked.ServerID != w.server || locked.DBName != at.Database || locked.DBSchema != at.Schema:
				continue
			}
			if err := w.mark(ctx, locked, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// mark lets a tenant vanish or return to what it was before.
func (w *syncWriter) mark(ctx context.Context, locked query.Tenant, kind control.ChangeKind) error {
	before, err := row(locked)
	if err != nil {
		return err
	}
	r, err := row(locked)
	if err != nil {
		return err
	}
	vanished := locked.Status == string(control.TenantVanished)
	switch {
	case locked.ArchivedAt != 0:
		return nil
	case locked.Status == string(control.TenantOnboarding), locked.Status == string(control.TenantFailed):
		return nil // what is made, and what is left, is for the onboarding to say
	case kind == control.Vanished && !vanished:
		r.StatusBefore, r.Status, r.StatusNote = r.Status, string(control.TenantVanished), "the last sync did not find its database on "+w.server
		w.out.TenantsVanished = append(w.out.TenantsVanished, r.ID)
	case kind == control.Appeared && vanished:
		r.Status, r.StatusBefore, r.StatusNote = r.StatusBefore, "", "its database is back on "+w.server
		if r.Status == "" {
			r.Status = string(control.TenantActive)
		}
		w.out.TenantsReturned = append(w.out.TenantsReturned, r.ID)
	default:
		return nil
	}
	r.UpdatedAt = w.at
	return r.update(ctx, w.q, before)
}

func (w *syncWriter) user(ctx context.Context, c control.Change[control.User]) error {
	if err := note(ctx, w, "user", c.Value.Name, c); err != nil {
		return err
	}
	if c.Kind == control.Vanished {
		n, err := w.q.VanishServerUser(ctx, query.VanishServerUserParams{At: w.at, ServerID: w.server, Name: c.Value.Name})
		if err != nil {
			return err
		}
		return w.known(n, "the user "+c.Value.Name)
	}
	attributes, err := encode(c.Value.Attributes)
	if err != nil {
		return err
	}
	return w.q.PutServerUser(ctx, query.PutServerUserParams{ServerID: w.server, Name: c.Value.Name, Attributes: attributes, At: w.at})
}

func (w *syncWriter) privilege(ctx context.Context, c control.Change[control.Privilege]) error {
	v := c.Value
	name := v.User + " " + v.Privilege + " on " + v.Database
	switch {
	case v.Database == "":
		name += "the whole server"
	case v.Schema != "":
		name += "." + v.Schema
	}
	if err := note(ctx, w, "privilege", name, c); err != nil {
		return err
	}
	if c.Kind == control.Vanished {
		n, err := w.q.DeleteServerGrant(ctx, query.DeleteServerGrantParams{
			ServerID: w.server, UserName: v.User, DBName: v.Database, DBSchema: v.Schema, Privilege: v.Privilege,
		})
		if err != nil {
			return err
		}
		return w.known(n, name)
	}
	attributes, err := encode(v.Attributes)
	if err != nil {
		return err
	}
	return w.q.PutServerGrant(ctx, query.PutServerGrantParams{
		ServerID: w.server, UserName: v.User, DBName: v.Database, DBSchema: v.Schema, Privilege: v.Privilege, Attributes: attributes, At: w.at,
	})
}

// note keeps one difference.
func note[T any](ctx context.Context, w *syncWriter, object, name string, c control.Change[T]) error {
	p := query.InsertServerChangeParams{
		ServerID: w.server, Generation: w.generation, Position: int64(w.out.Changes) + 1,
		Kind: string(c.Kind), Object: object, Name: name, At: w.at,
	}
	var err error
	switch c.Kind {
	case control.Appeared:
		p.ValueAfter, err = encode(c.Value)
	case control.Vanished:
		p.ValueBefore, err = encode(c.Value)
	case control.Changed:
		if p.ValueBefore, err = encode(c.Before); err == nil {
			p.ValueAfter, err = encode(c.Value)
		}
	default:
		err = fault.New(fault.Invalid, "SYNC_INVALID", "%q is no kind of change", c.Kind)
	}
	if err != nil {
		return err
	}
	w.out.Changes++
	return w.q.InsertServerChange(ctx, p)
}

// FailSync implements control.SyncStore.
func (s *Store) FailSync(ctx context.Context, serverID, why string) error {
	if !validID.MatchString(serverID) {
		return noServer(serverID)
	}
	return s.write(ctx, func(ctx context.Context, q query.Queries) error {
		n, err := q.FailServerSync(ctx, query.FailServerSyncParams{At: micros(s.now()), SyncError: clip(why, maxNote), ID: serverID})
		if err == nil && n == 0 {
			return noServer(serverID)
		}
		return err
	})
}
