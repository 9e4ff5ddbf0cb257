package rpc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// adopting is a migrator that adopts what it is told, and remembers it.
func adopting(asked *migrate.AdoptRequest, failure *error) func(*rpc.Config) {
	return func(cfg *rpc.Config) {
		cfg.Migrator = &fakeMigrator{Keeper: &fakeKeeper{adopt: func(r migrate.AdoptRequest) (*migrate.AdoptReport, error) {
			*asked = r
			if *failure != nil {
				return nil, *failure
			}
			report := &migrate.AdoptReport{Modules: []module.Version{{Path: "example.com/crm", Version: "v1.0.0"}}, Tables: 3}
			if !r.Preview {
				report.Revision = 1
			}
			return report, nil
		}}}
	}
}

// TestWhatIsDiscoveredBecomesATenant on every engine: of the inventory, in one
// step, or not at all.
func TestWhatIsDiscoveredBecomesATenant(t *testing.T) {
	t.Parallel()
	hosts(t, func(t *testing.T, h host) {
		var asked migrate.AdoptRequest
		var failure error
		d := h.register(t, adopting(&asked, &failure))
		name := h.prefix + "_shop"
		req := func() *lockstepv1.AdoptDiscoveredRequest {
			return &lockstepv1.AdoptDiscoveredRequest{
				Server: "main", Database: name, Id: "shop", Labels: map[string]string{"team": "crm"}, Modules: crm("v1").GetRefs(),
			}
		}
		refused := func(req *lockstepv1.AdoptDiscoveredRequest, reason string) {
			t.Helper()
			_, err := d.servers.AdoptDiscovered(t.Context(), req)
			require.Equal(t, reason, status.Fault(err).Reason)
			require.NotContains(t, err.Error(), secret)
		}
		h.create(t, name)
		refused(req(), "DATABASE_UNKNOWN")
		d.mustSync(t)
		failure = fault.New(fault.Refused, "ADOPTION_BLOCKED", "no")
		refused(req(), "ADOPTION_BLOCKED")
		_, err := d.tenants.GetTenant(t.Context(), &lockstepv1.GetTenantRequest{Tenant: "shop"})
		require.Equal(t, control.ReasonTenantNotFound, status.Fault(err).Reason, "the registration is taken back")
		assert.Equal(t, []string{name}, namesOf(d.databases(t, free)))

		failure = nil
		look := req()
		look.Preview = true
		seen, err := d.servers.AdoptDiscovered(t.Context(), look)
		require.NoError(t, err)
		assert.True(t, asked.Preview)
		assert.Zero(t, seen.GetAdoption().GetRevision())
		assert.Equal(t, "shop", seen.GetTenant().GetId())
		assert.Equal(t, []string{name}, namesOf(d.databases(t, free)), "a preview registers nothing")

		made, err := d.servers.AdoptDiscovered(t.Context(), req())
		require.NoError(t, err)
		assert.EqualValues(t, 1, made.GetAdoption().GetRevision())
		assert.Equal(t, "main", made.GetTenant().GetServer())
		assert.Equal(t, "v1.0.0", made.GetTenant().GetModules()[0].GetVersion())
		assert.Equal(t, "crm", made.GetTenant().GetLabels()["team"])
		server := h.parse(t).On(name, "")
		assert.Equal(t, server.Database, asked.Target.Database)
		assert.Equal(t, server.Password(), asked.Target.Password(), "the server's secret is the tenant's")
		if h.engine != dialect.SQLite {
			assert.Equal(t, "server:", made.GetTenant().GetSecret())
		}
		refused(req(), "PLACE_TAKEN")
		look.Database = h.prefix + "_none"
		refused(look, "DATABASE_UNKNOWN")
		d.noSecrets(t, made, seen)
		found, err := d.audit.SearchAudit(t.Context(), &lockstepv1.SearchAuditRequest{Tenant: "shop"})
		require.NoError(t, err)
		assert.Equal(t, "/lockstep.v1.ServerService/AdoptDiscovered", found.GetEntries()[0].GetMethod())
	})
}

// TestARegistrationThatCannotBeTakenBack is told as such: somebody has changed it
// while the adoption failed.
func TestARegistrationThatCannotBeTakenBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := host{engine: dialect.SQLite, url: "sqlite:" + dir, prefix: "p", dir: dir}
	h.create(t, "p.db")
	store, _, withStore := stored(t)
	conn, _ := start(t, &fakeMigrator{}, withStore, engines(nil), func(cfg *rpc.Config) {
		cfg.Migrator = &fakeMigrator{Keeper: &fakeKeeper{adopt: func(r migrate.AdoptRequest) (*migrate.AdoptReport, error) {
			if !r.Preview {
				name := "changed meanwhile"
				if _, err := store.UpdateTenant(t.Context(), "p", control.TenantUpdate{DisplayName: &name}); err != nil {
					return nil, err
				}
			}
			return nil, fault.New(fault.Refused, "ADOPTION_BLOCKED", "no")
		}}}
	})
	client := lockstepv1.NewServerServiceClient(conn)
	_, err := client.CreateServer(t.Context(), &lockstepv1.CreateServerRequest{Id: "main", Address: h.url})
	require.NoError(t, err)
	_, _, err = desk{host: h, servers: client}.sync(t, &lockstepv1.SyncServerRequest{})
	require.NoError(t, err)
	req := &lockstepv1.AdoptDiscoveredRequest{Server: "main", Database: "p.db", Id: "p", Modules: crm("v1").GetRefs()}
	_, err = client.AdoptDiscovered(t.Context(), req)
	assert.Equal(t, "REGISTRATION_LEFT", status.Fault(err).Reason)
	assert.Equal(t, 6, status.Exit(status.Fault(err)))
	h.create(t, "q.db")
	_, _, err = desk{host: h, servers: client}.sync(t, &lockstepv1.SyncServerRequest{})
	require.NoError(t, err)
	req.Database, req.Preview = "q.db", true
	_, err = client.AdoptDiscovered(t.Context(), req)
	assert.Equal(t, control.ReasonTenantExists, status.Fault(err).Reason)
}

// parse is the host's URL.
func (h host) parse(t testing.TB) dialect.Target {
	t.Helper()
	target, err := dialect.ParseServer(h.url)
	require.NoError(t, err)
	return target
}

// TestASchemaBecomesATenant where there are schemas, with a login of its own.
func TestASchemaBecomesATenant(t *testing.T) {
	t.Parallel()
	serverHosts(t, func(t *testing.T, h host) {
		var asked migrate.AdoptRequest
		var failure error
		d := h.register(t, adopting(&asked, &failure))
		name, crmSchema := h.prefix+"_shared", "Crm"
		h.create(t, name)
		h.within(t, name, `CREATE SCHEMA "Crm"`, `CREATE SCHEMA crm`)
		d.mustSync(t)
		assert.False(t, d.databases(t, all)[0].GetSchemasRead(), "schemas are read when asked for")
		_, _, err := d.sync(t, &lockstepv1.SyncServerRequest{Options: &lockstepv1.SyncOptions{SchemasOf: []string{name}}})
		require.NoError(t, err)
		require.Len(t, d.databases(t, all)[0].GetSchemas(), 3)
		req := &lockstepv1.AdoptDiscoveredRequest{
			Server: "main", Database: name, Schema: crmSchema, Id: "crm", Modules: crm("v1").GetRefs(), User: "crm_app", Password: secret,
		}
		look, ok := proto.Clone(req).(*lockstepv1.AdoptDiscoveredRequest)
		require.True(t, ok)
		look.Preview = true
		_, err = d.servers.AdoptDiscovered(t.Context(), look)
		require.NoError(t, err)
		assert.Equal(t, secret, asked.Target.Password())
		made, err := d.servers.AdoptDiscovered(t.Context(), req)
		require.NoError(t, err)
		assert.Equal(t, []string{crmSchema, "crm_app", secret}, []string{asked.Target.Schema, asked.Target.User, asked.Target.Password()})
		assert.Contains(t, made.GetTenant().GetSecret(), "sealed")
		at := d.databases(t, owned)[0]
		assert.False(t, at.GetFree(), "a tenant lives in a schema of it")
		assert.Empty(t, at.GetTenant())
		_, err = d.servers.AdoptDiscovered(t.Context(), &lockstepv1.AdoptDiscoveredRequest{Server: "main", Database: name, Id: "whole"})
		assert.Equal(t, "PLACE_TAKEN", status.Fault(err).Reason)
		_, err = d.servers.AdoptDiscovered(t.Context(), &lockstepv1.AdoptDiscoveredRequest{Server: "main", Database: name, Schema: "none", Id: "whole"})
		assert.Equal(t, "SCHEMA_UNKNOWN", status.Fault(err).Reason)

		// Only that schema goes; its namesake in other case stays.
		h.within(t, name, `DROP SCHEMA "Crm"`)
		result := d.mustSync(t)
		assert.Equal(t, []string{"crm"}, result.GetTenantsVanished())
		require.Len(t, result.GetDatabases(), 1)
		assert.Len(t, result.GetDatabases()[0].GetAfter().GetSchemas(), 2)
		h.within(t, name, `CREATE SCHEMA "Crm"`)
		assert.Equal(t, []string{"crm"}, d.mustSync(t).GetTenantsReturned(), "the schemas that tenants live in are always read")
		d.noSecrets(t, made, result)
	}, dialect.Postgres)
}
