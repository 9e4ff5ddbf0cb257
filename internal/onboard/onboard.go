// Package onboard makes a tenant in one go: it registers it, creates its database
// or schema on a registered server, initialises that, and creates the
// application's user; and when anything fails it undoes what it made, newest
// first, and nothing else.
//
// Two things make that safe. A lease makes one call at a time work on a tenant.
// And a record in the control store names each step before it is carried out and
// after, so that whoever comes after a crash knows what this onboarding made,
// what it may have made, and what was there before.
package onboard

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/secret"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// Store is what onboarding needs of the control store.
type Store interface {
	control.TenantStore
	control.ServerStore
	control.LeaseStore
}

// Servers finds the way to servers, and to what is on them.
type Servers struct {
	Store    Store
	Secrets  control.Secrets
	Dialects map[dialect.Engine]dialect.Dialect
}

// Config is what onboarding is made of.
type Config struct {
	Servers
	Migrator migrate.Migrator
	// Lease is how long a call that died holds its tenant up; 0: a minute.
	Lease time.Duration
	// Pause is how long it waits before it looks again for what a server may
	// still be making; 0: a second.
	Pause time.Duration
}

// Service onboards tenants.
type Service struct{ cfg Config }

// New returns a service.
func New(cfg Config) *Service {
	if cfg.Lease == 0 {
		cfg.Lease = time.Minute
	}
	if cfg.Pause == 0 {
		cfg.Pause = time.Second
	}
	return &Service{cfg: cfg}
}

// Request says what is to be made.
type Request struct {
	ID, DisplayName string
	Labels          map[string]string
	ServerID        string
	// Database is created, unless Schema is: then it must be there. "": a name
	// made from the id, see DatabaseName; with Schema the server's own database.
	Database, Schema string
	Modules          []control.TenantModule
	Strategy         strategy.Name
	User             *dialect.Account // nil: none; a Name of "" is made from the id
	Actor            string
	// RequestID names the request: the same one again makes nothing, and is
	// answered with what is there. Fingerprint tells two requests apart.
	RequestID, Fingerprint string
	// Allow says whether the caller may reach a target; nil: any.
	Allow func(dialect.Target) error
}

// Result is what there is now.
type Result struct {
	Tenant   *control.Tenant // nil when it was undone
	Target   dialect.Target  // without a password
	User     dialect.Account
	Password secret.Redacted // of User; this is the only place that has it
	Revision int64
	Made     []string // in order
	Undone   []string // of an earlier onboarding, in order
	Warnings []string
	Versions []module.Version
	Repeated bool // the request was answered before
}

// Phase is a stage.
type Phase string

// The phases, in order; PhaseUndoing comes when something failed, or first when
// an earlier onboarding left something.
const (
	PhasePreparing    Phase = "preparing"
	PhaseRegistering  Phase = "registering"
	PhaseCreating     Phase = "creating"
	PhaseInitialising Phase = "initialising"
	PhaseUndoing      Phase = "undoing"
	PhaseDone         Phase = "done"
)

// Event is one sign of progress.
type Event struct {
	Phase     Phase
	Step      string         // what is created or undone
	Execution *migrate.Event // with PhaseInitialising
}

// The reasons that are this package's own.
const (
	ReasonRunning  = "ONBOARDING_RUNNING"  // another call works on the tenant
	ReasonLeft     = "ONBOARDING_LEFT"     // not all could be undone
	ReasonFinished = "ONBOARDING_FINISHED" // there is nothing to undo
)

// Onboard makes a tenant. When all is made the result is delivered, and when that
// fails all is undone, too: nobody else is ever told the password. Errors are
// those of the steps, with RolledBack set, since all was undone; of kind Partial,
// reason ONBOARDING_LEFT, when something is left, which it names. Besides:
// ONBOARDING_RUNNING (Conflict), TENANT_EXISTS and TARGET_TAKEN (Exists).
// The result is never nil; after a failure it tells what was made and undone.
func (s *Service) Onboard(ctx context.Context, req Request, tell func(Event), deliver func(*Result) error) (*Result, error) {
	out := &Result{}
	return out, s.hold(ctx, req.ID, func(ctx context.Context, h held) error {
		j := &job{Service: s, held: h, tell: tell, out: out}
		return j.onboard(ctx, req, deliver)
	})
}

// Undo takes back what an onboarding of a tenant made that did not come to its
// end. Errors: ONBOARDING_FINISHED (Refused) for one that did, and those of
// Onboard. The result is never nil.
func (s *Service) Undo(ctx context.Context, id string, allow func(dialect.Target) error, tell func(Event)) (*Result, error) {
	out := &Result{}
	return out, s.hold(ctx, id, func(ctx context.Context, h held) error {
		j := &job{Service: s, held: h, tell: tell, out: out}
		return j.undoEarlier(ctx, id, allow)
	})
}
