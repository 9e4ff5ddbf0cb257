package status

import (
	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Failure renders a fault as the API's message; nil gives nil.
func Failure(f *fault.Error) *lockstepv1.Failure {
	if f == nil {
		return nil
	}
	out := &lockstepv1.Failure{
		// The enum repeats the closed set, one further: 0 is "not set".
		Kind:       lockstepv1.FailureKind(f.Kind) + 1,
		Reason:     f.Reason,
		Detail:     f.Detail,
		Suggestion: f.Suggestion,
		RolledBack: f.RolledBack,
	}
	for _, v := range f.Violations {
		out.Violations = append(out.Violations, Violation(v))
	}
	return out
}

// Violation translates one problem of several.
func Violation(v fault.Violation) *lockstepv1.Violation {
	return &lockstepv1.Violation{
		Subject:     v.Subject,
		File:        v.Position.File,
		Line:        int32(v.Position.Line),   //nolint:gosec // a line of a file of at most some MiB
		Column:      int32(v.Position.Column), //nolint:gosec // a column of such a line
		Description: v.Description,
		Suggestion:  v.Suggestion,
	}
}

// FromFailure is the inverse of Failure.
func FromFailure(m *lockstepv1.Failure) *fault.Error {
	if m == nil {
		return nil
	}
	out := &fault.Error{
		Reason:     m.GetReason(),
		Detail:     m.GetDetail(),
		Suggestion: m.GetSuggestion(),
		RolledBack: m.GetRolledBack(),
	}
	if k := m.GetKind(); k > 0 && k <= lockstepv1.FailureKind_FAILURE_KIND_CORRUPT {
		out.Kind = fault.Kind(k - 1)
	}
	for _, v := range m.GetViolations() {
		out.Violations = append(out.Violations, fault.Violation{
			Subject:     v.GetSubject(),
			Position:    fault.Position{File: v.GetFile(), Line: int(v.GetLine()), Column: int(v.GetColumn())},
			Description: v.GetDescription(),
			Suggestion:  v.GetSuggestion(),
		})
	}
	return out
}
