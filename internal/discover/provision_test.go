package discover_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// shelf is a server that holds things by name, and fails when told.
type shelf struct {
	things   map[string]bool
	failDo   map[dialect.StepKind]error
	failUndo map[dialect.StepKind]error
	lost     bool // what fails in Do is made all the same
	undone   []dialect.StepKind
	opened   int
	refuse   int // the opening that fails
}

func (s *shelf) open(ctx context.Context) (dialect.ProvisionSession, error) {
	s.opened++
	if s.opened == s.refuse || (s.opened > 1 && ctx.Err() != nil) {
		return nil, fault.New(fault.Unavailable, "DATABASE_UNREACHABLE", "gone")
	}
	return s, nil
}

func (s *shelf) Do(_ context.Context, step dialect.ProvisionStep, _ secret.Redacted) error {
	err := s.failDo[step.Kind]
	if err == nil || s.lost {
		s.things[step.Describe()] = true
	}
	return err
}

func (s *shelf) Undo(_ context.Context, step dialect.ProvisionStep, _ bool) error {
	if err := s.failUndo[step.Kind]; err != nil {
		return err
	}
	s.undone = append(s.undone, step.Kind)
	delete(s.things, step.Describe())
	return nil
}

func (s *shelf) There(_ context.Context, step dialect.ProvisionStep) (bool, error) {
	return s.things[step.Describe()], nil
}

func (*shelf) Tables(context.Context, dialect.ProvisionStep) ([]string, error) { return nil, nil }

func (*shelf) Close() error { return nil }

func threeSteps() []dialect.ProvisionStep {
	u := dialect.Account{Name: "u"}
	return []dialect.ProvisionStep{
		{Kind: dialect.CreateDatabase, Database: "d"}, {Kind: dialect.CreateUser, User: u}, {Kind: dialect.GrantUse, Database: "d", User: u},
	}
}

func TestProvisionUndoes(t *testing.T) {
	t.Parallel()
	refused := fault.New(fault.Denied, "DATABASE_PERMISSION", "no")
	lost := fault.New(fault.Unavailable, "CONNECTION_LOST", "lost")
	for name, c := range map[string]struct {
		shelf  shelf
		kind   fault.Kind
		reason string
		undone []dialect.StepKind
		left   []string
	}{
		"refused":         {shelf: shelf{failDo: map[dialect.StepKind]error{dialect.GrantUse: refused}}, kind: fault.Denied, reason: "DATABASE_PERMISSION", undone: []dialect.StepKind{dialect.CreateUser, dialect.CreateDatabase}},
		"lost before":     {shelf: shelf{failDo: map[dialect.StepKind]error{dialect.CreateUser: lost}}, kind: fault.Unavailable, reason: "CONNECTION_LOST", undone: []dialect.StepKind{dialect.CreateDatabase}},
		"lost after":      {shelf: shelf{failDo: map[dialect.StepKind]error{dialect.CreateUser: lost}, lost: true}, kind: fault.Partial, reason: "PROVISION_UNKNOWN", undone: []dialect.StepKind{dialect.CreateDatabase}, left: []string{"user u"}},
		"lost grant":      {shelf: shelf{failDo: map[dialect.StepKind]error{dialect.GrantUse: lost}, lost: true}, kind: fault.Unavailable, reason: "CONNECTION_LOST", undone: []dialect.StepKind{dialect.GrantUse, dialect.CreateUser, dialect.CreateDatabase}},
		"undo fails":      {shelf: shelf{failDo: map[dialect.StepKind]error{dialect.GrantUse: refused}, failUndo: map[dialect.StepKind]error{dialect.CreateUser: refused}}, kind: fault.Partial, reason: "PROVISION_LEFT", left: []string{"database d", "user u"}},
		"never come back": {shelf: shelf{failDo: map[dialect.StepKind]error{dialect.CreateUser: lost}, refuse: 2}, kind: fault.Partial, reason: "PROVISION_UNKNOWN", undone: []dialect.StepKind{dialect.CreateDatabase}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &c.shelf
			s.things = map[string]bool{}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // the caller is gone: it is undone all the same
			made, err := discover.Provision(ctx, s.open, threeSteps(), dialect.GeneratePassword())
			require.Empty(t, made)
			require.Equal(t, c.kind, fault.KindOf(err))
			require.Equal(t, c.reason, fault.ReasonOf(err))
			require.Equal(t, c.kind != fault.Partial, fault.As(err).RolledBack)
			require.Equal(t, c.undone, s.undone)
			for _, thing := range c.left {
				require.True(t, s.things[thing])
			}
			require.Len(t, s.things, len(c.left))
		})
	}
}
