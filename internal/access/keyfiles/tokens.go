package keyfiles

import (
	"context"
	"log/slog"
	"time"

	"github.com/lockstepdb/lockstep/internal/access"
)

// Tokens verifies static tokens against a file.
type Tokens struct {
	file *watched[[]access.StoredToken]
	now  func() time.Time
}

// NewTokens reads the file; the error is Invalid.
func NewTokens(logger *slog.Logger, path string, now func() time.Time) (*Tokens, error) {
	parse := func(contents [][]byte) ([]access.StoredToken, error) { return access.ParseTokenFile(contents[0], path) }
	file, err := watch(logger, parse, path)
	if err != nil {
		return nil, err
	}
	return &Tokens{file: file, now: now}, nil
}

// VerifyToken implements access.TokenVerifier.
func (t *Tokens) VerifyToken(ctx context.Context, token string) (access.Identity, error) {
	return access.Tokens{List: t.file.get(ctx), Now: t.now}.VerifyToken(ctx, token)
}
