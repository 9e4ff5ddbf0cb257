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
	m := matcher{state: s.Canonical(), rule: s.Server.Names(), at: map[string]dialect.Database{}, left: map[string]bool{}}
	for _, d := range m.state.Databases {
		m.at[m.rule.Key(d.Name)] = d
	}
	for _, name := range m.state.LeftOut {
		m.left[m.rule.Key(name)] = true
	}
	var out Matching
	taken := map[Place]bool{}
	for _, t := range tenants {
		taken[m.key(t.Database, t.Schema)] = true
		switch there := m.look(t); {
		case there == absent && !t.Vanished:
			out.Vanished = append(out.Vanished, t.ID)
		case there == present && t.Vanished:
			out.Returned = append(out.Returned, t.ID)
		}
	}
	out.Free = m.free(taken)
	slices.Sort(out.Vanished)
	slices.Sort(out.Returned)
	return out
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

// free lists the databases, and the schemas that were read, of no tenant. Where
// tenants live in schemas of a database, its default schema is not offered.
func (m matcher) free(taken map[Place]bool) []Place {
	shared := map[string]bool{}
	for p := range taken {
		shared[p.Database] = shared[p.Database] || p.Schema != ""
	}
	var out []Place
	for _, d := range m.state.Databases {
		key := m.key(d.Name, "")
		if !taken[key] && !shared[key.Database] {
			out = append(out, Place{Database: d.Name})
		}
		for _, x := range d.Schemas {
			if k := m.key(d.Name, x.Name); k.Schema != "" && !taken[k] {
				out = append(out, Place{Database: d.Name, Schema: x.Name})
			}
		}
	}
	slices.SortFunc(out, func(a, b Place) int {
		return cmp.Or(strings.Compare(a.Database, b.Database), strings.Compare(a.Schema, b.Schema))
	})
	return out
}
