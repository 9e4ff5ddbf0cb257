package rpc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// onlyReads are the calls, beside those that get or list, whose refusal is not in
// the audit chain. Any other call, a new one included, must be there.
var onlyReads = map[string]bool{
	"ModuleService/CompareModules": true, "ModuleService/CheckModule": true, "ModuleService/ProposeManifest": true,
	"MigrationService/CheckDrift": true, "AuditService/SearchAudit": true, "AuditService/ExportAudit": true, "AuditService/VerifyAudit": true,
}

// chained returns the entries of the chain, the newest first.
func chained(t *testing.T, s control.Store) []*control.AuditEntry {
	t.Helper()
	out, _, err := s.SearchAudit(t.Context(), control.AuditFilter{}, control.Page{Size: control.MaxPageSize})
	require.NoError(t, err)
	return out
}

// TestEveryRefusedChangeIsInTheChain makes every call of the API by a known
// caller without a role, by somebody unknown, and by nobody: only the first is
// written down, once, and only where something would have been changed or
// planned.
func TestEveryRefusedChangeIsInTheChain(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, log := start(t, &fakeMigrator{}, secured(t, verifier), withStore)
	fields := map[string]string{"target": target, "tenant": "acme", "actor": "alice", "request_id": "r-1", "id": "made"}
	for _, m := range calls(t) {
		before := len(chained(t, store))
		assert.Equal(t, codes.Unauthenticated, invoke(t.Context(), conn, m, fields), m.FullName())
		assert.Equal(t, codes.Unauthenticated, invoke(with(t.Context(), access.NewToken()), conn, m, fields), m.FullName())
		require.Len(t, chained(t, store), before, "%s: strangers write nothing", m.FullName())
		require.Equal(t, codes.PermissionDenied, invoke(with(t.Context(), known['n']), conn, m, fields), m.FullName())
		entries := chained(t, store)
		name := string(m.Name())
		if onlyReads[short(m)] || strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") {
			assert.Len(t, entries, before, m.FullName())
			continue
		}
		if !assert.Len(t, entries, before+1, "%s: its refusal is not in the chain", m.FullName()) {
			continue
		}
		e := entries[0]
		assert.Equal(t, control.OutcomeRefused, e.Outcome)
		assert.Equal(t, control.AuditFinished, e.Phase)
		assert.Equal(t, "/"+string(m.Parent().FullName())+"/"+string(m.Name()), e.Method)
		assert.Equal(t, "token:caller-n", e.Subject)
		assert.Equal(t, "ROLE_MISSING", e.Reason)
		assert.NotEmpty(t, e.Error)
		assert.NotEmpty(t, e.Suggestion)
		assert.True(t, strings.HasPrefix(e.Source, "127.0.0.1:"), e.Source)
		input := m.Input().Fields()
		if input.ByName("target") != nil && input.ByName("target_field") == nil {
			assert.NotContains(t, e.Target, secret)
		}
		if short(m) == "MigrationService/ExecuteMigration" {
			assert.Equal(t, "alice (by caller-n)", e.Actor)
			assert.Equal(t, "acme", e.TenantID)
			assert.Equal(t, "postgres://db.example.com/shop?schema=acme", e.Target)
			assert.Equal(t, "r-1", e.RequestID)
		}
	}
	report, err := store.VerifyAudit(t.Context())
	require.NoError(t, err)
	assert.Empty(t, report.Unfinished, "what was refused is not waited for")
	assert.Contains(t, log.String(), "caller=token:caller-n")
}

// TestWhatIsRefusedBeforeItBeganIsOneEntry goes through the places that refuse:
// the limits of a grant, the list of targets, the rules of the API, and a tenant
// that is not there.
func TestWhatIsRefusedBeforeItBeganIsOneEntry(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, _ := start(t, worked(), secured(t, verifier), withStore)
	client, tenants := lockstepv1.NewMigrationServiceClient(conn), lockstepv1.NewTenantServiceClient(conn)
	preview := func(ctx context.Context, req *lockstepv1.PreviewMigrationRequest) error {
		_, err := client.PreviewMigration(ctx, req)
		return err
	}
	admin, crmViewer := with(t.Context(), known['A']), with(t.Context(), known['w'])
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		call   func() error
		reason string
		about  control.AuditEvent
	}{
		"grant": {
			func() error {
				return preview(crmViewer, &lockstepv1.PreviewMigrationRequest{Target: target, Modules: crm("v1")})
			}, "ROLE_MISSING",
			control.AuditEvent{Actor: "caller-w", Target: "postgres://db.example.com/shop?schema=acme", Modules: []control.AuditModule{{Path: "example.com/crm", Version: "v1"}}},
		},
		"target": {func() error {
			return preview(admin, &lockstepv1.PreviewMigrationRequest{Target: "postgres://u:" + secret + "@10.0.0.1/d", Modules: crm("v1")})
		}, access.ReasonTarget, control.AuditEvent{Actor: "caller-A", Target: "postgres://10.0.0.1/d", Modules: []control.AuditModule{{Path: "example.com/crm", Version: "v1"}}}},
		"unreadable target": {func() error {
			return preview(admin, &lockstepv1.PreviewMigrationRequest{Target: "//u:" + secret + "@h", Modules: crm("v1")})
		}, "TARGET_INVALID", control.AuditEvent{Actor: "caller-A", Modules: []control.AuditModule{{Path: "example.com/crm", Version: "v1"}}}},
		"tenant": {
			func() error { return preview(admin, &lockstepv1.PreviewMigrationRequest{Tenant: "nobody"}) }, control.ReasonTenantNotFound,
			control.AuditEvent{Actor: "caller-A", TenantID: "nobody"},
		},
		"request": {
			func() error { return preview(admin, &lockstepv1.PreviewMigrationRequest{Tenant: long}) }, "REQUEST_INVALID",
			control.AuditEvent{Actor: "caller-A", TenantID: long[:64]},
		},
		"registration": {func() error {
			_, err := tenants.CreateTenant(admin, &lockstepv1.CreateTenantRequest{Id: "far", Target: "postgres://u:" + secret + "@10.0.0.1/d"})
			return err
		}, access.ReasonTarget, control.AuditEvent{Actor: "caller-A", TenantID: "far", Target: "postgres://10.0.0.1/d"}},
	} {
		before := len(chained(t, store))
		assert.Equal(t, c.reason, status.Fault(c.call()).Reason, name)
		entries := chained(t, store)
		require.Len(t, entries, before+1, name)
		e := entries[0]
		assert.Equal(t, control.OutcomeRefused, e.Outcome, name)
		assert.Equal(t, c.reason, e.Reason, name)
		assert.Equal(t, c.about.Actor, e.Actor, name)
		assert.Equal(t, c.about.Target, e.Target, name)
		assert.Equal(t, c.about.TenantID, e.TenantID, name)
		assert.Equal(t, c.about.Modules, e.Modules, name)
	}
	found, _, err := store.SearchAudit(t.Context(), control.AuditFilter{Outcome: control.OutcomeRefused, TenantID: "nobody"}, control.Page{})
	require.NoError(t, err)
	assert.Len(t, found, 1)
}

// TestTheRateBoundsTheChain: what is over the rate is refused, and not written
// down.
func TestTheRateBoundsTheChain(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, _ := start(t, worked(), secured(t, verifier), withStore, func(cfg *rpc.Config) {
		cfg.Access.Limits = rpc.Limits{CallsPerSecond: 1, Burst: 3} // and the clock stands still
	})
	refusals := map[string]int{}
	for range 20 {
		_, err := lockstepv1.NewMigrationServiceClient(conn).PreviewMigration(with(t.Context(), known['n']), &lockstepv1.PreviewMigrationRequest{Tenant: "acme"})
		refusals[status.Fault(err).Reason]++
	}
	assert.Equal(t, map[string]int{"ROLE_MISSING": 3, "RATE_LIMITED": 17}, refusals)
	assert.Len(t, chained(t, store), 3)
}

// TestAChainThatCannotBeWrittenIsInTheLog: the call is refused all the same.
func TestAChainThatCannotBeWrittenIsInTheLog(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, log := start(t, worked(), secured(t, verifier), withStore)
	require.NoError(t, store.Close())
	_, err := lockstepv1.NewTenantServiceClient(conn).ArchiveTenant(with(t.Context(), known['n']), &lockstepv1.ArchiveTenantRequest{Tenant: "acme"})
	assert.Equal(t, "ROLE_MISSING", status.Fault(err).Reason)
	assert.Contains(t, log.String(), "a refused call is not in the audit chain")
}

// TestAnOperationThatPanicsHasItsEnd in the chain.
func TestAnOperationThatPanicsHasItsEnd(t *testing.T) {
	store, _, withStore := stored(t)
	conn, _ := start(t, &fakeMigrator{preview: func(migrate.Request) (*migrate.Preview, error) { panic("no") }}, withStore)
	_, err := lockstepv1.NewMigrationServiceClient(conn).PreviewMigration(t.Context(), &lockstepv1.PreviewMigrationRequest{Target: target, Modules: crm("v1")})
	assert.Equal(t, codes.Internal, grpcstatus.Code(err))
	entries := chained(t, store)
	require.Len(t, entries, 2)
	assert.Equal(t, "failed", entries[0].Outcome)
	assert.Equal(t, "PANIC", entries[0].Reason)
	report, err := store.VerifyAudit(t.Context())
	require.NoError(t, err)
	assert.Empty(t, report.Unfinished)
}
