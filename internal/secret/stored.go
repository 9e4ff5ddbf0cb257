package secret

import (
	"log/slog"
	"path"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Kind says where a secret is.
type Kind string

// The kinds.
const (
	None   Kind = ""       // there is none: the server asks for no password
	Sealed Kind = "sealed" // in the store, encrypted
	Env    Kind = "env"    // in an environment variable of the server's
	File   Kind = "file"   // in a file of the server's
	Vault  Kind = "vault"  // in HashiCorp Vault, KV version 2
	Server Kind = "server" // a tenant's: that of its server's administrator
)

// ServerSecret is the reference to the secret of the tenant's server.
const ServerSecret = string(Server) + ":"

// Stored is a secret as the store keeps it: sealed, or a reference. It can be
// printed: what is sealed shows only its key's id.
type Stored struct {
	text string
}

// Given is a secret as a caller gives it: inline, or by reference, or neither.
type Given struct {
	Inline    Redacted
	Reference string // env:NAME, file:/path, vault:mount/path#field, server:
}

// Store turns what was given into what is kept for a place. Errors:
// SECRET_INVALID (Invalid), SECRET_KEY_MISSING (Refused).
func (k *Keyring) Store(g Given, place string) (Stored, error) {
	switch {
	case !g.Inline.Empty() && g.Reference != "":
		return Stored{}, invalid("a secret is given inline or by reference, not both")
	case !g.Inline.Empty():
		return k.Seal(g.Inline, place)
	case g.Reference != "":
		return ParseReference(g.Reference)
	}
	return Stored{}, nil
}

// ParseReference checks a reference. Errors: SECRET_INVALID (Invalid); they do
// not repeat the text, which may be a secret put in the wrong place.
func ParseReference(text string) (Stored, error) {
	s := Stored{text}
	rest := s.Name()
	switch s.Kind() {
	case Env:
		if rest == "" || strings.ContainsAny(rest, "=\x00 ") {
			return Stored{}, invalid("env: is followed by the name of a variable")
		}
	case File:
		if !path.IsAbs(rest) || path.Clean(rest) != rest || strings.ContainsRune(rest, 0) {
			return Stored{}, invalid("file: is followed by an absolute path without . and ..")
		}
	case Vault:
		if _, err := parseVault(rest); err != nil {
			return Stored{}, err
		}
	case Server:
		if rest != "" {
			return Stored{}, invalid("server: stands alone")
		}
	case None, Sealed:
		return Stored{}, invalid("it is no reference to a secret")
	}
	return s, nil
}

func invalid(why string) error {
	return fault.New(fault.Invalid, "SECRET_INVALID", "the secret cannot be used: %s", why).
		Suggest("write env:NAME, file:/path, vault:mount/path#field or server:, or give the secret inline")
}

// Decode reads what Encode gave.
func Decode(text string) Stored { return Stored{text} }

// Encode returns the text for the store.
func (s Stored) Encode() string { return s.text }

// Kind says where the secret is.
func (s Stored) Kind() Kind {
	scheme, _, ok := strings.Cut(s.text, ":")
	switch k := Kind(scheme); {
	case s.text == "":
		return None
	case ok && (k == Env || k == File || k == Vault || k == Server):
		return k
	case strings.HasPrefix(s.text, format+"."):
		return Sealed
	}
	return None
}

// KeyID returns the id of the key that sealed it; "" for what is not sealed.
func (s Stored) KeyID() string {
	if s.Kind() != Sealed {
		return ""
	}
	id, _, _ := strings.Cut(s.text[len(format)+1:], ".")
	return id
}

// Name returns what follows the scheme of a reference.
func (s Stored) Name() string {
	_, rest, _ := strings.Cut(s.text, ":")
	return rest
}

// String shows a reference, and of what is sealed only its key's id.
func (s Stored) String() string {
	switch s.Kind() {
	case None:
		return "none"
	case Sealed:
		return "sealed (key " + s.KeyID() + ")"
	case Env, File, Vault, Server:
	}
	return s.text
}

// GoString shows what String shows.
func (s Stored) GoString() string { return s.String() }

// LogValue shows what String shows.
func (s Stored) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText shows what String shows; for the store there is Encode.
func (s Stored) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
