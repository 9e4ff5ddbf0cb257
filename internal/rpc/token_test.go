package rpc_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// TestTokensAreMadeListedAndRevoked also holds that a token's text is in one
// answer, and in no store, record or list.
func TestTokensAreMadeListedAndRevoked(t *testing.T) {
	store, _, withStore := stored(t)
	known, verifier := tokens(t)
	conn, log := start(t, &fakeMigrator{}, secured(t, verifier), withStore)
	client := lockstepv1.NewTokenServiceClient(conn)
	admin := with(t.Context(), known['A'])
	expires := time.Now().Add(24 * time.Hour).Truncate(time.Second)
	grants := []*lockstepv1.TokenGrant{
		{Role: lockstepv1.Role_ROLE_VIEWER}, {Role: lockstepv1.Role_ROLE_OPERATOR, Labels: map[string]string{"team": "crm"}},
	}
	made, err := client.CreateToken(admin, &lockstepv1.CreateTokenRequest{Name: "ci", Grants: grants, ExpiresAt: timestamppb.New(expires)})
	require.NoError(t, err)
	assert.True(t, access.ParseToken(made.GetSecret()))
	assert.Equal(t, "ci", made.GetToken().GetId())
	assert.Equal(t, "caller-A", made.GetToken().GetCreatedBy())
	assert.Len(t, made.GetToken().GetGrants(), 2)
	assert.True(t, expires.Equal(made.GetToken().GetExpiresAt().AsTime()))
	kept, err := store.FindToken(t.Context(), access.HashToken(made.GetSecret()))
	require.NoError(t, err)
	assert.Equal(t, []access.Grant{{Role: access.Viewer}, {Role: access.Operator, Labels: access.Labels{"team": "crm"}}}, kept.Grants)

	_, err = client.CreateToken(admin, &lockstepv1.CreateTokenRequest{Name: "ci", Grants: grants, ExpiresAt: timestamppb.New(expires)})
	assert.Equal(t, control.ReasonTokenExists, status.Fault(err).Reason)
	for name, req := range map[string]*lockstepv1.CreateTokenRequest{
		"a b": {Name: "a b", Grants: grants, ExpiresAt: timestamppb.New(expires)},
		"x1":  {Name: "x1", ExpiresAt: timestamppb.New(expires)},
		"x2":  {Name: "x2", Grants: grants},
		"x3":  {Name: "x3", Grants: []*lockstepv1.TokenGrant{{}}, ExpiresAt: timestamppb.New(expires)},
		"x4":  {Name: "x4", Grants: []*lockstepv1.TokenGrant{{Role: lockstepv1.Role_ROLE_ADMIN, Labels: map[string]string{"team": ""}}}, ExpiresAt: timestamppb.New(expires)},
	} {
		_, err := client.CreateToken(admin, req)
		assert.Equal(t, "REQUEST_INVALID", status.Fault(err).Reason, name)
	}
	_, err = client.CreateToken(admin, &lockstepv1.CreateTokenRequest{Name: "late", Grants: grants, ExpiresAt: timestamppb.New(began.Add(-time.Hour))})
	assert.Equal(t, "TOKEN_INVALID", status.Fault(err).Reason)

	gone, err := client.RevokeToken(admin, &lockstepv1.RevokeTokenRequest{Token: "ci"})
	require.NoError(t, err)
	assert.NotNil(t, gone.GetToken().GetRevokedAt())
	_, err = client.RevokeToken(admin, &lockstepv1.RevokeTokenRequest{Token: "nobody"})
	assert.Equal(t, control.ReasonTokenNotFound, status.Fault(err).Reason)
	list, err := client.ListTokens(admin, &lockstepv1.ListTokensRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetTokens(), 1)
	assert.NotNil(t, list.GetTokens()[0].GetRevokedAt())

	chain, err := lockstepv1.NewAuditServiceClient(conn).SearchAudit(admin, &lockstepv1.SearchAuditRequest{Outcome: "done"})
	require.NoError(t, err)
	require.Len(t, chain.GetEntries(), 2)
	assert.Equal(t, "/lockstep.v1.TokenService/CreateToken", chain.GetEntries()[1].GetMethod())
	assert.Equal(t, map[string]string{"token": "ci", "grants": "viewer; operator team=crm"}, chain.GetEntries()[1].GetDetails())
	for _, text := range []string{protojson.Format(chain), protojson.Format(list), log.String(), made.GetToken().String()} {
		assert.NotContains(t, text, made.GetSecret())
	}
}
