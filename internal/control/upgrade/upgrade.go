// Package upgrade makes and upgrades the tables of the control store, with
// lockstep's own core: the entity module that is built in is published to a
// module source in a directory of its own, and executed on the store's database
// as on a tenant's. So the store has a history, an upgrade is one transaction
// under a lock, and replicas that start together do not disturb each other.
package upgrade

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/entities"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// lockWait is how long a replica waits for another that upgrades the store.
const lockWait = time.Minute

// Config says what is upgraded.
type Config struct {
	Target          dialect.Target
	Dialect         dialect.Dialect
	Now             func() time.Time
	LockstepVersion string
	Logger          *slog.Logger // nil: silent
	// Module and Version replace the built-in entity module, for tests.
	Module  map[string][]byte
	Version string
}

// Run brings the store's tables to this version. A store that a newer lockstep
// of the same major version upgraded is left as it is: an upgrade within a major
// version only adds. Errors are those of an execution, and STORE_TOO_NEW
// (Refused).
func Run(ctx context.Context, cfg Config) error {
	if cfg.Module == nil {
		cfg.Module, cfg.Version = entities.Module(), entities.Version
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	dir, err := os.MkdirTemp("", "lockstep-store-")
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "STORE_SCRATCH", "no temporary directory can be made for upgrading the control store").
			Suggest("set TMPDIR to a directory that lockstep may write to")
	}
	defer func() { _ = os.RemoveAll(dir) }()
	r := &run{cfg: cfg, dir: dir}
	return r.run(ctx)
}

type run struct {
	cfg Config
	dir string
}

func (r *run) run(ctx context.Context) error {
	published, err := r.publish(ctx)
	if err != nil {
		return err
	}
	core, err := r.core()
	if err != nil {
		return err
	}
	head, err := core.Current(ctx, r.cfg.Target)
	if err != nil && fault.ReasonOf(err) != "TENANT_NOT_INITIALISED" {
		return err
	}
	if done, err := r.reached(head, published); done || err != nil {
		return err
	}
	result, err := core.Execute(ctx, migrate.ExecuteRequest{
		Request: migrate.Request{
			Modules: migrate.ModuleSet{Refs: []module.Ref{{Path: published.Path, Query: published.Version}}},
			Target:  r.cfg.Target, Strategy: strategy.Safe,
		},
		Actor: "lockstep", LockWait: lockWait,
	}, nil)
	if err != nil {
		return err
	}
	r.cfg.Logger.InfoContext(ctx, "control store upgraded", slog.String("version", published.Version),
		slog.String("outcome", string(result.Outcome)), slog.Int("statements", len(result.Statements)))
	return nil
}

// publish packs the entity module into the run's own module source.
func (r *run) publish(ctx context.Context) (module.Version, error) {
	source := filepath.Join(r.dir, "source")
	if err := os.Mkdir(source, 0o700); err != nil {
		return module.Version{}, scratch(err)
	}
	for name, data := range r.cfg.Module {
		if err := os.WriteFile(filepath.Join(source, filepath.FromSlash(name)), data, 0o600); err != nil {
			return module.Version{}, scratch(err)
		}
	}
	return module.Publish(ctx, source, r.cfg.Version, r.proxy(), r.cfg.Now())
}

func scratch(err error) error {
	return fault.Wrap(err, fault.Unavailable, "STORE_SCRATCH", "the temporary directory cannot be written to").
		Suggest("set TMPDIR to a directory that lockstep may write to, with some space left")
}

func (r *run) proxy() string { return "file://" + filepath.ToSlash(filepath.Join(r.dir, "proxy")) }

func (r *run) core() (*migrate.Service, error) {
	modules, err := module.NewClient(module.Config{Sources: r.proxy(), CacheDir: filepath.Join(r.dir, "cache")})
	if err != nil {
		return nil, err
	}
	return migrate.New(migrate.Config{
		Modules: modules, Dialects: map[dialect.Engine]dialect.Dialect{r.cfg.Target.Engine: r.cfg.Dialect},
		Now: r.cfg.Now, LockstepVersion: r.cfg.LockstepVersion, Logger: r.cfg.Logger, Unpublished: true,
	})
}

// reached tells whether there is nothing to do.
func (r *run) reached(head *history.Revision, want module.Version) (bool, error) {
	if head == nil {
		return false, nil
	}
	name, _, _ := gomod.SplitPathVersion(want.Path)
	for _, have := range head.Modules {
		had, _, _ := gomod.SplitPathVersion(have.Path)
		switch {
		case had != name:
			continue
		case have.Version == want.Version:
			return have.Sum == want.Sum, nil
		case semver.Compare(have.Version, want.Version) < 0:
			return false, nil
		case semver.Major(have.Version) != semver.Major(want.Version):
			return false, fault.New(fault.Refused, control.ReasonStoreTooNew,
				"the control store is at %s, and this lockstep knows %s", have.Version, want.Version).
				Suggest("start a lockstep that is at least as new as the newest that used this store")
		}
		r.cfg.Logger.Info("the control store was upgraded by a newer lockstep, which this one can work with",
			"store", have.Version, "known", want.Version)
		return true, nil
	}
	return false, fault.New(fault.Refused, "STORE_FOREIGN", "the database of the control store is one that lockstep looks after for a tenant").
		Suggest("give the control store a database, or a schema, of its own")
}
