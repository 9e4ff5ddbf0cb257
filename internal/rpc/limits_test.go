package rpc_test

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	grpcstatus "google.golang.org/grpc/status"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

func retryInfo(err error) *errdetails.RetryInfo {
	for _, d := range grpcstatus.Convert(err).Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return r
		}
	}
	return nil
}

func TestCallersAreLimitedInRate(t *testing.T) {
	known, verifier := tokens(t)
	var later atomic.Int64 // what the clock of the test is ahead by
	conn, _ := start(t, &fakeMigrator{}, func(cfg *rpc.Config) {
		secured(t, verifier)(cfg)
		cfg.Now = func() time.Time { return began.Add(time.Duration(later.Load())) }
		cfg.Access.Limits = rpc.Limits{CallsPerSecond: 2, Burst: 3}
	})
	list := func(token string) error {
		_, err := lockstepv1.NewModuleServiceClient(conn).ListModules(with(t.Context(), token), &lockstepv1.ListModulesRequest{})
		return err
	}
	for range 3 {
		require.NoError(t, list(known['v']))
	}
	err := list(known['v'])
	assert.Equal(t, codes.ResourceExhausted, grpcstatus.Code(err))
	assert.Equal(t, "RATE_LIMITED", status.Fault(err).Reason)
	assert.Equal(t, 500*time.Millisecond, retryInfo(err).GetRetryDelay().AsDuration())
	require.NoError(t, list(known['o']), "each caller for themselves")
	for range 5 {
		require.Error(t, list(known['v']))
	}
	later.Store(int64(500 * time.Millisecond))
	require.NoError(t, list(known['v']), "what was refused does not count")
	for range 3 {
		assert.Equal(t, codes.Unauthenticated, grpcstatus.Code(list("lks_guess")))
	}
	assert.Equal(t, codes.ResourceExhausted, grpcstatus.Code(list("lks_guess")), "guessing is slowed down, too")
	_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	assert.NoError(t, err)
}

func TestExecutionsAreLimited(t *testing.T) {
	known, verifier := tokens(t)
	running, release := make(chan struct{}, 10), make(chan struct{})
	conn, _ := start(t, &fakeMigrator{execute: func(
		context.Context, migrate.ExecuteRequest, func(migrate.Event),
	) (*migrate.Result, error) {
		running <- struct{}{}
		<-release
		return &migrate.Result{Outcome: migrate.OutcomeNothing}, nil
	}}, func(cfg *rpc.Config) {
		secured(t, verifier)(cfg)
		cfg.Access.Limits = rpc.Limits{Executions: 3, ExecutionsPerCaller: 2}
	})
	execute := func(letter rune) error {
		stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(with(t.Context(), known[letter]),
			&lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	ended := make(chan error, 3)
	for _, letter := range "ooA" {
		go func() { ended <- execute(letter) }()
		<-running
	}
	for letter, words := range map[rune]string{'o': "2 executions already, as many as one may", 'A': "3 executions already, as many as it may"} {
		err := execute(letter)
		if letter == 'o' {
			words = "3 executions already"
		}
		assert.Equal(t, "EXECUTIONS_EXHAUSTED", status.Fault(err).Reason)
		assert.Contains(t, err.Error(), words)
		assert.Positive(t, retryInfo(err).GetRetryDelay().AsDuration())
	}
	_, err := lockstepv1.NewMigrationServiceClient(conn).GetRevision(with(t.Context(), known['o']),
		&lockstepv1.GetRevisionRequest{Target: target, Number: 1})
	assert.Equal(t, codes.NotFound, grpcstatus.Code(err), "reading takes no place")
	close(release)
	for range 3 {
		require.NoError(t, <-ended)
	}
	require.NoError(t, execute('o'), "the places were given back")
}

func TestExecutionsOfOneCallerAreLimited(t *testing.T) {
	known, verifier := tokens(t)
	running, release := make(chan struct{}, 10), make(chan struct{})
	conn, _ := start(t, &fakeMigrator{execute: func(
		context.Context, migrate.ExecuteRequest, func(migrate.Event),
	) (*migrate.Result, error) {
		running <- struct{}{}
		<-release
		return nil, fault.New(fault.Refused, "NO", "no")
	}}, func(cfg *rpc.Config) {
		secured(t, verifier)(cfg)
		cfg.Access.Limits = rpc.Limits{ExecutionsPerCaller: 1}
	})
	execute := func(letter rune) string {
		stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(with(t.Context(), known[letter]),
			&lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target})
		if err == nil {
			_, err = stream.Recv()
		}
		return status.Fault(err).Reason
	}
	ended := make(chan string, 2)
	for _, letter := range "oA" {
		go func() { ended <- execute(letter) }()
		<-running
	}
	assert.Equal(t, "EXECUTIONS_EXHAUSTED", execute('o'))
	close(release)
	assert.Equal(t, []string{"NO", "NO"}, []string{<-ended, <-ended})
	assert.Equal(t, "NO", execute('o'), "the place of a failed execution was given back")
}

func TestLargeRequestsAreRefused(t *testing.T) {
	conn, _ := start(t, &fakeMigrator{}, func(cfg *rpc.Config) { cfg.MaxRequestBytes = 1000 })
	set := crm("v1")
	set.GoMod = make([]byte, 2000)
	_, err := lockstepv1.NewModuleServiceClient(conn).CompareModules(t.Context(), &lockstepv1.CompareModulesRequest{To: set})
	assert.Equal(t, codes.ResourceExhausted, grpcstatus.Code(err))
}

// TestShutdownRollsBackWhatDoesNotEnd: an execution that outlives the grace time
// is cut off by its context, and the server is down only when it has ended.
func TestShutdownRollsBackWhatDoesNotEnd(t *testing.T) {
	entered, undone := make(chan struct{}), make(chan struct{})
	server, err := rpc.NewServer(rpc.Config{
		Migrator: &fakeMigrator{execute: func(ctx context.Context, _ migrate.ExecuteRequest, _ func(migrate.Event)) (*migrate.Result, error) {
			close(entered)
			<-ctx.Done()
			time.Sleep(50 * time.Millisecond) // rolling back takes its time
			close(undone)
			f := fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "cut off")
			f.RolledBack = true
			return &migrate.Result{Outcome: migrate.OutcomeRolledBack, Error: f}, f
		}},
		Modules: fakeModules{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		ShutdownTimeout: 100 * time.Millisecond,
		Access:          rpc.Access{Authenticator: &access.Authenticator{Anonymous: access.Admin}, Targets: access.AllTargets()},
	})
	require.NoError(t, err)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), lis) }()
	conn, err := rpc.Dial(lis.Addr().String(), 0)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(context.Background(),
			&lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target, Actor: "a"})
		if err == nil {
			_, err = stream.Recv()
		}
		ended <- err
	}()
	<-entered
	began := time.Now()
	server.Shutdown()
	select {
	case <-undone:
	default:
		t.Fatal("the server went down before the execution was rolled back")
	}
	assert.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond, "it had its grace time")
	require.Error(t, <-ended)
	require.NoError(t, <-served)
	require.NoError(t, conn.Close())
}
