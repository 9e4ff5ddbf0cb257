// Package app is the composition root: the only place that names concrete
// engines and reads the wall clock. Everything is wired here, visibly, with no
// registration behind the reader's back.
package app

import (
	"context"
	"io"
	"log/slog"
	"os/user"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"

	"github.com/lockstepdb/lockstep/internal/cli"
	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/observe"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/telemetry"
)

// World is what the process gives the program.
type World struct {
	Out, Err io.Writer
	Getenv   func(string) string
}

// Main runs one command line and returns its exit code.
func Main(ctx context.Context, args []string, w World) int {
	return cli.Main(ctx, args, cli.Env{
		Out:     w.Out,
		Err:     w.Err,
		Getenv:  w.Getenv,
		User:    currentUser(w.Getenv),
		Version: Version(),
		Now:     time.Now,
		InProcess: func(ctx context.Context, cfg config.Config) (grpc.ClientConnInterface, func(), error) {
			return inProcess(ctx, cfg, w.Getenv, commandLogger(w.Err, cfg))
		},
		Serve: func(ctx context.Context, cfg config.Config, ready func(cli.Listening)) error {
			return serve(ctx, cfg, w.Getenv, telemetry.NewLogger(w.Err, cfg.LogLevel, cfg.LogFormat), ready)
		},
	})
}

// commandLogger is for commands that run without a server: what they have to
// say they print, so the log is kept for those who ask for its details.
func commandLogger(w io.Writer, cfg config.Config) *slog.Logger {
	if cfg.LogLevel > slog.LevelDebug {
		return slog.New(slog.DiscardHandler)
	}
	return telemetry.NewLogger(w, cfg.LogLevel, cfg.LogFormat)
}

// Version returns the version of this build, as the Go toolchain recorded it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// currentUser is who asks when nobody says.
func currentUser(getenv func(string) string) string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return getenv("USER")
}

// newServer builds the services over the core, which tells the observer what it
// does. Without more they are for this process alone, which may do everything.
func newServer(cfg config.Config, logger *slog.Logger, observer observe.Observer, more ...func(*rpc.Config)) (*rpc.Server, error) {
	modules, err := module.NewClient(module.Config{
		Sources:  cfg.Source,
		Replace:  cfg.Replace,
		CacheDir: cfg.CacheDir,
		SumDB:    cfg.SumDB,
		NoSumDB:  cfg.NoSumDB,
		Limits: module.Limits{
			ZipBytes: cfg.Limits.ZipBytes, UnpackedBytes: cfg.Limits.UnpackedBytes, Files: cfg.Limits.Files,
		},
	})
	if err != nil {
		return nil, err
	}
	dialects, err := engines()
	if err != nil {
		return nil, err
	}
	migrator, err := migrate.New(migrate.Config{
		Modules:         modules,
		Dialects:        dialects,
		Now:             time.Now,
		LockstepVersion: Version(),
		Logger:          logger,
		Observer:        observer,
	})
	if err != nil {
		return nil, err
	}
	settings := rpc.Config{
		Migrator:        migrator,
		Modules:         modules,
		Engines:         discoverers(dialects),
		Offered:         cfg.Modules,
		Replaced:        cfg.Replaced(),
		Logger:          logger,
		Now:             time.Now,
		RequestTimeout:  cfg.RequestTimeout,
		ExecuteTimeout:  cfg.ExecuteTimeout,
		ShutdownTimeout: cfg.ShutdownTimeout,
		MaxMessageBytes: cfg.MaxMessageBytes,
		MaxRequestBytes: cfg.MaxRequestBytes,
	}
	for _, add := range more {
		add(&settings)
	}
	return rpc.NewServer(settings)
}

// inProcess starts the services for one command.
func inProcess(
	ctx context.Context, cfg config.Config, getenv func(string) string, logger *slog.Logger,
) (grpc.ClientConnInterface, func(), error) {
	store, err := openControl(ctx, cfg, getenv, nil)
	if err != nil {
		return nil, nil, err
	}
	end, more := func() {}, []func(*rpc.Config){}
	if store != nil {
		end, more = func() { _ = store.Close() }, append(more, store.serve) // nobody calls any more
	}
	server, err := newServer(cfg, logger, observe.Nop{}, more...)
	if err != nil {
		end()
		return nil, nil, err
	}
	// The server outlives the command's context: a cancelled call must come to
	// its end (and roll back) before the server goes.
	conn, err := server.Connect(context.WithoutCancel(ctx))
	if err != nil {
		end()
		return nil, nil, err
	}
	return conn, func() {
		server.Shutdown()
		_ = conn.Close() // the answers are in
		end()
	}, nil
}
