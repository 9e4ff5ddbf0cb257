package dialect

import (
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/lockstepdb/lockstep/internal/secret"
)

// passwordBytes make 32 characters of base64 without padding.
const passwordBytes = 24

// GeneratePassword makes a password of 32 characters, each safe in a URL, out of
// 192 random bits less the one or so that it costs to hold a character of
// every sort, which servers' policies ask for.
func GeneratePassword() secret.Redacted {
	for {
		var b [passwordBytes]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program first
		text := base64.RawURLEncoding.EncodeToString(b[:])
		if strings.ContainsAny(text, "-_") && strings.ContainsAny(text, "0123456789") &&
			strings.ToLower(text) != text && strings.ToUpper(text) != text {
			return secret.New(text)
		}
	}
}
