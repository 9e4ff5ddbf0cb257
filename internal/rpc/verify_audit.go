package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// VerifyAudit checks the whole chain of the store.
func (s *auditService) VerifyAudit(
	ctx context.Context, req *lockstepv1.VerifyAuditRequest,
) (*lockstepv1.VerifyAuditResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	r, err := store.VerifyAudit(ctx)
	if err != nil {
		return nil, err
	}
	if req.GetHead() != "" && req.GetHead() != r.Head {
		return nil, fault.New(fault.Corrupt, control.ReasonAuditBroken, "the chain ends with entry %d, which is not the expected one", r.Last).
			Suggest("entries were added since that hash was written down, or some are missing: look for it in an export")
	}
	return &lockstepv1.VerifyAuditResponse{Entries: r.Entries, First: r.First, Last: r.Last, Head: r.Head, Unfinished: r.Unfinished}, nil
}
