package rpc_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// syncAll syncs the server of a branch, and reads the stream to its end.
func syncAll(ctx context.Context, client lockstepv1.ServerServiceClient) error {
	stream, err := client.SyncServer(ctx, &lockstepv1.SyncServerRequest{Server: "db1"})
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// TestSyncsWhileATenantIsOnboarded: a tenant whose database is being made has not
// vanished, and when it is made it is its tenant's.
func TestSyncsWhileATenantIsOnboarded(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		b := open(t, server, nil, engines(nil))
		client := lockstepv1.NewServerServiceClient(b.conn)
		made := make(chan struct{})
		var group sync.WaitGroup
		syncs := 0
		for range 2 {
			group.Go(func() {
				for {
					err := syncAll(t.Context(), client)
					if err != nil {
						assert.Equal(t, control.ReasonSyncSuperseded, status.Fault(err).Reason)
					}
					select {
					case <-made:
						return
					default:
					}
				}
			})
		}
		_, result, err := b.onboard(t.Context(), b.request())
		close(made)
		group.Wait()
		require.NoError(t, err)
		require.NoError(t, syncAll(t.Context(), client))
		got, err := b.store.GetTenant(t.Context(), b.id)
		require.NoError(t, err)
		assert.Equal(t, control.TenantActive, got.Status)
		list, err := client.ListDatabases(t.Context(), &lockstepv1.ListDatabasesRequest{
			Server: "db1", Status: lockstepv1.DatabaseStatus_DATABASE_STATUS_OWNED,
		})
		require.NoError(t, err)
		require.Len(t, list.GetDatabases(), 1, "the server has no other tenant")
		assert.Equal(t, b.id, list.GetDatabases()[0].GetTenant())
		assert.Equal(t, filepath.Base(result.GetDatabase()), list.GetDatabases()[0].GetName())
		found, err := lockstepv1.NewAuditServiceClient(b.conn).SearchAudit(t.Context(), &lockstepv1.SearchAuditRequest{Outcome: "synced", PageSize: 1000})
		require.NoError(t, err)
		for _, e := range found.GetEntries() {
			assert.NotContains(t, e.GetDetails(), "tenants_vanished")
			syncs++
		}
		assert.Greater(t, syncs, 1, "syncs ran meanwhile")
	})
}
