package onboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

const (
	stepTime = 2 * time.Minute // for one step on the server
	undoTime = 5 * time.Minute // for all of the undoing
	attempts = 3               // of what failed by the connection
)

// earlier looks for what an earlier call left of the tenant, and undoes it. It
// tells whether the request itself was answered before.
func (j *job) earlier(ctx context.Context, req Request) (answered bool, err error) {
	t, rec, err := j.look(ctx, req.ID)
	switch {
	case fault.ReasonOf(err) == control.ReasonTenantNotFound:
		return false, nil
	case err != nil:
		return false, err
	case rec != nil && rec.State != control.OnboardingDone && t.Archived.IsZero():
		return false, j.undoRecorded(ctx, *rec, req.Allow)
	case rec == nil || rec.State != control.OnboardingDone || req.RequestID == "" || rec.RequestID != req.RequestID:
		return false, fault.New(fault.Exists, control.ReasonTenantExists, "there is a tenant %s already: %s, at %s", t.ID, t.Status, redacted(t)).
			Suggest("choose another id; archived tenants keep theirs")
	case rec.Fingerprint != req.Fingerprint:
		return false, fault.New(fault.Invalid, control.ReasonRequestReused, "the request id %q was used for another request", req.RequestID).
			Suggest("choose a new request id for each request; repeat one only to repeat its request")
	}
	j.out.Tenant, j.out.Repeated = t, true
	for _, step := range rec.Steps {
		j.out.Made = append(j.out.Made, step.Describe())
		if step.Kind == dialect.CreateUser {
			j.out.User = step.User
		}
	}
	j.out.Target, err = dialect.ParseTarget(t.Target)
	return true, err
}

func redacted(t *control.Tenant) string {
	target, err := dialect.ParseTarget(t.Target)
	if err != nil {
		return "an unknown place"
	}
	return target.String()
}

// look reads a tenant and the record of its onboarding; nil: it was not made by
// one.
func (j *job) look(ctx context.Context, id string) (*control.Tenant, *control.Onboarding, error) {
	t, err := j.cfg.Store.GetTenant(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	rec, err := j.cfg.Store.GetOnboarding(ctx, id)
	if fault.ReasonOf(err) == control.ReasonOnboardingUnknown {
		return t, nil, nil
	}
	return t, rec, err
}

// undoEarlier is all that an explicit undoing does.
func (j *job) undoEarlier(ctx context.Context, id string, allow func(dialect.Target) error) error {
	t, rec, err := j.look(ctx, id)
	if err != nil {
		return err
	}
	if rec == nil || rec.State == control.OnboardingDone || !t.Archived.IsZero() {
		return fault.New(fault.Refused, ReasonFinished, "no onboarding of the tenant %s is to be undone: it is %s, at %s", id, t.Status, redacted(t)).
			Suggest("archive the tenant when it is not needed any more")
	}
	return j.undoRecorded(ctx, *rec, allow)
}

// undoRecorded takes over what an earlier call recorded.
func (j *job) undoRecorded(ctx context.Context, rec control.Onboarding, allow func(dialect.Target) error) error {
	j.rec = rec
	j.rec.Fence = j.fence
	if err := j.cfg.Store.SaveOnboarding(ctx, j.rec); err != nil {
		return err
	}
	var err error
	if j.way, err = j.cfg.reach(ctx, rec.ServerID); err != nil {
		return err
	}
	for _, step := range rec.Steps {
		if step.Database == "" {
			continue
		}
		if err := allowed(allow, j.admin.On(step.Database, step.Schema)); err != nil {
			return err
		}
	}
	left := j.undo(ctx)
	if err := j.lost(); err != nil {
		return err
	}
	if len(left) > 0 {
		return j.leftOver(nil, left)
	}
	return nil
}

// giveUp undoes what this call made, and returns what the caller is to hear.
func (j *job) giveUp(ctx context.Context, cause error) error {
	if err := j.lost(); err != nil || fault.ReasonOf(cause) == control.ReasonOnboardingLost {
		return errors.Join(err, cause) // it is another call's affair now
	}
	left := j.undo(ctx)
	if err := j.lost(); err != nil {
		return err
	}
	if len(left) > 0 {
		return j.leftOver(cause, left)
	}
	f := fault.As(cause)
	if f == nil {
		f = fault.Wrap(cause, fault.Unavailable, "ONBOARDING_FAILED", "the tenant %s could not be onboarded", j.rec.TenantID).Suggest("try again")
	}
	undone := *f
	undone.RolledBack = true
	if undone.Kind == fault.Partial || undone.Kind == fault.Corrupt { // what was left half way was dropped as a whole
		undone.Kind = fault.Unavailable
		undone.Suggestion = "all that was made is undone: try again"
	}
	return &undone
}

func (j *job) leftOver(cause error, left []string) error {
	why := "undoing the onboarding of the tenant " + j.rec.TenantID + " did not come to its end"
	if cause != nil {
		why = "onboarding the tenant " + j.rec.TenantID + " failed: " + words(cause)
	}
	return fault.Wrap(cause, fault.Partial, ReasonLeft, "%s; what could not be undone: %s", why, strings.Join(left, "; ")).
		Suggest("look at the server, and drop by hand what is named and nobody else's; then: lockstep tenant onboard %s --undo", j.rec.TenantID)
}

// words are an error's own, if they are known to be fit to be read.
func words(err error) string {
	if f := fault.As(err); f != nil {
		return f.Detail
	}
	return "unexpected error"
}

// undo takes back all recorded steps, newest first, and then the registration. It
// returns what it could not.
func (j *job) undo(ctx context.Context) (left []string) {
	ctx, cancel := j.alone(ctx, undoTime)
	defer cancel()
	if j.completed { // nobody may work on it any more, and who comes after a crash must see that it goes
		_ = j.cfg.Store.FailOnboarding(ctx, j.rec, "its onboarding is being undone")
	}
	for i, step := range slices.Backward(j.rec.Steps) {
		if j.lost() != nil {
			return nil
		}
		j.tell(Event{Phase: PhaseUndoing, Step: step.Describe()})
		err := j.trying(ctx, func() error { return j.takeBack(ctx, step) })
		if err != nil {
			left = append(left, fmt.Sprintf("%s (%s)", step.Describe(), words(err)))
			continue
		}
		j.out.Undone = append(j.out.Undone, step.Describe())
		j.rec.Steps = slices.Delete(slices.Clone(j.rec.Steps), i, i+1)
		_ = j.cfg.Store.SaveOnboarding(ctx, j.rec) // what is gone can be undone again
	}
	j.tell(Event{Phase: PhaseUndoing, Step: "tenant " + j.rec.TenantID})
	err := j.trying(ctx, func() error {
		if len(left) > 0 {
			return j.cfg.Store.FailOnboarding(ctx, j.rec, "left of its onboarding: "+strings.Join(left, "; "))
		}
		return j.cfg.Store.ForgetOnboarding(ctx, j.rec)
	})
	if err != nil {
		left = append(left, fmt.Sprintf("the registration of the tenant %s (%s)", j.rec.TenantID, words(err)))
	} else if len(left) == 0 {
		j.out.Undone = append(j.out.Undone, "tenant "+j.rec.TenantID)
	}
	return left
}

// trying tries again what failed by the connection.
func (j *job) trying(ctx context.Context, do func() error) (err error) {
	for i := range attempts {
		if i > 0 && !j.sleep(ctx) {
			return err
		}
		if err = do(); err == nil || !discover.InDoubt(err) {
			return err
		}
	}
	return err
}

func (j *job) sleep(ctx context.Context) bool {
	timer := time.NewTimer(j.cfg.Pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// takeBack undoes one step, if this onboarding carried it out.
func (j *job) takeBack(ctx context.Context, step control.OnboardingStep) (err error) {
	session, err := j.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if step.State != control.StepMade && step.Kind != dialect.GrantUse { // a grant is the user's, and goes with it
		return j.nobodys(ctx, session, step)
	}
	if step.Kind == dialect.CreateDatabase || step.Kind == dialect.CreateSchema {
		if err := j.onlyOurs(ctx, session, step); err != nil {
			return err
		}
	}
	return session.Undo(ctx, step.ProvisionStep, true)
}

// nobodys is an error when what a step may have made is there: it may as well be
// somebody else's. A server may still be at work for a connection that broke, so
// it looks twice.
func (j *job) nobodys(ctx context.Context, session dialect.ProvisionSession, step control.OnboardingStep) error {
	for i := range 2 {
		if i > 0 && !j.sleep(ctx) {
			break
		}
		found, err := session.There(ctx, step.ProvisionStep)
		switch {
		case err != nil && fault.KindOf(err) == fault.NotFound: // what it would be in is not there
		case err != nil:
			return err
		case found:
			return fault.New(fault.Partial, "PROVISION_UNKNOWN", "it is there%s; whether this onboarding made it nobody can tell, as it broke off in that very moment",
				emptiness(ctx, session, step))
		}
	}
	return nil
}

// emptiness helps who has to decide whether it can be dropped.
func emptiness(ctx context.Context, session dialect.ProvisionSession, step control.OnboardingStep) string {
	if step.Kind != dialect.CreateDatabase && step.Kind != dialect.CreateSchema {
		return ""
	}
	switch names, err := session.Tables(ctx, step.ProvisionStep); {
	case err != nil:
		return ""
	case len(names) == 0:
		return ", and holds no tables"
	default:
		return fmt.Sprintf(", and holds %d tables or views", len(names))
	}
}

// onlyOurs is an error when there are tables that the onboarding did not make.
func (j *job) onlyOurs(ctx context.Context, session dialect.ProvisionSession, step control.OnboardingStep) error {
	there, err := session.There(ctx, step.ProvisionStep)
	if err != nil || !there {
		if fault.KindOf(err) == fault.NotFound {
			err = nil
		}
		return err
	}
	names, err := session.Tables(ctx, step.ProvisionStep)
	if err != nil {
		return err
	}
	foreign := slices.DeleteFunc(names, func(name string) bool {
		return dialect.Own(name) || slices.ContainsFunc(j.rec.Tables, func(t string) bool { return strings.EqualFold(t, name) })
	})
	if len(foreign) > 0 {
		return fault.New(fault.Refused, "NOT_EMPTY", "it holds tables that the onboarding did not make: %s", strings.Join(foreign, ", "))
	}
	return nil
}
