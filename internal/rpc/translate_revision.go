package rpc

import (
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// toRevision renders a revision, with its statements when full; nil gives nil.
func toRevision(r *history.Revision, full bool) *lockstepv1.Revision {
	if r == nil {
		return nil
	}
	out := &lockstepv1.Revision{
		Number:            r.Number,
		Outcome:           toRevisionOutcome(r.Outcome),
		Strategy:          toStrategy(strategy.Name(r.Strategy)),
		Engine:            toEngine(dialect.Engine(r.Engine)),
		EngineVersion:     i32(r.EngineVersion),
		Modules:           toModuleVersions(r.Modules),
		BaseFingerprint:   r.Base,
		TargetFingerprint: r.Target,
		ResultFingerprint: r.Result,
		Digest:            r.Digest,
		StatementCount:    i32(len(r.Statements)),
		Failure:           status.Failure(r.Error),
		Actor:             r.Actor,
		LockstepVersion:   r.Lockstep,
		RequestId:         r.RequestID,
		StartedAt:         timestamppb.New(r.StartedAt),
		Duration:          durationpb.New(r.Duration),
		Reverts:           r.Notes.Reverts,
		Adopted:           r.Notes.Adopted,
	}
	for _, w := range r.Withheld {
		out.Withheld = append(out.Withheld, &lockstepv1.WithheldChange{
			Op: w.Op, Object: w.Object, Detail: w.Detail, Reason: w.Reason,
		})
	}
	if full {
		out.Statements = toExecuted(r.Statements)
	}
	return out
}

func toRevisionOutcome(o history.Outcome) lockstepv1.RevisionOutcome {
	switch o {
	case history.Applied:
		return lockstepv1.RevisionOutcome_REVISION_OUTCOME_APPLIED
	case history.RolledBack:
		return lockstepv1.RevisionOutcome_REVISION_OUTCOME_ROLLED_BACK
	case history.Nothing:
		return lockstepv1.RevisionOutcome_REVISION_OUTCOME_NOTHING_TO_DO
	}
	return lockstepv1.RevisionOutcome_REVISION_OUTCOME_UNSPECIFIED
}

func toExecuted(statements []history.Statement) []*lockstepv1.ExecutedStatement {
	out := make([]*lockstepv1.ExecutedStatement, 0, len(statements))
	for i := range statements {
		s := &statements[i]
		out = append(out, &lockstepv1.ExecutedStatement{
			Sql: s.SQL, Summary: s.Summary, Table: s.Table, Destructive: s.Destructive,
			Outcome: toStatementOutcome(s.Outcome), Duration: durationpb.New(s.Duration),
		})
	}
	return out
}

func toStatementOutcome(o string) lockstepv1.StatementOutcome {
	switch o {
	case "applied":
		return lockstepv1.StatementOutcome_STATEMENT_OUTCOME_APPLIED
	case "failed":
		return lockstepv1.StatementOutcome_STATEMENT_OUTCOME_FAILED
	case "not_run":
		return lockstepv1.StatementOutcome_STATEMENT_OUTCOME_NOT_RUN
	case "rolled_back":
		return lockstepv1.StatementOutcome_STATEMENT_OUTCOME_ROLLED_BACK
	case history.Deferred:
		return lockstepv1.StatementOutcome_STATEMENT_OUTCOME_DEFERRED
	default:
		return lockstepv1.StatementOutcome_STATEMENT_OUTCOME_UNSPECIFIED
	}
}
