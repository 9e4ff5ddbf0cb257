package dialect

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// ReasonScratchDenied says that the tenant's user may not make a scratch
// namespace. What would be compared like with like is then compared by structure.
const ReasonScratchDenied = "SCRATCH_DENIED"

// ScratchPrefix begins the name of every scratch namespace that has a name.
const ScratchPrefix = ReservedPrefix + "scratch_"

// ScratchName is a name for a scratch namespace that nobody else chooses.
func ScratchName() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return ScratchPrefix + hex.EncodeToString(b[:])
}

// Scratcher is a Dialect that can build a model in a place of its own beside a
// tenant. What an engine prints of defaults, checks and types differs from what
// was written; a model that was built and inspected is in the engine's words,
// and can be compared exactly with what was found in the tenant.
type Scratcher interface {
	// Scratch opens an empty namespace on t's server, over a connection of its
	// own, where types and settings are as in the tenant. The tenant need not
	// exist. It fails with kind Denied, reason SCRATCH_DENIED, when the user may
	// not make one.
	Scratch(ctx context.Context, t Target) (Scratch, error)
	// Circumstances reads, through a session of the tenant, what the words of an
	// inspection depend on besides the server, its version and the model: where
	// it is equal, so are they.
	Circumstances(ctx context.Context, q Querier) (string, error)
}

// Scratch is an empty namespace in which unqualified names resolve. Nothing in
// it outlives Close.
type Scratch interface {
	Querier
	// Close removes the namespace with everything in it. It works on a dead
	// context's values.
	Close(ctx context.Context) error
}

// Surveyor is a Dialect that can look beyond the tables that it is asked for.
type Surveyor interface {
	// Tables lists all tables of the session's schema, without views, sorted.
	Tables(ctx context.Context, q Querier) ([]string, error)
	// Referrers lists the foreign keys that lead into the named tables from
	// tables which are not among them, in the session's schema or in another,
	// sorted by table and name.
	Referrers(ctx context.Context, q Querier, tables []string) ([]Referrer, error)
}

// Referrer is a foreign key of somebody else's table.
type Referrer struct {
	Table      string // with its schema in front when that is another
	ForeignKey *schema.ForeignKey
}
