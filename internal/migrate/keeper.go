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
	// PreviewRevert plans to go back to an earlier revision; the warnings tell
	// what data does not come back.
	PreviewRevert(ctx context.Context, req RevertRequest) (*Preview, error)
	// Revert goes back to an earlier revision, and records that as a new one. It
	// is an Execute with another target.
	Revert(ctx context.Context, req RevertRequest, progress func(Event)) (*Result, error)
}
