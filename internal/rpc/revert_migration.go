package rpc

import (
	"context"

	"google.golang.org/grpc"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// PreviewRevert plans to go back to an earlier revision, and touches nothing.
func (s *migrationService) PreviewRevert(
	ctx context.Context, req *lockstepv1.PreviewRevertRequest,
) (*lockstepv1.PreviewRevertResponse, error) {
	in, err := s.revertRequest(ctx, req)
	if err != nil {
		return nil, err
	}
	in.Prove, in.Preflight, in.Estimate = req.GetProve(), req.GetPreflight(), req.GetEstimate()
	p, err := s.migrator.PreviewRevert(ctx, in)
	if err != nil {
		return nil, err
	}
	return &lockstepv1.PreviewRevertResponse{
		Plan: toSizedPlan(p.Plan, p.Sizes), Current: toRevision(p.Current, false), Changed: p.Changed, Warnings: p.Warnings,
		Script: p.Script, Target: in.Target.String(), Proof: toProof(p.Proof),
		Sizes: toSizes(p.Sizes), Preflight: toPreflight(p.Preflight),
	}, nil
}

// RevertMigration goes back to an earlier revision, and reports on the way as
// ExecuteMigration does.
func (s *migrationService) RevertMigration(
	req *lockstepv1.RevertMigrationRequest,
	stream grpc.ServerStreamingServer[lockstepv1.RevertMigrationResponse],
) error {
	in, err := s.revertRequest(stream.Context(), req)
	if err != nil {
		return err
	}
	if in.Drift, err = fromDriftPolicy(req.GetDriftPolicy()); err != nil {
		return err
	}
	in.Digest, in.Actor, in.RequestID = req.GetPlanDigest(), req.GetActor(), req.GetRequestId()
	in.LockWait, in.LockTimeout = wait(req.GetLockWait()), wait(req.GetLockTimeout())
	in.StatementTimeout = req.GetStatementTimeout().AsDuration()
	out := asExecution{stream}
	progress := &progressSender{stream: out}
	res, failure := s.migrator.Revert(stream.Context(), in, progress.send)
	return sendResult(out, in.Target, res, failure)
}

// reverting is what the two calls ask for alike.
type reverting interface {
	placed
	GetRevision() int64
	GetStrategy() lockstepv1.Strategy
	GetOnline() bool
}

func (s *migrationService) revertRequest(ctx context.Context, req reverting) (migrate.RevertRequest, error) {
	at, err := s.places.of(ctx, req)
	out := migrate.RevertRequest{Revision: req.GetRevision()}
	if err != nil {
		return out, err
	}
	out.Target, out.Online = at.target, req.GetOnline()
	out.Strategy, err = at.strategy(req.GetStrategy())
	return out, err
}

// asExecution sends the messages of an execution as those of a revert.
type asExecution struct {
	grpc.ServerStreamingServer[lockstepv1.RevertMigrationResponse]
}

// Send implements grpc.ServerStreamingServer.
func (s asExecution) Send(m *lockstepv1.ExecuteMigrationResponse) error {
	out := &lockstepv1.RevertMigrationResponse{}
	if r := m.GetResult(); r != nil {
		out.Event = &lockstepv1.RevertMigrationResponse_Result{Result: r}
	} else {
		out.Event = &lockstepv1.RevertMigrationResponse_Progress{Progress: m.GetProgress()}
	}
	return s.ServerStreamingServer.Send(out)
}
