package sqlstore

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore/query"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// touchEvery is how often the use of a token is written at most.
const touchEvery = time.Minute

// grantRow is a grant in a column.
type grantRow struct {
	Role   string            `json:"role"`
	Labels map[string]string `json:"labels,omitempty"`
}

func tokenOf(r *query.Token) (*control.Token, error) {
	t := &control.Token{
		ID: r.ID, Name: r.Name, Hash: r.Hash, CreatedBy: r.CreatedBy, Created: moment(r.CreatedAt), Expires: moment(r.ExpiresAt),
		Revoked: moment(r.RevokedAt), LastUsed: moment(r.LastUsedAt),
	}
	var grants []grantRow
	if err := decode(r.Grants, &grants, "grants of token "+r.ID); err != nil {
		return nil, err
	}
	for _, g := range grants {
		role, err := access.ParseRole(g.Role)
		if err != nil {
			return nil, fault.New(fault.Corrupt, "STORE_CORRUPT", "the token %s has a grant that this version does not know", r.ID)
		}
		t.Grants = append(t.Grants, access.Grant{Role: role, Labels: g.Labels})
	}
	return t, nil
}

// CreateToken implements control.TokenStore.
func (s *Store) CreateToken(ctx context.Context, t control.Token) (*control.Token, error) {
	if t.ID == "" {
		t.ID = s.cfg.NewID()
	}
	var c checks
	c.id("id", t.ID)
	c.text("name", t.Name, 100)
	if t.Name == "" {
		c.report("name", "", "it has no name")
	}
	if t.Hash == "" || access.ParseToken(t.Hash) || len(t.Hash) > 100 {
		c.report("hash", "store the hash only", "it is no hash of a token")
	}
	if t.Expires.IsZero() {
		c.report("expires", "", "a token must end some day")
	}
	grants := make([]grantRow, len(t.Grants))
	for i, g := range t.Grants {
		grants[i] = grantRow{Role: g.Role.String(), Labels: g.Labels}
		if _, err := access.ParseRole(grants[i].Role); err != nil {
			c.fault("grants", err)
		}
	}
	if err := c.err("TOKEN_INVALID", "token"); err != nil {
		return nil, err
	}
	encoded, err := encode(grants)
	if err != nil {
		return nil, err
	}
	r := query.InsertTokenParams{
		ID: t.ID, Name: t.Name, Hash: t.Hash, Grants: encoded, CreatedBy: clip(t.CreatedBy, maxActor),
		CreatedAt: micros(s.now()), ExpiresAt: micros(t.Expires),
	}
	err = s.write(ctx, func(ctx context.Context, q query.Queries) error { return q.InsertToken(ctx, r) })
	if fault.ReasonOf(err) == reasonDuplicate {
		return nil, fault.New(fault.Exists, control.ReasonTokenExists, "there is a token %q already", t.Name).Suggest("choose another name; revoked tokens keep theirs")
	}
	if err != nil {
		return nil, err
	}
	return s.GetToken(ctx, t.ID)
}

// GetToken implements control.TokenStore.
func (s *Store) GetToken(ctx context.Context, id string) (*control.Token, error) {
	if !validID.MatchString(id) {
		return nil, noToken(id)
	}
	r, err := s.read.GetToken(ctx, id)
	if err != nil {
		return nil, absent(err, control.ReasonTokenNotFound, "there is no token with the id %q", id)
	}
	return tokenOf(&r)
}

func noToken(id string) error {
	return fault.New(fault.NotFound, control.ReasonTokenNotFound, "there is no token with the id %q", id)
}

// FindToken implements control.TokenStore.
func (s *Store) FindToken(ctx context.Context, hash string) (*control.Token, error) {
	r, err := s.read.GetTokenByHash(ctx, clip(hash, 100))
	if err != nil {
		return nil, absent(err, control.ReasonTokenNotFound, "the token is not one of this server")
	}
	return tokenOf(&r)
}

// ListTokens implements control.TokenStore.
func (s *Store) ListTokens(ctx context.Context, p control.Page) ([]*control.Token, string, error) {
	size, err := p.Limit()
	if err != nil {
		return nil, "", err
	}
	at, _, err := control.ReadPageToken("tokens", nil, p.Token)
	if err != nil {
		return nil, "", err
	}
	rows, err := s.read.ListTokens(ctx, query.ListTokensParams{After: at.After, Most: int64(size) + 1})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		if next, err = control.MakePageToken("tokens", nil, control.Cursor{After: rows[size-1].ID}); err != nil {
			return nil, "", err
		}
	}
	out := make([]*control.Token, len(rows))
	for i := range rows {
		if out[i], err = tokenOf(&rows[i]); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// RevokeToken implements control.TokenStore.
func (s *Store) RevokeToken(ctx context.Context, id string) (*control.Token, error) {
	if !validID.MatchString(id) {
		return nil, noToken(id)
	}
	err := s.write(ctx, func(ctx context.Context, q query.Queries) error {
		_, err := q.RevokeToken(ctx, query.RevokeTokenParams{At: micros(s.now()), ID: id})
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.GetToken(ctx, id)
}

// TouchToken implements control.TokenStore.
func (s *Store) TouchToken(ctx context.Context, id string) error {
	t, err := s.GetToken(ctx, id)
	if err != nil || s.now().Sub(t.LastUsed) < touchEvery {
		return err
	}
	return s.write(ctx, func(ctx context.Context, q query.Queries) error {
		now := s.now()
		_, err := q.TouchToken(ctx, query.TouchTokenParams{At: micros(now), ID: id, NotSince: micros(now.Add(-touchEvery)) + 1})
		return err
	})
}
