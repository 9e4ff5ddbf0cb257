package discover

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// Tenant is a tenant that is registered on the server.
type Tenant struct {
	ID       string
	Database string
	Schema   string // "": the engine's default schema, or there are none
	Vanished bool   // its database was not there when it was last looked for
	Pending  bool   // its place is being made: that it is not there says nothing
}

// Place is where a tenant can live.
type Place struct {
	Database string
	Schema   string // "": the engine's default schema, or there are none
}

// Matching tells what a state means for the tenants of its server.
type Matching struct {
	// Free are the places where no tenant lives: each can be adopted.
	Free []Place
	// Vanished are the tenants, by id, whose place is gone since last time.
	Vanished []string
	// Returned are those whose place is there again.
	Returned []string
}

// Match finds the tenants' places in a state. What could not be read is neither
// there nor gone, and changes nothing. All results are sorted.
func Match(s State, tenants []Tenant) Matching {
	m := match(s)
	var out Matching
	for _, t := range tenants {
		switch there := m.look(t); {
		case t.Pending:
		case there == absent && !t.Vanished:
			out.Vanished = append(out.Vanished, t.ID)
		case there == present && t.Vanished:
			out.Returned = append(out.Returned, t.ID)
		}
	}
	for _, o := range m.occupancy(tenants) {
		if o.Free {
			out.Free = append(out.Free, o.Place)
		}
	}
	slices.Sort(out.Vanished)
	slices.Sort(out.Returned)
	return out
}

// Occupancy is a place and who lives there.
type Occupancy struct {
	Place
	Tenant string // "": nobody
	// Free: it can be adopted. A database in whose schemas tenants live has no
	// tenant, and is not free.
	Free bool
}

// Occupied lists all places of a state, sorted: each database, and each schema
// that was read and is not the default one, which the database stands for.
func Occupied(s State, tenants []Tenant) []Occupancy { return match(s).occupancy(tenants) }

func match(s State) matcher {
	m := matcher{state: s.Canonical(), rule: s.Server.Names(), at: map[string]dialect.Database{}, left: map[string]bool{}}
	for _, d := range m.state.Databases {
		m.at[m.rule.Key(d.Name)] = d
	}
	for _, name := range m.state.LeftOut {
		m.left[m.rule.Key(name)] = true
	}
	return m
}

// sight is what is known of a place.
type sight uint8

const (
	unknown sight = iota
	present
	absent
)

type matcher struct {
	state State
	rule  dialect.NameRule
	at    map[string]dialect.Database
	left  map[string]bool
}

// key makes one of all ways to name a place.
func (m matcher) key(database, schema string) Place {
	if m.rule.Same(schema, m.state.Server.DefaultSchema) {
		schema = ""
	}
	return Place{m.rule.Key(database), m.rule.Key(schema)}
}

func (m matcher) look(t Tenant) sight {
	d, ok := m.at[m.rule.Key(t.Database)]
	switch {
	case !ok && (m.state.partial(dialect.PartDatabases) || m.left[m.rule.Key(t.Database)]):
		return unknown
	case !ok:
		return absent
	case t.Schema == "":
		return present
	case !d.SchemasRead:
		return unknown
	case slices.ContainsFunc(d.Schemas, func(x dialect.Schema) bool { return m.rule.Same(x.Name, t.Schema) }):
		return present
	}
	return absent
}

// occupancy lists the databases, and the schemas that were read. Where tenants
// live in schemas of a database, its default schema is not offered.
func (m matcher) occupancy(tenants []Tenant) []Occupancy {
	taken, shared := map[Place]string{}, map[string]bool{}
	for _, t := range tenants {
		key := m.key(t.Database, t.Schema)
		taken[key] = t.ID
		shared[key.Database] = shared[key.Database] || key.Schema != ""
	}
	var out []Occupancy
	for _, d := range m.state.Databases {
		key := m.key(d.Name, "")
		tenant := taken[key]
		out = append(out, Occupancy{Place: Place{Database: d.Name}, Tenant: tenant, Free: tenant == "" && !shared[key.Database]})
		for _, x := range d.Schemas {
			if k := m.key(d.Name, x.Name); k.Schema != "" {
				out = append(out, Occupancy{Place: Place{Database: d.Name, Schema: x.Name}, Tenant: taken[k], Free: taken[k] == ""})
			}
		}
	}
	slices.SortFunc(out, func(a, b Occupancy) int {
		return cmp.Or(strings.Compare(a.Database, b.Database), strings.Compare(a.Schema, b.Schema))
	})
	return out
}
