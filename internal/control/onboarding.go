package control

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// OnboardingStore keeps what onboardings make, so that whoever comes after a crash
// knows what to undo. Who writes holds the lease of the tenant, and says with
// which fence: ONBOARDING_TAKEN_OVER (Conflict) when somebody with a higher one
// has written since.
type OnboardingStore interface {
	// BeginOnboarding registers a tenant, with the status onboarding, together
	// with the record of what will be made. Errors are those of CreateTenant.
	BeginOnboarding(ctx context.Context, t NewTenant, o Onboarding) (*Tenant, error)
	// GetOnboarding returns a tenant's; ONBOARDING_NOT_FOUND (NotFound) when the
	// tenant was not onboarded.
	GetOnboarding(ctx context.Context, tenantID string) (*Onboarding, error)
	// SaveOnboarding writes state, steps and tables.
	SaveOnboarding(ctx context.Context, o Onboarding) error
	// CompleteOnboarding makes the tenant active, and a sync of its server that
	// began before look again.
	CompleteOnboarding(ctx context.Context, o Onboarding) (*Tenant, error)
	// FailOnboarding keeps what could not be undone, and gives the tenant the
	// status failed with a note that says so.
	FailOnboarding(ctx context.Context, o Onboarding, note string) error
	// ForgetOnboarding removes the record with its tenant, as if they had never
	// been. What is not there is no error.
	ForgetOnboarding(ctx context.Context, o Onboarding) error
}

// OnboardingState says how far an onboarding is.
type OnboardingState string

// The states.
const (
	OnboardingRunning OnboardingState = "running" // or its process died
	OnboardingLeft    OnboardingState = "left"    // it failed, and not all of it could be undone
	OnboardingDone    OnboardingState = "done"
)

// StepState says what is known of a step.
type StepState string

// The states of a step.
const (
	StepBegun   StepState = "begun"   // it is about to be carried out
	StepMade    StepState = "made"    // it was carried out
	StepUnknown StepState = "unknown" // the connection broke: nobody can tell
)

// OnboardingStep is one step on the server.
type OnboardingStep struct {
	dialect.ProvisionStep
	State StepState `json:"state"`
}

// Onboarding is what the onboarding of a tenant made. It holds no secret.
type Onboarding struct {
	TenantID    string
	ServerID    string
	State       OnboardingState
	Fence       int64  // of the lease under which it is written
	RequestID   string // "": the request had none
	Fingerprint string // of the request
	Steps       []OnboardingStep
	Tables      []string // that initialising makes
	Created     time.Time
	Updated     time.Time
}
