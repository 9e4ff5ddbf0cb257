package rpc_test

import (
	"database/sql/driver"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

const (
	all      = lockstepv1.DatabaseStatus_DATABASE_STATUS_UNSPECIFIED
	free     = lockstepv1.DatabaseStatus_DATABASE_STATUS_FREE
	owned    = lockstepv1.DatabaseStatus_DATABASE_STATUS_OWNED
	vanished = lockstepv1.DatabaseStatus_DATABASE_STATUS_VANISHED
)

// TestASyncFindsJustTheDifferences changes a server behind lockstep's back.
func TestASyncFindsJustTheDifferences(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, h host) {
		d := h.register(t)
		one, two, app := h.prefix+"_one", h.prefix+"_two", h.prefix+"_app"
		h.create(t, one)
		result, phases, err := d.sync(t, &lockstepv1.SyncServerRequest{})
		require.NoError(t, err)
		requireInOrder(t, phases)
		assert.Equal(t, lockstepv1.SyncPhase_SYNC_PHASE_DONE, phases[len(phases)-1])
		require.Len(t, result.GetDatabases(), 1)
		assert.Equal(t, one, result.GetDatabases()[0].GetAfter().GetName())
		assert.Nil(t, result.GetDatabases()[0].GetBefore())
		assert.Nil(t, result.GetFactsBefore(), "of the first sync all is new")
		assert.Equal(t, h.engine, dialect.Engine(strings.ToLower(strings.TrimPrefix(result.GetFacts().GetEngine().String(), "ENGINE_"))))
		assert.NotEmpty(t, result.GetFacts().GetVersion())
		assert.EqualValues(t, 1, d.server(t).GetLastSync().GetGeneration())
		assert.Equal(t, lockstepv1.SyncOutcome_SYNC_OUTCOME_DONE, d.server(t).GetLastSync().GetOutcome())
		assert.Equal(t, result.GetFacts().GetVersion(), d.server(t).GetFacts().GetVersion())

		again := d.mustSync(t)
		assert.Empty(t, again.GetDatabases(), "nothing changed")
		assert.Empty(t, again.GetUsers())
		assert.Empty(t, again.GetGrants())

		h.create(t, two)
		if h.run != nil {
			h.login(t, app)
			h.grant(t, app, one)
		}
		before := d.inventory(t)
		look, _, err := d.sync(t, &lockstepv1.SyncServerRequest{Preview: true})
		require.NoError(t, err)
		assert.True(t, look.GetPreview())
		assert.Len(t, look.GetDatabases(), 1)
		assert.Equal(t, before, d.inventory(t), "a preview writes nothing")
		assert.EqualValues(t, 2, d.server(t).GetLastSync().GetGeneration())

		result = d.mustSync(t)
		require.Len(t, result.GetDatabases(), 1)
		assert.Equal(t, two, result.GetDatabases()[0].GetAfter().GetName())
		assert.Equal(t, []string{two}, namesOf(d.databases(t, lockstepv1.DatabaseStatus_DATABASE_STATUS_APPEARED)))
		if h.run != nil {
			d.seesUsers(t, result, one, app)
		}
		h.drop(t, one)
		result = d.mustSync(t)
		require.Len(t, result.GetDatabases(), 1)
		assert.Equal(t, one, result.GetDatabases()[0].GetBefore().GetName())
		assert.Nil(t, result.GetDatabases()[0].GetAfter())
		assert.Equal(t, []string{two}, namesOf(d.databases(t, all)))
		assert.Equal(t, []string{one}, namesOf(d.databases(t, vanished)))
		d.remembers(t, one)
		d.noSecrets(t, result, d.server(t))
	})
}

// remembers looks for what became of a database, the newest first.
func (d desk) remembers(t testing.TB, name string) {
	t.Helper()
	var kinds []lockstepv1.ServerChangeKind
	for req := (&lockstepv1.ListServerChangesRequest{Server: "main", PageSize: 7}); ; {
		page, err := d.servers.ListServerChanges(t.Context(), req)
		require.NoError(t, err)
		for _, c := range page.GetChanges() {
			if c.GetObject() == "database" && c.GetName() == name && c.GetKind() != lockstepv1.ServerChangeKind_SERVER_CHANGE_KIND_CHANGED {
				kinds = append(kinds, c.GetKind())
			}
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	assert.Equal(t, []lockstepv1.ServerChangeKind{
		lockstepv1.ServerChangeKind_SERVER_CHANGE_KIND_VANISHED, lockstepv1.ServerChangeKind_SERVER_CHANGE_KIND_APPEARED,
	}, kinds)
}

// requireInOrder holds the phases to their order.
func requireInOrder(t testing.TB, phases []lockstepv1.SyncPhase) {
	t.Helper()
	require.NotEmpty(t, phases)
	require.Equal(t, lockstepv1.SyncPhase_SYNC_PHASE_CONNECTING, phases[0])
	require.True(t, slices.IsSorted(phases), "%v", phases)
	require.Contains(t, phases, lockstepv1.SyncPhase_SYNC_PHASE_DATABASES)
	require.Contains(t, phases, lockstepv1.SyncPhase_SYNC_PHASE_WRITING)
}

// seesUsers goes on where a user and a grant have appeared, and takes the grant
// away again.
func (d desk) seesUsers(t *testing.T, result *lockstepv1.SyncResult, database, user string) {
	t.Helper()
	require.Len(t, result.GetUsers(), 1)
	assert.Equal(t, user, result.GetUsers()[0].GetAfter().GetAccount().GetName())
	assert.True(t, result.GetUsers()[0].GetAfter().GetCanLogin())
	granted := slices.DeleteFunc(result.GetGrants(), func(c *lockstepv1.GrantChange) bool { return c.GetAfter().GetDatabase() != database })
	require.Len(t, granted, 1)
	assert.NotEmpty(t, granted[0].GetAfter().GetRaw())
	may := d.may(t, database, user)
	assert.NotEmpty(t, may)
	of, err := d.servers.GetServerAccess(t.Context(), &lockstepv1.GetServerAccessRequest{Server: "main", User: user})
	require.NoError(t, err)
	assert.Contains(t, protoOptions(of), database)

	d.revoke(t, user, database)
	result = d.mustSync(t)
	assert.Empty(t, result.GetDatabases())
	assert.Empty(t, result.GetUsers())
	require.Len(t, result.GetGrants(), 1, "%v", result)
	assert.Equal(t, database, result.GetGrants()[0].GetBefore().GetDatabase())
	assert.Less(t, len(d.may(t, database, user)), len(may))
}

// may is what a user may do in a database.
func (d desk) may(t testing.TB, database, user string) []string {
	t.Helper()
	in, err := d.servers.GetServerAccess(t.Context(), &lockstepv1.GetServerAccessRequest{Server: "main", Database: database})
	require.NoError(t, err)
	for _, a := range in.GetAccess() {
		if a.GetAccount().GetName() == user {
			return a.GetPrivileges()
		}
	}
	return nil
}

// TestNamesKeepTheirCase: on each engine, names that differ by case are as many
// things as the engine says they are.
func TestNamesKeepTheirCase(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, h host) {
		d := h.register(t)
		lower, upper := h.prefix+"_name", h.prefix+"_Name"
		h.create(t, lower)
		h.create(t, upper)
		if h.run != nil {
			h.login(t, h.prefix+"_app")
			h.login(t, h.prefix+"_App")
			h.grant(t, h.prefix+"_App", upper)
		}
		result := d.mustSync(t)
		require.True(t, result.GetFacts().GetCaseSensitiveNames(), "the servers of these tests tell case apart")
		assert.Equal(t, []string{upper, lower}, namesOf(d.databases(t, free)))
		_, err := d.tenants.CreateTenant(t.Context(), &lockstepv1.CreateTenantRequest{Id: "upper", Server: "main", Target: h.target(t, upper)})
		require.NoError(t, err)
		assert.Equal(t, []string{lower}, namesOf(d.databases(t, free)))
		assert.Equal(t, []string{upper}, namesOf(d.databases(t, owned)))
		if h.run != nil {
			assert.NotEmpty(t, d.may(t, upper, h.prefix+"_App"))
			assert.Less(t, len(d.may(t, upper, h.prefix+"_app")), len(d.may(t, upper, h.prefix+"_App")))
			users, err := d.servers.ListUsers(t.Context(), &lockstepv1.ListUsersRequest{Server: "main", Prefix: h.prefix + "_App"})
			require.NoError(t, err)
			assert.Len(t, users.GetUsers(), 1)
		}
		h.drop(t, lower)
		result = d.mustSync(t)
		assert.Empty(t, result.GetTenantsVanished(), "the other one is gone")
		h.drop(t, upper)
		assert.Equal(t, []string{"upper"}, d.mustSync(t).GetTenantsVanished())
	})
}

// TestATenantsDatabaseVanishesAndReturns marks the tenant, and deletes nothing.
func TestATenantsDatabaseVanishesAndReturns(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, h host) {
		d := h.register(t)
		name := h.prefix + "_acme"
		h.create(t, name)
		_, err := d.tenants.CreateTenant(t.Context(), &lockstepv1.CreateTenantRequest{Id: "acme", Server: "main", Target: h.target(t, name)})
		require.NoError(t, err)
		assert.Empty(t, d.mustSync(t).GetTenantsVanished())
		assert.Equal(t, "acme", d.databases(t, owned)[0].GetTenant())
		how := func() lockstepv1.TenantStatus {
			got, err := d.tenants.GetTenant(t.Context(), &lockstepv1.GetTenantRequest{Tenant: "acme"})
			require.NoError(t, err)
			return got.GetTenant().GetStatus()
		}
		h.drop(t, name)
		look, _, err := d.sync(t, &lockstepv1.SyncServerRequest{Preview: true})
		require.NoError(t, err)
		assert.Equal(t, []string{"acme"}, look.GetTenantsVanished())
		assert.Equal(t, lockstepv1.TenantStatus_TENANT_STATUS_ACTIVE, how(), "a preview marks nothing")
		assert.Equal(t, []string{"acme"}, d.mustSync(t).GetTenantsVanished())
		assert.Equal(t, lockstepv1.TenantStatus_TENANT_STATUS_VANISHED, how())
		assert.Empty(t, d.mustSync(t).GetTenantsVanished(), "once")
		h.create(t, name)
		assert.Equal(t, []string{"acme"}, d.mustSync(t).GetTenantsReturned())
		assert.Equal(t, lockstepv1.TenantStatus_TENANT_STATUS_ACTIVE, how())
		found, err := d.audit.SearchAudit(t.Context(), &lockstepv1.SearchAuditRequest{Outcome: "synced"})
		require.NoError(t, err)
		assert.Equal(t, "acme", found.GetEntries()[0].GetDetails()["tenants_returned"])
		assert.Equal(t, "main", found.GetEntries()[0].GetServer())
	})
}

// TestASyncThatBreaksChangesNothing breaks the connection at each operation.
func TestASyncThatBreaksChangesNothing(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, h host) {
		var plan atomic.Pointer[faultdb.Plan]
		plan.Store(&faultdb.Plan{FailAt: -1})
		d := h.register(t, engines(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan.Load()) }))
		h.create(t, h.prefix+"_one")
		d.mustSync(t)
		h.drop(t, h.prefix+"_one")
		h.create(t, h.prefix+"_two")
		before, server := d.inventory(t), d.server(t)
		broken := 0
		for p := range faultdb.Sweep(faultdb.DieBefore) {
			plan.Store(p)
			if broken%4 == 3 { // a preview breaks, too, and leaves not even that
				was := d.server(t)
				_, _, err := d.sync(t, &lockstepv1.SyncServerRequest{Preview: true})
				if p.Fired() {
					broken++
					require.Error(t, err)
					require.True(t, proto.Equal(was, d.server(t)))
					continue
				}
			}
			result, _, err := d.sync(t, &lockstepv1.SyncServerRequest{})
			if !p.Fired() {
				require.NoError(t, err)
				require.Len(t, result.GetDatabases(), 2)
				break
			}
			broken++
			require.Error(t, err)
			require.NotEmpty(t, status.Fault(err).Reason)
			require.Equal(t, before, d.inventory(t), p.String())
			now := d.server(t)
			assert.Equal(t, lockstepv1.SyncOutcome_SYNC_OUTCOME_FAILED, now.GetLastSync().GetOutcome())
			assert.Contains(t, now.GetLastSync().GetError(), status.Fault(err).Reason)
			assert.Equal(t, server.GetLastSync().GetGeneration(), now.GetLastSync().GetGeneration())
			assert.True(t, proto.Equal(server.GetLastSync().GetSyncedAt(), now.GetLastSync().GetSyncedAt()))
		}
		assert.Positive(t, broken)
		assert.Equal(t, lockstepv1.SyncOutcome_SYNC_OUTCOME_DONE, d.server(t).GetLastSync().GetOutcome())
		d.noSecrets(t)
	})
}

// TestSyncsAtOnce: each is written whole or not at all, and all that is there is
// in the inventory once.
func TestSyncsAtOnce(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, h host) {
		d := h.register(t)
		for _, name := range []string{"_a", "_b", "_c"} {
			h.create(t, h.prefix+name)
		}
		var mu sync.Mutex
		var group sync.WaitGroup
		wrote, appeared := 0, 0
		for range 4 {
			group.Go(func() {
				result, _, err := d.sync(t, &lockstepv1.SyncServerRequest{})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					assert.Equal(t, control.ReasonSyncSuperseded, status.Fault(err).Reason)
					return
				}
				wrote++
				appeared += len(result.GetDatabases())
			})
		}
		group.Wait()
		assert.Positive(t, wrote)
		assert.Equal(t, 3, appeared, "each database appeared to one of them")
		assert.EqualValues(t, wrote, d.server(t).GetLastSync().GetGeneration())
		assert.Len(t, d.databases(t, all), 3)
	})
}

// TestASyncIsHeldToTheListOfTargets, also when the schedule makes it.
func TestASyncIsHeldToTheListOfTargets(t *testing.T) {
	t.Parallel()
	known, verifier := tokens(t)
	_, _, withStore := stored(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier), withStore, engines(nil))
	client := lockstepv1.NewServerServiceClient(conn)
	ctx := with(t.Context(), known['A'])
	_, err := client.CreateServer(ctx, &lockstepv1.CreateServerRequest{Id: "main", Address: "mysql://admin:" + secret + "@db.example.com"})
	require.NoError(t, err, "a server needs no database")
	_, err = client.UpdateServer(ctx, &lockstepv1.UpdateServerRequest{Server: "main", Address: "mysql://admin:" + secret + "@elsewhere.example.com"})
	assert.Equal(t, access.ReasonTarget, status.Fault(err).Reason)

	// The list is shorter now than when the server was registered.
	narrow, err := access.NewTargets(access.TargetRules{Hosts: []string{"other.example.com"}})
	require.NoError(t, err)
	var later *rpc.Server
	conn, log := start(t, &fakeMigrator{}, secured(t, verifier), withStore, engines(nil), func(cfg *rpc.Config) {
		cfg.Access.Targets = narrow
		later, err = rpc.NewServer(*cfg)
		require.NoError(t, err)
	})
	stream, err := lockstepv1.NewServerServiceClient(conn).SyncServer(with(t.Context(), known['o']), &lockstepv1.SyncServerRequest{Server: "main"})
	require.NoError(t, err)
	_, err = stream.Recv()
	assert.Equal(t, access.ReasonTarget, status.Fault(err).Reason)
	assert.Equal(t, access.ReasonTarget, status.Fault(later.SyncOnSchedule(t.Context(), "main")).Reason)
	assert.NotContains(t, log.String(), secret)
	got, err := client.GetServer(ctx, &lockstepv1.GetServerRequest{Server: "main"})
	require.NoError(t, err)
	assert.Contains(t, got.GetServer().GetLastSync().GetError(), access.ReasonTarget)
	assert.Nil(t, got.GetServer().GetLastSync().GetSyncedAt())
}

// TestAServerIsUpdated holds revisions, and what is not set.
func TestAServerIsUpdated(t *testing.T) {
	t.Parallel()
	_, _, withStore := stored(t)
	conn, _ := start(t, &fakeMigrator{}, withStore)
	client := lockstepv1.NewServerServiceClient(conn)
	made, err := client.CreateServer(t.Context(), &lockstepv1.CreateServerRequest{
		Id: "main", Labels: map[string]string{"site": "north"}, Address: "postgres://admin:" + secret + "@db.example.com",
	})
	require.NoError(t, err)
	name, none := "The main one", ""
	got, err := client.UpdateServer(t.Context(), &lockstepv1.UpdateServerRequest{
		Server: "main", Revision: made.GetServer().GetRevision(), DisplayName: &name, Address: "postgres://root@db2.example.com",
	})
	require.NoError(t, err)
	assert.Equal(t, "The main one", got.GetServer().GetDisplayName())
	assert.Equal(t, "postgres://db2.example.com/postgres", got.GetServer().GetAddress())
	assert.Contains(t, got.GetServer().GetSecret(), "sealed", "what is not set stays")
	assert.Equal(t, "north", got.GetServer().GetLabels()["site"])
	_, err = client.UpdateServer(t.Context(), &lockstepv1.UpdateServerRequest{Server: "main", Revision: made.GetServer().GetRevision(), DisplayName: &name})
	assert.Equal(t, control.ReasonRevisionMoved, status.Fault(err).Reason)
	_, err = client.UpdateServer(t.Context(), &lockstepv1.UpdateServerRequest{Server: "main", Address: "mysql://root@db2.example.com"})
	assert.Equal(t, control.ReasonServerInvalid, status.Fault(err).Reason, "a server does not change its engine")
	got, err = client.UpdateServer(t.Context(), &lockstepv1.UpdateServerRequest{Server: "main", Labels: &lockstepv1.ServerLabels{}, SecretReference: &none})
	require.NoError(t, err)
	assert.Empty(t, got.GetServer().GetLabels())
	assert.Equal(t, "none", got.GetServer().GetSecret())
}
