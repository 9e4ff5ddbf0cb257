package discover

import (
	"reflect"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// Delta is what differs between what was recorded of a server and what is there.
type Delta struct {
	// Facts are the new facts if they changed, else nil.
	Facts     *Facts                    `json:"facts,omitempty"`
	Databases Changes[dialect.Database] `json:"databases"`
	Users     Changes[dialect.User]     `json:"users"`
	Grants    Changes[dialect.Grant]    `json:"grants"`
}

// Changes are the differences of one sort of thing.
type Changes[T any] struct {
	Appeared []T         `json:"appeared,omitempty"`
	Changed  []Change[T] `json:"changed,omitempty"`
	Vanished []T         `json:"vanished,omitempty"` // as they were recorded
}

// Change is one thing before and after.
type Change[T any] struct {
	Before T `json:"before"`
	After  T `json:"after"`
}

// Count returns the number of differences.
func (c Changes[T]) Count() int { return len(c.Appeared) + len(c.Changed) + len(c.Vanished) }

// Empty tells whether nothing differs.
func (d Delta) Empty() bool {
	return d.Facts == nil && d.Databases.Count()+d.Users.Count()+d.Grants.Count() == 0
}

// Reconcile returns what has to be written so that what is recorded equals what
// was found. What could not be read stays as it was recorded: see Complete.
// Names that are one by the server's rule are one thing that changed its
// spelling, not one that vanished and another that appeared.
func Reconcile(recorded, found State) Delta {
	recorded = recorded.Canonical()
	found = Complete(recorded, found)
	names, users := rules(recorded, found)
	out := Delta{
		Databases: differ(recorded.Databases, found.Databases, func(d dialect.Database) string { return names(d.Name) }),
		Users:     differ(recorded.Users, found.Users, func(u dialect.User) dialect.Account { return users(u.Account) }),
		Grants:    differ(recorded.Grants, found.Grants, keyOf),
	}
	if !reflect.DeepEqual(recorded.Facts, found.Facts) {
		out.Facts = &found.Facts
	}
	return out
}

// differ compares two lists without duplicates by key.
func differ[T any, K comparable](before, after []T, key func(T) K) Changes[T] {
	var out Changes[T]
	known := make(map[K]T, len(before))
	for _, x := range before {
		known[key(x)] = x
	}
	for _, x := range after {
		k := key(x)
		old, ok := known[k]
		delete(known, k)
		switch {
		case !ok:
			out.Appeared = append(out.Appeared, x)
		case !reflect.DeepEqual(old, x):
			out.Changed = append(out.Changed, Change[T]{Before: old, After: x})
		}
	}
	for _, x := range before {
		if _, left := known[key(x)]; left {
			out.Vanished = append(out.Vanished, x)
		}
	}
	return out
}

// Apply returns the recorded state with the differences in it: the model of what
// a store does with a Delta.
func Apply(recorded State, d Delta) State {
	out := State{Facts: recorded.Facts}
	if d.Facts != nil {
		out.Facts = *d.Facts
	}
	out.Databases = apply(recorded.Databases, d.Databases, func(x dialect.Database) string { return x.Name })
	out.Users = apply(recorded.Users, d.Users, func(x dialect.User) dialect.Account { return x.Account })
	out.Grants = apply(recorded.Grants, d.Grants, keyOf)
	return out.Canonical()
}

func apply[T any, K comparable](before []T, c Changes[T], key func(T) K) []T {
	gone := map[K]bool{}
	for _, x := range c.Vanished {
		gone[key(x)] = true
	}
	for _, x := range c.Changed {
		gone[key(x.Before)] = true
	}
	out := slices.DeleteFunc(slices.Clone(before), func(x T) bool { return gone[key(x)] })
	for _, x := range c.Changed {
		out = append(out, x.After)
	}
	return append(out, c.Appeared...)
}

// rules returns how names of databases and users become keys. The server's rule
// counts if it is the one by which the record was made and keeps all names
// apart; else names are exact.
func rules(recorded, found State) (names func(string) string, users func(dialect.Account) dialect.Account) {
	server := found.Server
	if recorded.Server.Engine != server.Engine || recorded.Server.CaseSensitiveNames != server.CaseSensitiveNames {
		server = dialect.ServerInfo{CaseSensitiveNames: true}
	}
	names, users = server.Names().Key, server.UserKey
	if !apart(recorded.Databases, found.Databases, func(d dialect.Database) string { return names(d.Name) }) {
		names = dialect.NamesExact.Key
	}
	if !apart(recorded.Users, found.Users, func(u dialect.User) dialect.Account { return users(u.Account) }) {
		users = func(a dialect.Account) dialect.Account { return a }
	}
	return names, users
}

// apart tells whether each list's keys are all different.
func apart[T any, K comparable](a, b []T, key func(T) K) bool {
	for _, list := range [][]T{a, b} {
		seen := map[K]bool{}
		for _, x := range list {
			if seen[key(x)] {
				return false
			}
			seen[key(x)] = true
		}
	}
	return true
}

// Complete returns what was found together with what was recorded of the parts
// that were not read this time: schemas and their grants where SchemasRead is
// false, and all of a part that Unread names.
func Complete(recorded, found State) State {
	recorded, found = recorded.Canonical(), found.Canonical()
	names, users := rules(recorded, found)
	whole, schemas := carryDatabases(recorded, &found, names)
	carryUsers(recorded, &found, users)
	spelled := map[string]string{names(""): ""}
	for _, d := range found.Databases {
		spelled[names(d.Name)] = d.Name
	}
	have := map[grantKey]bool{}
	for _, g := range found.Grants {
		have[keyOf(g)] = true
	}
	for _, g := range recorded.Grants {
		key := names(g.Database)
		unread := found.partial(dialect.PartGrants) || whole[key] || (schemas[key] && g.Schema != "")
		name, there := spelled[key]
		g.Database = name
		if unread && there && !have[keyOf(g)] {
			found.Grants = append(found.Grants, g)
		}
	}
	return found.Canonical()
}

// carryDatabases completes the databases. It returns, by key, those that come
// from the record as a whole, and those whose schemas do.
func carryDatabases(recorded State, found *State, names func(string) string) (whole, schemas map[string]bool) {
	whole, schemas = map[string]bool{}, map[string]bool{}
	at := map[string]int{}
	for i, d := range found.Databases {
		at[names(d.Name)] = i
	}
	for _, old := range recorded.Databases {
		i, there := at[names(old.Name)]
		switch {
		case !there && found.partial(dialect.PartDatabases):
			found.Databases = append(found.Databases, old)
			whole[names(old.Name)] = true
		case there && !found.Databases[i].SchemasRead && old.SchemasRead:
			found.Databases[i].Schemas, found.Databases[i].SchemasRead = old.Schemas, true
			schemas[names(old.Name)] = true
		}
	}
	return whole, schemas
}

// carryUsers completes the users. Where not all could be read, less is known of
// those that were, too: so the record counts.
func carryUsers(recorded State, found *State, users func(dialect.Account) dialect.Account) {
	if !found.partial(dialect.PartUsers) {
		return
	}
	known := map[dialect.Account]bool{}
	for _, u := range recorded.Users {
		known[users(u.Account)] = true
	}
	news := slices.DeleteFunc(slices.Clone(found.Users), func(u dialect.User) bool { return known[users(u.Account)] })
	found.Users = append(news, recorded.Users...)
}
