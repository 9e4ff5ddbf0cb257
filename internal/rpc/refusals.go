package rpc

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// audited tells whether a call belongs into the audit chain. Those that only
// read are named by their verbs; any other does, so that nobody can forget a new
// one.
func audited(method string) bool {
	name, ours := strings.CutPrefix(method, ours)
	_, name, named := strings.Cut(name, "/")
	if !ours || !named {
		return false
	}
	for _, verb := range []string{"Get", "List", "Search", "Export", "Verify", "Check", "Compare", "Propose"} {
		if strings.HasPrefix(name, verb) {
			return false
		}
	}
	return true
}

// The bounds of what is kept of a request that was refused, which may hold
// anything: it can have been refused because of that.
const (
	maxRefusedText    = 250
	maxRefusedError   = 4000
	maxRefusedModules = 20
)

// refused writes down a call that was refused before its operation was written
// down: by the guard, by the rules of the API, or because what it names is not
// there. It is refused in any case, so that this cannot be written is but logged.
//
// Callers who proved nothing, or whose proof was bad, and calls over the rate are
// not written down, so that nobody can fill the chain who may not call: the log
// and the metrics have them.
func (l *ledger) refused(ctx context.Context, method string, took time.Duration, failure error) {
	about := callOf(ctx)
	if l.store == nil || failure == nil || about.begun || about.who.Method == "" || !audited(method) {
		return
	}
	f := status.Classify(failure)
	if f.Kind == fault.Unauthenticated || f.Reason == reasonRateLimited {
		return
	}
	e := refusedEvent(about)
	told := status.Failure(f)
	e.Method, e.Duration, e.Reason = method, took, told.GetReason()
	e.Error, e.Suggestion = clip(told.GetDetail(), maxRefusedError), clip(told.GetSuggestion(), maxRefusedError)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTimeout)
	defer cancel()
	if _, err := l.store.RefuseAudit(ctx, e); err != nil {
		l.logger.ErrorContext(ctx, "a refused call is not in the audit chain",
			slog.String("method", method), slog.String("caller", about.who.Subject), slog.String("reason", fault.ReasonOf(err)))
	}
}

// refusedEvent is what is known of a call: who made it, and what it names.
func refusedEvent(about *call) control.AuditEvent {
	e := control.AuditEvent{Actor: about.who.Name, Subject: clip(about.who.Subject, maxRefusedText), Source: about.peer}
	if about.req == nil {
		return e
	}
	m := about.req.ProtoReflect()
	if about.rule.actor != nil {
		e.Actor = about.who.Actor(about.rule.actor.get(m))
	}
	e.TenantID = clip(about.rule.tenant.get(m), maxRefusedText)
	if t, err := dialect.ParseTarget(about.rule.target.get(m)); err == nil {
		e.Target = clip(t.String(), maxRefusedText)
	}
	if r, ok := about.req.(interface{ GetRequestId() string }); ok {
		e.RequestID = clip(r.GetRequestId(), maxRefusedText)
	}
	if r, ok := about.req.(interface{ GetPlanDigest() string }); ok {
		e.Digest = clip(r.GetPlanDigest(), maxRefusedText)
	}
	if r, ok := about.req.(interface{ GetModules() *lockstepv1.ModuleSet }); ok {
		refs := r.GetModules().GetRefs()
		for _, ref := range refs[:min(len(refs), maxRefusedModules)] {
			e.Modules = append(e.Modules, control.AuditModule{Path: clip(ref.GetPath(), maxRefusedText), Version: clip(ref.GetQuery(), maxRefusedText)})
		}
	}
	if r, ok := about.req.(interface{ GetServer() string }); ok {
		e.ServerID = clip(r.GetServer(), maxRefusedText)
	}
	switch r := about.req.(type) { // what is to be made
	case *lockstepv1.CreateTenantRequest:
		e.TenantID = clip(r.GetId(), maxRefusedText)
	case *lockstepv1.CreateServerRequest:
		e.ServerID = clip(r.GetId(), maxRefusedText)
	case *lockstepv1.CreateTokenRequest:
		e.Details = map[string]string{detailToken: clip(r.GetName(), maxRefusedText)}
	case *lockstepv1.RevokeTokenRequest:
		e.Details = map[string]string{detailToken: clip(r.GetToken(), maxRefusedText)}
	}
	return e
}

// remember keeps the request of a call.
func (c *call) remember(rule boundRule, req any) {
	if m, ok := req.(proto.Message); ok {
		c.rule, c.req = rule, m
	}
}

// clip shortens a text to at most n bytes; whoever stores it repairs a character
// that was cut in two.
func clip(s string, n int) string { return s[:min(len(s), n)] }
