package discover

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Options choose what Read reads.
type Options struct {
	// Include names databases and users of the system that are wanted all the
	// same, such as postgres.
	Include []string
	// AllSchemas reads the schemas of every database: one connection each.
	AllSchemas bool
	// SchemasOf names the databases whose schemas are read otherwise.
	SchemasOf []string
	// Parallel bounds the connections that read schemas; 0: 4.
	Parallel int
	// Nested reads the directories below a directory, too (SQLite).
	Nested bool
}

// defaultParallel is how many connections read schemas unless told otherwise.
const defaultParallel = 4

// Event tells how far a Read is.
type Event struct {
	Step        string // "server", "databases", "users", …, "schemas"
	Done, Total int
}

// Read returns what is on a server, or an error and nothing: what broke half-way
// leaves no trace. progress may be nil, and is called from one goroutine at a
// time.
func Read(ctx context.Context, s dialect.ServerSession, opts Options, progress func(Event)) (State, error) {
	r := reader{session: s, opts: opts, progress: progress}
	roster, err := s.Roster(ctx, dialect.RosterOptions{Nested: opts.Nested, Tell: r.tell})
	if err != nil {
		return State{}, err
	}
	state := r.own(roster)
	if err := r.schemas(ctx, &state); err != nil {
		return State{}, err
	}
	return state.Canonical(), nil
}

type reader struct {
	session  dialect.ServerSession
	opts     Options
	progress func(Event)

	mu sync.Mutex // guards what the goroutines of schemas share
}

func (r *reader) tell(step string, done, total int) {
	if r.progress != nil {
		r.progress(Event{Step: step, Done: done, Total: total})
	}
}

func (r *reader) wanted(system bool, name string) bool {
	return !system || slices.Contains(r.opts.Include, name)
}

// own leaves out what belongs to the system, and what lockstep cannot name.
func (r *reader) own(in dialect.Roster) State {
	out := State{Facts: Facts{Server: in.Server, Unread: in.Unread, Notes: in.Notes}, Grants: in.Grants}
	unnamed := 0
	for _, d := range in.Databases {
		switch {
		case !usable(d.Name) || d.Name == "":
			unnamed++
		case r.wanted(d.System, d.Name):
			out.Databases = append(out.Databases, d)
		default:
			out.LeftOut = append(out.LeftOut, d.Name)
		}
	}
	out.Users = r.users(in.Users, &unnamed)
	if unnamed > 0 {
		out.Notes = append(out.Notes, dialect.Note{
			Reason:     "NAMES_UNUSABLE",
			Detail:     strconv.Itoa(unnamed) + " databases or users have names that are not UTF-8 and were left out",
			Suggestion: "rename them if lockstep is to serve them",
		})
	}
	return out
}

// users keeps those that do not belong to the system, and the system's roles
// that one of them was given, by however many steps.
func (r *reader) users(all []dialect.User, unnamed *int) []dialect.User {
	byAccount := map[dialect.Account]dialect.User{}
	keep := map[dialect.Account]bool{}
	var add func(u dialect.User)
	add = func(u dialect.User) {
		if keep[u.Account] {
			return
		}
		keep[u.Account] = true
		for _, m := range u.MemberOf {
			if role, ok := byAccount[m.Role]; ok {
				add(role)
			}
		}
	}
	for _, u := range all {
		if usable(u.Name) && usable(u.Host) && u.Account != (dialect.Account{}) {
			byAccount[u.Account] = u
		} else {
			*unnamed++
		}
	}
	for _, u := range byAccount {
		if r.wanted(u.System, u.Name) {
			add(u)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(u dialect.User) bool { return !keep[u.Account] })
}

// schemas reads the schemas of the chosen databases, some at once. A database
// that is gone by now has vanished; one that cannot be entered keeps its place,
// with a note.
func (r *reader) schemas(ctx context.Context, state *State) error {
	chosen := r.chosen(state)
	if len(chosen) == 0 {
		return nil
	}
	found := make([]dialect.SchemaRoster, len(chosen))
	gone := map[string]bool{}
	done := 0
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(orDefault(r.opts.Parallel, defaultParallel))
	for i, at := range chosen {
		g.Go(func() error {
			d := &state.Databases[at]
			roster, err := r.session.Schemas(gctx, d.Name)
			r.mu.Lock()
			defer r.mu.Unlock()
			switch fault.KindOf(err) { //nolint:exhaustive // the other kinds fail the whole
			case fault.NotFound:
				gone[d.Name], err = true, nil
			case fault.Denied:
				state.Notes = append(state.Notes, closed(d.Name))
				err = nil
			default:
				d.SchemasRead = err == nil
			}
			found[i] = roster
			done++
			r.tell("schemas", done, len(chosen))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, at := range chosen {
		r.place(state, at, found[i])
	}
	state.Databases = slices.DeleteFunc(state.Databases, func(d dialect.Database) bool { return gone[d.Name] })
	return nil
}

// chosen lists the databases whose schemas are to be read, by their index.
func (r *reader) chosen(state *State) []int {
	rule := state.Server.Names()
	of := map[string]bool{}
	for _, name := range r.opts.SchemasOf {
		of[rule.Key(name)] = true
	}
	var out []int
	for i, d := range state.Databases {
		if !d.Offline && (r.opts.AllSchemas || of[rule.Key(d.Name)]) {
			out = append(out, i)
		}
	}
	return out
}

func (r *reader) place(state *State, at int, found dialect.SchemaRoster) {
	ok := func(name string) bool { return name != "" && usable(name) }
	for _, x := range found.Schemas {
		if ok(x.Name) {
			state.Databases[at].Schemas = append(state.Databases[at].Schemas, x)
		}
	}
	for _, g := range found.Grants {
		if ok(g.Schema) {
			state.Grants = append(state.Grants, g)
		}
	}
}

func closed(database string) dialect.Note {
	return dialect.Note{
		Reason:     "SCHEMAS_UNREAD",
		Detail:     "the schemas of " + database + " were not read: the admin login may not enter that database",
		Suggestion: "grant it CONNECT on the database, or leave the database out",
	}
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}
