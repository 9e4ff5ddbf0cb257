package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockstepdb/lockstep/internal/cli"
	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/gateway"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

// Bounds of connections of the HTTP API.
const (
	readHeaderTimeout = 10 * time.Second
	readBodyTimeout   = 30 * time.Second
	writePieceTimeout = time.Minute // of an answer; the whole of it takes as long as an execution
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// serve runs the gRPC API and the HTTP API until the context is over.
func serve(ctx context.Context, cfg config.Config, getenv func(string) string, logger *slog.Logger, ready func(cli.Listening)) error {
	may, encryption, err := secure(cfg, logger)
	if err != nil {
		return err
	}
	told, err := newTelemetry(ctx, cfg, logger)
	if err != nil {
		return err
	}
	defer told.close(context.WithoutCancel(ctx))
	more := []func(*rpc.Config){told.observe}
	store, err := openControl(ctx, cfg, getenv, told)
	if err != nil {
		return err
	}
	if store != nil {
		defer func() { _ = store.Close() }() // nobody calls any more
		may.Registry = useStore(may.Authenticator, store, logger)
		more = append(more, store.serve)
	}
	server, err := newServer(cfg, logger, told.observer, append(more, func(c *rpc.Config) { c.Access, c.TLS = may, encryption })...)
	if err != nil {
		return err
	}
	lis, err := listen(ctx, cfg.Listen)
	if err != nil {
		return err
	}
	announce(ctx, cfg, logger)
	at := cli.Listening{GRPC: lis.Addr().String(), TLS: encryption != nil}
	alive, stop := outlive(ctx, cfg.ShutdownDelay, server.Drain)
	defer stop()
	group, alive := errgroup.WithContext(alive)
	if cfg.HTTP() {
		httpLis, err := listen(ctx, cfg.HTTPListen)
		if err != nil {
			return errors.Join(err, lis.Close())
		}
		at.HTTP = httpLis.Addr().String()
		if encryption != nil {
			httpLis = tls.NewListener(httpLis, encryption)
		}
		group.Go(func() error { return serveHTTP(alive, httpLis, server, cfg, told, store) })
	}
	group.Go(func() error { return server.Serve(alive, lis) })
	if cfg.SyncEvery > 0 {
		group.Go(func() error { return syncOnSchedule(ctx, cfg, store, server, logger) })
	}
	ready(at)
	return group.Wait()
}

// outlive returns a context that ends some time after ctx does. At the end of
// ctx drain is called: load balancers then have that time to look elsewhere.
func outlive(ctx context.Context, delay time.Duration, drain func()) (context.Context, context.CancelFunc) {
	alive, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		drain()
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-alive.Done():
		}
		end()
	})
	return alive, func() {
		stop()
		end()
	}
}

// serveHTTP runs the gateway in front of the server.
func serveHTTP(ctx context.Context, lis net.Listener, server *rpc.Server, cfg config.Config, told *observability, store *controls) error {
	// The gateway's own connection lives until its last request is answered.
	alive := context.WithoutCancel(ctx)
	conn, err := server.ConnectGateway(alive, told.dialOptions()...)
	if err != nil {
		return err
	}
	options := []gateway.Option{gateway.WithMaxBodyBytes(cfg.MaxRequestBytes), gateway.WithMetrics(told.handler(), server.Authenticate), gateway.WithPatience(readBodyTimeout, writePieceTimeout, time.Now)}
	if cfg.DeveloperMode() {
		options = append(options, gateway.WithLocalHosts())
	}
	if store != nil {
		options = append(options, gateway.WithReadiness(store.Ping))
	}
	handler, err := gateway.New(alive, conn, options...)
	if err != nil {
		return err
	}
	web := &http.Server{
		Handler:           told.traceHTTP(handler),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return alive },
		ErrorLog:          slog.NewLogLogger(told.logger.Handler(), slog.LevelDebug), // handshakes of passers-by
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(alive, cfg.ShutdownTimeout)
		defer cancel()
		stopped <- web.Shutdown(limit)
	})
	defer stop()
	if err := web.Serve(lis); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fault.Wrap(err, fault.Unavailable, "LISTENER_FAILED", "the HTTP listener on %s failed", lis.Addr())
	}
	if err := <-stopped; err != nil {
		_ = web.Close() // what did not end in time is cut off
	}
	return conn.Close()
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	lis, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "LISTEN_FAILED", "cannot listen on %s", address).
			Suggest("another program may use the port: choose another with --listen or --http-listen")
	}
	return lis, nil
}
