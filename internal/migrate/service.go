package migrate

import (
	"context"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/observe"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Sizes of the caches. Their entries are shared by all tenants: a fleet at one
// version costs one reading, one lowering and one plan.
const (
	cachedReads   = 256
	cachedTargets = 64
	cachedPlans   = 128
	cachedWords   = 64
)

// Config wires a Service.
type Config struct {
	Modules         *module.Client
	Dialects        map[dialect.Engine]dialect.Dialect
	Now             func() time.Time // the wall clock
	LockstepVersion string           // recorded in history
	Logger          *slog.Logger
	Observer        observe.Observer // told of what is done; nil: nobody is
	Unpublished     bool             // the modules come with the binary: between releases a version's content changes
}

// Service implements Migrator.
type Service struct {
	cfg     Config
	reads   *lru.Cache[string, *entity.Result]
	targets *lru.Cache[string, *lowered]
	plans   *lru.Cache[string, *plan.Plan]
	words   *lru.Cache[string, *schema.Schema] // models as engines print them
}

// lowered is a target in one engine's physical form.
type lowered struct {
	schema      *schema.Schema
	fingerprint string
}

var _ Migrator = (*Service)(nil)

// New makes a Service.
func New(cfg Config) (*Service, error) {
	if cfg.Modules == nil || cfg.Now == nil || len(cfg.Dialects) == 0 {
		return nil, fault.New(fault.Bug, "MIGRATE_CONFIG", "migrate needs a module client, a clock and a dialect")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Observer == nil {
		cfg.Observer = observe.Nop{}
	}
	s := &Service{cfg: cfg}
	var err error
	if s.reads, err = lru.New[string, *entity.Result](cachedReads); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "MIGRATE_CONFIG", "a cache could not be made")
	}
	if s.targets, err = lru.New[string, *lowered](cachedTargets); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "MIGRATE_CONFIG", "a cache could not be made")
	}
	if s.words, err = lru.New[string, *schema.Schema](cachedWords); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "MIGRATE_CONFIG", "a cache could not be made")
	}
	if s.plans, err = lru.New[string, *plan.Plan](cachedPlans); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "MIGRATE_CONFIG", "a cache could not be made")
	}
	return s, nil
}

// tenant is an open session to one target with what belongs to its engine.
type tenant struct {
	dialect.Session
	d       dialect.Dialect
	variant string // of the dialect, where its SQL follows the server's version
	history *history.Store
	target  dialect.Target
	closed  func() // tells that the session has ended

	circumstances *string // what the engine's words depend on here; nil: not asked yet
}

func (s *Service) dialectOf(t dialect.Target) (dialect.Dialect, error) {
	if d, ok := s.cfg.Dialects[t.Engine]; ok {
		return d, nil
	}
	return nil, fault.New(fault.Unsupported, "ENGINE_UNSUPPORTED", "this build of lockstep does not serve %s", t.Engine).
		Suggest("see the engine table in the README")
}

func (s *Service) open(ctx context.Context, target dialect.Target) (*tenant, error) {
	d, err := s.dialectOf(target)
	if err != nil {
		return nil, err
	}
	session, err := d.Open(ctx, target)
	if err != nil {
		f := *d.Classify(err)
		f.Detail = target.String() + ": " + f.Detail
		return nil, &f
	}
	t := &tenant{Session: session, d: d, target: target, closed: s.cfg.Observer.Session(ctx, string(target.Engine))}
	if v, ok := d.(dialect.Versioned); ok {
		t.d, t.variant = v.For(session.Version()), v.Variant(session.Version())
	}
	t.history = history.NewStore(t.d)
	return t, nil
}

// close ends a session; what it held is released by the server in any case.
func (s *Service) close(t *tenant) {
	defer t.closed()
	if err := t.Close(); err != nil {
		s.cfg.Logger.Debug("a session did not close cleanly", "target", t.target, "reason", fault.ReasonOf(err))
	}
}

// Current implements Migrator.
func (s *Service) Current(ctx context.Context, target dialect.Target) (*history.Revision, error) {
	t, err := s.open(ctx, target)
	if err != nil {
		return nil, err
	}
	defer s.close(t)
	head, err := t.history.Head(ctx, t)
	if err != nil {
		return nil, err
	}
	if head == nil {
		return nil, fault.New(fault.NotFound, "TENANT_NOT_INITIALISED", "%s was never initialised by lockstep", target).
			Suggest("preview and execute its modules to initialise it")
	}
	return head, nil
}

// Revisions implements Migrator.
func (s *Service) Revisions(ctx context.Context, target dialect.Target, before int64, limit int) ([]*history.Revision, error) {
	t, err := s.open(ctx, target)
	if err != nil {
		return nil, err
	}
	defer s.close(t)
	return t.history.List(ctx, t, before, limit)
}

// Revision implements Migrator.
func (s *Service) Revision(ctx context.Context, target dialect.Target, number int64) (*history.Revision, *schema.Schema, error) {
	t, err := s.open(ctx, target)
	if err != nil {
		return nil, nil, err
	}
	defer s.close(t)
	r, err := t.history.Get(ctx, t, number)
	if err != nil {
		return nil, nil, err
	}
	snapshot, err := t.history.Snapshot(ctx, t, number)
	if err != nil {
		return nil, nil, err
	}
	return r, snapshot, nil
}
