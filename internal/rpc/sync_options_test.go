package rpc_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// TestWhatIsWantedCountsForLaterSyncs, until one wants something else.
func TestWhatIsWantedCountsForLaterSyncs(t *testing.T) {
	t.Parallel()
	serverHosts(t, func(t *testing.T, h host) {
		d := h.register(t)
		d.mustSync(t)
		lists := func() bool {
			page, err := d.servers.ListDatabases(t.Context(), &lockstepv1.ListDatabasesRequest{Server: "main", Prefix: "postgres", PageSize: 1000})
			require.NoError(t, err)
			return slices.Contains(namesOf(page.GetDatabases()), "postgres")
		}
		assert.Contains(t, d.server(t).GetFacts().GetLeftOut(), "postgres")
		assert.False(t, lists(), "it belongs to the system")
		_, _, err := d.sync(t, &lockstepv1.SyncServerRequest{Options: &lockstepv1.SyncOptions{Include: []string{"postgres"}}, Preview: true})
		require.NoError(t, err)
		d.mustSync(t)
		assert.False(t, lists(), "what a preview wanted is not recorded")
		_, _, err = d.sync(t, &lockstepv1.SyncServerRequest{Options: &lockstepv1.SyncOptions{Include: []string{"postgres"}}})
		require.NoError(t, err)
		assert.True(t, lists())
		d.mustSync(t)
		assert.True(t, lists())
		_, _, err = d.sync(t, &lockstepv1.SyncServerRequest{Options: &lockstepv1.SyncOptions{}})
		require.NoError(t, err)
		assert.False(t, lists())
	}, dialect.Postgres)
}

// TestWhoMayUseWhat tells accounts of one name apart, follows roles, and says
// what it does not know.
func TestWhoMayUseWhat(t *testing.T) {
	t.Parallel()
	serverHosts(t, func(t *testing.T, h host) {
		d := h.register(t)
		name, app, role := h.prefix+"_acme", h.prefix+"_app", h.prefix+"_readers"
		h.login(t, app)
		h.role(t, role)
		h.create(t, name)
		h.privilege(t, "GRANT", "TO", h.roleName(role), name)
		h.run(t, "GRANT "+h.roleName(role)+" TO "+h.account(app))
		d.mustSync(t)
		access := func(req *lockstepv1.GetServerAccessRequest) ([]*lockstepv1.ServerAccess, error) {
			req.Server = "main"
			got, err := d.servers.GetServerAccess(t.Context(), req)
			return got.GetAccess(), err
		}
		of, err := access(&lockstepv1.GetServerAccessRequest{User: app})
		require.NoError(t, err)
		at := slices.IndexFunc(of, func(a *lockstepv1.ServerAccess) bool { return a.GetDatabase() == name })
		require.GreaterOrEqual(t, at, 0, "by the role, at once or after SET ROLE")
		assert.NotEmpty(t, append(of[at].GetPrivileges(), of[at].GetAfterSetRole()...))
		in, err := access(&lockstepv1.GetServerAccessRequest{Database: name})
		require.NoError(t, err)
		assert.True(t, slices.ContainsFunc(in, func(a *lockstepv1.ServerAccess) bool { return a.GetAccount().GetName() == app }))
		if h.engine != dialect.Postgres {
			_, err = access(&lockstepv1.GetServerAccessRequest{User: app, Host: "%"})
			require.NoError(t, err)
		}
		for reason, req := range map[string]*lockstepv1.GetServerAccessRequest{
			"USER_UNKNOWN":     {User: app, Host: "10.0.0.1"},
			"DATABASE_UNKNOWN": {Database: h.prefix + "_none"},
			"SCHEMA_UNKNOWN":   {Database: name, Schema: "none"},
			"REQUEST_INVALID":  {Database: name, User: app},
		} {
			_, err = access(req)
			assert.Equal(t, reason, status.Fault(err).Reason)
		}
		users, err := d.servers.ListUsers(t.Context(), &lockstepv1.ListUsersRequest{Server: "main", Prefix: app, Status: lockstepv1.UserStatus_USER_STATUS_LOGIN})
		require.NoError(t, err)
		require.Len(t, users.GetUsers(), 1)
		assert.Equal(t, role, users.GetUsers()[0].GetMemberOf()[0].GetRole().GetName())
	}, dialect.Postgres, dialect.MySQL, dialect.MariaDB)
}

// role makes a role.
func (h host) role(t testing.TB, name string) {
	t.Helper()
	h.run(t, "CREATE ROLE "+h.roleName(name))
	t.Cleanup(func() { h.run(t, "DROP ROLE "+h.roleName(name)) })
}

// roleName is how statements name a role: MariaDB's have no host.
func (h host) roleName(name string) string {
	if h.engine == dialect.MariaDB {
		return "`" + name + "`"
	}
	return h.account(name)
}

// TestAnArchivedServerIsNotSynced, nor one that is not there, nor without a store.
func TestAnArchivedServerIsNotSynced(t *testing.T) {
	t.Parallel()
	_, _, withStore := stored(t)
	conn, _ := start(t, &fakeMigrator{}, withStore, engines(nil))
	client := lockstepv1.NewServerServiceClient(conn)
	reason := func(conn grpc.ClientConnInterface, id string) string {
		stream, err := lockstepv1.NewServerServiceClient(conn).SyncServer(t.Context(), &lockstepv1.SyncServerRequest{Server: id})
		require.NoError(t, err)
		_, err = stream.Recv()
		return status.Fault(err).Reason
	}
	assert.Equal(t, control.ReasonServerNotFound, reason(conn, "none"))
	_, err := client.CreateServer(t.Context(), &lockstepv1.CreateServerRequest{Id: "old", Address: "sqlite:" + t.TempDir()})
	require.NoError(t, err)
	_, err = client.ArchiveServer(t.Context(), &lockstepv1.ArchiveServerRequest{Server: "old"})
	require.NoError(t, err)
	assert.Equal(t, "SERVER_ARCHIVED", reason(conn, "old"))
	got, err := client.GetServer(t.Context(), &lockstepv1.GetServerRequest{Server: "old"})
	require.NoError(t, err)
	assert.Nil(t, got.GetServer().GetLastSync(), "that is not a failure of the server's")

	bare, _ := start(t, &fakeMigrator{}, engines(nil))
	assert.Equal(t, "STORE_MISSING", reason(bare, "main"))
	blind, _ := start(t, &fakeMigrator{}, withStore)
	_, err = client.CreateServer(t.Context(), &lockstepv1.CreateServerRequest{Id: "files", Address: "sqlite:" + t.TempDir()})
	require.NoError(t, err)
	assert.Equal(t, "DISCOVERY_UNSUPPORTED", reason(blind, "files"))
}
