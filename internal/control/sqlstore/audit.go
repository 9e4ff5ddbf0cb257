package sqlstore

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// BeginAudit implements control.AuditStore.
func (s *Store) BeginAudit(ctx context.Context, e control.AuditEvent) (string, error) {
	entry := control.AuditEntry{OperationID: s.cfg.NewID(), Phase: control.AuditStarted, AuditEvent: e}
	entry.Outcome = control.OutcomeStarted
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error { return s.appendAudit(ctx, q, entry) })
	if err != nil {
		return "", err
	}
	return entry.OperationID, nil
}

// FinishAudit implements control.AuditStore.
func (s *Store) FinishAudit(ctx context.Context, operationID string, e control.AuditEvent) error {
	entry := control.AuditEntry{OperationID: operationID, Phase: control.AuditFinished, AuditEvent: e}
	if e.Outcome == "" || e.Outcome == control.OutcomeStarted {
		return fault.New(fault.Bug, "AUDIT_INVALID", "the audit entry of %s says nothing of what came of it", operationID)
	}
	return s.write(ctx, func(ctx context.Context, q query.Queries) error {
		// The head's lock comes first: it is what makes the look below current.
		if _, err := q.LockAuditHead(ctx); err != nil {
			return err
		}
		written, err := q.GetAuditOperation(ctx, clip(operationID, maxShort))
		switch {
		case err != nil:
			return err
		case len(written) == 0:
			return fault.New(fault.NotFound, control.ReasonAuditNotFound, "no operation %q was begun", operationID)
		case len(written) > 1, written[0].Outcome != control.OutcomeStarted: // it has its end
			return nil
		}
		return s.appendAudit(ctx, q, entry)
	})
}

// RefuseAudit implements control.AuditStore.
func (s *Store) RefuseAudit(ctx context.Context, e control.AuditEvent) (string, error) {
	entry := control.AuditEntry{OperationID: s.cfg.NewID(), Phase: control.AuditFinished, AuditEvent: e}
	entry.Outcome = control.OutcomeRefused
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error { return s.appendAudit(ctx, q, entry) })
	return entry.OperationID, err
}

// appendAudit adds a link to the chain, under the lock of its head. Times never
// go back along the chain, whatever the replicas' clocks say.
func (s *Store) appendAudit(ctx context.Context, q query.Queries, e control.AuditEntry) error {
	head, err := q.LockAuditHead(ctx)
	if err != nil {
		return err
	}
	e.Actor, e.TenantID, e.Outcome = clip(e.Actor, maxActor), clip(e.TenantID, maxShort), clip(e.Outcome, maxOutcome)
	e.Seq, e.PrevHash = head.Seq+1, head.Hash
	e.At = s.now()
	if last := moment(head.At); e.At.Before(last) {
		e.At = last
	}
	l, err := control.EncodeAudit(&e)
	if err != nil {
		return err
	}
	if err := q.InsertAuditEntry(ctx, query.InsertAuditEntryParams{
		Seq: l.Seq, OperationID: e.OperationID, At: micros(e.At), TenantID: e.TenantID, Actor: e.Actor, Outcome: e.Outcome,
		Body: string(l.Entry), PrevHash: l.PrevHash, Hash: l.Hash,
	}); err != nil {
		return err
	}
	n, err := q.MoveAuditHead(ctx, query.MoveAuditHeadParams{Seq: l.Seq, Hash: l.Hash, At: micros(e.At), OldSeq: head.Seq})
	if err == nil && n != 1 {
		err = fault.New(fault.Conflict, control.ReasonStoreBusy, "another replica appended to the audit chain at the same time")
	}
	return err
}

// SearchAudit implements control.AuditStore.
func (s *Store) SearchAudit(ctx context.Context, f control.AuditFilter, p control.Page) ([]*control.AuditEntry, string, error) {
	size, err := p.Limit()
	if err != nil {
		return nil, "", err
	}
	at, ok, err := control.ReadPageToken("audit", f, p.Token)
	if err != nil {
		return nil, "", err
	}
	if !ok {
		at.Seq = int64(1) << 62
	}
	first, past, err := s.between(ctx, f)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.auditPage(ctx, f, query.SearchAuditParams{Before: at.Seq, First: first, Past: past, Most: int64(size) + 1})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		if next, err = control.MakePageToken("audit", f, control.Cursor{Seq: rows[size-1].Seq}); err != nil {
			return nil, "", err
		}
	}
	out := make([]*control.AuditEntry, len(rows))
	for i := range rows {
		if out[i], err = lineOf(&rows[i]).Decode(); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// between turns times into places in the chain.
func (s *Store) between(ctx context.Context, f control.AuditFilter) (first, past int64, err error) {
	place := func(t time.Time, open int64) (int64, error) {
		if t.IsZero() {
			return open, nil
		}
		found, err := s.read.FindAuditSeq(ctx, micros(t))
		if err != nil || len(found) == 0 {
			return int64(1) << 62, err // after everything there is
		}
		return found[0], nil
	}
	if first, err = place(f.From, 0); err != nil {
		return 0, 0, err
	}
	past, err = place(f.Until, int64(1)<<62)
	return first, past, err
}

// auditPage picks the query that the narrowest condition leads.
func (s *Store) auditPage(ctx context.Context, f control.AuditFilter, p query.SearchAuditParams) ([]query.AuditEntry, error) {
	operation, tenant := clip(f.OperationID, maxShort), clip(f.TenantID, maxShort)
	actor, outcome := clip(f.Actor, maxActor), clip(f.Outcome, maxOutcome)
	switch {
	case operation != "":
		return s.read.SearchAuditByOperation(ctx, query.SearchAuditByOperationParams{
			OperationID: operation, Before: p.Before, First: p.First, Past: p.Past, TenantID: tenant, Actor: actor, Outcome: outcome, Most: p.Most,
		})
	case tenant != "":
		return s.read.SearchAuditByTenant(ctx, query.SearchAuditByTenantParams{
			TenantID: tenant, Before: p.Before, First: p.First, Past: p.Past, Actor: actor, Outcome: outcome, Most: p.Most,
		})
	case actor != "":
		return s.read.SearchAuditByActor(ctx, query.SearchAuditByActorParams{
			Actor: actor, Before: p.Before, First: p.First, Past: p.Past, Outcome: outcome, Most: p.Most,
		})
	case outcome != "":
		return s.read.SearchAuditByOutcome(ctx, query.SearchAuditByOutcomeParams{
			Outcome: outcome, Before: p.Before, First: p.First, Past: p.Past, Most: p.Most,
		})
	}
	return s.read.SearchAudit(ctx, p)
}

func lineOf(r *query.AuditEntry) *control.AuditLine {
	return &control.AuditLine{Seq: r.Seq, PrevHash: r.PrevHash, Hash: r.Hash, Entry: []byte(r.Body)}
}
