package status

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Fault turns the error of a call back into the fault that the server sent; nil
// gives nil. An error that no server of ours made (no connection, a proxy on
// the way) is classified by its code.
func Fault(err error) *fault.Error {
	if err == nil {
		return nil
	}
	if f := fault.As(err); f != nil {
		return f
	}
	st, ok := status.FromError(err)
	if !ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Classify(err)
	}
	out := &fault.Error{Kind: fault.Bug, Detail: st.Message(), Err: err}
	known := false
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() != Domain {
				continue
			}
			known = true
			out.Reason = d.GetReason()
			out.Kind = fault.ParseKind(d.GetMetadata()[MetadataKind])
			out.RolledBack = d.GetMetadata()[MetadataRolledBack] == "true"
		case *errdetails.BadRequest:
			out.Violations = violations(d)
		case *errdetails.LocalizedMessage:
			out.Suggestion = d.GetMessage()
		}
	}
	if !known {
		return transport(st, err)
	}
	return out
}

func violations(d *errdetails.BadRequest) []fault.Violation {
	out := make([]fault.Violation, 0, len(d.GetFieldViolations()))
	for _, v := range d.GetFieldViolations() {
		out = append(out, fault.Violation{
			Subject:     v.GetField(),
			Description: v.GetDescription(),
			Suggestion:  v.GetLocalizedMessage().GetMessage(),
		})
	}
	return out
}

// transport classifies a status that carries no details of ours.
func transport(st *status.Status, err error) *fault.Error {
	wrap := func(k fault.Kind, reason, format string, args ...any) *fault.Error {
		return fault.Wrap(err, k, reason, format, args...)
	}
	switch st.Code() {
	case codes.Unavailable:
		return wrap(fault.Unavailable, "SERVER_UNREACHABLE", "the lockstep server cannot be reached").
			Suggest("check --address, whether the server speaks TLS (--tls), and that `lockstep serve` runs there")
	case codes.DeadlineExceeded:
		return wrap(fault.Deadline, "DEADLINE_EXCEEDED", "the server did not answer in time").Suggest("try again")
	case codes.Canceled:
		return wrap(fault.Canceled, "CANCELED", "the call was given up")
	case codes.ResourceExhausted:
		return wrap(fault.Exhausted, "MESSAGE_TOO_LARGE", "a message is larger than the limit, or the server is overloaded").
			Suggest("raise max_message_bytes on both sides, or ask for less at once")
	case codes.Unimplemented:
		return wrap(fault.Unsupported, "METHOD_UNKNOWN", "the server at this address does not know the call").
			Suggest("check that --address is the gRPC address of a lockstep server of this version")
	case codes.Unauthenticated:
		return wrap(fault.Unauthenticated, "UNAUTHENTICATED", "the server does not know who is asking")
	case codes.PermissionDenied:
		return wrap(fault.Denied, "DENIED", "the server does not allow this")
	case codes.InvalidArgument:
		return wrap(fault.Invalid, "REQUEST_INVALID", "the server cannot read the request")
	case codes.OK, codes.Unknown, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition,
		codes.Aborted, codes.OutOfRange, codes.Internal, codes.DataLoss:
	}
	return wrap(fault.Bug, "SERVER_FAILED", "the call failed (%s)", st.Code())
}
