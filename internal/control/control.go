// Package control is the control store: what lockstep knows around the core.
// Tenants and servers, what a sync found on them, executions across replicas,
// the audit chain, tokens and leases.
//
// This package holds the nouns and the interfaces, one for each kind of caller;
// sqlstore implements them once over the queries that sqlc generates, and
// packages sqlite and postgres are the two engines below it. The tables are made
// and upgraded by lockstep's own core from the module in entities.
//
// Every error is a fault. The reasons that all methods share: STORE_UNREACHABLE
// and STORE_READ_ONLY (Unavailable), STORE_BUSY (Conflict; it was tried again
// before), STORE_DEADLINE (Deadline), CANCELED (Canceled), STORE_FULL
// (Exhausted), STORE_FAILED (Bug); and of those that write, STORE_COMMIT_UNKNOWN
// when the connection broke while the store committed.
package control

import (
	"context"
	"time"
)

// Store is the whole control store. Callers take the interface they need.
type Store interface {
	TenantStore
	ServerStore
	SyncStore
	ExecutionStore
	AuditStore
	TokenStore
	LeaseStore
	SecretStore

	// Ping proves that the store answers.
	Ping(ctx context.Context) error
	// Close ends all connections; calls that run fail.
	Close() error
}

// Page asks for a part of a list.
type Page struct {
	Size  int    // 0: 50; at most 1000
	Token string // of the page before; "": the first page
}

// The sizes of pages.
const (
	DefaultPageSize = 50
	MaxPageSize     = 1000
)

// Reasons that callers tell apart.
const (
	ReasonTenantNotFound    = "TENANT_NOT_FOUND"
	ReasonTenantExists      = "TENANT_EXISTS"
	ReasonTargetTaken       = "TARGET_TAKEN"
	ReasonTenantInvalid     = "TENANT_INVALID"
	ReasonServerNotFound    = "SERVER_NOT_FOUND"
	ReasonServerExists      = "SERVER_EXISTS"
	ReasonServerInvalid     = "SERVER_INVALID"
	ReasonRevisionMoved     = "REVISION_MOVED"    // somebody changed it since it was read
	ReasonPageToken         = "PAGE_TOKEN"        // a page token of another list, or none at all
	ReasonSyncSuperseded    = "SYNC_SUPERSEDED"   // another sync was written in between
	ReasonRequestReused     = "REQUEST_ID_REUSED" // one request id for two different requests
	ReasonClaimLost         = "CLAIM_LOST"        // another replica took the execution over
	ReasonExecutionNotFound = "EXECUTION_NOT_FOUND"
	ReasonAuditNotFound     = "AUDIT_OPERATION_NOT_FOUND"
	ReasonAuditBroken       = "AUDIT_CHAIN_BROKEN"
	ReasonTokenNotFound     = "TOKEN_NOT_FOUND"
	ReasonOnboardingUnknown = "ONBOARDING_NOT_FOUND"
	ReasonOnboardingLost    = "ONBOARDING_TAKEN_OVER" // somebody else holds its lease now
	ReasonTokenExists       = "TOKEN_EXISTS"
	ReasonLeaseHeld         = "LEASE_HELD"
	ReasonLeaseLost         = "LEASE_LOST"
	ReasonStoreBusy         = "STORE_BUSY"
	ReasonStoreUnreachable  = "STORE_UNREACHABLE"
	ReasonCommitUnknown     = "STORE_COMMIT_UNKNOWN" // a change may have been written, or not
	ReasonStoreTooNew       = "STORE_TOO_NEW"        // a newer lockstep upgraded the store
)

// LeaseStore gives exclusive rights across replicas. A lease ends by itself, so
// a dead replica holds nobody up for longer than the time it asked for; the
// clocks of replicas must agree to well within that time.
type LeaseStore interface {
	// AcquireLease takes the lease, or fails with LEASE_HELD (Conflict).
	AcquireLease(ctx context.Context, name, owner string, length time.Duration) (Lease, error)
	// RenewLease makes it last for length from now; LEASE_LOST (Conflict) when it
	// had ended.
	RenewLease(ctx context.Context, l Lease, length time.Duration) (Lease, error)
	// ReleaseLease gives it back. One that was lost is no error.
	ReleaseLease(ctx context.Context, l Lease) error
}

// Lease is an exclusive right for some time.
type Lease struct {
	Name    string
	Owner   string
	Fence   int64 // rises each time the lease changes hands
	Expires time.Time
}

// SecretStore moves secrets to another key.
type SecretStore interface {
	// Rewrap seals anew, under the current key, at most limit secrets that are
	// sealed under another. Call it again with what it returned until Done: it can
	// be stopped at any time and begun anew. Failed names what could not be opened
	// and was left as it was.
	Rewrap(ctx context.Context, from Rewrapped, limit int) (Rewrapped, error)
}

// Rewrapped is how far a rewrapping came. The zero value begins one.
type Rewrapped struct {
	Rewrapped int      // so far
	Failed    []string // "tenants/acme", …
	Done      bool

	Table string // where to go on
	After string
}

// TokenStore keeps static tokens, by their hashes.
type TokenStore interface {
	// CreateToken keeps a token; TOKEN_EXISTS (Exists) when name or hash is taken.
	CreateToken(ctx context.Context, t Token) (*Token, error)
	GetToken(ctx context.Context, id string) (*Token, error)
	// FindToken returns the token of a hash, revoked or expired ones included:
	// who verifies it decides, and can say why not.
	FindToken(ctx context.Context, hash string) (*Token, error)
	ListTokens(ctx context.Context, p Page) (tokens []*Token, next string, err error)
	// RevokeToken takes it out of use for good; once more changes nothing.
	RevokeToken(ctx context.Context, id string) (*Token, error)
	// TouchToken records that it was used, at most once a minute.
	TouchToken(ctx context.Context, id string) error
}
