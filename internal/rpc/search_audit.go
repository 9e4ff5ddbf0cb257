package rpc

import (
	"context"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
)

// auditService implements lockstep.v1.AuditService.
type auditService struct {
	lockstepv1.UnimplementedAuditServiceServer
	places places
}

// SearchAudit lists the newest entries first.
func (s *auditService) SearchAudit(
	ctx context.Context, req *lockstepv1.SearchAuditRequest,
) (*lockstepv1.SearchAuditResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	filter := control.AuditFilter{
		OperationID: req.GetOperationId(), TenantID: req.GetTenant(), Actor: req.GetActor(), Outcome: req.GetOutcome(),
	}
	if req.GetFrom() != nil {
		filter.From = req.GetFrom().AsTime()
	}
	if req.GetUntil() != nil {
		filter.Until = req.GetUntil().AsTime()
	}
	entries, next, err := store.SearchAudit(ctx, filter, control.Page{Size: int(req.GetPageSize()), Token: req.GetPageToken()})
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.SearchAuditResponse{NextPageToken: next}
	for _, e := range entries {
		out.Entries = append(out.Entries, toAuditEntry(e))
	}
	return out, nil
}
