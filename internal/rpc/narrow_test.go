package rpc_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
	secrets "github.com/lockstepdb/lockstep/internal/secret"
)

// TestListsAreFullOfWhatOneMaySee: tenants that a caller may not look at leave no
// gaps in pages.
func TestListsAreFullOfWhatOneMaySee(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier), withStore)
	for i := range 40 {
		team := "hr"
		if i%4 == 0 {
			team = "crm"
		}
		id := fmt.Sprintf("t%02d", i)
		_, err := store.CreateTenant(t.Context(), control.NewTenant{
			ID: id, Labels: map[string]string{"team": team, "env": "prod"}, Target: secrets.New("postgres://app@db.example.com/" + id),
		})
		require.NoError(t, err)
	}
	client := lockstepv1.NewTenantServiceClient(conn)
	sizes := func(letter rune, labels map[string]string) (out []int) {
		for token := ""; ; {
			page, err := client.ListTenants(with(t.Context(), known[letter]), &lockstepv1.ListTenantsRequest{PageSize: 4, PageToken: token, Labels: labels})
			require.NoError(t, err)
			out = append(out, len(page.GetTenants()))
			for _, tenant := range page.GetTenants() {
				if letter != 'v' {
					assert.Equal(t, "crm", tenant.GetLabels()["team"])
				}
			}
			if token = page.GetNextPageToken(); token == "" {
				return out
			}
		}
	}
	assert.Equal(t, []int{4, 4, 2}, sizes('w', nil))
	assert.Equal(t, []int{4, 4, 2}, sizes('p', map[string]string{"env": "prod"}))
	assert.Equal(t, []int{0}, sizes('w', map[string]string{"team": "hr"}))
	assert.Len(t, sizes('v', nil), 10)

	// A token of somebody else's list does not open it.
	page, err := client.ListTenants(with(t.Context(), known['v']), &lockstepv1.ListTenantsRequest{PageSize: 4})
	require.NoError(t, err)
	_, err = client.ListTenants(with(t.Context(), known['w']), &lockstepv1.ListTenantsRequest{PageSize: 4, PageToken: page.GetNextPageToken()})
	assert.Equal(t, control.ReasonPageToken, status.Fault(err).Reason)
}

// TestAnAdminOfSomeTenantsSearchesTheirRecord and nobody else's.
func TestAnAdminOfSomeTenantsSearchesTheirRecord(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, _ := start(t, worked(), secured(t, verifier), withStore)
	for id, team := range map[string]string{"acme": "crm", "globex": "hr"} {
		_, err := store.CreateTenant(t.Context(), control.NewTenant{
			ID: id, Labels: map[string]string{"team": team}, Target: secrets.New("postgres://app@db.example.com/" + id),
			Modules: []control.TenantModule{{Path: "example.com/crm"}},
		})
		require.NoError(t, err)
		_, err = lockstepv1.NewMigrationServiceClient(conn).PreviewMigration(with(t.Context(), known['A']), &lockstepv1.PreviewMigrationRequest{Tenant: id})
		require.NoError(t, err)
	}
	client := lockstepv1.NewAuditServiceClient(conn)
	found, err := client.SearchAudit(with(t.Context(), known['d']), &lockstepv1.SearchAuditRequest{Tenant: "acme"})
	require.NoError(t, err)
	require.Len(t, found.GetEntries(), 2)
	for _, e := range found.GetEntries() {
		assert.Equal(t, "acme", e.GetTenant())
	}
	for _, tenant := range []string{"", "globex", "nobody"} {
		_, err = client.SearchAudit(with(t.Context(), known['d']), &lockstepv1.SearchAuditRequest{Tenant: tenant})
		assert.Equal(t, codes.PermissionDenied, grpcstatus.Code(err), tenant)
	}
	all, err := client.SearchAudit(with(t.Context(), known['A']), &lockstepv1.SearchAuditRequest{})
	require.NoError(t, err)
	assert.Len(t, all.GetEntries(), 4)
}
