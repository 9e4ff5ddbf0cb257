package rpc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// TestAServerIsRegistered also holds that a tenant may use its server's secret.
func TestAServerIsRegistered(t *testing.T) {
	_, _, withStore := stored(t)
	var asked migrate.Request
	conn, _ := start(t, &fakeMigrator{preview: func(req migrate.Request) (*migrate.Preview, error) {
		asked = req
		return &migrate.Preview{Plan: samplePlan()}, nil
	}}, withStore)
	client, tenants := lockstepv1.NewServerServiceClient(conn), lockstepv1.NewTenantServiceClient(conn)
	made, err := client.CreateServer(t.Context(), &lockstepv1.CreateServerRequest{
		Id: "main", Labels: map[string]string{"site": "north"}, Address: "postgres://admin:" + secret + "@db.example.com/postgres",
	})
	require.NoError(t, err)
	assert.Equal(t, "postgres://db.example.com/postgres", made.GetServer().GetAddress())
	assert.Contains(t, made.GetServer().GetSecret(), "sealed")
	_, err = client.CreateServer(t.Context(), &lockstepv1.CreateServerRequest{Id: "main", Address: "postgres://db.example.com/postgres"})
	assert.Equal(t, control.ReasonServerExists, status.Fault(err).Reason)
	got, err := client.GetServer(t.Context(), &lockstepv1.GetServerRequest{Server: "main"})
	require.NoError(t, err)
	assert.Equal(t, "north", got.GetServer().GetLabels()["site"])
	_, err = client.GetServer(t.Context(), &lockstepv1.GetServerRequest{Server: "none"})
	assert.Equal(t, control.ReasonServerNotFound, status.Fault(err).Reason)

	req := acme()
	req.Target, req.Server, req.SecretReference = "postgres://admin@db.example.com/acme", "main", "server:"
	_, err = tenants.CreateTenant(t.Context(), req)
	require.NoError(t, err)
	_, err = lockstepv1.NewMigrationServiceClient(conn).PreviewMigration(t.Context(), &lockstepv1.PreviewMigrationRequest{Tenant: "acme"})
	require.NoError(t, err)
	assert.Equal(t, secret, asked.Target.Password())
	on, err := tenants.ListTenants(t.Context(), &lockstepv1.ListTenantsRequest{Server: "main"})
	require.NoError(t, err)
	assert.Len(t, on.GetTenants(), 1)

	list := func(req *lockstepv1.ListServersRequest) int {
		page, err := client.ListServers(t.Context(), req)
		require.NoError(t, err)
		return len(page.GetServers())
	}
	assert.Equal(t, 1, list(&lockstepv1.ListServersRequest{Engine: lockstepv1.Engine_ENGINE_POSTGRES}))
	assert.Equal(t, 0, list(&lockstepv1.ListServersRequest{Engine: lockstepv1.Engine_ENGINE_MYSQL}))
	gone, err := client.ArchiveServer(t.Context(), &lockstepv1.ArchiveServerRequest{Server: "main"})
	require.NoError(t, err)
	assert.NotNil(t, gone.GetServer().GetArchivedAt())
	assert.Equal(t, 0, list(&lockstepv1.ListServersRequest{}))
	assert.Equal(t, 1, list(&lockstepv1.ListServersRequest{Archived: true}))
	found, err := lockstepv1.NewAuditServiceClient(conn).SearchAudit(t.Context(), &lockstepv1.SearchAuditRequest{})
	require.NoError(t, err)
	assert.Equal(t, "main", found.GetEntries()[0].GetServer())
	assert.Equal(t, "/lockstep.v1.ServerService/ArchiveServer", found.GetEntries()[0].GetMethod())
}

// TestAServerMustBeAllowed: the address is held to the list of targets.
func TestAServerMustBeAllowed(t *testing.T) {
	_, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier), withStore)
	_, err := lockstepv1.NewServerServiceClient(conn).CreateServer(with(t.Context(), known['A']),
		&lockstepv1.CreateServerRequest{Id: "far", Address: "postgres://u:" + secret + "@elsewhere.example.com/postgres"})
	assert.Equal(t, access.ReasonTarget, status.Fault(err).Reason)
}
