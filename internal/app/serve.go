package app

import (
	"context"
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

// serve runs the gRPC API and the HTTP API until the context is over.
func serve(ctx context.Context, cfg config.Config, logger *slog.Logger, ready func(cli.Listening)) error {
	server, err := newServer(cfg, logger)
	if err != nil {
		return err
	}
	lis, err := listen(ctx, cfg.Listen)
	if err != nil {
		return err
	}
	at := cli.Listening{GRPC: lis.Addr().String()}
	group, ctx := errgroup.WithContext(ctx)
	if cfg.HTTP() {
		httpLis, err := listen(ctx, cfg.HTTPListen)
		if err != nil {
			return errors.Join(err, lis.Close())
		}
		at.HTTP = httpLis.Addr().String()
		group.Go(func() error { return serveHTTP(ctx, httpLis, server, cfg) })
	}
	for _, address := range []string{cfg.Listen, at.HTTP} {
		if address != "" && !config.Loopback(address) {
			logger.WarnContext(ctx, "listening beyond loopback: the API has no authentication and no encryption of its own yet",
				slog.String("address", address))
		}
	}
	group.Go(func() error { return server.Serve(ctx, lis) })
	ready(at)
	return group.Wait()
}

// serveHTTP runs the gateway in front of the server.
func serveHTTP(ctx context.Context, lis net.Listener, server *rpc.Server, cfg config.Config) error {
	// The gateway's own connection lives until its last request is answered.
	alive := context.WithoutCancel(ctx)
	conn, err := server.ConnectGateway(alive)
	if err != nil {
		return err
	}
	handler, err := gateway.New(alive, conn)
	if err != nil {
		return err
	}
	web := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return alive },
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
