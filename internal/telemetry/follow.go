package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/observe"
)

// retryReason stands for why an attempt is repeated, which progress does not
// tell.
const retryReason = "lock_or_base"

// Follow tells an observer of the executions of a migrator by their signs of
// progress. It serves as long as the migrator does not tell the observer by
// itself; then it must go, or everything would count twice.
func Follow(m migrate.Migrator, o observe.Observer, now func() time.Time) migrate.Migrator {
	return followed{Migrator: m, observer: o, now: now}
}

type followed struct {
	migrate.Migrator
	observer observe.Observer
	now      func() time.Time
}

// Execute implements migrate.Migrator.
func (f followed) Execute(ctx context.Context, req migrate.ExecuteRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	engine := string(req.Target.Engine)
	ctx, ended := f.observer.Execution(ctx, observe.Execution{
		Engine: engine, Target: req.Target.String(), Actor: req.Actor, Command: "execute",
	})
	s := &stages{followed: f, ctx: ctx, engine: engine, attempt: 1}
	result, err := f.Migrator.Execute(ctx, req, func(e migrate.Event) {
		s.next(e)
		if progress != nil {
			progress(e)
		}
	})
	s.end(err)
	ended(executed(req, result, err, s.attempt))
	return result, err
}

func executed(req migrate.ExecuteRequest, r *migrate.Result, err error, attempts int) observe.Executed {
	out := observe.Executed{Outcome: "refused", Strategy: string(req.Strategy), Attempts: attempts}
	if err != nil {
		out.Kind, out.Reason = fault.KindOf(err).String(), fault.ReasonOf(err)
	}
	if r == nil {
		return out
	}
	out.Outcome, out.Revision, out.Statements = string(r.Outcome), r.Revision, len(r.Statements)
	if r.Plan != nil {
		out.Digest = r.Plan.Digest
	}
	return out
}

// stages turns signs of progress, which tell what begins, into spans.
type stages struct {
	followed
	ctx    context.Context //nolint:containedctx // progress has none of its own
	engine string

	mu      sync.Mutex
	attempt int
	waiting time.Time // since when for the tenant; zero: not
	finish  func(error)
}

func (s *stages) next(e migrate.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close(nil)
	if e.Attempt > s.attempt {
		s.attempt = e.Attempt
		s.observer.Retried(s.ctx, s.engine, retryReason)
	}
	switch {
	case e.Phase == migrate.PhaseDone:
	case e.Statement != nil:
		_, s.finish = s.observer.Statement(s.ctx, observe.Statement{
			Engine: s.engine, SQL: e.Statement.SQL, Summary: e.Statement.Summary, Index: e.Index, Total: e.Total,
		})
	default:
		if e.Phase == migrate.PhaseLocking {
			s.waiting = s.now()
		}
		_, s.finish = s.observer.Phase(s.ctx, s.engine, string(e.Phase))
	}
}

// close ends the stage that is open.
func (s *stages) close(err error) {
	if s.finish != nil {
		s.finish(err)
		s.finish = nil
	}
	if !s.waiting.IsZero() {
		s.observer.LockWaited(s.ctx, s.engine, s.now().Sub(s.waiting), err == nil)
		s.waiting = time.Time{}
	}
}

func (s *stages) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close(err)
}
