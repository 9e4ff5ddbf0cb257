package discover

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// undoTime bounds the undoing of what a failed Provision made; the caller may be
// gone by then.
const undoTime = time.Minute

// Opener opens a session with the server's admin login.
type Opener func(ctx context.Context) (dialect.ProvisionSession, error)

// Provision carries out the steps in order and returns those that made
// something. When one fails, what the earlier ones made is undone in reverse,
// and nothing else is touched. If the connection broke during a step, or the
// undoing failed, it is not known whether something is left: the error is of
// kind Partial then, reason PROVISION_UNKNOWN or PROVISION_LEFT, and names it.
func Provision(ctx context.Context, open Opener, steps []dialect.ProvisionStep, password secret.Redacted) ([]dialect.ProvisionStep, error) {
	session, err := open(ctx)
	if err != nil {
		return nil, err
	}
	var made []dialect.ProvisionStep
	for _, step := range steps {
		if err = session.Do(ctx, step, password); err != nil {
			_ = session.Close()
			return nil, takeBack(ctx, open, made, step, err)
		}
		made = append(made, step)
	}
	if err := session.Close(); err != nil {
		return made, nil //nolint:nilerr // all is made; a connection that is closed badly changes nothing
	}
	return made, nil
}

// takeBack undoes after cause, and returns what the caller is to hear.
func takeBack(ctx context.Context, open Opener, made []dialect.ProvisionStep, last dialect.ProvisionStep, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	unsure := InDoubt(cause)
	if unsure && last.Kind == dialect.GrantUse && slices.ContainsFunc(made, func(s dialect.ProvisionStep) bool {
		return s.Kind == dialect.CreateUser && s.User == last.User
	}) {
		made, unsure = append(made, last), false // the user's, whichever of them there are
	}
	var left bool
	var err error
	if unsure {
		left, err = look(ctx, open, last)
	}
	if undo := Undo(ctx, open, made, true); undo != nil {
		return fault.Wrap(errors.Join(cause, undo), fault.Partial, "PROVISION_LEFT", "making the %s failed, and what was made before could not be undone: %s", last.Describe(), words(undo)).
			Suggest("look at the server, and drop by hand what this request made")
	}
	if left || err != nil {
		return fault.Wrap(errors.Join(cause, err), fault.Partial, "PROVISION_UNKNOWN", "the connection broke while the %s was being made: whether this request made it is not known", last.Describe()).
			Suggest("look at the server; drop it if it is there and nobody else made it, then try again")
	}
	if f := fault.As(cause); f != nil {
		undone := *f
		undone.RolledBack = true
		return &undone
	}
	return cause
}

// InDoubt tells whether a step may have been carried out although it failed: the
// failure is no answer of the server's.
func InDoubt(err error) bool {
	switch fault.KindOf(err) { //nolint:exhaustive // all other kinds are answers
	case fault.Unavailable, fault.Canceled, fault.Deadline, fault.Bug:
		return true
	}
	return false
}

// look asks, on a new connection, whether what a step makes is there. Of what
// somebody made in the same moment it cannot be told apart, so nothing that it
// finds is dropped.
func look(ctx context.Context, open Opener, step dialect.ProvisionStep) (found bool, err error) {
	session, err := open(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return session.There(ctx, step)
}

// words are an error's own, if they are known to be fit to be read.
func words(err error) string {
	if f := fault.As(err); f != nil {
		return f.Detail
	}
	return "unknown error"
}

// Undo takes back, in reverse, steps that Provision returned. It can be run
// again. contents also drops databases and schemas that hold tables by now;
// without it they are of kind Refused, reason NOT_EMPTY.
func Undo(ctx context.Context, open Opener, made []dialect.ProvisionStep, contents bool) (err error) {
	if len(made) == 0 {
		return nil
	}
	session, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	for _, step := range slices.Backward(made) {
		if err := session.Undo(ctx, step, contents); err != nil {
			return err
		}
	}
	return nil
}
