package rpc

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// closingTimeout bounds what is written after an operation, whose caller may be
// gone.
const closingTimeout = 15 * time.Second

// ledger writes down every operation: an entry of the audit chain before it
// begins, without which it does not, and one with what came of it. Without a
// store it writes nothing.
type ledger struct {
	store  control.Store
	logger *slog.Logger
	now    func() time.Time
}

func newLedger(cfg Config) *ledger {
	return &ledger{store: cfg.Store, logger: cfg.Logger, now: cfg.Now}
}

// The outcomes of operations that have none of their own.
const (
	outcomeDone   = "done"
	outcomeFailed = "failed"
)

// run writes down an operation: e tells what is known of it before, and do adds
// what came of it.
func (l *ledger) run(ctx context.Context, e control.AuditEvent, do func(*control.AuditEvent) error) error {
	if l.store == nil {
		return do(&e)
	}
	who := access.FromContext(ctx)
	if e.Actor == "" {
		e.Actor = who.Name
	}
	e.Subject, e.Source = who.Subject, callOf(ctx).peer
	if method, ok := grpc.Method(ctx); ok {
		e.Method = method
	}
	callOf(ctx).begun = true
	began := l.now()
	id, err := l.store.BeginAudit(ctx, e)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended { // it panicked, which somebody further out tells the caller
			e.Outcome, e.Reason, e.Duration = outcomeFailed, reasonPanic, l.now().Sub(began)
			l.finish(ctx, id, e)
		}
	}()
	failure := do(&e)
	ended = true
	if e.Outcome == "" {
		e.Outcome = outcomeDone
		if failure != nil {
			e.Outcome = outcomeFailed
		}
	}
	if failure != nil {
		told := status.Failure(status.Classify(failure))
		e.Reason, e.Error, e.Suggestion = told.GetReason(), told.GetDetail(), told.GetSuggestion()
	}
	e.Duration = l.now().Sub(began)
	l.finish(ctx, id, e)
	return failure
}

// finish writes what came of an operation. When that fails, the operation stays
// without its second entry, which a verification of the chain names.
func (l *ledger) finish(ctx context.Context, id string, e control.AuditEvent) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTimeout)
	defer cancel()
	if err := l.store.FinishAudit(ctx, id, e); err != nil {
		l.logger.ErrorContext(ctx, "what came of an operation is not in the audit chain",
			slog.String("operation", id), slog.String("outcome", e.Outcome), slog.String("reason", fault.ReasonOf(err)))
	}
}

// keep makes a migrator write down what it does.
func (l *ledger) keep(m migrate.Migrator) migrate.Migrator {
	if l.store == nil {
		return m
	}
	return &keptMigrator{Migrator: m, ledger: l}
}

// keptMigrator is a Migrator that writes down every change and every preview,
// and keeps which versions registered tenants have come to.
type keptMigrator struct {
	migrate.Migrator
	ledger *ledger
}

// about begins an entry. The tenant is found by its place, so that a request
// that names the target of a tenant is one on that tenant.
func (k *keptMigrator) about(ctx context.Context, target dialect.Target, set migrate.ModuleSet) (control.AuditEvent, error) {
	e := control.AuditEvent{Target: target.String()}
	for _, r := range set.Refs {
		e.Modules = append(e.Modules, control.AuditModule{Path: r.Path, Version: r.Query})
	}
	t, err := k.ledger.store.FindTenantAt(ctx, target)
	switch {
	case err == nil:
		e.TenantID, e.ServerID = t.ID, t.ServerID
	case fault.ReasonOf(err) != control.ReasonTenantNotFound:
		return e, err
	}
	return e, nil
}

// Preview implements migrate.Migrator.
func (k *keptMigrator) Preview(ctx context.Context, req migrate.Request) (*migrate.Preview, error) {
	return k.preview(ctx, req, k.Migrator.Preview)
}

// PreviewRevert implements migrate.Keeper.
func (k *keptMigrator) PreviewRevert(ctx context.Context, req migrate.RevertRequest) (*migrate.Preview, error) {
	return k.preview(ctx, req.Request, func(ctx context.Context, _ migrate.Request) (*migrate.Preview, error) {
		return k.Migrator.PreviewRevert(ctx, req)
	})
}

func (k *keptMigrator) preview(
	ctx context.Context, req migrate.Request, look func(context.Context, migrate.Request) (*migrate.Preview, error),
) (*migrate.Preview, error) {
	e, err := k.about(ctx, req.Target, req.Modules)
	if err != nil {
		return nil, err
	}
	e.Strategy = string(req.Strategy)
	var out *migrate.Preview
	err = k.ledger.run(ctx, e, func(e *control.AuditEvent) (err error) {
		if out, err = look(ctx, req); err != nil || out.Plan == nil {
			return err
		}
		p := out.Plan
		e.Modules, e.Base, e.Result, e.Digest, e.Outcome = auditModules(p.Modules), p.Base, p.Result, p.Digest, "previewed"
		for i := range p.Statements {
			e.Statements = append(e.Statements, p.Statements[i].SQL)
		}
		return nil
	})
	return out, err
}

// Execute implements migrate.Migrator.
func (k *keptMigrator) Execute(ctx context.Context, req migrate.ExecuteRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	return k.execute(ctx, req, func() (*migrate.Result, error) { return k.Migrator.Execute(ctx, req, progress) })
}

// Revert implements migrate.Keeper.
func (k *keptMigrator) Revert(ctx context.Context, req migrate.RevertRequest, progress func(migrate.Event)) (*migrate.Result, error) {
	return k.execute(ctx, req.ExecuteRequest, func() (*migrate.Result, error) { return k.Migrator.Revert(ctx, req, progress) })
}

func (k *keptMigrator) execute(ctx context.Context, req migrate.ExecuteRequest, do func() (*migrate.Result, error)) (*migrate.Result, error) {
	e, err := k.about(ctx, req.Target, req.Modules)
	if err != nil {
		return nil, err
	}
	e.Actor, e.RequestID, e.Strategy, e.Digest = req.Actor, req.RequestID, string(req.Strategy), req.Digest
	var out *migrate.Result
	err = k.ledger.run(ctx, e, func(e *control.AuditEvent) (err error) {
		out, err = do()
		if out == nil {
			return err
		}
		e.Outcome = string(out.Outcome)
		for _, s := range out.Statements {
			e.Statements = append(e.Statements, s.SQL)
		}
		if p := out.Plan; p != nil {
			e.Modules, e.Base, e.Result, e.Digest = auditModules(p.Modules), p.Base, p.Result, p.Digest
			if err == nil && out.Error == nil {
				out.Warnings = append(out.Warnings, k.come(ctx, e.TenantID, p.Modules)...)
			}
		}
		if err == nil && out.Error != nil {
			return out.Error
		}
		return err
	})
	return out, err
}

// Adopt implements migrate.Keeper.
func (k *keptMigrator) Adopt(ctx context.Context, req migrate.AdoptRequest) (*migrate.AdoptReport, error) {
	e, err := k.about(ctx, req.Target, req.Modules)
	if err != nil {
		return nil, err
	}
	e.Actor = req.Actor
	var out *migrate.AdoptReport
	err = k.ledger.run(ctx, e, func(e *control.AuditEvent) (err error) {
		if out, err = k.Migrator.Adopt(ctx, req); err != nil {
			return err
		}
		e.Modules, e.Outcome = auditModules(out.Modules), "compared"
		if out.Revision != 0 {
			e.Outcome = "adopted"
			out.Warnings = append(out.Warnings, k.come(ctx, e.TenantID, out.Modules)...)
		}
		return nil
	})
	return out, err
}

// come records which versions a tenant has come to. The tenant's own history
// has them in any case, so that it cannot be recorded is but a warning.
func (k *keptMigrator) come(ctx context.Context, tenant string, to []module.Version) []string {
	if tenant == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTimeout)
	defer cancel()
	if _, err := k.ledger.store.RecordTenantModules(ctx, tenant, to); err != nil {
		k.ledger.logger.ErrorContext(ctx, "the versions of a tenant could not be recorded",
			slog.String("tenant", tenant), slog.String("reason", fault.ReasonOf(err)))
		return []string{"the control store could not be told which versions the tenant " + tenant + " is at now; its own history has them"}
	}
	return nil
}

func auditModules(versions []module.Version) []control.AuditModule {
	out := make([]control.AuditModule, 0, len(versions))
	for _, v := range versions {
		out = append(out, control.AuditModule{Path: v.Path, Version: v.Version, Sum: v.Sum})
	}
	return out
}
