package rpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	grpcstatus "google.golang.org/grpc/status"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

func TestOnlyHealthAndReflectionAreOpen(t *testing.T) {
	_, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier))
	for _, ctx := range []context.Context{t.Context(), with(t.Context(), "lks_bad")} {
		_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
		require.NoError(t, err)
		require.NoError(t, stream.Send(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
		}))
		_, err = stream.Recv()
		require.NoError(t, err)
	}
	err := conn.Invoke(t.Context(), "/lockstep.v1.ModuleService/Nothing", &lockstepv1.ListModulesRequest{}, &lockstepv1.ListModulesResponse{})
	assert.Equal(t, codes.Unimplemented, grpcstatus.Code(err))
}

// TestAServerLetsInNobodyUnlessTold starts one without any access settings.
func TestAServerLetsInNobodyUnlessTold(t *testing.T) {
	conn, _ := start(t, &fakeMigrator{}, func(cfg *rpc.Config) { cfg.Access = rpc.Access{} })
	for _, m := range calls(t) {
		assert.Equal(t, codes.Unauthenticated, invoke(t.Context(), conn, m, nil), m.FullName())
	}
}

// TestNothingThatIsSentMakesATrustedCaller plays the gateway over the network.
func TestNothingThatIsSentMakesATrustedCaller(t *testing.T) {
	_, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, func(cfg *rpc.Config) {
		secured(t, verifier)(cfg)
		cfg.Access.Authenticator.Certificates = map[string][]access.Grant{"cn:ops": {{Role: access.Admin}}}
	})
	ops := certificate(t, "ops", nil)
	for name, pairs := range map[string][]string{
		"certificate":  {rpc.ForwardedCertificate, string(ops.leaf.Raw), rpc.ForwardedPeer, "127.0.0.1:1"},
		"peer":         {rpc.ForwardedPeer, "127.0.0.1:1", "x-forwarded-for", "127.0.0.1", "x-forwarded-client-cert", "Subject=\"CN=ops\""},
		"identity":     {"lockstep-identity", "admin", "grpc-identity", "admin", "x-remote-user", "admin"},
		"local":        {"lockstep-local", "true"},
		"second token": {"authorization", "Basic b3BzOg==", "authorization", "Bearer x"},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), pairs...)
		_, err := lockstepv1.NewModuleServiceClient(conn).ListModules(ctx, &lockstepv1.ListModulesRequest{})
		assert.Equal(t, codes.Unauthenticated, grpcstatus.Code(err), name)
	}
}

func TestTargetsAreLimited(t *testing.T) {
	known, verifier := tokens(t)
	conn, log := start(t, &fakeMigrator{}, secured(t, verifier))
	client := lockstepv1.NewMigrationServiceClient(conn)
	ctx := with(t.Context(), known['A'])
	for url, reason := range map[string]string{
		"postgres://u:" + secret + "@10.0.0.1/d":                         access.ReasonTarget,
		"postgres://u:" + secret + "@db.example.com/d?sslkey=/etc/key":   "TARGET_OPTION_REFUSED",
		"sqlite:///etc/passwd":                                           access.ReasonTarget,
		"postgres://u:" + secret + "@db.example.com:1,evil.example.com/": "TARGET_INVALID",
	} {
		_, err := client.GetTenantVersion(ctx, &lockstepv1.GetTenantVersionRequest{Target: url})
		assert.Equal(t, reason, status.Fault(err).Reason, url)
		assert.NotContains(t, err.Error(), secret)
		stream, err := client.ExecuteMigration(ctx, &lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: url})
		require.NoError(t, err)
		_, err = stream.Recv()
		assert.Equal(t, reason, status.Fault(err).Reason, url)
	}
	assert.Contains(t, log.String(), "caller=token:caller-A")
	assert.Contains(t, log.String(), access.ReasonTarget)
	for _, token := range known {
		assert.NotContains(t, log.String(), token)
	}
}

func TestWhoAsksIsRecorded(t *testing.T) {
	known, verifier := tokens(t)
	var actor string
	conn, _ := start(t, &fakeMigrator{execute: func(
		ctx context.Context, r migrate.ExecuteRequest, _ func(migrate.Event),
	) (*migrate.Result, error) {
		actor = r.Actor + "/" + access.FromContext(ctx).Subject
		return &migrate.Result{Outcome: migrate.OutcomeNothing}, nil
	}}, secured(t, verifier))
	for claim, want := range map[string]string{
		"": "caller-o/token:caller-o", "caller-o": "caller-o/token:caller-o", "root": "root (by caller-o)/token:caller-o",
	} {
		stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(with(t.Context(), known['o']),
			&lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target, Actor: claim})
		require.NoError(t, err)
		_, err = stream.Recv()
		require.NoError(t, err)
		assert.Equal(t, want, actor)
	}
}
