package sqlstore

import (
	"context"
	"encoding/json"
	"io"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// auditBatch is how many entries are read at a time.
const auditBatch = 500

// eachAudit calls visit for the entries after seq, up to the end there is now.
func (s *Store) eachAudit(ctx context.Context, after int64, visit func(*query.AuditEntry) error) error {
	for {
		rows, err := s.read.ReadAuditEntries(ctx, query.ReadAuditEntriesParams{After: after, Most: auditBatch})
		if err != nil {
			return err
		}
		for i := range rows {
			if err := visit(&rows[i]); err != nil {
				return err
			}
			after = rows[i].Seq
		}
		if len(rows) < auditBatch {
			return nil
		}
	}
}

// ExportAudit implements control.AuditStore.
func (s *Store) ExportAudit(ctx context.Context, w io.Writer, after int64) (int64, error) {
	out := json.NewEncoder(w)
	last := after
	err := s.eachAudit(ctx, after, func(r *query.AuditEntry) error {
		if err := out.Encode(lineOf(r)); err != nil {
			return fault.Wrap(err, fault.Unavailable, "AUDIT_EXPORT", "the export could not be written after entry %d", last).
				Suggest("export again, from entry %d on", last)
		}
		last = r.Seq
		return nil
	})
	return last, err
}

// VerifyAudit implements control.AuditStore. The head is read first: entries that
// are appended meanwhile only make the chain longer.
func (s *Store) VerifyAudit(ctx context.Context) (*control.AuditReport, error) {
	head, err := s.read.GetAuditHead(ctx)
	if err != nil {
		return nil, err
	}
	var chain control.AuditChain
	reached := head.Seq == 0
	err = s.eachAudit(ctx, 0, func(r *query.AuditEntry) error {
		e, err := chain.Add(lineOf(r))
		if err != nil {
			return err
		}
		if r.OperationID != e.OperationID || r.At != micros(e.At) || r.TenantID != e.TenantID || r.Actor != e.Actor || r.Outcome != e.Outcome {
			return broken(r.Seq, "the columns that searches use are not what was hashed")
		}
		reached = reached || r.Seq == head.Seq && r.Hash == head.Hash
		return nil
	})
	report := chain.Report()
	switch {
	case err != nil:
		return report, err
	case report.Entries > 0 && report.First != 1:
		return report, broken(report.First, "entries before it are missing")
	case !reached:
		return report, broken(report.Last+1, "entries are missing at the end")
	}
	return report, nil
}

func broken(seq int64, why string) error {
	return fault.New(fault.Corrupt, control.ReasonAuditBroken, "the audit chain is broken at entry %d: %s", seq, why).
		Suggest("compare with an earlier export to see what was changed; what comes before this entry is intact")
}
