// Package rpc serves the public API over gRPC: it translates requests into
// calls of the use cases and their results back, and nothing else. Every error
// leaves as a google.rpc.Status with a stable reason (package status); wire
// types stop here.
//
// The command line in-process, the HTTP gateway and remote callers all come
// through this server: there is one code path and no back door.
package rpc

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"google.golang.org/grpc/stats"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/onboard"
)

// DefaultMaxMessageBytes bounds an answer: the plan that initialises a tenant of ten thousand tables must fit.
const DefaultMaxMessageBytes = 64 << 20

// DefaultMaxRequestBytes bounds a request, which is read before anybody knows
// who sent it: a go.mod and some manifests must fit.
const DefaultMaxRequestBytes = 16 << 20

// Modules is what the API needs to know of module sources.
type Modules interface {
	// Versions lists the versions of a module, newest first.
	Versions(ctx context.Context, path string) ([]module.Info, error)
	// Fetch returns the content of one version.
	Fetch(ctx context.Context, path, version string) (*module.Module, error)
}

// Config is what a server is made of. Migrator, Modules, Logger and Now are
// required.
type Config struct {
	Migrator migrate.Migrator
	Modules  Modules
	Offered  []string // paths that ListModules lists
	Replaced []string // paths that are read from a working copy

	Logger *slog.Logger
	Now    func() time.Time

	RequestTimeout  time.Duration // for calls that bring no deadline; 0: none
	ExecuteTimeout  time.Duration // the same for ExecuteMigration
	ArrivalTime     time.Duration // in which the request of a call must arrive; 0: 30 s
	ShutdownTimeout time.Duration // how long running calls may take to end; 0: no wait
	MaxMessageBytes int           // of an answer; 0: DefaultMaxMessageBytes
	MaxRequestBytes int           // of a request; 0: DefaultMaxRequestBytes

	Store   control.Store   // keeps tenants and what was done; nil: there is none
	Secrets control.Secrets // finds the secrets of tenants; needed with Store
	// Dialects are the engines on whose servers tenants are onboarded.
	Dialects map[dialect.Engine]dialect.Dialect
	// Engines read servers; of an engine that is not there, none can be synced.
	Engines map[dialect.Engine]dialect.Discoverer

	Access Access        // who may do what
	TLS    *tls.Config   // of listeners; nil: none
	Stats  stats.Handler // makes traces of calls; may be nil
	// Called is told how each call ended, by its full method and the name of its
	// gRPC code; may be nil.
	Called func(method, code string, took time.Duration)
}

// moduleService implements lockstep.v1.ModuleService.
type moduleService struct {
	lockstepv1.UnimplementedModuleServiceServer
	migrator migrate.Migrator
	modules  Modules
	offered  []string
	replaced []string
}

// migrationService implements lockstep.v1.MigrationService.
type migrationService struct {
	lockstepv1.UnimplementedMigrationServiceServer
	migrator migrate.Migrator
	places   places
}

// tenantService implements lockstep.v1.TenantService.
type tenantService struct {
	lockstepv1.UnimplementedTenantServiceServer
	places  places
	ledger  *ledger
	onboard *onboard.Service // nil: there is no store
}
