package status_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// table holds the contract: DESIGN section 5 for exit codes.
var table = []struct {
	kind           fault.Kind
	code           codes.Code
	exit, undoneBy int // exit code alone, and when the work was rolled back
}{
	{fault.Bug, codes.Internal, 1, 5},
	{fault.Invalid, codes.InvalidArgument, 65, 5},
	{fault.NotFound, codes.NotFound, 65, 5},
	{fault.Exists, codes.AlreadyExists, 65, 5},
	{fault.Refused, codes.FailedPrecondition, 3, 5},
	{fault.Drift, codes.FailedPrecondition, 4, 5},
	{fault.Conflict, codes.Aborted, 75, 75},
	{fault.Unsupported, codes.Unimplemented, 65, 5},
	{fault.Unavailable, codes.Unavailable, 69, 5},
	{fault.Exhausted, codes.ResourceExhausted, 75, 5},
	{fault.Deadline, codes.DeadlineExceeded, 75, 5},
	{fault.Canceled, codes.Canceled, 75, 5},
	{fault.Unauthenticated, codes.Unauthenticated, 77, 5},
	{fault.Denied, codes.PermissionDenied, 77, 5},
	{fault.Partial, codes.DataLoss, 6, 6},
	{fault.Corrupt, codes.DataLoss, 6, 6},
}

func TestEveryKindHasItsCodes(t *testing.T) {
	for i, row := range table {
		require.Equal(t, fault.Kind(i), row.kind, "the table is complete and in order")
		f := fault.New(row.kind, "REASON", "detail")
		assert.Equal(t, row.code, status.Code(row.kind), row.kind)
		assert.Equal(t, row.exit, status.Exit(f), row.kind)
		f.RolledBack = true
		assert.Equal(t, row.undoneBy, status.Exit(f), "%s, rolled back", row.kind)
	}
	assert.Equal(t, fmt.Sprintf("kind(%d)", len(table)), fault.Kind(len(table)).String(), "a new kind needs a row")
}

func TestExitOfOtherErrors(t *testing.T) {
	assert.Equal(t, 0, status.Exit(nil))
	assert.Equal(t, 1, status.Exit(errors.New("boom")))
	assert.Equal(t, 75, status.Exit(fmt.Errorf("wrapped: %w", context.Canceled)))
	assert.Equal(t, 75, status.Exit(context.DeadlineExceeded))
}

func TestFaultSurvivesTheWire(t *testing.T) {
	for _, row := range table {
		f := fault.Wrap(errors.New("password=hunter2"), row.kind, "SOME_REASON", "what happened").Suggest("do this")
		f.RolledBack = row.kind == fault.Refused
		f.Violations = []fault.Violation{{
			Subject: "example.com/crm@v1.0.0", Position: fault.Position{File: "crm.go", Line: 3, Column: 2},
			Description: "a map", Suggestion: "add gorm:\"-\"",
		}}
		st := status.Of(f)
		assert.Equal(t, row.code, st.Code())
		assert.NotContains(t, fmt.Sprint(st.Proto()), "hunter2")

		got := status.Fault(st.Err())
		assert.Equal(t, row.kind, got.Kind)
		assert.Equal(t, "SOME_REASON", got.Reason)
		assert.Equal(t, "what happened", got.Detail)
		assert.Equal(t, "do this", got.Suggestion)
		assert.Equal(t, f.RolledBack, got.RolledBack)
		require.Len(t, got.Violations, 1)
		assert.Equal(t, "example.com/crm@v1.0.0/crm.go:3:2", got.Violations[0].Subject)
		assert.Equal(t, "a map", got.Violations[0].Description)
		assert.Equal(t, "add gorm:\"-\"", got.Violations[0].Suggestion)
	}
}

func TestUnknownErrorShowsNothing(t *testing.T) {
	st := status.Of(errors.New("dial postgres://u:hunter2@h/db: refused"))
	assert.Equal(t, codes.Internal, st.Code())
	assert.NotContains(t, fmt.Sprint(st.Proto()), "hunter2")
	assert.NotContains(t, fmt.Sprint(st.Proto()), "postgres")
}

func TestManyViolationsAreBounded(t *testing.T) {
	f := fault.New(fault.Invalid, "MANY", "many")
	f.Violations = make([]fault.Violation, 1000)
	for _, d := range status.Of(f).Details() {
		if br, ok := d.(*errdetails.BadRequest); ok {
			require.Len(t, br.GetFieldViolations(), 101)
			assert.Equal(t, "and 900 more", br.GetFieldViolations()[100].GetDescription())
		}
	}
}

func TestTransportErrorsAreClassifiedByCode(t *testing.T) {
	want := map[codes.Code]fault.Kind{
		codes.Unavailable: fault.Unavailable, codes.DeadlineExceeded: fault.Deadline, codes.Canceled: fault.Canceled,
		codes.ResourceExhausted: fault.Exhausted, codes.Unimplemented: fault.Unsupported,
		codes.Unauthenticated: fault.Unauthenticated, codes.PermissionDenied: fault.Denied,
		codes.InvalidArgument: fault.Invalid, codes.Unknown: fault.Bug, codes.Internal: fault.Bug,
	}
	for code, kind := range want {
		f := status.Fault(grpcstatus.Error(code, "secret words of a proxy"))
		assert.Equal(t, kind, f.Kind, code)
		assert.NotContains(t, f.Error(), "secret")
	}
	assert.Nil(t, status.Fault(nil))
}

func TestFailureMessageRoundTrip(t *testing.T) {
	for _, row := range table {
		f := fault.New(row.kind, "R", "d").Suggest("s")
		f.Violations = []fault.Violation{{Subject: "a", Position: fault.Position{File: "f.go", Line: 1, Column: 2}, Description: "x", Suggestion: "y"}}
		f.RolledBack = true
		assert.Equal(t, f, status.FromFailure(status.Failure(f)))
		assert.Equal(t, "FAILURE_KIND_"+upper(row.kind.String()), status.Failure(f).GetKind().String())
	}
	assert.Nil(t, status.Failure(nil))
	assert.Nil(t, status.FromFailure(nil))
}

func upper(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c >= 'a' && c <= 'z' {
			out[i] = c - 32
		}
	}
	return string(out)
}
