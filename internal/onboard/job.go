package onboard

import (
	"context"
	"errors"
	"slices"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// job is one call on one tenant.
type job struct {
	*Service
	held
	way
	tell func(Event)
	rec  control.Onboarding
	// completed: the tenant may be active by now.
	completed bool
	url       string // of the tenant's database
	out       *Result
}

func (j *job) onboard(ctx context.Context, req Request, deliver func(*Result) error) error {
	j.tell(Event{Phase: PhasePreparing})
	answered, err := j.earlier(ctx, req)
	if err != nil {
		return err
	}
	if answered {
		return deliver(j.out)
	}
	if err := j.prepare(ctx, &req); err != nil {
		return err
	}
	j.tell(Event{Phase: PhaseRegistering, Step: "tenant " + req.ID})
	if err := j.register(ctx, req); err != nil {
		return err
	}
	err = j.make(ctx, req)
	if err == nil {
		err = deliver(j.out)
	}
	if err != nil {
		j.out.Password = secret.Redacted{}
		return j.giveUp(ctx, err)
	}
	return nil
}

// prepare finds out all that can be known before anything is made.
func (j *job) prepare(ctx context.Context, req *Request) error {
	var err error
	if j.way, err = j.cfg.reach(ctx, req.ServerID); err != nil {
		return err
	}
	if err := j.settle(req); err != nil {
		return err
	}
	if j.url, err = j.targetURL(req.Database, req.Schema); err != nil {
		return err
	}
	if err := allowed(req.Allow, j.admin.On(req.Database, req.Schema)); err != nil {
		return err
	}
	target, err := j.cfg.Migrator.Compose(ctx, modules(*req))
	if err != nil {
		return err
	}
	j.rec = control.Onboarding{
		TenantID: req.ID, ServerID: j.server.ID, State: control.OnboardingRunning, Fence: j.fence,
		RequestID: req.RequestID, Fingerprint: req.Fingerprint,
	}
	for _, t := range target.Schema.Tables {
		j.rec.Tables = append(j.rec.Tables, t.Name)
	}
	return nil
}

func allowed(allow func(dialect.Target) error, t dialect.Target) error {
	if allow == nil {
		return nil
	}
	return allow(t)
}

func modules(req Request) migrate.ModuleSet {
	refs := make([]module.Ref, 0, len(req.Modules))
	for _, m := range req.Modules {
		refs = append(refs, m.Ref())
	}
	return migrate.ModuleSet{Refs: refs}
}

// register writes the tenant and the record. When it is not known whether that
// was written, it is taken back.
func (j *job) register(ctx context.Context, req Request) error {
	n := control.NewTenant{
		ID: req.ID, DisplayName: req.DisplayName, Labels: req.Labels, ServerID: j.server.ID, Target: secret.New(j.url),
		Modules: req.Modules, Strategy: req.Strategy,
	}
	if j.admin.User != "" {
		n.Secret.Reference = "server:"
	}
	var err error
	j.out.Tenant, err = j.cfg.Store.BeginOnboarding(ctx, n, j.rec)
	if err != nil && discover.InDoubt(err) {
		return j.giveUp(ctx, err)
	}
	return err
}

// make carries out what was prepared. The user comes last: there is no moment
// when it could write what is not its own.
func (j *job) make(ctx context.Context, req Request) error {
	place := dialect.ProvisionStep{Kind: dialect.CreateDatabase, Database: req.Database}
	if req.Schema != "" {
		place.Kind, place.Schema = dialect.CreateSchema, req.Schema
	}
	if err := j.step(ctx, place, secret.Redacted{}); err != nil {
		return err
	}
	if err := j.initialise(ctx, req); err != nil {
		return err
	}
	if u := req.User; u != nil {
		j.out.User, j.out.Password = *u, dialect.GeneratePassword()
		use := dialect.ProvisionStep{Kind: dialect.GrantUse, Database: req.Database, Schema: req.Schema, User: *u}
		for _, step := range []dialect.ProvisionStep{{Kind: dialect.CreateUser, User: *u}, use} {
			if err := j.step(ctx, step, j.out.Password); err != nil {
				return err
			}
		}
	}
	if err := j.wanted(ctx); err != nil {
		return err
	}
	j.completed = true
	tenant, err := j.cfg.Store.CompleteOnboarding(ctx, j.rec)
	if err != nil {
		return err
	}
	j.out.Tenant = tenant
	j.out.Target, err = dialect.ParseTarget(tenant.Target)
	j.tell(Event{Phase: PhaseDone})
	return err
}

// wanted is an error when the caller has gone, or the right is lost.
func (j *job) wanted(ctx context.Context) error {
	if err := j.lost(); err != nil {
		return err
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.Wrap(ctx.Err(), fault.Deadline, "DEADLINE_EXCEEDED", "time ran out before the tenant was onboarded").Suggest("allow more time")
	case ctx.Err() != nil:
		return fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "the caller gave up before the tenant was onboarded")
	}
	return nil
}

// step carries out one step, and records it before and after. A caller who goes
// away does not interrupt it: whether it was carried out would not be known.
func (j *job) step(ctx context.Context, step dialect.ProvisionStep, password secret.Redacted) error {
	if err := j.wanted(ctx); err != nil {
		return err
	}
	j.tell(Event{Phase: PhaseCreating, Step: step.Describe()})
	before := slices.Clip(j.rec.Steps)
	j.rec.Steps = append(before, control.OnboardingStep{ProvisionStep: step, State: control.StepBegun})
	if err := j.cfg.Store.SaveOnboarding(ctx, j.rec); err != nil {
		j.rec.Steps = before
		return err
	}
	alone, cancel := j.alone(ctx, stepTime)
	defer cancel()
	last := &j.rec.Steps[len(before)]
	if _, err := discover.Provision(alone, j.open, []dialect.ProvisionStep{step}, password); err != nil {
		last.State = control.StepUnknown
		if fault.KindOf(err) != fault.Partial && !discover.InDoubt(err) { // the server said no
			j.rec.Steps = before
		}
		return err
	}
	last.State = control.StepMade
	j.out.Made = append(j.out.Made, step.Describe())
	return j.cfg.Store.SaveOnboarding(ctx, j.rec)
}

func (j *job) initialise(ctx context.Context, req Request) error {
	if err := j.wanted(ctx); err != nil {
		return err
	}
	j.tell(Event{Phase: PhaseInitialising})
	res, err := j.cfg.Migrator.Execute(ctx, migrate.ExecuteRequest{
		Request: migrate.Request{Modules: modules(req), Target: j.admin.On(req.Database, req.Schema), Strategy: j.out.Tenant.Strategy},
		Actor:   req.Actor,
	}, func(e migrate.Event) { j.tell(Event{Phase: PhaseInitialising, Execution: &e}) })
	if err != nil {
		return err
	}
	j.out.Revision, j.out.Warnings = res.Revision, res.Warnings
	if res.Plan != nil {
		j.out.Versions = res.Plan.Modules
	}
	return nil
}
