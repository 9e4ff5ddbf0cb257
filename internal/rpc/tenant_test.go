package rpc_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/app"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
	secrets "github.com/lockstepdb/lockstep/internal/secret"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// storeRegistry is the registry that the composition root makes of a store.
type storeRegistry struct{ control.Store }

func (s storeRegistry) LabelsOf(ctx context.Context, id string) (access.Labels, bool, error) {
	t, err := s.GetTenant(ctx, id)
	if err != nil {
		return nil, false, nil //nolint:nilerr // a tenant that is not there has no labels
	}
	return t.Labels, true, nil
}

func (s storeRegistry) LabelsAt(ctx context.Context, target dialect.Target) (access.Labels, bool, error) {
	t, err := s.FindTenantAt(ctx, target)
	if err != nil {
		return nil, false, nil //nolint:nilerr // as above
	}
	return t.Labels, true, nil
}

// stored makes a server keep its tenants in a store, which is returned with the
// path of its file.
func stored(t *testing.T) (control.Store, string, func(*rpc.Config)) {
	t.Helper()
	keys, err := secrets.ParseKeyring(secrets.NewKey())
	require.NoError(t, err)
	resolver, err := secrets.NewResolver(secrets.Config{
		Keys: keys, EnvNames: []string{"TENANT_*"}, Getenv: func(string) string { return "from-the-environment" },
	})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "control.db")
	store, err := app.OpenStore(t.Context(), "sqlite:"+file, sqlstore.Config{Now: time.Now, Keys: keys})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	return store, file, func(cfg *rpc.Config) {
		cfg.Store, cfg.Secrets = store, resolver
		if cfg.Access.Registry != nil {
			cfg.Access.Registry = storeRegistry{store}
		}
	}
}

func acme() *lockstepv1.CreateTenantRequest {
	return &lockstepv1.CreateTenantRequest{
		Id: "acme", DisplayName: "Acme Ltd", Labels: map[string]string{"team": "crm"}, Target: target,
		Modules: []*lockstepv1.ModuleRef{{Path: "example.com/crm", Query: "v1"}}, Strategy: lockstepv1.Strategy_STRATEGY_ADD_ONLY,
	}
}

func TestATenantIsRegisteredChangedAndArchived(t *testing.T) {
	_, _, with := stored(t)
	conn, _ := start(t, &fakeMigrator{}, with)
	client := lockstepv1.NewTenantServiceClient(conn)
	made, err := client.CreateTenant(t.Context(), acme())
	require.NoError(t, err)
	got := made.GetTenant()
	assert.Equal(t, "postgres://db.example.com/shop?schema=acme", got.GetTarget())
	assert.Equal(t, lockstepv1.Engine_ENGINE_POSTGRES, got.GetEngine())
	assert.Equal(t, lockstepv1.TenantStatus_TENANT_STATUS_ACTIVE, got.GetStatus())
	assert.Contains(t, got.GetSecret(), "sealed")
	assert.NotContains(t, got.String(), secret)

	_, err = client.CreateTenant(t.Context(), acme())
	assert.Equal(t, control.ReasonTenantExists, status.Fault(err).Reason)
	name := "Acme"
	updated, err := client.UpdateTenant(t.Context(), &lockstepv1.UpdateTenantRequest{
		Tenant: "acme", Revision: got.GetRevision(), DisplayName: &name, Labels: &lockstepv1.TenantLabels{},
		Modules: &lockstepv1.TenantModules{Refs: []*lockstepv1.ModuleRef{{Path: "example.com/billing"}}},
	})
	require.NoError(t, err)
	assert.Equal(t, "Acme", updated.GetTenant().GetDisplayName())
	assert.Empty(t, updated.GetTenant().GetLabels())
	assert.Equal(t, "example.com/billing", updated.GetTenant().GetModules()[0].GetPath())
	assert.Equal(t, lockstepv1.Strategy_STRATEGY_ADD_ONLY, updated.GetTenant().GetStrategy(), "what is not set stays")
	assert.Contains(t, updated.GetTenant().GetSecret(), "sealed")
	_, err = client.UpdateTenant(t.Context(), &lockstepv1.UpdateTenantRequest{Tenant: "acme", Revision: got.GetRevision(), DisplayName: &name})
	assert.Equal(t, control.ReasonRevisionMoved, status.Fault(err).Reason)

	gone, err := client.ArchiveTenant(t.Context(), &lockstepv1.ArchiveTenantRequest{Tenant: "acme"})
	require.NoError(t, err)
	assert.NotNil(t, gone.GetTenant().GetArchivedAt())
	list, err := client.ListTenants(t.Context(), &lockstepv1.ListTenantsRequest{})
	require.NoError(t, err)
	assert.Empty(t, list.GetTenants())
	_, err = lockstepv1.NewMigrationServiceClient(conn).GetTenantVersion(t.Context(), &lockstepv1.GetTenantVersionRequest{Tenant: "acme"})
	assert.Equal(t, "TENANT_ARCHIVED", status.Fault(err).Reason)
}

// TestATenantStandsForItsTarget holds all that a tenant's id stands for: the
// target with its secret, the modules, and the strategy.
func TestATenantStandsForItsTarget(t *testing.T) {
	store, _, with := stored(t)
	var asked migrate.ExecuteRequest
	planned := &plan.Plan{Modules: []module.Version{{Path: "example.com/crm", Version: "v1.1.0", Sum: "h1:x"}}, Digest: "p1:x"}
	conn, _ := start(t, &fakeMigrator{
		preview: func(req migrate.Request) (*migrate.Preview, error) {
			asked.Request = req
			return &migrate.Preview{Plan: planned}, nil
		},
		execute: func(_ context.Context, req migrate.ExecuteRequest, _ func(migrate.Event)) (*migrate.Result, error) {
			asked = req
			return &migrate.Result{Outcome: migrate.OutcomeApplied, Plan: planned}, nil
		},
	}, with)
	_, err := lockstepv1.NewTenantServiceClient(conn).CreateTenant(t.Context(), acme())
	require.NoError(t, err)
	client := lockstepv1.NewMigrationServiceClient(conn)
	_, err = client.PreviewMigration(t.Context(), &lockstepv1.PreviewMigrationRequest{Tenant: "acme"})
	require.NoError(t, err)
	assert.Equal(t, secret, asked.Target.Password())
	assert.Equal(t, []module.Ref{{Path: "example.com/crm", Query: "v1"}}, asked.Modules.Refs)
	assert.Equal(t, strategy.AddOnly, asked.Strategy)
	before, err := store.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	assert.Empty(t, before.Modules[0].Version, "a preview changes nothing")

	stream, err := client.ExecuteMigration(t.Context(), &lockstepv1.ExecuteMigrationRequest{
		Tenant: "acme", Actor: "alice", Modules: crm("v1.1.0"), Strategy: lockstepv1.Strategy_STRATEGY_SAFE,
	})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.NoError(t, err)
	assert.Equal(t, []module.Ref{{Path: "example.com/crm", Query: "v1.1.0"}}, asked.Modules.Refs, "what the request names counts")
	assert.Equal(t, strategy.Safe, asked.Strategy)
	after, err := store.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, "v1.1.0", after.Modules[0].Version)
	assert.Equal(t, "h1:x", after.Modules[0].Sum)

	for words, req := range map[string]*lockstepv1.PreviewMigrationRequest{
		"either the target or the tenant": {Tenant: "acme", Target: target},
		"name modules":                    {Target: target},
		"there is no tenant":              {Tenant: "nobody"},
	} {
		_, err := client.PreviewMigration(t.Context(), req)
		require.Error(t, err, words)
		f := status.Fault(err)
		text := f.Error()
		for _, v := range f.Violations {
			text += v.Description
		}
		assert.Contains(t, text, words)
	}
}

func TestWithoutAStoreThereAreNoTenants(t *testing.T) {
	conn, _ := start(t, &fakeMigrator{})
	_, err := lockstepv1.NewTenantServiceClient(conn).GetTenant(t.Context(), &lockstepv1.GetTenantRequest{Tenant: "acme"})
	assert.Equal(t, codes.FailedPrecondition, grpcstatus.Code(err))
	assert.Equal(t, "STORE_MISSING", status.Fault(err).Reason)
	_, err = lockstepv1.NewMigrationServiceClient(conn).CheckDrift(t.Context(), &lockstepv1.CheckDriftRequest{Tenant: "acme"})
	assert.Equal(t, "STORE_MISSING", status.Fault(err).Reason)
}

// TestLimitedCallersSeeTheirTenantsOnly is about grants with labels.
func TestLimitedCallersSeeTheirTenantsOnly(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier), withStore)
	for id, team := range map[string]string{"a1": "hr", "a2": "hr", "a3": "crm", "a4": "hr", "a5": "crm"} {
		_, err := store.CreateTenant(t.Context(), control.NewTenant{
			ID: id, Labels: map[string]string{"team": team}, Target: secrets.New("postgres://u@db.example.com/" + id),
			Secret: secrets.Given{Reference: "env:TENANT_X"},
		})
		require.NoError(t, err)
	}
	client := lockstepv1.NewTenantServiceClient(conn)
	all := func(letter rune) []string {
		var out []string
		token := ""
		for {
			page, err := client.ListTenants(with(t.Context(), known[letter]), &lockstepv1.ListTenantsRequest{PageSize: 1, PageToken: token})
			require.NoError(t, err)
			for _, x := range page.GetTenants() {
				out = append(out, x.GetId())
			}
			if token = page.GetNextPageToken(); token == "" {
				return out
			}
		}
	}
	assert.Equal(t, []string{"a3", "a5"}, all('w'))
	assert.Equal(t, []string{"a1", "a2", "a3", "a4", "a5"}, all('v'))
	get := func(letter rune, id string) codes.Code {
		_, err := client.GetTenant(with(t.Context(), known[letter]), &lockstepv1.GetTenantRequest{Tenant: id})
		return grpcstatus.Code(err)
	}
	assert.Equal(t, codes.OK, get('w', "a3"))
	assert.Equal(t, codes.PermissionDenied, get('w', "a1"))
	assert.Equal(t, codes.PermissionDenied, get('w', "none"), "whether it exists is not for everybody to know")
	assert.Equal(t, codes.NotFound, get('v', "none"))

	name, empty := "new", ""
	update := func(req *lockstepv1.UpdateTenantRequest) codes.Code {
		req.Tenant = "a3"
		_, err := client.UpdateTenant(with(t.Context(), known['d']), req)
		return grpcstatus.Code(err)
	}
	assert.Equal(t, codes.OK, update(&lockstepv1.UpdateTenantRequest{DisplayName: &name}))
	for what, req := range map[string]*lockstepv1.UpdateTenantRequest{
		"target": {Target: crmTarget}, "password": {Password: "x"}, "reference": {SecretReference: &empty},
		"server": {Server: &empty}, "labels": {Labels: &lockstepv1.TenantLabels{Labels: map[string]string{"team": "hr"}}},
	} {
		assert.Equal(t, codes.PermissionDenied, update(req), what)
	}
}

// TestARegisteredTargetMustStillBeAllowed: the list of targets counts at each use.
func TestARegisteredTargetMustStillBeAllowed(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier), withStore)
	_, err := store.CreateTenant(t.Context(), control.NewTenant{ID: "far", Target: secrets.New("postgres://u@elsewhere.example.com/x")})
	require.NoError(t, err)
	_, err = lockstepv1.NewMigrationServiceClient(conn).GetTenantVersion(with(t.Context(), known['v']), &lockstepv1.GetTenantVersionRequest{Tenant: "far"})
	assert.Equal(t, access.ReasonTarget, status.Fault(err).Reason)
}

// brokenAudit is a store whose audit chain cannot be written.
type brokenAudit struct {
	control.Store
	begin, finish bool
}

func (b *brokenAudit) BeginAudit(ctx context.Context, e control.AuditEvent) (string, error) {
	if b.begin {
		return "", fault.New(fault.Unavailable, control.ReasonStoreUnreachable, "the store is away")
	}
	return b.Store.BeginAudit(ctx, e)
}

func (b *brokenAudit) FinishAudit(ctx context.Context, id string, e control.AuditEvent) error {
	if b.finish {
		return errors.New("away")
	}
	return b.Store.FinishAudit(ctx, id, e)
}

// TestWithoutAnAuditEntryNothingBegins is about the entry that is written before.
func TestWithoutAnAuditEntryNothingBegins(t *testing.T) {
	store, _, withStore := stored(t)
	broken := &brokenAudit{Store: store}
	ran := 0
	conn, log := start(t, &fakeMigrator{
		preview: func(migrate.Request) (*migrate.Preview, error) {
			ran++
			return &migrate.Preview{Plan: samplePlan()}, nil
		},
		execute: func(context.Context, migrate.ExecuteRequest, func(migrate.Event)) (*migrate.Result, error) {
			ran++
			return &migrate.Result{Outcome: migrate.OutcomeApplied, Plan: samplePlan()}, nil
		},
	}, withStore, func(cfg *rpc.Config) { cfg.Store = broken })
	tenants, client := lockstepv1.NewTenantServiceClient(conn), lockstepv1.NewMigrationServiceClient(conn)
	execute := func() error {
		stream, err := client.ExecuteMigration(t.Context(), &lockstepv1.ExecuteMigrationRequest{Target: target, Modules: crm("v1"), Actor: "alice"})
		require.NoError(t, err)
		_, err = stream.Recv()
		return err
	}
	broken.begin = true
	_, err := tenants.CreateTenant(t.Context(), acme())
	assert.Equal(t, control.ReasonStoreUnreachable, status.Fault(err).Reason)
	_, err = client.PreviewMigration(t.Context(), &lockstepv1.PreviewMigrationRequest{Target: target, Modules: crm("v1")})
	assert.Equal(t, control.ReasonStoreUnreachable, status.Fault(err).Reason)
	assert.Equal(t, control.ReasonStoreUnreachable, status.Fault(execute()).Reason)
	assert.Zero(t, ran)
	_, err = store.GetTenant(t.Context(), "acme")
	assert.Equal(t, control.ReasonTenantNotFound, fault.ReasonOf(err))

	broken.begin, broken.finish = false, true
	require.NoError(t, execute(), "what is done stays done")
	assert.Equal(t, 1, ran)
	assert.Contains(t, log.String(), "not in the audit chain")
	report, err := store.VerifyAudit(t.Context())
	require.NoError(t, err)
	assert.Len(t, report.Unfinished, 1)
}
