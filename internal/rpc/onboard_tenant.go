package rpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/onboard"
)

func servers(cfg Config) onboard.Servers {
	return onboard.Servers{Store: cfg.Store, Secrets: cfg.Secrets, Dialects: cfg.Dialects}
}

// newOnboarding makes what onboards tenants: initialising one is an execution, and
// is written down like any other.
func newOnboarding(cfg Config, book *ledger) *onboard.Service {
	return onboard.New(onboard.Config{Servers: servers(cfg), Migrator: book.keep(cfg.Migrator)})
}

// granting is the migrator that also keeps what onboarded users were granted.
func granting(cfg Config) migrate.Migrator {
	if cfg.Store == nil {
		return cfg.Migrator
	}
	return onboard.Granting(cfg.Migrator, servers(cfg))
}

// OnboardTenant makes a tenant with all that belongs to it, and reports on the
// way; or undoes what is left of an earlier try.
func (s *tenantService) OnboardTenant(
	req *lockstepv1.OnboardTenantRequest, stream grpc.ServerStreamingServer[lockstepv1.OnboardTenantResponse],
) error {
	ctx := stream.Context()
	if _, err := s.places.stored(); err != nil {
		return err
	}
	in, err := s.onboarding(ctx, req)
	if err != nil {
		return err
	}
	progress := &onboardingSender{stream: stream}
	event := control.AuditEvent{TenantID: in.ID, ServerID: in.ServerID, Actor: in.Actor, RequestID: in.RequestID, Strategy: string(in.Strategy)}
	for _, m := range in.Modules {
		event.Modules = append(event.Modules, control.AuditModule{Path: m.Path, Version: m.Query})
	}
	return s.ledger.run(ctx, event, func(e *control.AuditEvent) (err error) {
		var out *onboard.Result
		if req.GetUndo() {
			if out, err = s.onboard.Undo(ctx, in.ID, in.Allow, progress.send); err == nil {
				err = progress.result(out)
			}
		} else {
			out, err = s.onboard.Onboard(ctx, in, progress.send, progress.result)
		}
		tellOnboarding(e, out)
		return err
	})
}

// onboarding reads a request.
func (s *tenantService) onboarding(ctx context.Context, req *lockstepv1.OnboardTenantRequest) (in onboard.Request, err error) {
	in = onboard.Request{
		ID: req.GetId(), DisplayName: req.GetDisplayName(), Labels: req.GetLabels(), ServerID: req.GetServer(),
		Database: req.GetDatabase(), Schema: req.GetSchema(), Actor: req.GetActor(), RequestID: req.GetRequestId(),
	}
	if access.FromContext(ctx).Method != access.ByLocal {
		in.Allow = s.places.targets.Check
	}
	if u := req.GetUser(); u != nil {
		in.User = &dialect.Account{Name: u.GetName(), Host: u.GetHost()}
	}
	if in.Modules, err = fromTenantModules(req.GetModules()); err != nil {
		return in, err
	}
	if in.Strategy, err = fromStrategy(req.GetStrategy()); err != nil {
		return in, err
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	sum := sha256.Sum256(bytes)
	in.Fingerprint = hex.EncodeToString(sum[:])
	return in, err
}

// tellOnboarding writes down what was made and undone.
func tellOnboarding(e *control.AuditEvent, out *onboard.Result) {
	e.Details = map[string]string{}
	if len(out.Made) > 0 && !out.Repeated {
		e.Details["made"] = strings.Join(out.Made, ", ")
	}
	if len(out.Undone) > 0 {
		e.Details["undone"] = strings.Join(out.Undone, ", ")
	}
	if out.Tenant != nil {
		e.Target, e.ServerID = out.Target.String(), out.Tenant.ServerID
	}
	if len(out.Versions) > 0 {
		e.Modules = auditModules(out.Versions)
	}
}

// onboardingSender sends signs of progress, one at a time. A failed send needs no
// attention: who has gone away shows in the context.
type onboardingSender struct {
	mu     sync.Mutex
	stream grpc.ServerStreamingServer[lockstepv1.OnboardTenantResponse]
	failed bool
}

func (p *onboardingSender) send(e onboard.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed {
		return
	}
	msg := &lockstepv1.OnboardingProgress{Phase: toOnboardingPhase(e.Phase), Step: e.Step}
	if e.Execution != nil {
		msg.Execution = toProgress(*e.Execution)
	}
	p.failed = p.stream.Send(&lockstepv1.OnboardTenantResponse{
		Event: &lockstepv1.OnboardTenantResponse_Progress{Progress: msg},
	}) != nil
}

// result ends the stream with the only message that holds the password.
func (p *onboardingSender) result(r *onboard.Result) error {
	out := &lockstepv1.OnboardingResult{
		User: r.User.Name, Password: r.Password.Reveal(), Revision: r.Revision, Made: r.Made, Undone: r.Undone,
		Warnings: r.Warnings, Repeated: r.Repeated,
	}
	if r.Tenant != nil {
		var err error
		if out.Tenant, err = toTenant(r.Tenant); err != nil {
			return err
		}
		out.Host, out.Database, out.Schema = r.Target.Host, r.Target.Database, r.Target.Schema
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stream.Send(&lockstepv1.OnboardTenantResponse{Event: &lockstepv1.OnboardTenantResponse_Result{Result: out}})
}

func toOnboardingPhase(p onboard.Phase) lockstepv1.OnboardingPhase {
	switch p {
	case onboard.PhasePreparing:
		return lockstepv1.OnboardingPhase_ONBOARDING_PHASE_PREPARING
	case onboard.PhaseRegistering:
		return lockstepv1.OnboardingPhase_ONBOARDING_PHASE_REGISTERING
	case onboard.PhaseCreating:
		return lockstepv1.OnboardingPhase_ONBOARDING_PHASE_CREATING
	case onboard.PhaseInitialising:
		return lockstepv1.OnboardingPhase_ONBOARDING_PHASE_INITIALISING
	case onboard.PhaseUndoing:
		return lockstepv1.OnboardingPhase_ONBOARDING_PHASE_UNDOING
	case onboard.PhaseDone:
		return lockstepv1.OnboardingPhase_ONBOARDING_PHASE_DONE
	}
	return lockstepv1.OnboardingPhase_ONBOARDING_PHASE_UNSPECIFIED
}
