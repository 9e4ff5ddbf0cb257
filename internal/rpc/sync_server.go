package rpc

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover/inventory"
)

// SyncServer reads a server and records what is different.
func (s *serverService) SyncServer(
	req *lockstepv1.SyncServerRequest, stream grpc.ServerStreamingServer[lockstepv1.SyncServerResponse],
) error {
	ctx := stream.Context()
	if _, err := s.places.stored(); err != nil {
		return err
	}
	sender := &syncSender{stream: stream}
	in := inventory.Request{
		Server: req.GetServer(), Wanted: toWanted(req.GetOptions()), Allowed: s.places.allowed(ctx), Progress: sender.send,
	}
	var out *lockstepv1.SyncResult
	err := s.ledger.run(ctx, control.AuditEvent{ServerID: req.GetServer(), Actor: req.GetActor()}, func(e *control.AuditEvent) (err error) {
		out, err = s.sync(ctx, in, req.GetPreview(), e)
		return err
	})
	if err != nil {
		return err
	}
	return stream.Send(&lockstepv1.SyncServerResponse{Event: &lockstepv1.SyncServerResponse_Result{Result: out}})
}

// sync carries out a sync, or looks only, and adds to the record what came of it.
func (s *serverService) sync(ctx context.Context, in inventory.Request, preview bool, e *control.AuditEvent) (*lockstepv1.SyncResult, error) {
	look, written, err := s.lookOrSync(ctx, in, preview)
	if err != nil {
		return nil, err
	}
	out, err := toSyncResult(look, written)
	describeSync(e, out)
	return out, err
}

func (s *serverService) lookOrSync(ctx context.Context, in inventory.Request, preview bool) (*inventory.Look, *control.SyncResult, error) {
	if preview {
		look, err := s.syncer.Look(ctx, in)
		return look, nil, err
	}
	return s.syncer.Sync(ctx, in, nil)
}

// describeSync adds to the record of a sync what it found.
func describeSync(e *control.AuditEvent, r *lockstepv1.SyncResult) {
	e.Outcome, e.Target = "synced", r.GetServer().GetAddress()
	if r.GetPreview() {
		e.Outcome = "previewed"
	}
	e.Details = map[string]string{
		"generation": strconv.FormatInt(r.GetServer().GetLastSync().GetGeneration(), 10),
		"databases":  strconv.Itoa(len(r.GetDatabases())),
		"users":      strconv.Itoa(len(r.GetUsers())),
		"grants":     strconv.Itoa(len(r.GetGrants())),
	}
	for name, ids := range map[string][]string{"tenants_vanished": r.GetTenantsVanished(), "tenants_returned": r.GetTenantsReturned()} {
		if len(ids) > 0 {
			e.Details[name] = strings.Join(ids, " ")
		}
	}
}

// scheduled is who asks for the syncs of the schedule. It holds no role: it makes
// no call that would need one.
func scheduled() access.Identity { return access.Identity{Subject: "schedule", Name: "schedule"} }

// SyncOnSchedule syncs a server though nobody asked. The list of allowed targets
// counts, and it is in the audit chain when it found something. Errors are those
// of SyncServer.
func (s *Server) SyncOnSchedule(ctx context.Context, id string) error {
	ctx = access.WithIdentity(ctx, scheduled())
	in := inventory.Request{Server: id, Allowed: s.servers.places.allowed(ctx)}
	_, _, err := s.servers.syncer.Sync(ctx, in, s.servers.writeAudited)
	return err
}

// writeAudited writes what a look found, under a record unless it is nothing.
func (s *serverService) writeAudited(ctx context.Context, look *inventory.Look) (*control.SyncResult, error) {
	if look.Quiet() {
		return s.syncer.Write(ctx, look)
	}
	var out *control.SyncResult
	e := control.AuditEvent{ServerID: look.Server.ID, Method: lockstepv1.ServerService_SyncServer_FullMethodName}
	err := s.ledger.run(ctx, e, func(e *control.AuditEvent) (err error) {
		if out, err = s.syncer.Write(ctx, look); err != nil {
			return err
		}
		told, err := toSyncResult(look, out)
		describeSync(e, told)
		return err
	})
	return out, err
}

// allowed returns what holds a server to the list of targets; nil for a caller
// whom the list does not bind.
func (p places) allowed(ctx context.Context) func(dialect.Target) error {
	if access.FromContext(ctx).Method == access.ByLocal {
		return nil
	}
	return func(t dialect.Target) error { return p.targets.Check(within(t)) }
}

// within returns a target that stands for all on a server: the list allows files
// below a directory, so a directory of files is allowed as one of its files is.
func within(server dialect.Target) dialect.Target {
	if server.Engine == dialect.SQLite {
		return server.On("any", "")
	}
	return server
}

// toWanted returns nil for options that are not set.
func toWanted(o *lockstepv1.SyncOptions) *inventory.Wanted {
	if o == nil {
		return nil
	}
	return &inventory.Wanted{Include: o.GetInclude(), AllSchemas: o.GetAllSchemas(), SchemasOf: o.GetSchemasOf(), Nested: o.GetNested()}
}

// syncSender sends signs of progress. A client that has gone away shows in the
// context, which ends the sync; so a failed send needs no attention here.
type syncSender struct {
	stream grpc.ServerStreamingServer[lockstepv1.SyncServerResponse]
	failed bool
}

func (s *syncSender) send(e inventory.Event) {
	if s.failed {
		return
	}
	s.failed = s.stream.Send(&lockstepv1.SyncServerResponse{Event: &lockstepv1.SyncServerResponse_Progress{Progress: &lockstepv1.SyncProgress{
		Phase: toSyncPhase(e), Done: i32(e.Done), Total: i32(e.Total), Attempt: i32(e.Attempt),
	}}}) != nil
}

func toSyncPhase(e inventory.Event) lockstepv1.SyncPhase {
	switch e.Phase {
	case inventory.Connecting:
		return lockstepv1.SyncPhase_SYNC_PHASE_CONNECTING
	case inventory.Reconciling:
		return lockstepv1.SyncPhase_SYNC_PHASE_RECONCILING
	case inventory.Writing:
		return lockstepv1.SyncPhase_SYNC_PHASE_WRITING
	case inventory.Done:
		return lockstepv1.SyncPhase_SYNC_PHASE_DONE
	case inventory.Reading:
	}
	switch e.Step {
	case "server":
		return lockstepv1.SyncPhase_SYNC_PHASE_SERVER
	case "databases":
		return lockstepv1.SyncPhase_SYNC_PHASE_DATABASES
	case "users", "memberships":
		return lockstepv1.SyncPhase_SYNC_PHASE_USERS
	case "schemas":
		return lockstepv1.SyncPhase_SYNC_PHASE_SCHEMAS
	}
	return lockstepv1.SyncPhase_SYNC_PHASE_GRANTS
}
