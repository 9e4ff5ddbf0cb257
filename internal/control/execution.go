package control

import (
	"context"
	"time"
)

// ExecutionStore is a log of executions across tenants, and makes a request run
// once, however often it is sent and whichever replica it reaches.
type ExecutionStore interface {
	// Claim asks to run a request. Fresh: run it, call Heartbeat meanwhile, and
	// Finish. Running: somebody does. Finished: here is what came of it. Errors:
	// REQUEST_ID_REUSED (Invalid) when the id was used for another request.
	Claim(ctx context.Context, r ClaimRequest) (*Claim, error)
	// Heartbeat keeps a claim for length from now; CLAIM_LOST (Conflict) when
	// another replica has taken it over: stop then.
	Heartbeat(ctx context.Context, c *Claim, length time.Duration) error
	// Finish records what came of it; CLAIM_LOST (Conflict) as in Heartbeat.
	Finish(ctx context.Context, c *Claim, f Finished) error
	// Abandon forgets a claim whose execution never began, so that the request
	// may be sent again; CLAIM_LOST (Conflict) as in Heartbeat.
	Abandon(ctx context.Context, c *Claim) error
	GetExecution(ctx context.Context, requestID string) (*Execution, error)
	// ListExecutions lists the newest first, without their results.
	ListExecutions(ctx context.Context, f ExecutionFilter, p Page) (list []*Execution, next string, err error)
}

// ClaimState says what became of a request.
type ClaimState string

// The states.
const (
	ClaimFresh    ClaimState = "fresh"    // it is the caller's to run
	ClaimRunning  ClaimState = "running"  // another runs it
	ClaimFinished ClaimState = "finished" // it was run
)

// ClaimRequest is a request that wants to run.
type ClaimRequest struct {
	RequestID   string // chosen by the client; "": one is made, and it is always fresh
	Fingerprint string // of the whole request, and of who asks
	TenantID    string // "": of no registered tenant
	Action      string // such as "execute"
	Actor       string
	Owner       string        // the replica
	Lease       time.Duration // how long it is claimed without a heartbeat
}

// Claim is the answer.
type Claim struct {
	RequestID string
	State     ClaimState
	// TakenOver: fresh, because the replica that ran it is dead. How far it came
	// is in the tenant's history.
	TakenOver bool
	Owner     string
	Fence     int64
	Expires   time.Time  // of the claim, fresh or running
	Finished  *Execution // when it was run
}

// Finished is how an execution ended.
type Finished struct {
	Outcome string // at most 32 bytes
	Digest  string // of the plan
	Result  []byte // what the caller is told, now and when the request comes again
}

// Execution is one run of a request.
type Execution struct {
	ID          int64
	RequestID   string
	Fingerprint string
	TenantID    string
	Action      string
	Actor       string
	State       ClaimState // running or finished
	Outcome     string
	Digest      string
	Result      []byte // not in lists
	Owner       string
	Fence       int64
	LeaseUntil  time.Time // while it is running
	Started     time.Time
	Ended       time.Time // zero: it is running
}

// ExecutionFilter narrows a list: all that is set must hold.
type ExecutionFilter struct {
	TenantID string
	Actor    string
	Outcome  string
	State    ClaimState
}
