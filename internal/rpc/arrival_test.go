package rpc_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

// TestACallWithoutARequestEnds: whoever opens a call and sends nothing does not
// hold it for ever, and what a request asks for may take longer than it took to
// arrive.
func TestACallWithoutARequestEnds(t *testing.T) {
	const limit = 150 * time.Millisecond
	conn, _ := start(t, &fakeMigrator{
		preview: func(migrate.Request) (*migrate.Preview, error) {
			time.Sleep(4 * limit)
			return &migrate.Preview{Plan: samplePlan()}, nil
		},
		execute: func(ctx context.Context, _ migrate.ExecuteRequest, _ func(migrate.Event)) (*migrate.Result, error) {
			time.Sleep(4 * limit)
			return &migrate.Result{Outcome: migrate.OutcomeNothing}, ctx.Err()
		},
	}, func(cfg *rpc.Config) { cfg.ArrivalTime = limit })
	for _, method := range []string{"ModuleService/ListModules", "MigrationService/ExecuteMigration"} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/lockstep.v1."+method)
		require.NoError(t, err)
		err = stream.RecvMsg(&lockstepv1.ListModulesResponse{})
		assert.Equal(t, codes.Canceled, grpcstatus.Code(err), "%s: %v", method, err)
		cancel()
	}
	client := lockstepv1.NewMigrationServiceClient(conn)
	_, err := client.PreviewMigration(t.Context(), &lockstepv1.PreviewMigrationRequest{Target: target, Modules: crm("v1")})
	require.NoError(t, err)
	stream, err := client.ExecuteMigration(t.Context(), &lockstepv1.ExecuteMigrationRequest{Target: target, Modules: crm("v1"), Actor: "a"})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.NoError(t, err)
}
