package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

const (
	keyBytes    = 32 // AES-256
	format      = "v1"
	keyIDLength = 16
)

// Keyring holds the keys that secrets are sealed with: the first seals, all of
// them open. To rotate, put a new key in front, rewrap what is stored, and take
// the old key out. A nil Keyring seals and opens nothing.
type Keyring struct {
	current string
	keys    map[string]cipher.AEAD // by id
}

// NewKey makes a key in the form that ParseKeyring reads.
func NewKey() Redacted {
	var b [keyBytes]byte
	_, _ = rand.Read(b[:]) // it never fails: see crypto/rand
	return New(base64.StdEncoding.EncodeToString(b[:]))
}

// ParseKeyring reads keys: 32 bytes in base64 each, one a line or separated by
// commas; the rest of a line after "#" is a comment. Errors are Invalid, reason
// SECRET_KEY_INVALID, and never repeat a key.
func ParseKeyring(text Redacted) (*Keyring, error) {
	k := &Keyring{keys: map[string]cipher.AEAD{}}
	number := 0
	for line := range strings.Lines(text.Reveal()) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.SplitSeq(line, ",") {
			if word = strings.TrimSpace(word); word == "" {
				continue
			}
			number++
			if err := k.add(word); err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "SECRET_KEY_INVALID", "secret key %d is not %d bytes in base64", number, keyBytes).
					Suggest("make one with: head -c 32 /dev/urandom | base64")
			}
		}
	}
	if number == 0 {
		return nil, fault.New(fault.Invalid, "SECRET_KEY_INVALID", "there is no key where the secret keys should be").
			Suggest("make one with: head -c 32 /dev/urandom | base64")
	}
	return k, nil
}

// The variables that LoadKeyring reads.
const (
	KeyEnv     = "LOCKSTEP_SECRET_KEY"
	KeyFileEnv = "LOCKSTEP_SECRET_KEY_FILE"
)

// LoadKeyring reads the keys from the environment, or from the file that it
// names. Without either it returns nil: nothing can be sealed then. Errors:
// SECRET_KEY_INVALID (Invalid).
func LoadKeyring(getenv func(string) string, readFile func(string) ([]byte, error)) (*Keyring, error) {
	text, name := getenv(KeyEnv), getenv(KeyFileEnv)
	switch {
	case text != "" && name != "":
		return nil, fault.New(fault.Invalid, "SECRET_KEY_INVALID", "both %s and %s are set", KeyEnv, KeyFileEnv).Suggest("set one of them")
	case text != "":
		return ParseKeyring(New(text))
	case name == "":
		return nil, nil
	}
	data, err := readFile(name)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "SECRET_KEY_INVALID", "the file of secret keys %s cannot be read", name)
	}
	return ParseKeyring(New(string(data)))
}

func (k *Keyring) add(word string) error {
	raw, err := base64.StdEncoding.DecodeString(word)
	if err != nil {
		return err
	}
	if len(raw) != keyBytes {
		return aes.KeySizeError(len(raw))
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	// The id is made of the key, so that nobody can give two keys one name.
	sum := sha256.Sum256(append([]byte("lockstep secret key id\x00"), raw...))
	id := hex.EncodeToString(sum[:])[:keyIDLength]
	k.keys[id] = aead
	if k.current == "" {
		k.current = id
	}
	return nil
}

// Current returns the id of the key that seals; "" for a nil Keyring.
func (k *Keyring) Current() string {
	if k == nil {
		return ""
	}
	return k.current
}

// Seal encrypts a secret for a place, such as "tenants/acme": what is sealed for
// one place cannot be opened in another. Errors: SECRET_KEY_MISSING (Refused).
func (k *Keyring) Seal(plain Redacted, place string) (Stored, error) {
	if k == nil {
		return Stored{}, fault.New(fault.Refused, "SECRET_KEY_MISSING", "a secret given inline cannot be stored: no secret key is configured").
			Suggest("set LOCKSTEP_SECRET_KEY or LOCKSTEP_SECRET_KEY_FILE, or give a reference such as env:NAME")
	}
	aead := k.keys[k.current]
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // it never fails: see crypto/rand
	box := aead.Seal(nonce, nonce, []byte(plain.Reveal()), additional(k.current, place))
	return Stored{format + "." + k.current + "." + base64.RawURLEncoding.EncodeToString(box)}, nil
}

// Open decrypts what was sealed for the place. Errors: SECRET_KEY_UNKNOWN
// (Refused) when the key is not in the ring, SECRET_CORRUPT (Corrupt) when the
// text was altered, or sealed for another place.
func (k *Keyring) Open(s Stored, place string) (Redacted, error) {
	id := s.KeyID()
	var aead cipher.AEAD
	if k != nil {
		aead = k.keys[id]
	}
	if aead == nil {
		return Redacted{}, fault.New(fault.Refused, "SECRET_KEY_UNKNOWN", "the secret of %s is sealed with the key %s, which is not configured", place, id).
			Suggest("put that key back behind the current one; keys may go when everything was rewrapped")
	}
	box, err := base64.RawURLEncoding.DecodeString(s.text[len(format)+1+len(id)+1:])
	if err == nil && len(box) < aead.NonceSize() {
		err = aes.KeySizeError(len(box))
	}
	var plain []byte
	if err == nil {
		plain, err = aead.Open(nil, box[:aead.NonceSize()], box[aead.NonceSize():], additional(id, place))
	}
	if err != nil {
		return Redacted{}, fault.Wrap(err, fault.Corrupt, "SECRET_CORRUPT", "the sealed secret of %s was altered, or belongs somewhere else", place).
			Suggest("set the secret anew, and find out who wrote to the store")
	}
	return New(string(plain)), nil
}

// additional is what a sealed text is bound to.
func additional(key, place string) []byte {
	return []byte("lockstep secret " + format + "\x00" + key + "\x00" + place)
}
