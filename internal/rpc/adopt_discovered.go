package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/discover/inventory"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// AdoptDiscovered makes a tenant of a place where no tenant lives.
func (s *serverService) AdoptDiscovered(
	ctx context.Context, req *lockstepv1.AdoptDiscoveredRequest,
) (*lockstepv1.AdoptDiscoveredResponse, error) {
	in, err := s.newcomer(ctx, req)
	if err != nil {
		return nil, err
	}
	var out *lockstepv1.AdoptDiscoveredResponse
	e := control.AuditEvent{ServerID: req.GetServer(), TenantID: req.GetId(), Actor: req.GetActor(), Strategy: string(in.tenant.Strategy)}
	for _, m := range in.tenant.Modules {
		e.Modules = append(e.Modules, control.AuditModule{Path: m.Path, Version: m.Query})
	}
	err = s.ledger.run(ctx, e, func(e *control.AuditEvent) (err error) {
		if req.GetPreview() {
			e.Outcome = "previewed"
			out, err = in.preview(ctx)
		} else {
			out, err = in.adopt(ctx)
		}
		if err != nil {
			e.Outcome = outcomeFailed
		}
		e.Target = out.GetTenant().GetTarget()
		return err
	})
	return out, err
}

// newcomer is a tenant that is about to be made.
type newcomer struct {
	*serverService
	store  control.Store
	server *control.Server
	tenant control.NewTenant
	actor  string
}

// newcomer finds the place, which must be free. Errors: DATABASE_UNKNOWN,
// SCHEMA_UNKNOWN (NotFound), PLACE_TAKEN (Exists).
func (s *serverService) newcomer(ctx context.Context, req *lockstepv1.AdoptDiscoveredRequest) (*newcomer, error) {
	stock, err := s.stock(ctx, req.GetServer())
	if err != nil {
		return nil, err
	}
	place, err := stock.free(req.GetDatabase(), req.GetSchema())
	if err != nil {
		return nil, err
	}
	target, err := inventory.TargetURL(stock.Server, place, req.GetUser())
	if err != nil {
		return nil, err
	}
	out := &newcomer{serverService: s, store: s.places.store, server: stock.Server, actor: req.GetActor()}
	out.tenant = control.NewTenant{
		ID: req.GetId(), DisplayName: req.GetDisplayName(), Labels: req.GetLabels(), ServerID: req.GetServer(),
		Target: secret.New(target), Secret: loginSecret(stock.Server, req),
	}
	if out.tenant.Modules, err = fromTenantModules(req.GetModules()); err != nil {
		return nil, err
	}
	out.tenant.Strategy, err = fromStrategy(req.GetStrategy())
	return out, err
}

// loginSecret returns the given secret, else the server's if its administrator
// is who logs in.
func loginSecret(server *control.Server, req *lockstepv1.AdoptDiscoveredRequest) secret.Given {
	given := secret.Given{Inline: secret.New(req.GetPassword()), Reference: req.GetSecretReference()}
	if given == (secret.Given{}) && req.GetUser() == "" && server.Secret.Kind() != secret.None {
		given.Reference = secret.ServerSecret
	}
	return given
}

// free finds a place in which no tenant lives.
func (s *stock) free(database, schema string) (discover.Place, error) {
	at, err := s.find(database, schema)
	if err != nil {
		return at, err
	}
	o, known := s.occupied[at]
	switch {
	case !known: // the default schema is the database itself
		return s.free(database, "")
	case o.Free:
		return at, nil
	case o.Tenant != "":
		return at, fault.New(fault.Exists, "PLACE_TAKEN", "the tenant %s lives there already", o.Tenant).
			Suggest("name a place that is free: lockstep server databases %s --status free", s.Server.ID)
	}
	return at, fault.New(fault.Exists, "PLACE_TAKEN", "tenants live in schemas of that database").
		Suggest("name one of its schemas that is free: lockstep server databases %s --status free", s.Server.ID)
}

// adopt registers the tenant, and adopts its database if it has modules. When
// that fails, the registration is taken back.
func (n *newcomer) adopt(ctx context.Context) (*lockstepv1.AdoptDiscoveredResponse, error) {
	t, err := n.store.CreateTenant(ctx, n.tenant)
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.AdoptDiscoveredResponse{}
	if len(t.Modules) > 0 {
		if out.Adoption, err = n.record(ctx, t); err != nil {
			return nil, n.takeBack(ctx, t, err)
		}
		if t, err = n.store.GetTenant(ctx, t.ID); err != nil { // its modules have versions now
			return nil, err
		}
	}
	out.Tenant, err = toTenant(t)
	return out, err
}

// record adopts the database of the tenant as it was registered.
func (n *newcomer) record(ctx context.Context, t *control.Tenant) (*lockstepv1.AdoptDatabaseResponse, error) {
	target, err := n.places.login(ctx, n.store, t)
	if err != nil {
		return nil, err
	}
	return n.compare(ctx, t, target, false)
}

func (n *newcomer) compare(
	ctx context.Context, t *control.Tenant, target dialect.Target, preview bool,
) (*lockstepv1.AdoptDatabaseResponse, error) {
	modules, err := place{target: target, tenant: t}.modules(nil)
	if err != nil {
		return nil, err
	}
	r, err := n.migrator.Adopt(ctx, migrate.AdoptRequest{Modules: modules, Target: target, Actor: n.actor, Preview: preview})
	if err != nil {
		return nil, err
	}
	return toAdoption(r, target), nil
}

// takeBack takes the registration back, and returns what the caller is to hear.
func (n *newcomer) takeBack(ctx context.Context, t *control.Tenant, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTimeout)
	defer cancel()
	if err := n.store.ForgetTenant(ctx, t.ID, t.Revision); err != nil {
		return fault.Wrap(cause, fault.Partial, "REGISTRATION_LEFT", "the adoption failed, and the tenant %s is registered all the same", t.ID).
			Suggest("look at why (%s), and adopt it again with lockstep adopt --tenant %s, or archive it", fault.ReasonOf(cause), t.ID)
	}
	return cause
}

// preview registers nothing: the secret is found as it would be later.
func (n *newcomer) preview(ctx context.Context) (*lockstepv1.AdoptDiscoveredResponse, error) {
	if _, err := n.store.GetTenant(ctx, n.tenant.ID); fault.ReasonOf(err) != control.ReasonTenantNotFound {
		if err == nil {
			err = fault.New(fault.Exists, control.ReasonTenantExists, "there is a tenant %s already", n.tenant.ID).Suggest("choose another id")
		}
		return nil, err
	}
	target, err := dialect.ParseTarget(n.tenant.Target.Reveal())
	if err != nil {
		return nil, err
	}
	t := &control.Tenant{
		ID: n.tenant.ID, DisplayName: n.tenant.DisplayName, Labels: n.tenant.Labels, Engine: target.Engine, ServerID: n.server.ID,
		Database: target.Database, Schema: target.Schema, Target: n.tenant.Target.Reveal(), Modules: n.tenant.Modules, Strategy: n.tenant.Strategy,
	}
	if n.tenant.Secret.Reference != "" {
		if t.Secret, err = secret.ParseReference(n.tenant.Secret.Reference); err != nil {
			return nil, err
		}
	}
	out := &lockstepv1.AdoptDiscoveredResponse{}
	if out.Tenant, err = toTenant(t); err != nil || len(t.Modules) == 0 {
		return out, err
	}
	if target, err = control.ResolveTenant(ctx, n.places.secrets, t, n.server); err != nil {
		return nil, err
	}
	if inline := n.tenant.Secret.Inline; !inline.Empty() {
		target = target.As(target.User, inline)
	}
	if access.FromContext(ctx).Method != access.ByLocal {
		if err := n.places.targets.Check(target); err != nil {
			return nil, err
		}
	}
	out.Adoption, err = n.compare(ctx, t, target, true)
	return out, err
}
