package migrate

import (
	"context"
)

// Keeper is the part of Migrator that keeps a tenant's record and its database
// together.
type Keeper interface {
	// Drift compares a tenant's tables with what was last recorded. NotFound,
	// reason TENANT_NOT_INITIALISED, when nothing was.
	Drift(ctx context.Context, req DriftRequest) (*DriftReport, error)
	// Adopt records a database that something else created as it is. Exists,
	// reason TENANT_EXISTS, when it is a tenant already; Refused, reason
	// ADOPTION_BLOCKED, when it cannot be taken for what the target wants.
	Adopt(ctx context.Context, req AdoptRequest) (*AdoptReport, error)
}
