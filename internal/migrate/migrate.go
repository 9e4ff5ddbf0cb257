// Package migrate holds the two use cases that lockstep exists for: preview and
// execute. It composes the target from module versions, plans against the
// tenant's last snapshot, and runs exactly what was planned: in one transaction
// with the history row, verified by inspection before it commits, and rolled
// back with a cause and a suggestion when anything fails.
package migrate

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// ModuleSet is what a tenant's target is composed from.
type ModuleSet struct {
	Refs []module.Ref
	// GoMod is a business service's go.mod: it gives the version of every
	// reference that has none. Without references, every module it requires
	// directly that has a lockstep.yaml is taken.
	GoMod []byte
	// Manifests are given by the operator for modules that have none, by path.
	Manifests map[string]*entity.Manifest
	// Entities are patterns for modules that have neither a manifest of their
	// own nor one in Manifests.
	Entities []string
}

// Target is the composed, neutral schema with the versions it came from.
type Target struct {
	Schema   *schema.Schema
	Modules  []module.Version // sorted by path
	Warnings []string         // retracted versions, structs that look like entities, and the like
	Named    []string         // paths of the modules that were asked for, or that a go.mod brought
	Edges    []module.Edge    // who requires which version of whom
	// LeaveAlone names tables and views that are somebody else's, as the
	// manifests say; sorted.
	LeaveAlone []string
}

// Request asks for a preview, and is the first half of an execution.
type Request struct {
	Modules  ModuleSet
	Target   dialect.Target
	Strategy strategy.Name
	Prove    bool // of a preview: also try the plan out beside the tenant
	// Online asks for a plan in phases that block nobody for long. Where the
	// engine alters tables online anyway it changes nothing.
	Online bool

	revertTo int64 // the revision whose snapshot is the target; 0: Modules say
	// Preflight, of a preview: also ask the tenant's rows whether they allow the
	// plan. With Estimate what is lost, and what is many, is not counted exactly.
	Preflight, Estimate bool
}

// Preview is what an execution would do; nothing was touched.
type Preview struct {
	Plan     *plan.Plan
	Current  *history.Revision // the tenant's last applied revision; nil: it is being initialised
	Warnings []string
	// Changed tells whether executing would record anything: statements, or
	// just new module versions.
	Changed bool
	Script  string // the SQL as one script for the engine's own shell
	// Sizes tells how much the present tables hold that the plan changes.
	Sizes map[string]dialect.Size
	// Preflight is what the tenant's rows say to the plan; nil unless asked for.
	Preflight *preflight.Report
	Proof     *Proof // what came of trying the plan out; nil when that was not asked for
}

// ExecuteRequest asks for an execution.
type ExecuteRequest struct {
	Request
	Digest string // of the plan that was previewed; required when it is destructive
	Actor  string // who asks, for the record
	// RequestID names the request, at most 128 bytes: the same one again, on any
	// replica and at any time, is answered with the result of the first. "": it is
	// a request of its own.
	RequestID        string
	LockWait         time.Duration // for the tenant's lock; 0: 10 s
	LockTimeout      time.Duration // for the lock that a statement needs; 0: 5 s
	StatementTimeout time.Duration // for each statement; 0: none
	Drift            DriftPolicy   // for the tables that the plan touches; "": DriftFail
}

// NoWait as LockWait or LockTimeout means: not at all, where 0 is the default.
const NoWait time.Duration = -1

// Phase names a stage of an execution.
type Phase string

// The phases, in order.
const (
	PhasePlanning  Phase = "planning"
	PhaseLocking   Phase = "locking"
	PhasePreflight Phase = "preflight"
	PhaseExecuting Phase = "executing"
	PhaseVerifying Phase = "verifying"
	PhaseRecording Phase = "recording"
	PhaseDone      Phase = "done"
	// PhaseRecovering takes back, or finishes, what was left half way: an
	// earlier execution before this one begins, or this one when it fails.
	PhaseRecovering Phase = "recovering"
)

// Event is one sign of progress.
type Event struct {
	Phase     Phase
	Index     int             // 1-based, with PhaseExecuting
	Total     int             // with PhaseExecuting
	Statement *plan.Statement // about to run, with PhaseExecuting
	Attempt   int             // 1-based; more than 1 after a lock timeout
}

// Outcome is how an execution ended.
type Outcome string

// The outcomes. NeedsOperator is the only one that leaves work for a person.
const (
	OutcomeApplied       Outcome = "applied"
	OutcomeNothing       Outcome = "nothing_to_do"
	OutcomeRolledBack    Outcome = "rolled_back"
	OutcomeNeedsOperator Outcome = "needs_operator"
)

// Result is a finished execution: everything an operations log needs.
type Result struct {
	Outcome    Outcome
	Revision   int64 // the revision recorded; 0 when none was
	Plan       *plan.Plan
	Statements []history.Statement
	Error      *fault.Error // set when Outcome is RolledBack or NeedsOperator
	Warnings   []string
	Preflight  *preflight.Report // what the rows said before the first statement; nil when they were not asked
	Actor      string
	StartedAt  time.Time
	Duration   time.Duration
}

// Migrator is the API of this package as its callers see it.
type Migrator interface {
	Keeper
	// Compose resolves, reads and composes a module set.
	Compose(ctx context.Context, set ModuleSet) (*Target, error)
	// Check finds what is wrong with a module, for some engines, and what changed
	// since a published version.
	Check(ctx context.Context, req CheckRequest) (*CheckResult, error)
	// Propose reads a module that has no manifest and proposes one.
	Propose(ctx context.Context, ref module.Ref) (module.Version, *entity.Proposal, error)
	// Preview plans without touching anything.
	Preview(ctx context.Context, req Request) (*Preview, error)
	// Execute plans and runs. A failure before any work gives (nil, err). Once
	// work began, a Result is always returned, and with a failure its Error is
	// also returned as err. progress may be nil.
	Execute(ctx context.Context, req ExecuteRequest, progress func(Event)) (*Result, error)
	// Current returns the tenant's last applied revision; NotFound, reason
	// TENANT_NOT_INITIALISED, when there is none.
	Current(ctx context.Context, target dialect.Target) (*history.Revision, error)
	// Revisions lists the newest first, failed ones included, below the number
	// `before` (0: from the newest), at most limit.
	Revisions(ctx context.Context, target dialect.Target, before int64, limit int) ([]*history.Revision, error)
	// Revision returns one, with the snapshot after it (nil for a failed one).
	Revision(ctx context.Context, target dialect.Target, number int64) (*history.Revision, *schema.Schema, error)
}
