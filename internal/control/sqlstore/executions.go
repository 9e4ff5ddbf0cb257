package sqlstore

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Lengths of columns, in bytes.
const (
	maxRequestID = 200
	maxShort     = 64
	maxActor     = 255
	maxOutcome   = 32
	maxDigest    = 128
)

const defaultLease = time.Minute

// Claim implements control.ExecutionStore.
func (s *Store) Claim(ctx context.Context, r control.ClaimRequest) (*control.Claim, error) {
	if r.RequestID == "" {
		r.RequestID = s.cfg.NewID()
	}
	if clip(r.RequestID, maxRequestID) != r.RequestID || clip(r.Fingerprint, maxDigest) != r.Fingerprint {
		return nil, fault.New(fault.Invalid, "REQUEST_ID_INVALID", "the request id or the fingerprint is too long, or is no text").
			Suggest("use at most %d bytes, such as a UUID", maxRequestID)
	}
	if r.Lease == 0 {
		r.Lease = defaultLease
	}
	var out *control.Claim
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error {
		now := s.now()
		n, err := q.InsertExecution(ctx, query.InsertExecutionParams{
			RequestID: r.RequestID, Fingerprint: r.Fingerprint, TenantID: clip(r.TenantID, maxShort), Action: clip(r.Action, maxShort),
			Actor: clip(r.Actor, maxActor), State: string(control.ClaimRunning), Result: []byte{}, Owner: clip(r.Owner, maxRequestID),
			LeaseUntil: micros(now.Add(r.Lease)), StartedAt: micros(now),
		})
		if err != nil {
			return err
		}
		out = &control.Claim{RequestID: r.RequestID, State: control.ClaimFresh, Owner: clip(r.Owner, maxRequestID), Fence: 1, Expires: now.Add(r.Lease)}
		if n == 0 {
			out, err = s.claimed(ctx, q, r, now)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// claimed says what became of a request that is known, and takes it over when
// the replica that ran it stopped saying that it is alive.
func (*Store) claimed(ctx context.Context, q query.Queries, r control.ClaimRequest, now time.Time) (*control.Claim, error) {
	e, err := q.LockExecution(ctx, r.RequestID)
	if err != nil {
		return nil, err
	}
	if e.Fingerprint != r.Fingerprint {
		return nil, fault.New(fault.Invalid, control.ReasonRequestReused, "the request id %q was used for another request", r.RequestID).
			Suggest("choose a new request id for each request; repeat one only to repeat its request")
	}
	c := &control.Claim{RequestID: r.RequestID, Owner: e.Owner, Fence: e.Fence, Expires: moment(e.LeaseUntil)}
	if e.State == string(control.ClaimFinished) {
		c.State, c.Finished = control.ClaimFinished, executionOf(&e)
		return c, nil
	}
	if e.LeaseUntil >= micros(now) {
		c.State = control.ClaimRunning
		return c, nil
	}
	c.State, c.TakenOver = control.ClaimFresh, true
	c.Owner, c.Fence, c.Expires = clip(r.Owner, maxRequestID), e.Fence+1, now.Add(r.Lease)
	n, err := q.TakeOverExecution(ctx, query.TakeOverExecutionParams{
		Owner: c.Owner, LeaseUntil: micros(c.Expires), RequestID: r.RequestID, State: string(control.ClaimRunning), Fence: e.Fence, At: micros(now),
	})
	if err == nil && n != 1 {
		err = fault.New(fault.Conflict, control.ReasonStoreBusy, "another replica claimed the request at the same time")
	}
	return c, err
}

// mine runs one statement that only the holder of a claim may run.
func (s *Store) mine(ctx context.Context, c *control.Claim, run func(ctx context.Context, q query.Queries) (int64, error)) error {
	return s.write(ctx, func(ctx context.Context, q query.Queries) error {
		n, err := run(ctx, q)
		if err == nil && n == 0 {
			return fault.New(fault.Conflict, control.ReasonClaimLost, "the execution of request %q is not this replica's any more", c.RequestID).
				Suggest("another replica took it over: ask for the result with the same request id")
		}
		return err
	})
}

// Heartbeat implements control.ExecutionStore.
func (s *Store) Heartbeat(ctx context.Context, c *control.Claim, length time.Duration) error {
	until := s.now().Add(length)
	err := s.mine(ctx, c, func(ctx context.Context, q query.Queries) (int64, error) {
		return q.ExtendExecution(ctx, query.ExtendExecutionParams{
			LeaseUntil: micros(until), RequestID: c.RequestID, State: string(control.ClaimRunning), Fence: c.Fence, Owner: c.Owner,
		})
	})
	if err == nil {
		c.Expires = until
	}
	return err
}

// Finish implements control.ExecutionStore.
func (s *Store) Finish(ctx context.Context, c *control.Claim, f control.Finished) error {
	if f.Result == nil {
		f.Result = []byte{}
	}
	return s.mine(ctx, c, func(ctx context.Context, q query.Queries) (int64, error) {
		return q.FinishExecution(ctx, query.FinishExecutionParams{
			Finished: string(control.ClaimFinished), Outcome: clip(f.Outcome, maxOutcome), Digest: clip(f.Digest, maxDigest), Result: f.Result,
			At: micros(s.now()), RequestID: c.RequestID, State: string(control.ClaimRunning), Fence: c.Fence, Owner: c.Owner,
		})
	})
}

// Abandon implements control.ExecutionStore.
func (s *Store) Abandon(ctx context.Context, c *control.Claim) error {
	return s.mine(ctx, c, func(ctx context.Context, q query.Queries) (int64, error) {
		return q.AbandonExecution(ctx, query.AbandonExecutionParams{
			RequestID: c.RequestID, State: string(control.ClaimRunning), Fence: c.Fence, Owner: c.Owner,
		})
	})
}

// GetExecution implements control.ExecutionStore.
func (s *Store) GetExecution(ctx context.Context, requestID string) (*control.Execution, error) {
	if clip(requestID, maxRequestID) != requestID {
		return nil, fault.New(fault.NotFound, control.ReasonExecutionNotFound, "no request has that id")
	}
	e, err := s.read.GetExecution(ctx, requestID)
	if err != nil {
		return nil, absent(err, control.ReasonExecutionNotFound, "there is no execution of a request %q", requestID)
	}
	return executionOf(&e), nil
}

func executionOf(e *query.Execution) *control.Execution {
	return &control.Execution{
		ID: e.ID, RequestID: e.RequestID, Fingerprint: e.Fingerprint, TenantID: e.TenantID, Action: e.Action, Actor: e.Actor,
		State: control.ClaimState(e.State), Outcome: e.Outcome, Digest: e.Digest, Result: e.Result, Owner: e.Owner, Fence: e.Fence,
		LeaseUntil: moment(e.LeaseUntil), Started: moment(e.StartedAt), Ended: moment(e.FinishedAt),
	}
}

// ListExecutions implements control.ExecutionStore.
func (s *Store) ListExecutions(ctx context.Context, f control.ExecutionFilter, p control.Page) ([]*control.Execution, string, error) {
	size, err := p.Limit()
	if err != nil {
		return nil, "", err
	}
	at, ok, err := control.ReadPageToken("executions", f, p.Token)
	if err != nil {
		return nil, "", err
	}
	if !ok {
		at.Seq = int64(1) << 62
	}
	rows, err := s.executionPage(ctx, f, at.Seq, int64(size)+1)
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		next, err = control.MakePageToken("executions", f, control.Cursor{Seq: rows[size-1].ID})
	}
	return rows, next, err
}

func (s *Store) executionPage(ctx context.Context, f control.ExecutionFilter, before, most int64) ([]*control.Execution, error) {
	actor, outcome, state := clip(f.Actor, maxActor), clip(f.Outcome, maxOutcome), string(f.State)
	if f.TenantID == "" {
		rows, err := s.read.ListExecutions(ctx, query.ListExecutionsParams{Before: before, Actor: actor, Outcome: outcome, State: state, Most: most})
		return query.Each(rows, listedExecution), err
	}
	rows, err := s.read.ListExecutionsOfTenant(ctx, query.ListExecutionsOfTenantParams{
		TenantID: clip(f.TenantID, maxShort), Before: before, Actor: actor, Outcome: outcome, State: state, Most: most,
	})
	return query.Each(rows, func(r query.ListExecutionsOfTenantRow) *control.Execution {
		return listedExecution(query.ListExecutionsRow(r))
	}), err
}

func listedExecution(r query.ListExecutionsRow) *control.Execution {
	return executionOf(&query.Execution{
		ID: r.ID, RequestID: r.RequestID, Fingerprint: r.Fingerprint, TenantID: r.TenantID, Action: r.Action, Actor: r.Actor,
		State: r.State, Outcome: r.Outcome, Digest: r.Digest, Owner: r.Owner, Fence: r.Fence,
		LeaseUntil: r.LeaseUntil, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
	})
}
