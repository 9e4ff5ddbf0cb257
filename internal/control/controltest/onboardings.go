package controltest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// onboardings is the life of a record, from the registration to the end.
func onboardings(t *testing.T, h Harness) {
	s := openNew(t, h)
	server, err := s.CreateServer(t.Context(), control.NewServer{ID: "db1", Address: secret.New("postgres://admin:pw@db.example.com/postgres")})
	require.NoError(t, err)
	begin := func(id string, fence int64) control.Onboarding {
		o := control.Onboarding{TenantID: id, ServerID: server.ID, Fence: fence, RequestID: "r-" + id, Fingerprint: "f", Tables: []string{"customers"}}
		n := aTenant(id)
		n.ServerID, n.Secret = server.ID, secret.Given{Reference: "server:"}
		made, err := s.BeginOnboarding(t.Context(), n, o)
		require.NoError(t, err)
		require.Equal(t, control.TenantOnboarding, made.Status)
		return o
	}
	o := begin("acme", 1)
	_, err = s.BeginOnboarding(t.Context(), aTenant("acme"), o)
	refused(t, err, fault.Exists, control.ReasonTenantExists)
	_, err = s.GetOnboarding(t.Context(), "nobody")
	refused(t, err, fault.NotFound, control.ReasonOnboardingUnknown)

	o.State = control.OnboardingRunning
	o.Steps = []control.OnboardingStep{{ProvisionStep: dialect.ProvisionStep{Kind: dialect.CreateDatabase, Database: "acme"}, State: control.StepBegun}}
	require.NoError(t, s.SaveOnboarding(t.Context(), o))
	got, err := s.GetOnboarding(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, o.Steps, got.Steps)
	require.Equal(t, []string{"customers"}, got.Tables)
	require.Equal(t, "r-acme", got.RequestID)

	newer := o
	newer.Fence = 2
	require.NoError(t, s.SaveOnboarding(t.Context(), newer))
	refused(t, s.SaveOnboarding(t.Context(), o), fault.Conflict, control.ReasonOnboardingLost)
	refused(t, s.ForgetOnboarding(t.Context(), o), fault.Conflict, control.ReasonOnboardingLost)
	_, err = s.CompleteOnboarding(t.Context(), o)
	refused(t, err, fault.Conflict, control.ReasonOnboardingLost)
	found, err := s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, control.TenantOnboarding, found.Status, "who lost the lease changes nothing")

	require.NoError(t, s.FailOnboarding(t.Context(), newer, "the database acme is left"))
	found, err = s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, control.TenantFailed, found.Status)
	require.Equal(t, "the database acme is left", found.StatusNote)
	active, err := s.CompleteOnboarding(t.Context(), newer)
	require.NoError(t, err)
	require.Equal(t, control.TenantActive, active.Status)
	require.Empty(t, active.StatusNote)

	require.NoError(t, s.ForgetOnboarding(t.Context(), newer))
	require.NoError(t, s.ForgetOnboarding(t.Context(), newer), "once more is no error")
	_, err = s.GetTenant(t.Context(), "acme")
	refused(t, err, fault.NotFound, control.ReasonTenantNotFound)
	require.Empty(t, all(t, s, control.TenantFilter{Labels: map[string]string{"env": "prod"}}, 10), "the index forgot it, too")
	begin("acme", 3)
}

// onboardingsAndSyncs: what is being made is nothing for a sync to judge, and a
// sync that looked before it was there must look again.
func onboardingsAndSyncs(t *testing.T, h Harness) {
	s := openNew(t, h)
	_, err := s.CreateServer(t.Context(), control.NewServer{ID: "db1", Address: secret.New("postgres://admin@db.example.com/postgres")})
	require.NoError(t, err)
	n := aTenant("acme")
	n.ServerID = "db1"
	o := control.Onboarding{TenantID: "acme", ServerID: "db1", Fence: 1}
	made, err := s.BeginOnboarding(t.Context(), n, o)
	require.NoError(t, err)
	place := control.TenantAt{ID: "acme", Database: made.Database, Schema: made.Schema}
	gone := control.Delta{Tenants: &control.TenantFates{Vanished: []control.TenantAt{place}}}
	first, err := s.ApplySync(t.Context(), "db1", 0, gone)
	require.NoError(t, err)
	require.Empty(t, first.TenantsVanished)
	_, err = s.CompleteOnboarding(t.Context(), o)
	require.NoError(t, err)
	_, err = s.ApplySync(t.Context(), "db1", first.Server.Generation, gone)
	refused(t, err, fault.Conflict, control.ReasonSyncSuperseded)
	found, err := s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, control.TenantActive, found.Status)
	again, err := s.Inventory(t.Context(), "db1")
	require.NoError(t, err)
	require.Equal(t, first.Server.Synced, again.Server.Synced, "it was no sync")
	last, err := s.ApplySync(t.Context(), "db1", again.Server.Generation, gone)
	require.NoError(t, err)
	require.Equal(t, []string{"acme"}, last.TenantsVanished)
}
