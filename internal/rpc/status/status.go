// Package status holds the only table from fault.Kind to a gRPC code and to an
// exit code, and carries a fault over the wire: as a google.rpc.Status with
// standard details, and back.
//
// It is a package of its own because both sides of the API need it: rpc to
// answer, and the command line, which is a client like any other, to exit.
package status

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Domain is the domain of every ErrorInfo that lockstep sends.
const Domain = "lockstep"

// The keys of ErrorInfo.Metadata.
const (
	MetadataKind       = "kind"        // the fault's kind, such as "refused"
	MetadataRolledBack = "rolled_back" // "true" when work had begun and was undone
)

// The exit codes that do not come from a fault.
const (
	ExitOK      = 0  // done, or nothing to do
	ExitBug     = 1  // unexpected
	ExitPending = 2  // with --exit-code: there is something to execute
	ExitRefused = 3  // refused, as by kind Refused: of a preview, the rows do not allow the plan
	ExitUsage   = 64 // the command line is wrong
	ExitInput   = 65 // bad input: a module, an entity, a request
)

// exitRolledBack is the exit code of an execution that failed and was undone.
const exitRolledBack = 5

// maxViolations bounds the violations that one status carries: it travels in an
// HTTP/2 trailer, which proxies limit.
const maxViolations = 100

// mapping is one row of the table.
type mapping struct {
	code codes.Code
	exit int
}

// lookup is the table.
func lookup(k fault.Kind) mapping {
	switch k {
	case fault.Bug:
		return mapping{codes.Internal, ExitBug}
	case fault.Invalid:
		return mapping{codes.InvalidArgument, 65}
	case fault.NotFound:
		return mapping{codes.NotFound, 65}
	case fault.Exists:
		return mapping{codes.AlreadyExists, 65}
	case fault.Refused:
		return mapping{codes.FailedPrecondition, ExitRefused}
	case fault.Drift:
		return mapping{codes.FailedPrecondition, 4}
	case fault.Conflict:
		return mapping{codes.Aborted, 75}
	case fault.Unsupported:
		return mapping{codes.Unimplemented, 65}
	case fault.Unavailable:
		return mapping{codes.Unavailable, 69}
	case fault.Exhausted:
		return mapping{codes.ResourceExhausted, 75}
	case fault.Deadline:
		return mapping{codes.DeadlineExceeded, 75}
	case fault.Canceled:
		return mapping{codes.Canceled, 75}
	case fault.Unauthenticated:
		return mapping{codes.Unauthenticated, 77}
	case fault.Denied:
		return mapping{codes.PermissionDenied, 77}
	case fault.Partial:
		return mapping{codes.DataLoss, 6}
	case fault.Corrupt:
		return mapping{codes.DataLoss, 6}
	}
	return mapping{codes.Internal, ExitBug}
}

// Code returns the gRPC code of a kind.
func Code(k fault.Kind) codes.Code { return lookup(k).code }

// Exit returns the exit code of an error, 0 for nil. What was rolled back exits
// with 5 whatever the cause, except where trying again is the answer and where
// an operator is needed.
func Exit(err error) int {
	if err == nil {
		return ExitOK
	}
	f := Classify(err)
	exit := lookup(f.Kind).exit
	if f.RolledBack && f.Kind != fault.Conflict && f.Kind != fault.Partial && f.Kind != fault.Corrupt {
		return exitRolledBack
	}
	return exit
}

// Classify returns the fault in err's chain. Any other error becomes one: the
// end of a context is what it is, the rest is a Bug whose text is kept back.
func Classify(err error) *fault.Error {
	switch f := fault.As(err); {
	case f != nil:
		return f
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Deadline, "DEADLINE_EXCEEDED", "time ran out before the answer was ready").
			Suggest("allow more time")
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Canceled, "CANCELED", "the caller gave up")
	default:
		return fault.Wrap(err, fault.Bug, "INTERNAL", "something unexpected happened inside lockstep").
			Suggest("report this with the server's log around that moment")
	}
}

// Of renders an error as a gRPC status with details; nil gives nil. Only what a
// fault was made to show goes out, never the text of its cause.
func Of(err error) *status.Status {
	if err == nil {
		return nil
	}
	f := Classify(err)
	st := status.New(Code(f.Kind), f.Detail)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason: f.Reason,
		Domain: Domain,
		Metadata: map[string]string{
			MetadataKind:       f.Kind.String(),
			MetadataRolledBack: strconv.FormatBool(f.RolledBack),
		},
	}}
	if len(f.Violations) > 0 {
		details = append(details, badRequest(f.Violations))
	}
	if f.Suggestion != "" {
		details = append(details, &errdetails.LocalizedMessage{Locale: "en", Message: f.Suggestion})
	}
	var later interface{ RetryAfter() time.Duration }
	if errors.As(f.Err, &later) {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(later.RetryAfter())})
	}
	full, err := st.WithDetails(details...)
	if err != nil {
		return st
	}
	return full
}

// badRequest renders violations; the field is the place: a request field, or
// module@version with file, line and column.
func badRequest(violations []fault.Violation) *errdetails.BadRequest {
	out := &errdetails.BadRequest{}
	for i, v := range violations {
		if i == maxViolations {
			out.FieldViolations = append(out.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Description: fmt.Sprintf("and %d more", len(violations)-maxViolations),
			})
			break
		}
		fv := &errdetails.BadRequest_FieldViolation{Field: place(v), Description: v.Description}
		if v.Suggestion != "" {
			fv.LocalizedMessage = &errdetails.LocalizedMessage{Locale: "en", Message: v.Suggestion}
		}
		out.FieldViolations = append(out.FieldViolations, fv)
	}
	return out
}

func place(v fault.Violation) string {
	at := v.Position.String()
	switch {
	case at == "":
		return v.Subject
	case v.Subject == "":
		return at
	default:
		return v.Subject + "/" + at
	}
}
