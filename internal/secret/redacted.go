// Package secret keeps the passwords of databases out of everything that is
// read: logs, errors, plans, the control store and its backups.
//
// A secret is given inline, and then sealed with AES-256-GCM under a key of the
// operator's (keyring.go), or it is a reference that is resolved each time it is
// needed: an environment variable, a file, or HashiCorp Vault (resolver.go,
// vault.go). In memory it is a Redacted, which no printer shows.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// shown stands for every secret.
const shown = "[redacted]"

// Redacted is a secret in memory. Whatever prints or encodes it, in whatever
// struct it is, shows "[redacted]" or an address; Reveal is the only way to it.
// The zero value is the empty secret.
type Redacted struct {
	text *string // a pointer: printers of unexported fields do not follow it
}

// New wraps a secret.
func New(text string) Redacted {
	if text == "" {
		return Redacted{}
	}
	return Redacted{&text}
}

// Reveal returns the secret, for the one who uses it and nobody else.
func (r Redacted) Reveal() string {
	if r.text == nil {
		return ""
	}
	return *r.text
}

// Empty tells whether there is no secret.
func (r Redacted) Empty() bool { return r.text == nil }

// Equal compares in constant time.
func (r Redacted) Equal(other Redacted) bool {
	return subtle.ConstantTimeCompare([]byte(r.Reveal()), []byte(other.Reveal())) == 1
}

// String shows nothing.
func (Redacted) String() string { return shown }

// GoString shows nothing.
func (Redacted) GoString() string { return shown }

// Format shows nothing, whatever the verb: fmt prints fields for those that do
// not go with a string.
func (Redacted) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, shown) }

// LogValue shows nothing.
func (Redacted) LogValue() slog.Value { return slog.StringValue(shown) }

// MarshalText shows nothing; encoding/json uses it, too.
func (Redacted) MarshalText() ([]byte, error) { return []byte(shown), nil }
