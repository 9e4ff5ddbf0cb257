package rpc

import (
	"context"
	"strings"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// tokenService implements lockstep.v1.TokenService.
type tokenService struct {
	lockstepv1.UnimplementedTokenServiceServer
	places places
	ledger *ledger
}

// detailToken names the token in an audit entry.
const detailToken = "token"

// CreateToken makes a token and says it once: the store gets its hash.
func (s *tokenService) CreateToken(
	ctx context.Context, req *lockstepv1.CreateTokenRequest,
) (*lockstepv1.CreateTokenResponse, error) {
	store, err := s.places.stored()
	if err != nil {
		return nil, err
	}
	in := control.Token{
		ID: req.GetName(), Name: req.GetName(), Grants: fromGrants(req.GetGrants()),
		CreatedBy: access.FromContext(ctx).Name, Expires: req.GetExpiresAt().AsTime(),
	}
	if !in.Expires.After(s.ledger.now()) {
		return nil, fault.New(fault.Invalid, "TOKEN_INVALID", "the token would have expired before it is made").
			Suggest("let expires_at be in the future")
	}
	text := access.NewToken()
	in.Hash = access.HashToken(text)
	out, err := s.change(ctx, in.ID, in.Grants, func() (*control.Token, error) { return store.CreateToken(ctx, in) })
	if err != nil {
		return nil, err
	}
	return &lockstepv1.CreateTokenResponse{Token: out, Secret: text}, nil
}

// change writes down a change of a token, and carries it out.
func (s *tokenService) change(
	ctx context.Context, id string, grants []access.Grant, do func() (*control.Token, error),
) (*lockstepv1.Token, error) {
	e := control.AuditEvent{Details: map[string]string{detailToken: id}}
	if len(grants) > 0 {
		e.Details["grants"] = grantsText(grants)
	}
	var out *lockstepv1.Token
	err := s.ledger.run(ctx, e, func(*control.AuditEvent) error {
		t, err := do()
		if err == nil {
			out = toToken(t)
		}
		return err
	})
	return out, err
}

func grantsText(grants []access.Grant) string {
	texts := make([]string, len(grants))
	for i, g := range grants {
		texts[i] = g.String()
	}
	return strings.Join(texts, "; ")
}

func fromGrants(given []*lockstepv1.TokenGrant) []access.Grant {
	out := make([]access.Grant, len(given))
	for i, g := range given {
		out[i] = access.Grant{Role: toRole(g.GetRole()), Labels: g.GetLabels()}
	}
	return out
}

func toToken(t *control.Token) *lockstepv1.Token {
	out := &lockstepv1.Token{
		Id: t.ID, Name: t.Name, CreatedBy: t.CreatedBy, CreatedAt: moment(t.Created), ExpiresAt: moment(t.Expires),
		RevokedAt: moment(t.Revoked), LastUsedAt: moment(t.LastUsed),
	}
	for _, g := range t.Grants {
		out.Grants = append(out.Grants, &lockstepv1.TokenGrant{Role: fromRole(g.Role), Labels: g.Labels})
	}
	return out
}

func fromRole(r access.Role) lockstepv1.Role {
	switch r {
	case access.Viewer:
		return lockstepv1.Role_ROLE_VIEWER
	case access.Operator:
		return lockstepv1.Role_ROLE_OPERATOR
	case access.Admin:
		return lockstepv1.Role_ROLE_ADMIN
	case access.None:
	}
	return lockstepv1.Role_ROLE_UNSPECIFIED
}
