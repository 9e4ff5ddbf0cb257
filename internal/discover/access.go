package discover

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// Access is what one login may do in one place, as it follows from grants,
// ownership, membership, PUBLIC and superuser rights.
type Access struct {
	User     dialect.Account
	Database string
	Schema   string // "": the database itself
	// Privileges count at once.
	Privileges dialect.Privileges
	// AfterSetRole count, too, once the user has taken on a role of which it is
	// a member without inheriting.
	AfterSetRole dialect.Privileges
}

// Index answers who may do what. Every login in every database would be millions
// of answers on a large server, so they are worked out for one database, or for
// one user, when they are asked for. Make it with IndexOf; it is never changed
// and may be shared.
type Index struct {
	state     State
	users     map[dialect.Account]dialect.User
	databases map[string]dialect.Database
	grants    map[place]map[dialect.Account]dialect.Privileges
	public    map[place]dialect.Privileges
	closures  map[dialect.Account]closure
}

type place struct{ database, schema string }

// closure is what an account acts as: itself, and roles at once or after SET ROLE.
type closure struct{ at, later []dialect.Account }

// IndexOf indexes a state.
func IndexOf(s State) *Index {
	x := &Index{
		state: s.Canonical(), users: map[dialect.Account]dialect.User{}, databases: map[string]dialect.Database{},
		grants: map[place]map[dialect.Account]dialect.Privileges{}, public: map[place]dialect.Privileges{},
		closures: map[dialect.Account]closure{},
	}
	for _, u := range x.state.Users {
		x.users[u.Account] = u
	}
	for _, d := range x.state.Databases {
		x.databases[d.Name] = d
	}
	for _, g := range x.state.Grants {
		p := place{g.Database, g.Schema}
		switch {
		case g.Public:
			x.public[p] |= g.Privileges
		case x.grants[p] == nil:
			x.grants[p] = map[dialect.Account]dialect.Privileges{g.Grantee: g.Privileges}
		default:
			x.grants[p][g.Grantee] |= g.Privileges
		}
	}
	for _, u := range x.state.Users {
		if u.CanLogin {
			x.closures[u.Account] = x.closureOf(u.Account)
		}
	}
	return x
}

// closureOf follows memberships, also those of roles that form a circle. A role
// that is reached both ways counts at once.
func (x *Index) closureOf(a dialect.Account) closure {
	var out closure
	inherited := x.reach(a, true)
	for r := range x.reach(a, false) {
		if inherited[r] {
			out.at = append(out.at, r)
		} else {
			out.later = append(out.later, r)
		}
	}
	return out
}

// reach returns an account and all roles that it is a member of: through
// memberships that are inherited, or through any.
func (x *Index) reach(a dialect.Account, inherited bool) map[dialect.Account]bool {
	seen := map[dialect.Account]bool{}
	for todo := []dialect.Account{a}; len(todo) > 0; {
		a, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if seen[a] {
			continue
		}
		seen[a] = true
		for _, m := range x.users[a].MemberOf {
			if m.Inherits || !inherited {
				todo = append(todo, m.Role)
			}
		}
	}
	return seen
}

// In returns the logins that may do anything in a database, or in a schema of
// it, sorted by name. A schema is of use only to those who may also enter its
// database. A database that is not in the state gives none.
func (x *Index) In(database, schema string) []Access {
	d, ok := x.databases[database]
	if !ok {
		return nil
	}
	var out []Access
	for _, u := range x.state.Users {
		if a := x.access(u, d, schema); a.Privileges|a.AfterSetRole != 0 {
			out = append(out, a)
		}
	}
	return out
}

// Of returns the databases in which a login may do anything, sorted by name.
func (x *Index) Of(user dialect.Account) []Access {
	u, ok := x.users[user]
	if !ok {
		return nil
	}
	var out []Access
	for _, d := range x.state.Databases {
		if a := x.access(u, d, ""); a.Privileges|a.AfterSetRole != 0 {
			out = append(out, a)
		}
	}
	return out
}

// access works out one answer. Locked and expired logins have none.
func (x *Index) access(u dialect.User, d dialect.Database, schema string) Access {
	out := Access{User: u.Account, Database: d.Name, Schema: schema}
	if !u.CanLogin || u.Locked || u.Expired {
		return out
	}
	c := x.closures[u.Account]
	if u.Superuser {
		out.Privileges = dialect.Everything
		return out
	}
	out.Privileges = x.sum(d, schema, c.at)
	out.AfterSetRole = x.sum(d, schema, append(slices.Clone(c.at), c.later...))
	if schema != "" {
		enter := x.access(u, d, "")
		if !enter.Privileges.Has(dialect.MayConnect) {
			out.Privileges = 0
		}
		if !(enter.Privileges | enter.AfterSetRole).Has(dialect.MayConnect) {
			out.AfterSetRole = 0
		}
	}
	out.AfterSetRole &^= out.Privileges
	return out
}

// sum joins what is granted to everybody and to some accounts in a place, and on
// the whole server.
func (x *Index) sum(d dialect.Database, schema string, as []dialect.Account) dialect.Privileges {
	places := []place{{}, {d.Name, schema}}
	p := x.public[place{}] | x.public[places[1]]
	for _, a := range as {
		for _, at := range places {
			p |= x.grants[at][a]
		}
		if a.Host == "" && x.owns(a.Name, d, schema) {
			p |= owned
		}
	}
	return p
}

// owned is what an owner may do whatever the access list says.
const owned = dialect.MayDDL | dialect.MayAll | dialect.MayGrant

func (x *Index) owns(name string, d dialect.Database, schema string) bool {
	if schema == "" {
		return d.Owner == name
	}
	return slices.ContainsFunc(d.Schemas, func(s dialect.Schema) bool { return s.Name == schema && s.Owner == name })
}
