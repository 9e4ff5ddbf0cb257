package access

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// TokenEntry is a static token as the file of tokens spells it.
type TokenEntry struct {
	Name    string            `yaml:"name"`
	Hash    string            `yaml:"hash"`
	Role    string            `yaml:"role"`
	Labels  map[string]string `yaml:"labels,omitempty"`
	Expires string            `yaml:"expires"` // RFC 3339, or a date
}

// TokenFile is the content of a file of tokens.
type TokenFile struct {
	Tokens []TokenEntry `yaml:"tokens"`
}

// ParseTokenFile reads a file of tokens. Errors are Invalid and name the entry.
func ParseTokenFile(data []byte, name string) ([]StoredToken, error) {
	var file TokenFile
	err := yaml.NewDecoder(bytes.NewReader(data), yaml.DisallowUnknownField()).Decode(&file)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.Wrap(err, fault.Invalid, "TOKENS_INVALID", "%s is not a file of tokens", name).
			Suggest("it is YAML: tokens, and for each name, hash, role, labels, expires; `lockstep token create` prints such an entry")
	}
	out := make([]StoredToken, 0, len(file.Tokens))
	names := map[string]bool{}
	for i, e := range file.Tokens {
		t, why := e.stored()
		if why == "" && names[e.Name] {
			why = "its name is taken"
		}
		if why != "" {
			return nil, fault.New(fault.Invalid, "TOKENS_INVALID", "%s: token %d (%s): %s", name, i+1, e.Name, why)
		}
		names[e.Name] = true
		out = append(out, t)
	}
	return out, nil
}

// stored checks an entry; why says what is wrong with it.
func (e TokenEntry) stored() (t StoredToken, why string) {
	t = StoredToken{Name: e.Name, Hash: strings.ToLower(e.Hash)}
	raw, err := hex.DecodeString(strings.TrimPrefix(t.Hash, hashPrefix))
	role, roleErr := ParseRole(e.Role)
	switch {
	case e.Name == "":
		return t, "it has no name"
	case ParseToken(e.Hash):
		return t, "it holds the token itself; store only its hash, and take the token out of use"
	case err != nil || len(raw) != 32 || !strings.HasPrefix(t.Hash, hashPrefix):
		return t, "its hash is not sha256: and 64 hexadecimal digits"
	case roleErr != nil:
		return t, "its role is not viewer, operator or admin"
	}
	if t.Expires, err = ParseExpiry(e.Expires); err != nil {
		return t, "expires is neither a time (2027-01-31T00:00:00Z) nor a date"
	}
	t.Grants = []Grant{{Role: role, Labels: e.Labels}}
	return t, ""
}

// ParseExpiry reads an RFC 3339 time, or a date, which ends with its UTC day.
func ParseExpiry(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	return time.Parse(time.RFC3339, text)
}
