package control

import (
	"time"

	"github.com/lockstepdb/lockstep/internal/access"
)

// Token is a static token without the token itself.
type Token struct {
	ID        string // "" when it is created: one is made
	Name      string
	Hash      string // as access.HashToken returns it
	Grants    []access.Grant
	CreatedBy string
	Created   time.Time
	Expires   time.Time
	Revoked   time.Time // zero: it is in use
	LastUsed  time.Time // zero: never
}

// Stored returns it as access verifies it.
func (t *Token) Stored() access.StoredToken {
	return access.StoredToken{Name: t.Name, Hash: t.Hash, Grants: t.Grants, Expires: t.Expires}
}
