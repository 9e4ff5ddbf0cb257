package dialect

import (
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Privileges is a set of privileges in words that mean the same on every engine.
//
//nolint:recvcheck // decoding needs a pointer
type Privileges uint8

// The privileges.
const (
	// MayConnect: may enter the database, or see the schema.
	MayConnect Privileges = 1 << iota
	// MayCreate: may make new schemas, tables or other objects.
	MayCreate
	// MayRead: may read rows of at least some tables.
	MayRead
	// MayWrite: may insert, update or delete rows of at least some tables.
	MayWrite
	// MayDDL: may change or drop objects.
	MayDDL
	// MayAll: owns the place, or may do all that can be granted there.
	MayAll
	// MayGrant: may pass on some of it.
	MayGrant
)

// Everything is what an owner or a superuser may do.
const Everything = MayConnect | MayCreate | MayRead | MayWrite | MayDDL | MayAll | MayGrant

// privilegeNames are the stable names, in the order of the bits.
func privilegeNames() []string {
	return []string{"connect", "create", "read", "write", "ddl", "all", "grant"}
}

// Has tells whether all of the given privileges are in the set.
func (p Privileges) Has(q Privileges) bool { return p&q == q }

// Names lists the privileges by their stable names.
func (p Privileges) Names() []string {
	var out []string
	for i, name := range privilegeNames() {
		if p&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

// String renders the names separated by commas.
func (p Privileges) String() string { return strings.Join(p.Names(), ",") }

// MarshalText encodes the set as String does.
func (p Privileges) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote; an unknown name is of kind
// Corrupt, reason PRIVILEGE_UNKNOWN.
func (p *Privileges) UnmarshalText(text []byte) error {
	*p = 0
	if len(text) == 0 {
		return nil
	}
	known := map[string]Privileges{}
	for i, name := range privilegeNames() {
		known[name] = 1 << i
	}
	for name := range strings.SplitSeq(string(text), ",") {
		bit, ok := known[name]
		if !ok {
			return fault.New(fault.Corrupt, "PRIVILEGE_UNKNOWN", "the privilege %q is not known", name)
		}
		*p |= bit
	}
	return nil
}
