// Package fault is the one error vocabulary of lockstep: a closed set of
// kinds, and an error that says what happened, where, and what to do next.
//
// Every layer returns *Error for what it understands; the driving adapters
// hold the only table from Kind to a gRPC code and to an exit code. Nothing in
// an Error may hold a secret: dialects classify driver errors by code and put
// only the server's own, redacted words into Detail.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says which class of failure an error belongs to. The set is closed.
type Kind uint8

// The kinds. The comment of each says when to use it.
const (
	Bug             Kind = iota // an invariant of lockstep itself is broken
	Invalid                     // the input is wrong: a request, a module, an entity
	NotFound                    // what was named does not exist
	Exists                      // what should be made is there already
	Refused                     // policy, or the tenant's own data, forbids it
	Drift                       // the database or the base is not what was recorded or previewed
	Conflict                    // somebody else holds the tenant; try again
	Unsupported                 // the engine, or lockstep, cannot do this
	Unavailable                 // an engine or a module source cannot be reached
	Exhausted                   // a limit is reached: disk, connections, size, rate
	Deadline                    // time ran out
	Canceled                    // the caller went away
	Unauthenticated             // who is asking is not known
	Denied                      // who is asking may not do this
	Partial                     // something was left half done; an operator is needed
	Corrupt                     // recorded data cannot be trusted: a hash or a snapshot is wrong
)

//nolint:gochecknoglobals // a constant table; Go has no constant maps
var kindNames = [...]string{
	Bug: "bug", Invalid: "invalid", NotFound: "not_found", Exists: "exists", Refused: "refused",
	Drift: "drift", Conflict: "conflict", Unsupported: "unsupported", Unavailable: "unavailable",
	Exhausted: "exhausted", Deadline: "deadline", Canceled: "canceled",
	Unauthenticated: "unauthenticated", Denied: "denied", Partial: "partial", Corrupt: "corrupt",
}

// String returns the kind's stable lower-case name, as history records it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind is the inverse of Kind.String; unknown names give Bug.
func ParseKind(name string) Kind {
	for k, n := range kindNames {
		if n == name {
			return Kind(k)
		}
	}
	return Bug
}

// Position is a place in the source of an entity module.
type Position struct {
	File   string // slash-separated, relative to the module's root
	Line   int    // 1-based
	Column int    // 1-based; 0 when not known
}

// String renders file:line:column, or "" for the zero value.
func (p Position) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Column > 0:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	default:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
}

// Violation is one problem of several that one Error reports, such as every
// unreadable field of a module.
type Violation struct {
	Subject     string   // what is wrong: a request field, or module@version
	Position    Position // where, when it is a place in source
	Description string   // what was found
	Suggestion  string   // what would settle it
}

// Error is a failure a person can act on.
type Error struct {
	Kind       Kind
	Reason     string      // stable, machine-readable, UPPER_SNAKE_CASE
	Detail     string      // what happened and where, for a person; no secrets
	Suggestion string      // what to do next; may be empty
	Violations []Violation // the single problems when there are several
	RolledBack bool        // work had begun and was undone: the tenant is exactly as before
	Err        error       // the cause; its text is never shown to callers
}

// New makes an Error. reason is UPPER_SNAKE_CASE and stable across releases.
func New(kind Kind, reason, format string, args ...any) *Error {
	return &Error{Kind: kind, Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error with a cause. The cause's text is not copied into Detail.
func Wrap(err error, kind Kind, reason, format string, args ...any) *Error {
	e := New(kind, reason, format, args...)
	e.Err = err
	return e
}

// Suggest sets what the reader should do next and returns e.
func (e *Error) Suggest(format string, args ...any) *Error {
	e.Suggestion = fmt.Sprintf(format, args...)
	return e
}

// Error renders the detail and the violations, one per line. The cause is left
// out: it may hold a driver's text, and with it a secret.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Detail)
	for _, v := range e.Violations {
		b.WriteString("\n  ")
		if at := v.Position.String(); at != "" {
			b.WriteString(at + ": ")
		} else if v.Subject != "" {
			b.WriteString(v.Subject + ": ")
		}
		b.WriteString(v.Description)
		if v.Suggestion != "" {
			b.WriteString(" (" + v.Suggestion + ")")
		}
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// As returns the first *Error in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// KindOf returns the kind of the first *Error in err's chain, and Bug when
// there is none.
func KindOf(err error) Kind {
	if e := As(err); e != nil {
		return e.Kind
	}
	return Bug
}

// ReasonOf returns the reason of the first *Error in err's chain, or "".
func ReasonOf(err error) string {
	if e := As(err); e != nil {
		return e.Reason
	}
	return ""
}
