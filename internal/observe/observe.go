// Package observe is how the use cases tell what they do to whoever counts,
// times and traces it. The use cases know this interface alone, and no library
// of metrics or traces; package telemetry implements it.
//
// Nothing that is told may hold a secret: no target URL, and no value of a row.
package observe

import (
	"context"
	"time"
)

// Execution is an execution that begins.
type Execution struct {
	Engine  string // "postgres"
	Target  string // without its secret
	Actor   string
	Command string // "execute", "revert", "adopt"
}

// Executed is how an execution ended.
type Executed struct {
	Outcome    string // "applied", "nothing_to_do", "rolled_back", "needs_operator"; "refused": it never began to work; "compared": an adoption only looked
	Kind       string // fault.Kind of the failure; "": none
	Reason     string // its stable reason; "": none
	Strategy   string
	Digest     string // of the plan; "": there was none
	Revision   int64  // that was recorded; 0: none
	Statements int    // that ran
	Attempts   int    // 1 and more
}

// Statement is one statement that begins.
type Statement struct {
	Engine  string
	SQL     string // DDL, as the plan has it
	Summary string // "add column age to users"
	Index   int    // from 1
	Total   int
}

// Observer is told what the use cases do. A method that returns a context is
// called before, and what happens inside runs with that context; the function
// that comes with it is called once, after. Methods may be called by several
// goroutines at a time, and must not block.
type Observer interface {
	// Execution surrounds an execution, from planning to its end.
	Execution(ctx context.Context, e Execution) (context.Context, func(Executed))
	// Phase surrounds a stage of it: "planning", "locking", "verifying", …
	Phase(ctx context.Context, engine, phase string) (context.Context, func(error))
	// Statement surrounds one statement, or the sending of one in a pipeline.
	Statement(ctx context.Context, s Statement) (context.Context, func(error))
	// LockWaited tells how long an execution waited for its tenant, and whether it
	// got it.
	LockWaited(ctx context.Context, engine string, waited time.Duration, got bool)
	// Retried tells that an attempt is repeated, and why: a stable reason.
	Retried(ctx context.Context, engine, reason string)
	// Drift tells what a comparison of a live database with its record found.
	Drift(ctx context.Context, engine string, drifted bool)
	// PlanCache tells whether a plan was found or had to be computed.
	PlanCache(ctx context.Context, hit bool)
	// Session tells that a connection to a tenant was opened; the function is
	// called when it is closed.
	Session(ctx context.Context, engine string) (closed func())
}

// Nop is told everything and does nothing.
type Nop struct{}

var _ Observer = Nop{}

// Execution implements Observer.
func (Nop) Execution(ctx context.Context, _ Execution) (context.Context, func(Executed)) {
	return ctx, func(Executed) {}
}

// Phase implements Observer.
func (Nop) Phase(ctx context.Context, _, _ string) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// Statement implements Observer.
func (Nop) Statement(ctx context.Context, _ Statement) (context.Context, func(error)) {
	return ctx, func(error) {}
}

// LockWaited implements Observer.
func (Nop) LockWaited(context.Context, string, time.Duration, bool) {}

// Retried implements Observer.
func (Nop) Retried(context.Context, string, string) {}

// Drift implements Observer.
func (Nop) Drift(context.Context, string, bool) {}

// PlanCache implements Observer.
func (Nop) PlanCache(context.Context, bool) {}

// Session implements Observer.
func (Nop) Session(context.Context, string) func() { return func() {} }
