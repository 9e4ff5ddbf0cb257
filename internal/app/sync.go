package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

// discoverers are the engines whose servers can be read.
func discoverers(dialects map[dialect.Engine]dialect.Dialect) map[dialect.Engine]dialect.Discoverer {
	out := map[dialect.Engine]dialect.Discoverer{}
	for e, d := range dialects {
		if reads, ok := d.(dialect.Discoverer); ok {
			out[e] = reads
		}
	}
	return out
}

// syncOnSchedule syncs the servers of a store until the context is over.
func syncOnSchedule(ctx context.Context, cfg config.Config, store *controls, server *rpc.Server, logger *slog.Logger) error {
	if store == nil {
		logger.WarnContext(ctx, "no servers are synced: sync-every is set, and there is no control store that could hold any")
		return nil
	}
	return newSyncSchedule(store, server.SyncOnSchedule, cfg, logger).run(ctx)
}

// syncLease is how long a replica that died keeps others from syncing a server.
const syncLease = time.Minute

// syncStore is what the schedule needs of the store.
type syncStore interface {
	control.LeaseStore
	GetServer(ctx context.Context, id string) (*control.Server, error)
	ListServers(ctx context.Context, f control.ServerFilter, p control.Page) ([]*control.Server, string, error)
}

// syncSchedule syncs all servers every so often. Of several replicas one at a
// time syncs a server, and none does when another did a short while ago.
type syncSchedule struct {
	store  syncStore
	sync   func(ctx context.Context, server string) error
	every  time.Duration
	limit  time.Duration // of one sync; 0: none
	lease  time.Duration
	owner  string
	now    func() time.Time
	logger *slog.Logger
}

// newSyncSchedule makes the schedule of a server.
func newSyncSchedule(store syncStore, sync func(context.Context, string) error, cfg config.Config, logger *slog.Logger) *syncSchedule {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &syncSchedule{
		store: store, sync: sync, every: cfg.SyncEvery, limit: cfg.ExecuteTimeout, lease: syncLease, now: time.Now, logger: logger,
		owner: host + "/" + rand.Text(),
	}
}

// jitterShare spreads the servers of a round over this part of the time between
// two rounds.
const jitterShare = 10

// run syncs until the context is over, and returns when the last sync has ended.
func (s *syncSchedule) run(ctx context.Context) error {
	scheduler := discover.NewScheduler(discover.Schedule{Every: s.every, Jitter: s.every / jitterShare})
	return scheduler.Run(ctx, s.servers, s.one, func(err error) {
		s.logger.ErrorContext(ctx, "the servers to sync could not be listed", slog.String("reason", fault.ReasonOf(err)))
	})
}

func (s *syncSchedule) servers(ctx context.Context) ([]string, error) {
	var out []string
	for page := (control.Page{Size: control.MaxPageSize}); ; {
		list, next, err := s.store.ListServers(ctx, control.ServerFilter{}, page)
		if err != nil {
			return nil, err
		}
		for _, server := range list {
			out = append(out, server.ID)
		}
		if page.Token = next; next == "" {
			return out, nil
		}
	}
}

// one syncs one server, unless another replica does or has just done.
func (s *syncSchedule) one(ctx context.Context, server string) {
	log := s.logger.With(slog.String("server", server))
	began := s.now()
	defer func() { // one server that nobody foresaw must not end the process
		if p := recover(); p != nil {
			log.ErrorContext(ctx, "a scheduled sync panicked", slog.String("panic", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
		}
	}()
	did, err := s.leased(ctx, server)
	switch {
	case ctx.Err() != nil: // the end of the process
	case fault.ReasonOf(err) == control.ReasonLeaseHeld:
		log.DebugContext(ctx, "another replica syncs the server")
	case err != nil:
		f := fault.As(err)
		if f == nil {
			f = fault.Wrap(err, fault.Bug, "INTERNAL", "something unexpected happened inside lockstep")
		}
		log.ErrorContext(ctx, "a scheduled sync failed", slog.String("kind", f.Kind.String()), slog.String("reason", f.Reason), slog.String("detail", f.Detail))
	case did:
		log.InfoContext(ctx, "a server was synced", slog.Duration("duration", s.now().Sub(began)))
	}
}

// leased syncs a server under a lease, which is kept as long as the sync runs.
func (s *syncSchedule) leased(ctx context.Context, server string) (did bool, err error) {
	lease, err := s.store.AcquireLease(ctx, "sync/"+server, s.owner, s.lease)
	if err != nil {
		return false, err
	}
	alive, lost := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		s.keep(alive, lease, lost)
	}()
	defer func() {
		lost(nil)
		<-kept
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.lease)
		defer cancel()
		if e := s.store.ReleaseLease(release, lease); e != nil {
			s.logger.WarnContext(ctx, "a lease was not given back; it ends by itself", slog.String("server", server), slog.String("reason", fault.ReasonOf(e)))
		}
	}()
	known, err := s.store.GetServer(alive, server)
	if err != nil {
		return false, because(ctx, alive, err)
	}
	if s.now().Sub(known.Tried) < s.every/2 {
		return false, nil
	}
	bounded, cancel := alive, func() {}
	if s.limit > 0 {
		bounded, cancel = context.WithTimeout(alive, s.limit)
	}
	defer cancel()
	return true, because(ctx, alive, s.sync(bounded, server))
}

// because is an error, or what ended alive before ctx was over: a lease that is
// lost, where the error says only that somebody gave up.
func because(ctx, alive context.Context, err error) error {
	if why := context.Cause(alive); err != nil && ctx.Err() == nil && why != nil {
		return why
	}
	return err
}

// renewals is how often a lease is renewed before it would end.
const renewals = 3

// keep renews a lease until alive is over; a lease that is lost ends it.
func (s *syncSchedule) keep(alive context.Context, lease control.Lease, lost context.CancelCauseFunc) {
	ticks := time.NewTicker(s.lease / renewals)
	defer ticks.Stop()
	for {
		select {
		case <-alive.Done():
			return
		case <-ticks.C:
		}
		switch _, err := s.store.RenewLease(alive, lease, s.lease); {
		case fault.ReasonOf(err) == control.ReasonLeaseLost:
			lost(err)
			return
		case err != nil: // until it has ended, another try may do
			s.logger.WarnContext(alive, "a lease could not be renewed", slog.String("lease", lease.Name), slog.String("reason", fault.ReasonOf(err)))
		}
	}
}
