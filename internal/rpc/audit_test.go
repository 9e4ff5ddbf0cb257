package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
)

// worked is a migrator that previews, and fails in the middle.
func worked() *fakeMigrator {
	return &fakeMigrator{
		preview: func(migrate.Request) (*migrate.Preview, error) { return &migrate.Preview{Plan: samplePlan()}, nil },
		execute: func(_ context.Context, req migrate.ExecuteRequest, _ func(migrate.Event)) (*migrate.Result, error) {
			f := fault.New(fault.Refused, "ROWS_IN_THE_WAY", "3 rows are in the way").Suggest("mend them")
			return &migrate.Result{
				Outcome: migrate.OutcomeRolledBack, Plan: samplePlan(), Error: f, Actor: req.Actor,
				Statements: []history.Statement{{SQL: samplePlan().Statements[0].SQL, Outcome: "failed"}},
			}, f
		},
	}
}

func export(t *testing.T, client lockstepv1.AuditServiceClient, after int64) []byte {
	t.Helper()
	stream, err := client.ExportAudit(t.Context(), &lockstepv1.ExportAuditRequest{After: after})
	require.NoError(t, err)
	var out []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out = append(out, m.GetData()...)
	}
}

// TestWhatWasDoneIsInTheChain makes a call of each kind, and looks for it in the
// chain. The secrets that the calls used are nowhere: not in the store's files,
// the log, the answers, or the export.
func TestWhatWasDoneIsInTheChain(t *testing.T) {
	store, file, withStore := stored(t)
	conn, log := start(t, worked(), withStore)
	tenants, client := lockstepv1.NewTenantServiceClient(conn), lockstepv1.NewMigrationServiceClient(conn)
	audit := lockstepv1.NewAuditServiceClient(conn)
	const another = "s3cr3t-of-another"
	_, err := tenants.CreateTenant(t.Context(), acme())
	require.NoError(t, err)
	_, err = tenants.UpdateTenant(t.Context(), &lockstepv1.UpdateTenantRequest{Tenant: "acme", Password: another})
	require.NoError(t, err)
	_, err = client.PreviewMigration(t.Context(), &lockstepv1.PreviewMigrationRequest{Tenant: "acme"})
	require.NoError(t, err)
	stream, err := client.ExecuteMigration(t.Context(), &lockstepv1.ExecuteMigrationRequest{
		Target: target, Modules: crm("v1"), Actor: "alice", RequestId: "r-1",
	})
	require.NoError(t, err)
	for err == nil {
		_, err = stream.Recv()
	}
	require.Equal(t, codes.FailedPrecondition, grpcstatus.Code(err))

	found, err := audit.SearchAudit(t.Context(), &lockstepv1.SearchAuditRequest{Tenant: "acme"})
	require.NoError(t, err)
	require.Len(t, found.GetEntries(), 8, "a request by the target of a tenant is one on that tenant")
	e := found.GetEntries()[0]
	assert.Equal(t, lockstepv1.AuditPhase_AUDIT_PHASE_FINISHED, e.GetPhase())
	assert.Equal(t, "/lockstep.v1.MigrationService/ExecuteMigration", e.GetMethod())
	assert.Equal(t, "alice", e.GetActor())
	assert.Equal(t, "anonymous", e.GetSubject())
	assert.True(t, strings.HasPrefix(e.GetSource(), "127.0.0.1:"), e.GetSource())
	assert.Equal(t, "r-1", e.GetRequestId())
	assert.Equal(t, "rolled_back", e.GetOutcome())
	assert.Equal(t, "ROWS_IN_THE_WAY", e.GetReason())
	assert.Equal(t, "mend them", e.GetSuggestion())
	assert.Equal(t, "p1:abc", e.GetDigest())
	assert.Equal(t, "h1:abc=", e.GetModules()[0].GetSum())
	assert.Equal(t, samplePlan().Statements[0].SQL, e.GetStatements()[0])
	assert.Equal(t, "postgres://db.example.com/shop?schema=acme", e.GetTarget())
	assert.Equal(t, control.OutcomeStarted, found.GetEntries()[1].GetOutcome())
	assert.Equal(t, e.GetOperationId(), found.GetEntries()[1].GetOperationId())
	assert.Equal(t, "previewed", found.GetEntries()[2].GetOutcome())
	assert.Equal(t, "done", found.GetEntries()[4].GetOutcome())

	verified, err := audit.VerifyAudit(t.Context(), &lockstepv1.VerifyAuditRequest{Head: e.GetHash()})
	require.NoError(t, err)
	assert.EqualValues(t, 8, verified.GetEntries())
	assert.Empty(t, verified.GetUnfinished())
	_, err = audit.VerifyAudit(t.Context(), &lockstepv1.VerifyAuditRequest{Head: "00"})
	assert.Equal(t, codes.DataLoss, grpcstatus.Code(err))
	lines := export(t, audit, 0)
	report, err := control.VerifyAuditLines(bytes.NewReader(lines), e.GetHash())
	require.NoError(t, err)
	assert.EqualValues(t, 8, report.Entries)
	assert.Equal(t, 2, bytes.Count(export(t, audit, 6), []byte("\n")))

	list, err := tenants.ListTenants(t.Context(), &lockstepv1.ListTenantsRequest{})
	require.NoError(t, err)
	answers := protojson.Format(found) + protojson.Format(list)
	require.NoError(t, store.Close())
	places := map[string]string{"log": log.String(), "export": string(lines), "answers": answers}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if data, err := os.ReadFile(file + suffix); err == nil {
			places["store"+suffix] = string(data)
		}
	}
	require.Contains(t, places["store"], "acme", "the file that is looked at is the store's")
	for name, text := range places {
		for _, s := range []string{secret, another} {
			assert.NotContains(t, text, s, "%s holds a secret", name)
		}
	}
}
