package sqlstore

import (
	"context"
	"maps"
	"slices"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/secret"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// CreateTenant implements control.TenantStore.
func (s *Store) CreateTenant(ctx context.Context, t control.NewTenant) (*control.Tenant, error) {
	r, err := s.newTenant(t)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, q query.Queries) error { return register(ctx, q, r) })
	if err != nil {
		return nil, err
	}
	return tenantOf(&r.Tenant)
}

// register writes a new tenant, if its id and its place are free.
func register(ctx context.Context, q query.Queries, r *tenantRow) error {
	_, err := q.GetTenant(ctx, r.ID)
	if err == nil {
		return fault.New(fault.Exists, control.ReasonTenantExists, "there is a tenant %s already", r.ID).
			Suggest("choose another id, or update that tenant; archived tenants keep their ids")
	}
	if fault.ReasonOf(err) != reasonNoRow {
		return err
	}
	if err := placeable(ctx, q, r); err != nil {
		return err
	}
	return r.insert(ctx, q)
}

// newTenant checks and completes a new tenant.
func (s *Store) newTenant(t control.NewTenant) (*tenantRow, error) {
	if t.DisplayName == "" {
		t.DisplayName = t.ID
	}
	if t.Strategy == "" {
		t.Strategy = strategy.Safe
	}
	if t.Status == "" {
		t.Status = control.TenantActive
	}
	now := micros(s.now())
	r := &tenantRow{
		Tenant: query.Tenant{
			ID: t.ID, DisplayName: t.DisplayName, ServerID: t.ServerID, Strategy: string(t.Strategy), Status: string(t.Status),
			Revision: 1, CreatedAt: now, UpdatedAt: now,
		},
		labels: maps.Clone(t.Labels), modules: slices.Clone(t.Modules),
	}
	if t.Status == control.TenantArchived {
		r.ArchivedAt = now
	}
	var c checks
	s.checkTenant(&c, r)
	if err := s.setTarget(&c, r, &t.Target, &t.Secret); err != nil {
		return nil, err
	}
	return r, c.err(control.ReasonTenantInvalid, "tenant")
}

// checkTenant reports what is wrong with all but target and secret.
func (s *Store) checkTenant(c *checks, r *tenantRow) {
	c.id("id", r.ID)
	if r.ServerID != "" {
		c.id("server_id", r.ServerID)
	}
	c.text("display_name", r.DisplayName, maxName)
	c.labels(r.labels)
	c.modules(r.modules)
	c.strategy(strategy.Name(r.Strategy))
	c.status(control.TenantStatus(r.Status))
}

// setTarget sets target and secret, each when it is given.
func (s *Store) setTarget(c *checks, r *tenantRow, target *secret.Redacted, given *secret.Given) error {
	if target != nil {
		a, err := control.ParseAddress(*target)
		if err != nil {
			c.fault("target", err)
			return nil
		}
		r.Engine, r.DBName, r.DBSchema = string(a.Target.Engine), a.Target.Database, a.Target.Schema
		r.Target, r.TargetKey = a.URL, a.Key
		if !a.Password.Empty() {
			if given != nil && *given != (secret.Given{}) {
				c.report("secret", "leave one of them out", "the target has a password, and a secret is given, too")
				return nil
			}
			given = &secret.Given{Inline: a.Password}
		}
	}
	if given != nil {
		stored, err := s.cfg.Keys.Store(*given, control.TenantPlace(r.ID))
		switch {
		case err == nil:
			r.Secret, r.SecretKey = stored.Encode(), stored.KeyID()
		case fault.KindOf(err) != fault.Invalid:
			return err
		default:
			c.fault("secret", err)
		}
	}
	stored := secret.Decode(r.Secret)
	if stored.Kind() == secret.Server && r.ServerID == "" {
		c.report("secret", "name the server, or give a secret", "the tenant is on no server whose secret it could use")
	}
	c.needsUser(r.Target, stored, dialect.ParseTarget)
	return nil
}

// placeable proves that the tenant's server is there and its target is free.
func placeable(ctx context.Context, q query.Queries, r *tenantRow) error {
	if r.ServerID != "" {
		server, err := q.GetServer(ctx, r.ServerID)
		if err != nil {
			return absent(err, control.ReasonServerNotFound, "there is no server %s", r.ServerID)
		}
		if server.Engine != r.Engine {
			return fault.New(fault.Invalid, control.ReasonTenantInvalid, "the server %s is %s, and the tenant's target is %s", r.ServerID, server.Engine, r.Engine)
		}
	}
	if r.ArchivedAt != 0 {
		return nil
	}
	holders, err := q.FindTenantByTarget(ctx, r.TargetKey)
	if err != nil {
		return err
	}
	for _, id := range holders {
		if id != r.ID {
			return fault.New(fault.Exists, control.ReasonTargetTaken, "the database of %s is that of the tenant %s", r.ID, id).
				Suggest("a database, or a schema in one, is one tenant: archive the other, or give this one a schema of its own")
		}
	}
	return nil
}

// GetTenant implements control.TenantStore.
func (s *Store) GetTenant(ctx context.Context, id string) (*control.Tenant, error) {
	if !validID.MatchString(id) { // it cannot be there, and engines must not see odd bytes
		return nil, noTenant(id)
	}
	r, err := s.read.GetTenant(ctx, id)
	if err != nil {
		return nil, absent(err, control.ReasonTenantNotFound, "there is no tenant %q", id)
	}
	return tenantOf(&r)
}

// FindTenantAt implements control.TenantStore.
func (s *Store) FindTenantAt(ctx context.Context, target dialect.Target) (*control.Tenant, error) {
	holders, err := s.read.FindTenantByTarget(ctx, control.TargetKey(target))
	if err != nil {
		return nil, err
	}
	if len(holders) == 0 {
		return nil, fault.New(fault.NotFound, control.ReasonTenantNotFound, "no tenant is registered at %s", target)
	}
	return s.GetTenant(ctx, holders[0])
}

func noTenant(id string) error {
	return fault.New(fault.NotFound, control.ReasonTenantNotFound, "there is no tenant %q", id)
}

// changeTenant locks a tenant, changes it, and writes it when it is different.
func (s *Store) changeTenant(ctx context.Context, id string, revision int64, change func(ctx context.Context, q query.Queries, r *tenantRow) error) (*control.Tenant, error) {
	if !validID.MatchString(id) {
		return nil, noTenant(id)
	}
	var out *control.Tenant
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error {
		locked, err := q.LockTenant(ctx, id)
		if err != nil {
			return absent(err, control.ReasonTenantNotFound, "there is no tenant %q", id)
		}
		if revision != 0 && locked.Revision != revision {
			return moved("tenant", id, revision, locked.Revision)
		}
		before, err := row(locked)
		if err != nil {
			return err
		}
		r := &tenantRow{Tenant: locked, labels: maps.Clone(before.labels), modules: slices.Clone(before.modules)}
		if err := change(ctx, q, r); err != nil {
			return err
		}
		if err := r.seal(); err != nil {
			return err
		}
		if r.Tenant != locked {
			r.UpdatedAt = micros(s.now())
			if err := r.update(ctx, q, before); err != nil {
				return err
			}
		}
		out, err = tenantOf(&r.Tenant)
		return err
	})
	return out, err
}

func moved(what, id string, want, have int64) error {
	return fault.New(fault.Conflict, control.ReasonRevisionMoved, "the %s %s is at revision %d, not %d: somebody changed it meanwhile", what, id, have, want).
		Suggest("read it again, and repeat the change on what it is now")
}

// UpdateTenant implements control.TenantStore.
func (s *Store) UpdateTenant(ctx context.Context, id string, u control.TenantUpdate) (*control.Tenant, error) {
	return s.changeTenant(ctx, id, u.Revision, func(ctx context.Context, q query.Queries, r *tenantRow) error {
		if u.DisplayName != nil {
			r.DisplayName = *u.DisplayName
		}
		if u.Labels != nil {
			r.labels = maps.Clone(u.Labels)
		}
		if u.ServerID != nil {
			r.ServerID = *u.ServerID
		}
		if u.Modules != nil {
			r.modules = keepVersions(u.Modules, r.modules)
		}
		if u.Strategy != nil {
			r.Strategy = string(*u.Strategy)
		}
		var c checks
		s.checkTenant(&c, r)
		if err := s.setTarget(&c, r, u.Target, u.Secret); err != nil {
			return err
		}
		if err := c.err(control.ReasonTenantInvalid, "tenant"); err != nil {
			return err
		}
		if u.Target != nil || u.ServerID != nil {
			return placeable(ctx, q, r)
		}
		return nil
	})
}

// keepVersions takes over which versions a tenant is at: only an execution
// changes that.
func keepVersions(wanted, have []control.TenantModule) []control.TenantModule {
	out := slices.Clone(wanted)
	for i := range out {
		out[i].Version, out[i].Sum = "", ""
		for _, m := range have {
			if m.Path == out[i].Path {
				out[i].Version, out[i].Sum = m.Version, m.Sum
			}
		}
	}
	return out
}

// ArchiveTenant implements control.TenantStore.
func (s *Store) ArchiveTenant(ctx context.Context, id string, revision int64) (*control.Tenant, error) {
	return s.changeTenant(ctx, id, revision, func(_ context.Context, _ query.Queries, r *tenantRow) error {
		s.setStatus(r, control.TenantArchived, r.StatusNote)
		return nil
	})
}

// ForgetTenant implements control.TenantStore.
func (s *Store) ForgetTenant(ctx context.Context, id string, revision int64) error {
	if !validID.MatchString(id) {
		return noTenant(id)
	}
	return s.write(ctx, func(ctx context.Context, q query.Queries) error {
		locked, err := q.LockTenant(ctx, id)
		switch {
		case err != nil:
			return absent(err, control.ReasonTenantNotFound, "there is no tenant %q", id)
		case locked.Revision != revision:
			return moved("tenant", id, revision, locked.Revision)
		}
		if err := q.DeleteTenantFacets(ctx, id); err != nil {
			return err
		}
		_, err = q.DeleteTenant(ctx, query.DeleteTenantParams{ID: id, Revision: revision})
		return err
	})
}

// SetTenantStatus implements control.TenantStore.
func (s *Store) SetTenantStatus(ctx context.Context, id string, status control.TenantStatus, note string) (*control.Tenant, error) {
	var c checks
	c.status(status)
	if err := c.err(control.ReasonTenantInvalid, "status"); err != nil {
		return nil, err
	}
	return s.changeTenant(ctx, id, 0, func(ctx context.Context, q query.Queries, r *tenantRow) error {
		back := r.ArchivedAt != 0 && status != control.TenantArchived
		s.setStatus(r, status, clip(note, maxNote))
		if back {
			return placeable(ctx, q, r)
		}
		return nil
	})
}

func (s *Store) setStatus(r *tenantRow, status control.TenantStatus, note string) {
	r.Status, r.StatusBefore, r.StatusNote = string(status), "", note
	switch {
	case status != control.TenantArchived:
		r.ArchivedAt = 0
	case r.ArchivedAt == 0:
		r.ArchivedAt = micros(s.now())
	}
}

// RecordTenantModules implements control.TenantStore.
func (s *Store) RecordTenantModules(ctx context.Context, id string, versions []module.Version) (*control.Tenant, error) {
	return s.changeTenant(ctx, id, 0, func(_ context.Context, _ query.Queries, r *tenantRow) error {
		for i := range r.modules {
			for _, v := range versions {
				if v.Path == r.modules[i].Path {
					r.modules[i].Version, r.modules[i].Sum = v.Version, v.Sum
				}
			}
		}
		return nil
	})
}
