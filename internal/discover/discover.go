// Package discover tells what is on a database server (databases, schemas, users,
// and who may do what) and what changed there since it was recorded.
//
// Reading goes through the port dialect.Discoverer and is all or nothing. All
// else is pure: a State is a value with one canonical form; Reconcile gives the
// differences of two of them; Match tells which tenants' databases appeared,
// vanished or returned; an Index tells what follows from grants, ownership and
// membership. Storing a Delta in one transaction is for the control store.
package discover

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Facts are what is known of a server as a whole.
type Facts struct {
	Server dialect.ServerInfo `json:"server"`
	// LeftOut names the databases of the system, which are on the server and
	// not in the state, sorted.
	LeftOut []string `json:"left_out,omitempty"`
	// Unread names what was read only in part; see dialect.Roster.
	Unread []dialect.Part `json:"unread,omitempty"`
	Notes  []dialect.Note `json:"notes,omitempty"`
}

// State is what is on a server at one time. Canonical gives its one form; every
// function of this package returns states in it.
type State struct {
	Facts
	Databases []dialect.Database `json:"databases,omitempty"`
	Users     []dialect.User     `json:"users,omitempty"`
	Grants    []dialect.Grant    `json:"grants,omitempty"`
}

// partial tells whether a part was read only in part.
func (f Facts) partial(p dialect.Part) bool { return slices.Contains(f.Unread, p) }

// grantKey tells grants apart.
type grantKey struct {
	database, schema string
	public           bool
	grantee          dialect.Account
	via              string
}

func keyOf(g dialect.Grant) grantKey {
	return grantKey{g.Database, g.Schema, g.Public, g.Grantee, g.Via}
}

func compareAccounts(a, b dialect.Account) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Host, b.Host))
}

func compareGrants(a, b dialect.Grant) int {
	order := 0
	switch {
	case a.Public && !b.Public:
		order = -1
	case b.Public && !a.Public:
		order = 1
	}
	return cmp.Or(strings.Compare(a.Database, b.Database), strings.Compare(a.Schema, b.Schema),
		order, compareAccounts(a.Grantee, b.Grantee), strings.Compare(a.Via, b.Via))
}

// Canonical returns the state sorted, without duplicates and with sizes rounded,
// sharing nothing with s. Grants in databases, or of users, that are not in the
// state are left out.
func (s State) Canonical() State {
	out := State{Facts: s.Facts}
	out.LeftOut = sorted(s.LeftOut)
	out.Unread = sorted(s.Unread)
	out.Notes = unique(s.Notes, func(a, b dialect.Note) int {
		return cmp.Or(strings.Compare(a.Reason, b.Reason), strings.Compare(a.Detail, b.Detail), strings.Compare(a.Suggestion, b.Suggestion))
	})
	out.Databases = unique(s.Databases, func(a, b dialect.Database) int { return strings.Compare(a.Name, b.Name) })
	for i := range out.Databases {
		d := &out.Databases[i]
		d.Size = roughly(d.Size)
		d.Schemas = unique(d.Schemas, func(a, b dialect.Schema) int { return strings.Compare(a.Name, b.Name) })
	}
	out.Users = unique(s.Users, func(a, b dialect.User) int { return compareAccounts(a.Account, b.Account) })
	for i := range out.Users {
		u := &out.Users[i]
		u.MemberOf = unique(u.MemberOf, func(a, b dialect.Membership) int { return compareAccounts(a.Role, b.Role) })
	}
	out.Grants = out.ownGrants(s.Grants)
	return out
}

// ownGrants merges the grants of one account in one place, and leaves out those
// of what is not in the state.
func (s State) ownGrants(all []dialect.Grant) []dialect.Grant {
	databases, users := map[string]bool{"": true}, map[dialect.Account]bool{}
	for _, d := range s.Databases {
		databases[d.Name] = true
	}
	for _, u := range s.Users {
		users[u.Account] = true
	}
	at := map[grantKey]int{}
	var out []dialect.Grant
	for _, g := range all {
		if !databases[g.Database] || (!g.Public && !users[g.Grantee]) {
			continue
		}
		i, seen := at[keyOf(g)]
		if !seen {
			i = len(out)
			at[keyOf(g)] = i
			g.Raw = slices.Clone(g.Raw)
			out = append(out, g)
			continue
		}
		out[i].Privileges |= g.Privileges
		out[i].Raw = append(out[i].Raw, g.Raw...)
	}
	for i := range out {
		out[i].Raw = sorted(out[i].Raw)
	}
	slices.SortFunc(out, compareGrants)
	return out
}

// roughly keeps two digits: a database that grows all the time is no news.
func roughly(size int64) int64 {
	if size <= 0 {
		return 0
	}
	unit := int64(math.Pow10(max(0, int(math.Log10(float64(size)))-1)))
	return size / unit * unit
}

// sorted returns a sorted copy without duplicates, nil when it is empty.
func sorted[T cmp.Ordered](in []T) []T {
	return unique(in, func(a, b T) int { return cmp.Compare(a, b) })
}

// unique returns a sorted copy in which nothing compares equal, nil when it is
// empty. Of equal ones the first is kept.
func unique[T any](in []T, compare func(a, b T) int) []T {
	if len(in) == 0 {
		return nil
	}
	out := slices.Clone(in)
	slices.SortStableFunc(out, compare)
	return slices.CompactFunc(out, func(a, b T) bool { return compare(a, b) == 0 })
}

// stateVersion is the version of the encoded form.
const stateVersion = 1

type encoded struct {
	Version int `json:"version"`
	State
}

// Encode returns the canonical form as JSON: equal states give equal bytes.
func (s State) Encode() ([]byte, error) {
	out, err := json.Marshal(encoded{Version: stateVersion, State: s.Canonical()})
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "STATE_ENCODE", "the state of a server could not be encoded")
	}
	return out, nil
}

// Decode reads what Encode wrote. Anything else is of kind Corrupt, reason
// STATE_CORRUPT.
func Decode(data []byte) (State, error) {
	var in encoded
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return State{}, fault.Wrap(err, fault.Corrupt, "STATE_CORRUPT", "the recorded state of a server cannot be read").
			Suggest("forget it, and sync the server again")
	}
	if in.Version != stateVersion {
		return State{}, fault.New(fault.Corrupt, "STATE_CORRUPT", "the recorded state of a server has version %d, and this build reads %d", in.Version, stateVersion).
			Suggest("sync the server again with the newest build")
	}
	return in.Canonical(), nil
}

// usable tells whether lockstep can carry a name: as UTF-8, without NUL.
func usable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsRune(name, 0)
}
