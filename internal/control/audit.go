package control

import (
	"context"
	"io"
	"time"
)

// AuditStore keeps who did what. Every operation is two entries: one before it
// begins, without which it must not begin, and one with what came of it; what was
// refused before it could begin is one. Each entry is hashed together with the hash of the one before it, so that nobody
// can change, remove or insert one without breaking the chain behind it.
type AuditStore interface {
	// BeginAudit writes that an operation is about to begin and returns its id. On
	// any error the operation must not begin.
	BeginAudit(ctx context.Context, e AuditEvent) (operationID string, err error)
	// FinishAudit writes what came of an operation; e names all that is known now.
	// AUDIT_OPERATION_NOT_FOUND (NotFound) when it was not begun. Finishing twice
	// writes nothing: the first stands.
	FinishAudit(ctx context.Context, operationID string, e AuditEvent) error
	// RefuseAudit writes that an operation was refused before it began: one entry,
	// with the outcome OutcomeRefused.
	RefuseAudit(ctx context.Context, e AuditEvent) (operationID string, err error)
	// SearchAudit lists the newest first.
	SearchAudit(ctx context.Context, f AuditFilter, p Page) (entries []*AuditEntry, next string, err error)
	// ExportAudit writes the entries after seq (0: all) as JSON lines, in order;
	// VerifyAuditLines checks what it wrote. It returns the last seq written.
	ExportAudit(ctx context.Context, w io.Writer, after int64) (last int64, err error)
	// VerifyAudit checks the whole chain, the columns that searches use, and that
	// the end was not cut off. AUDIT_CHAIN_BROKEN (Corrupt) names the entry.
	VerifyAudit(ctx context.Context) (*AuditReport, error)
}

// AuditPhase says whether an entry was written before or after an operation.
type AuditPhase string

// The phases.
const (
	AuditStarted  AuditPhase = "started"
	AuditFinished AuditPhase = "finished"
)

// OutcomeStarted is the outcome of an entry that was written before.
const OutcomeStarted = "started"

// OutcomeRefused is the outcome of the only entry of an operation that did not
// begin.
const OutcomeRefused = "refused"

// AuditModule is a module that an operation worked with.
type AuditModule struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"`
}

// AuditEvent is what is told of an operation. It must hold no secret: targets go
// in as dialect.Target prints them.
type AuditEvent struct {
	Actor      string            `json:"actor"`
	Subject    string            `json:"subject,omitempty"` // the identity behind the actor
	Source     string            `json:"source,omitempty"`  // from where: the peer's address
	Method     string            `json:"method"`            // what: the API's full method
	RequestID  string            `json:"request_id,omitempty"`
	TenantID   string            `json:"tenant_id,omitempty"`
	ServerID   string            `json:"server_id,omitempty"`
	Target     string            `json:"target,omitempty"` // redacted
	Modules    []AuditModule     `json:"modules,omitempty"`
	Strategy   string            `json:"strategy,omitempty"`
	Base       string            `json:"base,omitempty"` // fingerprints
	Result     string            `json:"result,omitempty"`
	Digest     string            `json:"digest,omitempty"` // of the plan
	Statements []string          `json:"statements,omitempty"`
	Outcome    string            `json:"outcome,omitempty"` // at most 32 bytes; in the first entry "started"
	Reason     string            `json:"reason,omitempty"`  // of the error
	Error      string            `json:"error,omitempty"`   // as the caller is told it
	Suggestion string            `json:"suggestion,omitempty"`
	Duration   time.Duration     `json:"duration_ns,omitempty"`
	Details    map[string]string `json:"details,omitempty"`
}

// AuditEntry is one link of the chain.
type AuditEntry struct {
	Seq         int64
	OperationID string
	Phase       AuditPhase
	At          time.Time
	AuditEvent
	PrevHash string
	Hash     string
}

// AuditFilter narrows a search: all that is set must hold.
type AuditFilter struct {
	OperationID string
	TenantID    string
	Actor       string
	Outcome     string
	From, Until time.Time // From is included, Until is not; zero: open
}

// AuditReport is what a verification saw.
type AuditReport struct {
	Entries     int64
	First, Last int64  // seq; a chain that does not begin with 1 is the end of a longer one
	Head        string // the hash of the last entry: kept elsewhere, it proves later that nothing was cut off
	// Unfinished are the operations that have no second entry: still running, or
	// their replica died. At most 1000 are named.
	Unfinished []string
}
