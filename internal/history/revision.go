// Package history keeps the record of what was done to a tenant in the tenant's
// own database: the table lockstep_history, one row per execution, with the
// snapshot after it. A restored backup so knows what it is, and on engines with
// transactional DDL the row commits together with the change it describes.
package history

import (
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// Outcome is how an execution ended.
type Outcome string

// The outcomes.
const (
	Applied    Outcome = "applied"
	RolledBack Outcome = "rolled_back" // failed; the tenant is exactly as before
	// Nothing: there was nothing to do. It is recorded only for a request with an
	// id, so that the same answer can be given again.
	Nothing Outcome = "nothing_to_do"
)

// Deferred is the outcome of a statement that removes for good what was moved
// aside: it runs when the revision is recorded, and is applied then.
const Deferred = "deferred"

// Revision is one execution as recorded.
type Revision struct {
	Number        int64 // 1 is the tenant's initialisation; failed executions have numbers too
	Outcome       Outcome
	Strategy      string
	Engine        string
	EngineVersion int
	Modules       []module.Version
	Base          string // fingerprints; see plan.Plan
	Target        string
	Result        string
	Digest        string
	Statements    []Statement
	Notes         Notes
	Withheld      []Withheld
	Error         *fault.Error // nil unless RolledBack
	Actor         string
	Lockstep      string // version of lockstep that ran it
	StartedAt     time.Time
	Duration      time.Duration
	// RequestID is the caller's name of the request, and RequestSum a hash of what
	// was asked; both "" when the caller gave none.
	RequestID  string
	RequestSum string
}

// Statement is one statement as it ran.
type Statement struct {
	SQL         string        `json:"sql"`
	Summary     string        `json:"summary"`
	Table       string        `json:"table"`
	Destructive bool          `json:"destructive,omitempty"`
	Outcome     string        `json:"outcome"` // applied, failed, not_run, rolled_back, deferred
	Duration    time.Duration `json:"duration_ns"`
}

// Withheld is a change that was left for later.
type Withheld struct {
	Op     string `json:"op"`
	Object string `json:"object"`
	Detail string `json:"detail"`
	Reason string `json:"reason"`
}
