package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// TokenPrefix begins every static token, so that scanners for leaked secrets
// can tell one.
const TokenPrefix = "lks_"

// tokenBytes is the randomness of a token.
const tokenBytes = 32

const hashPrefix = "sha256:"

// NewToken makes a token of 32 random bytes.
func NewToken() string {
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // it never fails: see crypto/rand
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// ParseToken tells whether a text is a static token, as NewToken makes them.
func ParseToken(text string) bool {
	rest, ok := strings.CutPrefix(text, TokenPrefix)
	raw, err := base64.RawURLEncoding.DecodeString(rest)
	return ok && err == nil && len(raw) == tokenBytes
}

// HashToken returns what is stored of a token: "sha256:" and the hash in
// hexadecimal. A plain hash is right here, where for passwords it would be
// wrong: 256 random bits cannot be guessed however fast the hash is.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// ReasonTokenUnknown is the reason of a token that a verifier has never seen.
const ReasonTokenUnknown = "TOKEN_UNKNOWN"

// TokenVerifier tells who a bearer token speaks for.
type TokenVerifier interface {
	// VerifyToken returns the identity. Errors are Unauthenticated when the token
	// is not valid (any more), with ReasonTokenUnknown for one that was never seen,
	// and Unavailable when that cannot be found out; they never repeat the token.
	VerifyToken(ctx context.Context, token string) (Identity, error)
}

// StoredToken is what is kept of a static token.
type StoredToken struct {
	Name    string
	Hash    string // as HashToken returns it
	Grants  []Grant
	Expires time.Time
}

// Tokens verifies static tokens against a list.
type Tokens struct {
	List []StoredToken
	Now  func() time.Time
}

// VerifyToken implements TokenVerifier. Every entry is compared in constant time.
func (t Tokens) VerifyToken(_ context.Context, token string) (Identity, error) {
	var found *StoredToken
	hash := []byte(HashToken(token))
	for i := range t.List {
		if subtle.ConstantTimeCompare(hash, []byte(t.List[i].Hash)) == 1 {
			found = &t.List[i]
		}
	}
	if found == nil {
		return Identity{}, unknownToken()
	}
	if !t.Now().Before(found.Expires) {
		return Identity{}, fault.New(fault.Unauthenticated, "TOKEN_EXPIRED", "the token %s expired on %s",
			found.Name, found.Expires.UTC().Format(time.DateOnly)).Suggest("ask an admin of this server for a new one")
	}
	return Identity{Subject: "token:" + found.Name, Name: found.Name, Method: ByToken, Grants: found.Grants}, nil
}

// Verifiers asks several in turn: the first that knows a token decides.
type Verifiers []TokenVerifier

// VerifyToken implements TokenVerifier.
func (v Verifiers) VerifyToken(ctx context.Context, token string) (Identity, error) {
	for _, one := range v {
		who, err := one.VerifyToken(ctx, token)
		if fault.ReasonOf(err) != ReasonTokenUnknown {
			return who, err
		}
	}
	return Identity{}, unknownToken()
}

func unknownToken() error {
	return fault.New(fault.Unauthenticated, ReasonTokenUnknown, "the token is not one of this server").
		Suggest("ask an admin of this server for a token")
}
