package onboard

import (
	"context"
	"fmt"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// refreshTime bounds the granting after an execution.
const refreshTime = time.Minute

// Granting returns a migrator that, after an execution, grants the application's
// user of an onboarded tenant the tables that have come, on engines on which that
// cannot be done beforehand. A failure of that is a warning: the execution stands.
func Granting(m migrate.Migrator, s Servers) migrate.Migrator {
	return &granting{Migrator: m, servers: s}
}

type granting struct {
	migrate.Migrator
	servers Servers
}

// Execute implements migrate.Migrator.
func (g *granting) Execute(ctx context.Context, req migrate.ExecuteRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	res, err := g.Migrator.Execute(ctx, req, progress)
	return g.granted(ctx, req.Target, res, err)
}

// Revert implements migrate.Keeper.
func (g *granting) Revert(ctx context.Context, req migrate.RevertRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	res, err := g.Migrator.Revert(ctx, req, progress)
	return g.granted(ctx, req.Target, res, err)
}

func (g *granting) granted(ctx context.Context, target dialect.Target, res *migrate.Result, err error) (*migrate.Result, error) {
	d, ok := g.servers.Dialects[target.Engine].(dialect.PiecemealGranter)
	if !ok || err != nil || res == nil || res.Error != nil || !d.GrantsPiecemeal() {
		return res, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTime)
	defer cancel()
	if user, err := g.refresh(ctx, target); err != nil {
		res.Warnings = append(res.Warnings, fmt.Sprintf(
			"the new tables could not be granted to the user %s: %s; execute again, which tries it again", user, words(err)))
	}
	return res, nil
}

// refresh grants what has come, if the tenant was onboarded with a user.
func (g *granting) refresh(ctx context.Context, target dialect.Target) (user dialect.Account, err error) {
	t, err := g.servers.Store.FindTenantAt(ctx, target)
	if fault.ReasonOf(err) == control.ReasonTenantNotFound {
		return user, nil
	}
	if err != nil {
		return user, err
	}
	rec, err := g.servers.Store.GetOnboarding(ctx, t.ID)
	if fault.ReasonOf(err) == control.ReasonOnboardingUnknown {
		return user, nil
	}
	if err != nil || rec.State != control.OnboardingDone {
		return user, err
	}
	for _, step := range rec.Steps {
		if step.Kind != dialect.GrantUse {
			continue
		}
		user = step.User
		w, err := g.servers.reach(ctx, rec.ServerID)
		if err != nil {
			return user, err
		}
		again := step.ProvisionStep
		again.Kind = dialect.RefreshUse
		if _, err := discover.Provision(ctx, w.open, []dialect.ProvisionStep{again}, secret.Redacted{}); err != nil {
			return user, err
		}
	}
	return user, nil
}
