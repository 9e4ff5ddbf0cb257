package dialect

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Phase is the part of an online plan that a statement belongs to. "" stands for
// plans without phases.
type Phase string

// The phases of an online plan, in order.
const (
	// PhasePrepare is one transaction with the journal's first entry: what is
	// cheap and can be undone.
	PhasePrepare Phase = "prepare"
	// PhaseOnline is what takes long and blocks nobody: each statement by itself,
	// outside any transaction, noted in the journal.
	PhaseOnline Phase = "online"
	// PhaseFinish is one transaction with the history row and the end of the
	// journal: what turns old into new.
	PhaseFinish Phase = "finish"
)

// Order places the phases one after the other; plans without have 0.
func (p Phase) Order() int {
	switch p {
	case PhasePrepare:
		return 1
	case PhaseOnline:
		return 2
	case PhaseFinish:
		return 3
	}
	return 0
}

// Prefixes of what exists only while an online plan runs.
const (
	// NewPrefix names an index that is built while its name is still taken.
	NewPrefix = ReservedPrefix + "new_"
	// NotNullPrefix names the check that stands for NOT NULL until it is set.
	NotNullPrefix = ReservedPrefix + "not_null_"
)

// Online is a Dialect of an engine whose DDL is transactional and that can also
// build, outside a transaction, what a transaction would lock a table for.
type Online interface {
	// RenderOnline renders a change of a table that is there: an index, a foreign
	// key or a check that is added, or a column that becomes NOT NULL. after is
	// the table with the change. Statements have their Phase. What those of
	// PhasePrepare and PhaseOnline leave is undone by their Reverse, which may run
	// in a transaction, and also when the statement has not. build is the name
	// under which an index is built: its own, or one of NewPrefix.
	RenderOnline(ctx context.Context, after *schema.Table, c diff.Change, build string) ([]Statement, error)
	// Invalid names those of the indexes that a build left behind unfinished.
	Invalid(ctx context.Context, q Querier, indexes []string) ([]string, error)
	// DropInvalid is the statement that removes one of them, for use outside a
	// transaction.
	DropInvalid(index string) string
	// Exists is an SQL expression that tells whether a table is there, and does
	// not fail when it is not.
	Exists(table string) string
	// OnlineScript is Script for the statements of an online plan.
	OnlineScript(target Target, statements []Statement) string
}

// Holder is a Session that can hold the tenant's lock over several transactions.
type Holder interface {
	// Hold takes the lock as Begin does, without opening a transaction.
	Hold(ctx context.Context, opts TxOptions) (Held, error)
}

// Held is the tenant's lock. Rollback gives it back, and rolls the open phase
// back first; so does the end of the connection. Outside the phases statements
// commit by themselves and wait for locks without limit: a build that waits for
// old transactions blocks nobody.
type Held interface {
	Querier
	// BeginPhase opens a transaction with the timeouts of the execution.
	BeginPhase(ctx context.Context) error
	// CommitPhase commits it; the lock stays. Errors are those of Tx.Commit.
	CommitPhase(ctx context.Context) error
	// RollbackPhase rolls it back; the lock stays. A connection that no longer
	// answers is thrown away, and the lock with it.
	RollbackPhase(ctx context.Context) error
	// Rollback ends everything.
	Rollback(ctx context.Context) error
	// Commit commits the open phase, when there is one, and gives the lock back.
	Commit(ctx context.Context) error
}
