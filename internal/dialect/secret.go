package dialect

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// redacted is what a secret prints as.
const redacted = "[redacted]"

// Secret is a password. However it is printed, encoded or logged, in whatever
// struct it is, it is left out. The zero value is no password.
type Secret struct {
	text *string // a pointer: printers of unexported fields do not follow it
}

// NewSecret wraps a password.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// passwordBytes make 32 characters of base64 without padding.
const passwordBytes = 24

// GeneratePassword makes a password of 32 characters, each safe in a URL, out of
// 192 random bits less the one or so that it costs to hold a character of
// every sort, which servers' policies ask for.
func GeneratePassword() Secret {
	for {
		var b [passwordBytes]byte
		_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program first
		text := base64.RawURLEncoding.EncodeToString(b[:])
		if strings.ContainsAny(text, "-_") && strings.ContainsAny(text, "0123456789") &&
			strings.ToLower(text) != text && strings.ToUpper(text) != text {
			return NewSecret(text)
		}
	}
}

// Reveal returns the password, for connectors and for who stores it encrypted.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty tells whether there is no password.
func (s Secret) Empty() bool { return s.text == nil }

// String leaves the password out.
func (Secret) String() string { return redacted }

// Format leaves the password out, whatever the verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// GoString leaves the password out of %#v.
func (Secret) GoString() string { return redacted }

// LogValue leaves the password out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText leaves the password out of encodings.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
