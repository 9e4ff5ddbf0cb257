package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

var (
	_ dialect.Holder = (*session)(nil)
	_ dialect.Held   = (*held)(nil)
)

// held is the tenant's lock, bound to the session. It has the key of the lock
// that Begin takes, so that the two exclude each other.
type held struct {
	*tx
	opts dialect.TxOptions
	open bool // a phase is
	over bool
}

// Hold implements dialect.Holder. A connection pooler between lockstep and the
// server must keep the session together, as it must for Begin's search_path.
func (s *session) Hold(ctx context.Context, opts dialect.TxOptions) (dialect.Held, error) {
	h := &held{tx: &tx{s: s}, opts: opts}
	err := h.lockBy(ctx, opts.LockWait, "SELECT pg_try_advisory_lock($1)")
	if err == nil {
		_, err = s.ExecContext(ctx, fmt.Sprintf("SET lock_timeout = 0; SET statement_timeout = %d", milliseconds(opts.StatementTimeout)))
	}
	if err != nil {
		f := s.dialect.Classify(err)
		if end := h.Rollback(ctx); end != nil && f.Err == nil {
			f.Err = end
		}
		return nil, f
	}
	return h, nil
}

// milliseconds is at least one, as 0 would mean for ever, unless d is 0.
func milliseconds(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return max(1, d.Milliseconds())
}

// BeginPhase implements dialect.Held.
func (h *held) BeginPhase(ctx context.Context) error {
	if h.open || h.over {
		return fault.New(fault.Bug, "PHASE_OPEN", "a phase is open already, or the lock was given back")
	}
	begin := "BEGIN"
	if ms := milliseconds(h.opts.LockTimeout); ms > 0 {
		begin += fmt.Sprintf("; SET LOCAL lock_timeout = %d", ms)
	}
	h.open, h.tx = true, &tx{s: h.s}
	if _, err := h.s.ExecContext(ctx, begin); err != nil {
		return h.s.dialect.Classify(err)
	}
	return nil
}

// CommitPhase implements dialect.Held.
func (h *held) CommitPhase(ctx context.Context) error {
	err := h.tx.Commit(ctx)
	if err == nil {
		h.open = false
	}
	return err
}

// RollbackPhase implements dialect.Held.
func (h *held) RollbackPhase(ctx context.Context) error {
	if !h.open {
		return nil
	}
	h.open = false
	return h.tx.Rollback(ctx)
}

// Commit implements dialect.Held.
func (h *held) Commit(ctx context.Context) error {
	if h.open {
		if err := h.CommitPhase(ctx); err != nil {
			return err
		}
	}
	return h.Rollback(ctx)
}

// Rollback implements dialect.Held. When the connection does not answer it is
// thrown away, and the server gives the lock back with it.
func (h *held) Rollback(ctx context.Context) error {
	if h.over {
		return nil
	}
	h.over = true
	if err := h.RollbackPhase(ctx); err != nil {
		return err
	}
	end := &tx{s: h.s}
	return end.endBy(ctx, fmt.Sprintf("SELECT pg_advisory_unlock(%d); RESET lock_timeout; RESET statement_timeout", h.s.lockKey()))
}
