package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// maxRequestID is the longest name of a request, in bytes.
const maxRequestID = 128

// requestSum is a hash of what is asked; "" without a request id. Who asks, and
// how long they would wait, does not count.
func (e *execution) requestSum() string {
	if e.req.RequestID == "" {
		return ""
	}
	h := sha256.New()
	m := e.req.Modules
	_, _ = fmt.Fprintf(h, "%q %q %q %q %q %d", m.Refs, m.GoMod, m.Entities, e.req.Strategy, e.req.Digest, e.req.revertTo) // a hash never fails
	if e.req.Online {
		_, _ = h.Write([]byte(" online"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// answered returns the result that the same request had; nil: it was not
// answered yet, or has no id.
func (e *execution) answered(ctx context.Context) (*Result, error) {
	id := e.req.RequestID
	if id == "" {
		return nil, nil //nolint:nilnil // no answer is a normal answer
	}
	if len(id) > maxRequestID {
		return nil, fault.New(fault.Invalid, "REQUEST_ID_INVALID", "a request id has at most %d bytes, this one has %d", maxRequestID, len(id)).
			Suggest("a UUID does well")
	}
	r, err := e.t.history.ByRequest(ctx, e.t, id)
	if err != nil || r == nil {
		return nil, err
	}
	if r.RequestSum != e.requestSum() {
		return nil, fault.New(fault.Invalid, "REQUEST_ID_REUSED", "the request id %q was used for another request, which became revision %d", id, r.Number).
			Suggest("give each request an id of its own, and repeat one only with the same modules, strategy and digest")
	}
	e.progress(Event{Phase: PhaseDone, Attempt: max(e.attempt, 1)})
	return e.recalled(r), nil
}

// reasonAnswered ends an attempt whose request another replica has answered.
const reasonAnswered = "REQUEST_ANSWERED"

// unanswered looks for an answer once more, under the tenant's lock, where none
// can be added any more.
func (e *execution) unanswered(ctx context.Context, tx dialect.Querier) error {
	if e.req.RequestID == "" {
		return nil
	}
	r, err := e.t.history.ByRequest(ctx, tx, e.req.RequestID)
	if err != nil || r == nil {
		return err
	}
	return fault.New(fault.Conflict, reasonAnswered, "the request became revision %d while this execution waited for the tenant's lock", r.Number)
}

// recalled is the result of an execution as its revision tells it.
func (e *execution) recalled(r *history.Revision) *Result {
	outcome := map[history.Outcome]Outcome{
		history.Applied: OutcomeApplied, history.RolledBack: OutcomeRolledBack, history.Nothing: OutcomeNothing,
	}[r.Outcome]
	p := &plan.Plan{
		Engine: dialect.Engine(r.Engine), EngineVersion: r.EngineVersion, Strategy: strategy.Name(r.Strategy),
		Modules: r.Modules, Base: r.Base, Target: r.Target, Result: r.Result, Digest: r.Digest,
	}
	for i := range r.Statements {
		st := &r.Statements[i]
		p.Statements = append(p.Statements, plan.Statement{
			Statement: dialect.Statement{SQL: st.SQL, Summary: st.Summary}, Table: st.Table, Destructive: st.Destructive,
		})
	}
	out := &Result{
		Outcome: outcome, Revision: r.Number, Plan: p, Statements: r.Statements, Error: r.Error,
		Warnings: append(e.warnings, "this request was answered before: this is the result of revision "+itoa(r.Number)),
		Actor:    r.Actor, StartedAt: r.StartedAt, Duration: r.Duration,
	}
	if outcome == OutcomeNothing {
		out.Revision = 0
	}
	return out
}

// failureOf is the error that belongs to a result.
func failureOf(r *Result, err error) error {
	if err == nil && r != nil && r.Error != nil {
		return r.Error
	}
	return err
}

// nothing ends an execution that finds nothing to do. For a request with an id
// that is recorded, too: asked again later, the answer must not be another.
func (e *execution) nothing(ctx context.Context) (*Result, error) {
	if e.req.RequestID == "" {
		e.progress(Event{Phase: PhaseDone, Attempt: e.attempt})
		return e.result(OutcomeNothing, 0, nil), nil
	}
	tx, err := e.begin(ctx)
	if err != nil {
		return nil, err
	}
	number, _, err := e.recheck(ctx, tx)
	if err == nil {
		err = e.t.history.Insert(ctx, tx, e.revision(number, history.Nothing, nil), nil)
	}
	if err != nil {
		e.rollback(ctx, tx)
		return nil, err
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, e.t.d.Classify(err)
	}
	e.progress(Event{Phase: PhaseDone, Attempt: e.attempt})
	return e.result(OutcomeNothing, 0, nil), nil
}
