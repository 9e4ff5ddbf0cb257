package rpc

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lockstepdb/lockstep/internal/access"
)

// Access is who may do what on a server. Its zero value lets in nobody but this
// process itself.
type Access struct {
	Authenticator *access.Authenticator // nil: nobody is known
	Targets       *access.Targets       // nil: no target is allowed
	Registry      access.Registry       // nil: no tenants are registered
	Limits        Limits
}

// guard is the one interceptor that lets a call through or not: it finds out
// who calls, holds them to the rule of the call and to the limits, and looks at
// what the request names before any handler sees it.
type guard struct {
	Access
	policy access.Policy
	rules  map[string]boundRule
	limits *limiter
}

// Authenticate returns who is calling, for what the gateway serves by itself.
func (s *Server) Authenticate(ctx context.Context, c access.Credentials) (access.Identity, error) {
	return s.guard.authenticate(ctx, c)
}

func (g *guard) authenticate(ctx context.Context, c access.Credentials) (access.Identity, error) {
	if g.Authenticator == nil {
		return new(access.Authenticator).Authenticate(ctx, c)
	}
	return g.Authenticator.Authenticate(ctx, c)
}

// admit decides what can be decided before the request is read, and returns the
// context that carries who is calling. With an error the admission says who that
// is, or is nil when nobody knows, or they call too often.
func (g *guard) admit(ctx context.Context, method string) (context.Context, *admission, error) {
	from := callerOf(ctx)
	about := callOf(ctx)
	about.peer = from.address
	if g.policy[method].Public {
		return ctx, &admission{guard: g, rule: boundRule{Rule: g.policy[method]}}, nil
	}
	who, err := g.authenticate(ctx, from.Credentials)
	if err != nil {
		if limited := g.limits.call("failed@" + from.host()); limited != nil {
			err = limited
		}
		return ctx, nil, err
	}
	about.who = who
	a := &admission{guard: g, who: who, rule: g.rules[method], key: who.Subject}
	if who.Method == access.ByNobody {
		a.key += "@" + from.host()
	}
	if who.Method != access.ByLocal {
		if err := g.limits.call(a.key); err != nil {
			return ctx, nil, err
		}
	}
	_, err = g.policy.Admit(who, method)
	return access.WithIdentity(ctx, who), a, err
}

// admission is a call that was let in.
type admission struct {
	guard *guard
	who   access.Identity
	rule  boundRule
	key   string // of the caller, for limits

	mu       sync.Mutex
	giveBack func() // of the place for an execution
}

// check looks at a request: what it names must be open to the caller. It also
// says in the request who asks, so that nobody is recorded for somebody else.
func (a *admission) check(ctx context.Context, req any) error {
	msg, ok := req.(proto.Message)
	if !ok || a.rule.Public {
		return nil
	}
	callOf(ctx).remember(a.rule, msg)
	m := msg.ProtoReflect()
	if a.rule.actor != nil {
		claim := a.rule.actor.get(m)
		m.Set(a.rule.actor[0], protoreflect.ValueOfString(a.who.Actor(claim)))
	}
	if a.who.Method == access.ByLocal {
		return nil
	}
	labels, known, err := a.labels(ctx, m)
	if err != nil {
		return err
	}
	if err := a.rule.Permit(a.who, labels, known); err != nil {
		return err
	}
	return a.occupy()
}

// labels finds the labels of what the request names. A target must be one of
// those that this server allows, whoever asks.
func (a *admission) labels(ctx context.Context, m protoreflect.Message) (access.Labels, bool, error) {
	registry := a.guard.Registry
	if raw := a.rule.target.get(m); raw != "" {
		target, err := a.rule.parse(raw)
		if err != nil {
			return nil, false, err
		}
		if err := a.guard.Targets.Check(target); err != nil {
			return nil, false, err
		}
		if registry == nil || a.rule.Scope != access.Target || a.who.HoldsEverywhere(a.rule.Role) {
			return nil, false, nil
		}
		return registry.LabelsAt(ctx, target)
	}
	tenant := a.rule.tenant.get(m)
	if registry == nil || tenant == "" || a.who.HoldsEverywhere(a.rule.Role) {
		return nil, false, nil
	}
	return registry.LabelsOf(ctx, tenant)
}

// occupy takes a place for an execution, once a call.
func (a *admission) occupy() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.rule.Mutates || a.giveBack != nil {
		return nil
	}
	var err error
	a.giveBack, err = a.guard.limits.execution(a.key)
	return err
}

// end gives back what the call occupied.
func (a *admission) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.giveBack != nil {
		a.giveBack()
	}
}

func (g *guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, a, err := g.admit(ctx, info.FullMethod)
	if err != nil {
		if a != nil {
			callOf(ctx).remember(a.rule, req)
		}
		return nil, err
	}
	defer a.end()
	if err := a.check(ctx, req); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (g *guard) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, a, err := g.admit(ss.Context(), info.FullMethod)
	if a == nil || err != nil && info.IsClientStream { // a handler of such a stream may act before it reads
		return err
	}
	defer a.end()
	return next(srv, &checkedStream{ServerStream: ss, ctx: ctx, validate: func(m any) error {
		if err != nil { // what was refused is in the request, which had to be read for that
			callOf(ctx).remember(a.rule, m)
			return err
		}
		return a.check(ctx, m)
	}})
}
