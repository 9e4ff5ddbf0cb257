package migrate

import (
	"context"
	"sync"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/observe"
)

// The names of executions for whoever counts them.
const (
	commandExecute = "execute"
	commandRevert  = "revert"
	commandAdopt   = "adopt"
)

// How executions ended that have no Result.
const (
	seenRefused  = "refused"  // it never began to work
	seenCompared = "compared" // an adoption that was only a preview
)

// seen tells the observer of one execution, by its signs of progress: each stage,
// and each statement, ends where the next one begins.
type seen struct {
	s      *Service
	ctx    context.Context //nolint:containedctx // signs of progress have none of their own
	engine string
	caller func(Event) // who else wants to know; may be nil
	ended  func(observe.Executed)

	mu     sync.Mutex
	finish func(error) // of the stage, or the statement, that is open; nil: none
}

// observed begins to tell of an execution; what runs inside it has the context
// that is returned.
func (s *Service) observed(ctx context.Context, req *ExecuteRequest, progress func(Event)) (context.Context, *seen) {
	about := observe.Execution{Engine: string(req.Target.Engine), Target: req.Target.String(), Actor: req.Actor, Command: commandExecute}
	if req.revertTo > 0 {
		about.Command = commandRevert
	}
	ctx, ended := s.cfg.Observer.Execution(ctx, about)
	return ctx, &seen{s: s, ctx: ctx, engine: about.Engine, caller: progress, ended: ended}
}

// progress tells the observer and the caller of a stage or a statement.
func (o *seen) progress(e Event) {
	o.mu.Lock()
	o.close(nil)
	switch {
	case e.Phase == PhaseDone:
	case e.Statement != nil:
		_, o.finish = o.s.cfg.Observer.Statement(o.ctx, observe.Statement{
			Engine: o.engine, SQL: e.Statement.SQL, Summary: e.Statement.Summary, Index: e.Index, Total: e.Total,
		})
	default:
		_, o.finish = o.s.cfg.Observer.Phase(o.ctx, o.engine, string(e.Phase))
	}
	o.mu.Unlock()
	if o.caller != nil {
		o.caller(e)
	}
}

// close ends what is open. The caller holds the lock.
func (o *seen) close(err error) {
	if o.finish != nil {
		o.finish(err)
		o.finish = nil
	}
}

// failed ends what is open with its error: the stages that take everything back
// come after it.
func (o *seen) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.close(err)
}

// waiting is called before the tenant's lock is waited for, and what it returns
// after.
func (o *seen) waiting() func(error) {
	began := o.s.cfg.Now()
	return func(err error) {
		if err == nil || fault.ReasonOf(err) == dialect.ReasonTenantLocked {
			o.s.cfg.Observer.LockWaited(o.ctx, o.engine, o.s.cfg.Now().Sub(began), err == nil)
		}
	}
}

// drift tells what the tables that the plan touches were found to be.
func (o *seen) drift(drifted bool) { o.s.cfg.Observer.Drift(o.ctx, o.engine, drifted) }

// retry tells that an attempt is repeated.
func (o *seen) retry(because error) {
	o.s.cfg.Observer.Retried(o.ctx, o.engine, fault.ReasonOf(because))
}

// end tells how the execution ended.
func (o *seen) end(req *ExecuteRequest, r *Result, err error, attempts int) {
	o.failed(err)
	out := observe.Executed{Outcome: seenRefused, Strategy: string(req.Strategy), Attempts: max(attempts, 1)}
	if r != nil {
		out.Outcome, out.Revision, out.Statements = string(r.Outcome), r.Revision, len(r.Statements)
		if r.Plan != nil {
			out.Digest = r.Plan.Digest
		}
	}
	o.ended(because(out, err))
}

func because(e observe.Executed, err error) observe.Executed {
	if err != nil {
		e.Kind, e.Reason = fault.KindOf(err).String(), fault.ReasonOf(err)
	}
	return e
}

// observedAdoption tells of an adoption, and is told how it ended.
func (s *Service) observedAdoption(ctx context.Context, req *AdoptRequest) (context.Context, func(*AdoptReport, error)) {
	ctx, ended := s.cfg.Observer.Execution(ctx, observe.Execution{
		Engine: string(req.Target.Engine), Target: req.Target.String(), Actor: req.Actor, Command: commandAdopt,
	})
	return ctx, func(r *AdoptReport, err error) {
		out := observe.Executed{Outcome: seenRefused, Strategy: strategyAdopt, Attempts: 1}
		switch {
		case err != nil || r == nil:
		case r.Revision == 0:
			out.Outcome = seenCompared
		default:
			out.Outcome, out.Revision = string(OutcomeApplied), r.Revision
		}
		ended(because(out, err))
	}
}
