package rpc

import (
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
)

func toAuditEntry(e *control.AuditEntry) *lockstepv1.AuditEntry {
	out := &lockstepv1.AuditEntry{
		Seq: e.Seq, OperationId: e.OperationID, Phase: lockstepv1.AuditPhase_AUDIT_PHASE_STARTED, At: timestamppb.New(e.At),
		Actor: e.Actor, Subject: e.Subject, Source: e.Source, Method: e.Method, RequestId: e.RequestID,
		Tenant: e.TenantID, Server: e.ServerID, Target: e.Target, Strategy: e.Strategy,
		BaseFingerprint: e.Base, ResultFingerprint: e.Result, Digest: e.Digest, Statements: e.Statements,
		Outcome: e.Outcome, Reason: e.Reason, Error: e.Error, Suggestion: e.Suggestion,
		Details: e.Details, PrevHash: e.PrevHash, Hash: e.Hash,
	}
	if e.Phase == control.AuditFinished {
		out.Phase, out.Duration = lockstepv1.AuditPhase_AUDIT_PHASE_FINISHED, durationpb.New(e.Duration)
	}
	for _, m := range e.Modules {
		out.Modules = append(out.Modules, &lockstepv1.ModuleVersion{Path: m.Path, Version: m.Version, Sum: m.Sum})
	}
	return out
}
