package rpc

import (
	"context"
	"errors"
	"net"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/discover/inventory"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Server is the gRPC server with everything that belongs to it. It can serve
// several listeners.
type Server struct {
	grpc   *grpc.Server
	health *health.Server
	guard  *guard
	cfg    Config

	servers *serverService
}

// maxStreams bounds the calls at a time of one connection.
const maxStreams = 1000

// What is read of a connection before anybody knows who calls.
const (
	maxHeaderBytes   = 64 << 10 // tokens of identity providers are long
	handshakeTimeout = 20 * time.Second
)

// NewServer makes a server; it listens nowhere yet.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Migrator == nil || cfg.Modules == nil || cfg.Logger == nil || cfg.Now == nil {
		return nil, fault.New(fault.Bug, "SERVER_INCOMPLETE", "the gRPC server was not given all it needs")
	}
	if cfg.MaxMessageBytes <= 0 {
		cfg.MaxMessageBytes = DefaultMaxMessageBytes
	}
	if cfg.MaxRequestBytes <= 0 {
		cfg.MaxRequestBytes = min(DefaultMaxRequestBytes, cfg.MaxMessageBytes)
	}
	validator, err := protovalidate.New(protovalidate.WithMessages(requestMessages()...))
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "VALIDATOR_BROKEN", "the rules of the API cannot be compiled")
	}
	limits, err := newLimiter(cfg.Access.Limits, cfg.Now)
	if err != nil {
		return nil, err
	}
	g := &guard{Access: cfg.Access, limits: limits}
	book := newLedger(cfg)
	cfg.Migrator = granting(cfg)
	c := chain{cfg: cfg, validator: validator, guard: g, ledger: book}
	options := []grpc.ServerOption{
		grpc.Creds(newDoorCredentials(cfg.TLS)),
		grpc.WaitForHandlers(true), // a call that was cut off rolls back before the process ends
		grpc.MaxRecvMsgSize(cfg.MaxRequestBytes),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.InTapHandle(awaitRequest(cfg.ArrivalTime)),
		grpc.MaxSendMsgSize(cfg.MaxMessageBytes),
		grpc.ChainUnaryInterceptor(c.unary()...),
		grpc.ChainStreamInterceptor(c.stream()...),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
	}
	if cfg.Stats != nil {
		options = append(options, grpc.StatsHandler(cfg.Stats))
	}
	s := &Server{cfg: cfg, guard: g, health: health.NewServer(), grpc: grpc.NewServer(options...)}
	at := places{store: cfg.Store, secrets: cfg.Secrets, targets: cfg.Access.Targets}
	lockstepv1.RegisterModuleServiceServer(s.grpc, &moduleService{
		migrator: cfg.Migrator, modules: cfg.Modules, offered: cfg.Offered, replaced: cfg.Replaced,
	})
	lockstepv1.RegisterMigrationServiceServer(s.grpc, &migrationService{migrator: book.keep(cfg.Migrator), places: at})
	lockstepv1.RegisterTenantServiceServer(s.grpc, &tenantService{places: at, ledger: book, onboard: newOnboarding(cfg, book)})
	lockstepv1.RegisterAuditServiceServer(s.grpc, &auditService{places: at})
	s.servers = &serverService{
		places: at, ledger: book, migrator: book.keep(cfg.Migrator),
		syncer: &inventory.Syncer{Store: cfg.Store, Secrets: cfg.Secrets, Engines: cfg.Engines},
	}
	lockstepv1.RegisterServerServiceServer(s.grpc, s.servers)
	lockstepv1.RegisterTokenServiceServer(s.grpc, &tokenService{places: at, ledger: book})
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	if g.policy, g.rules, err = readRules(s.grpc.GetServiceInfo()); err != nil {
		return nil, err
	}
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
	return s, nil
}

// Serve answers on a listener until ctx is over or Shutdown is called, and
// then lets running calls end.
func (s *Server) Serve(ctx context.Context, lis net.Listener) error {
	stop := context.AfterFunc(ctx, s.Shutdown)
	defer stop()
	if err := s.grpc.Serve(lis); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fault.Wrap(err, fault.Unavailable, "LISTENER_FAILED", "the gRPC listener on %s failed", lis.Addr())
	}
	return nil // after a graceful stop, Serve has waited for its end
}

// Drain says to health checks that the server goes away soon, and serves on.
func (s *Server) Drain() { s.health.Shutdown() }

// Shutdown takes no more calls, waits for the running ones as long as the
// configuration says, and then cuts them off: what they were executing is
// rolled back.
func (s *Server) Shutdown() {
	s.health.Shutdown()
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	timer := time.NewTimer(s.cfg.ShutdownTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.grpc.Stop()
		<-done
	}
}
