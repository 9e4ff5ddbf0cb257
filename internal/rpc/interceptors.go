package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"google.golang.org/grpc"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// ours is the prefix of the full method names of this API; health and
// reflection keep their own rules.
const ours = "/lockstep.v1."

// chain makes the interceptors, from the outermost: access log and translation
// of errors, recovery, the guard, deadline, validation.
type chain struct {
	cfg       Config
	validator protovalidate.Validator
	guard     *guard
	ledger    *ledger
}

// call is what interceptors learn about a call, for its line in the log and, when
// it is refused, its entry in the audit chain.
type call struct {
	who   access.Identity
	peer  string
	rule  boundRule
	req   proto.Message // nil: it was not read
	begun bool          // its operation is written down already
}

type callKey struct{}

// callOf returns the record of a call.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

func (c chain) unary() []grpc.UnaryServerInterceptor {
	return []grpc.UnaryServerInterceptor{
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			arrived(ctx)
			began := c.cfg.Now()
			ctx = context.WithValue(ctx, callKey{}, &call{})
			resp, err := next(ctx, req)
			c.ended(ctx, info.FullMethod, began, err)
			return resp, wire(info.FullMethod, err)
		},
		recovery.UnaryServerInterceptor(recovery.WithRecoveryHandlerContext(c.recovered)),
		c.guard.unary,
		func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			ctx, cancel := c.deadline(ctx, info.FullMethod)
			defer cancel()
			if err := c.validate(req); err != nil {
				return nil, err
			}
			return next(ctx, req)
		},
	}
}

func (c chain) stream() []grpc.StreamServerInterceptor {
	return []grpc.StreamServerInterceptor{
		func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			began := c.cfg.Now()
			ctx := context.WithValue(ss.Context(), callKey{}, &call{})
			err := next(srv, &checkedStream{ServerStream: ss, ctx: ctx, validate: func(any) error {
				arrived(ctx)
				return nil
			}})
			c.ended(ctx, info.FullMethod, began, err)
			return wire(info.FullMethod, err)
		},
		recovery.StreamServerInterceptor(recovery.WithRecoveryHandlerContext(c.recovered)),
		c.guard.stream,
		func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			ctx, cancel := c.deadline(ss.Context(), info.FullMethod)
			defer cancel()
			return next(srv, &checkedStream{ServerStream: ss, ctx: ctx, validate: c.validate})
		},
	}
}

// checkedStream checks what is received and carries a context of its own.
type checkedStream struct {
	grpc.ServerStream
	ctx      context.Context //nolint:containedctx // a stream hands out its context
	validate func(any) error
}

// Context returns the context.
func (s *checkedStream) Context() context.Context { return s.ctx }

// RecvMsg receives one message and checks it.
func (s *checkedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.validate(m)
}

// wire turns an error of ours into a status; other services' errors stay.
func wire(method string, err error) error {
	if err == nil || !strings.HasPrefix(method, ours) && fault.As(err) == nil {
		return err
	}
	return status.Of(err).Err()
}

// deadline bounds a call that brought no deadline of its own.
func (c chain) deadline(ctx context.Context, method string) (context.Context, context.CancelFunc) {
	limit := c.cfg.RequestTimeout
	if c.guard.policy[method].Mutates {
		limit = c.cfg.ExecuteTimeout
	}
	if _, has := ctx.Deadline(); has || limit <= 0 || !strings.HasPrefix(method, ours) {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

const reasonPanic = "PANIC"

// recovered turns a panic into a Bug. The stack goes to the log; the value of
// the panic only when it is a runtime error, as any other may hold anything.
func (c chain) recovered(ctx context.Context, p any) error {
	attrs := []slog.Attr{slog.String("panic", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack()))}
	if re, ok := p.(interface {
		error
		RuntimeError()
	}); ok {
		attrs[0] = slog.String("panic", re.Error())
	}
	c.cfg.Logger.LogAttrs(ctx, slog.LevelError, "a call panicked", attrs...)
	return fault.New(fault.Bug, reasonPanic, "something unexpected happened inside lockstep").
		Suggest("report this with the server's log around that moment")
}

// ended writes down a call that was refused, and its line in the log.
func (c chain) ended(ctx context.Context, method string, began time.Time, err error) {
	c.ledger.refused(ctx, method, c.cfg.Now().Sub(began), err)
	c.log(ctx, method, began, err)
}

// log writes one line per call: who, what, how it ended and how long it took;
// never what was sent.
func (c chain) log(ctx context.Context, method string, began time.Time, err error) {
	level := slog.LevelInfo
	took := c.cfg.Now().Sub(began)
	if c.cfg.Called != nil {
		c.cfg.Called(method, grpcstatus.Code(wire(method, err)).String(), took)
	}
	attrs := []slog.Attr{slog.String("method", strings.TrimPrefix(method, "/")), slog.Duration("duration", took)}
	about := callOf(ctx)
	if about.peer != "" {
		attrs = append(attrs, slog.String("peer", about.peer))
	}
	if about.who.Subject != "" {
		attrs = append(attrs, slog.String("caller", about.who.Subject))
	}
	if err != nil {
		f := status.Classify(err)
		attrs = append(attrs, slog.String("kind", f.Kind.String()), slog.String("reason", f.Reason))
		if f.Kind == fault.Partial || f.Kind == fault.Corrupt {
			level = slog.LevelWarn
		}
		if f.Kind == fault.Bug {
			level = slog.LevelError
			attrs = append(attrs, slog.String("detail", f.Detail), slog.String("cause", causes(f.Err)))
		}
	}
	c.cfg.Logger.LogAttrs(ctx, level, "call", attrs...)
}

// causes names the types in a chain of errors: their texts may hold secrets.
func causes(err error) string {
	var out []string
	for ; err != nil && len(out) < 8; err = errors.Unwrap(err) {
		out = append(out, fmt.Sprintf("%T", err))
	}
	return strings.Join(out, " > ")
}
