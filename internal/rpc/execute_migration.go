package rpc

import (
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// ExecuteMigration plans and executes, and reports on the way. A failure ends
// the stream with its status also after the result was sent, so that a client
// which ignores the outcome still sees an error.
func (s *migrationService) ExecuteMigration(
	req *lockstepv1.ExecuteMigrationRequest,
	stream grpc.ServerStreamingServer[lockstepv1.ExecuteMigrationResponse],
) error {
	ctx := stream.Context()
	in, err := s.request(ctx, req)
	if err != nil {
		return err
	}
	policy, err := fromDriftPolicy(req.GetDriftPolicy())
	if err != nil {
		return err
	}
	progress := &progressSender{stream: stream}
	res, failure := s.migrator.Execute(ctx, migrate.ExecuteRequest{
		Request:          in,
		Digest:           req.GetPlanDigest(),
		Actor:            req.GetActor(),
		LockWait:         wait(req.GetLockWait()),
		LockTimeout:      wait(req.GetLockTimeout()),
		StatementTimeout: req.GetStatementTimeout().AsDuration(),
		RequestID:        req.GetRequestId(),
		Drift:            policy,
	}, progress.send)
	return sendResult(stream, in.Target, res, failure)
}

// sendResult ends the stream of an execution.
func sendResult(
	stream grpc.ServerStreamingServer[lockstepv1.ExecuteMigrationResponse],
	target dialect.Target, res *migrate.Result, failure error,
) error {
	if res == nil {
		return failure
	}
	msg := toResult(res)
	msg.Target = target.String()
	msg.Warnings = res.Warnings
	if msg.GetFailure() == nil && failure != nil {
		msg.Failure = status.Failure(status.Classify(failure))
	}
	err := stream.Send(&lockstepv1.ExecuteMigrationResponse{
		Event: &lockstepv1.ExecuteMigrationResponse_Result{Result: msg},
	})
	switch {
	case failure != nil:
		return failure
	case res.Error != nil:
		return res.Error
	default:
		return err
	}
}

// wait tells "not set", the default, from an explicit zero, not at all.
func wait(d *durationpb.Duration) time.Duration {
	if d != nil && d.AsDuration() == 0 {
		return migrate.NoWait
	}
	return d.AsDuration()
}

// progressSender sends signs of progress, one at a time. A client that has gone
// away shows in the context, which ends the execution; so a failed send needs
// no attention here.
type progressSender struct {
	mu     sync.Mutex
	stream grpc.ServerStreamingServer[lockstepv1.ExecuteMigrationResponse]
	failed bool
}

func (p *progressSender) send(e migrate.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed {
		return
	}
	err := p.stream.Send(&lockstepv1.ExecuteMigrationResponse{
		Event: &lockstepv1.ExecuteMigrationResponse_Progress{Progress: toProgress(e)},
	})
	p.failed = err != nil
}

func toProgress(e migrate.Event) *lockstepv1.ExecutionProgress {
	out := &lockstepv1.ExecutionProgress{
		Phase: toPhase(e.Phase), Index: i32(e.Index), Total: i32(e.Total), Attempt: i32(e.Attempt),
	}
	if e.Statement != nil {
		out.Statement = toStatement(e.Statement)
	}
	return out
}

func toPhase(p migrate.Phase) lockstepv1.ExecutionPhase {
	switch p {
	case migrate.PhasePlanning:
		return lockstepv1.ExecutionPhase_EXECUTION_PHASE_PLANNING
	case migrate.PhaseLocking:
		return lockstepv1.ExecutionPhase_EXECUTION_PHASE_LOCKING
	case migrate.PhaseExecuting:
		return lockstepv1.ExecutionPhase_EXECUTION_PHASE_EXECUTING
	case migrate.PhaseVerifying:
		return lockstepv1.ExecutionPhase_EXECUTION_PHASE_VERIFYING
	case migrate.PhaseRecording:
		return lockstepv1.ExecutionPhase_EXECUTION_PHASE_RECORDING
	case migrate.PhaseDone:
		return lockstepv1.ExecutionPhase_EXECUTION_PHASE_DONE
	case migrate.PhaseRecovering:
		return lockstepv1.ExecutionPhase_EXECUTION_PHASE_RECOVERING
	case migrate.PhasePreflight:
		return lockstepv1.ExecutionPhase_EXECUTION_PHASE_PREFLIGHT
	}
	return lockstepv1.ExecutionPhase_EXECUTION_PHASE_UNSPECIFIED
}

func toResult(r *migrate.Result) *lockstepv1.ExecutionResult {
	return &lockstepv1.ExecutionResult{
		Outcome:    toOutcome(r.Outcome),
		Revision:   r.Revision,
		Plan:       toPlan(r.Plan),
		Statements: toExecuted(r.Statements),
		Failure:    status.Failure(r.Error),
		Actor:      r.Actor,
		StartedAt:  timestamppb.New(r.StartedAt),
		Duration:   durationpb.New(r.Duration),
		Preflight:  toPreflight(r.Preflight),
	}
}

func toOutcome(o migrate.Outcome) lockstepv1.ExecutionOutcome {
	switch o {
	case migrate.OutcomeApplied:
		return lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_APPLIED
	case migrate.OutcomeNothing:
		return lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_NOTHING_TO_DO
	case migrate.OutcomeRolledBack:
		return lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_ROLLED_BACK
	case migrate.OutcomeNeedsOperator:
		return lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_NEEDS_OPERATOR
	}
	return lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_UNSPECIFIED
}
