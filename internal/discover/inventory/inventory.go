// Package inventory carries out syncs: it reads a server, compares what is there
// with what the control store has recorded of it, and writes the differences in
// one transaction.
//
// A sync reads the store first and the server after it, and is written only if
// the store is still where it was: what another sync, or an onboarding, wrote in
// between is never taken for something that vanished. It is begun anew then.
package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Store is what a sync needs of the control store.
type Store interface {
	GetServer(ctx context.Context, id string) (*control.Server, error)
	ListTenants(ctx context.Context, f control.TenantFilter, p control.Page) (tenants []*control.Tenant, next string, err error)
	control.SyncStore
}

// Syncer syncs servers.
type Syncer struct {
	Store   Store
	Secrets control.Secrets
	Engines map[dialect.Engine]dialect.Discoverer
}

// Wanted is what is read of a server beyond the ordinary. It is recorded, and
// counts for later syncs that say nothing.
type Wanted struct {
	Include    []string `json:"include,omitempty"` // databases and users of the system, by name
	AllSchemas bool     `json:"all_schemas,omitempty"`
	SchemasOf  []string `json:"schemas_of,omitempty"` // databases whose schemas are read
	Nested     bool     `json:"nested,omitempty"`     // directories below the directory (SQLite)
}

// Request asks for a sync.
type Request struct {
	Server string
	Wanted *Wanted // nil: what the last sync wanted
	// Allowed tells whether the server may be connected to; nil: it may.
	Allowed  func(dialect.Target) error
	Progress func(Event) // nil: nobody listens
}

// Phase is how far a sync is.
type Phase string

// The phases, in their order.
const (
	Connecting  Phase = "connecting"
	Reading     Phase = "reading"
	Reconciling Phase = "reconciling"
	Writing     Phase = "writing"
	Done        Phase = "done"
)

// Event tells how far a sync is.
type Event struct {
	Phase       Phase
	Step        string // what has been read: "server", "databases", "users", …
	Done, Total int    // of the steps, or of the databases whose schemas are read
	Attempt     int    // from 1
}

// Look is what was found on a server, compared with what was recorded. Nothing
// is written yet.
type Look struct {
	Server *control.Server // as it was recorded
	Before discover.State
	After  discover.State
	Delta  discover.Delta
	// Tenants says what it means for the server's tenants.
	Tenants discover.Matching

	rows control.Delta
}

// Quiet tells whether nothing is different from what is recorded.
func (l *Look) Quiet() bool {
	return l.Delta.Empty() && len(l.Tenants.Vanished)+len(l.Tenants.Returned) == 0 && l.rows.Facts == ""
}

// attempts is how often a sync begins when others are quicker.
const attempts = 4

const reasonArchived = "SERVER_ARCHIVED"

// failTime bounds recording that a sync failed, whose caller may be gone.
const failTime = 10 * time.Second

// Sync reads a server and writes what is different. Errors are those of Look and
// Write; they are recorded as the outcome of the server's last sync.
func (s *Syncer) Sync(ctx context.Context, req Request, write func(context.Context, *Look) (*control.SyncResult, error)) (*Look, *control.SyncResult, error) {
	for attempt := 1; ; attempt++ {
		look, result, err := s.try(ctx, req, attempt, write)
		if fault.ReasonOf(err) == control.ReasonSyncSuperseded && attempt < attempts && ctx.Err() == nil {
			continue
		}
		if err != nil {
			s.failed(ctx, req.Server, err)
			return nil, nil, err
		}
		return look, result, nil
	}
}

func (s *Syncer) try(
	ctx context.Context, req Request, attempt int, write func(context.Context, *Look) (*control.SyncResult, error),
) (*Look, *control.SyncResult, error) {
	if write == nil {
		write = s.Write
	}
	tell := req.Progress
	req.Progress = func(e Event) {
		if e.Attempt = attempt; tell != nil {
			tell(e)
		}
	}
	look, err := s.Look(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	req.Progress(Event{Phase: Writing})
	result, err := write(ctx, look)
	if err != nil {
		return nil, nil, err
	}
	req.Progress(Event{Phase: Done})
	return look, result, nil
}

// Look reads a server and compares; it writes nothing, there or in the store.
// Errors: SERVER_NOT_FOUND, SERVER_ARCHIVED (Refused), those of the secret, of
// Allowed, and of connecting and reading.
func (s *Syncer) Look(ctx context.Context, req Request) (*Look, error) {
	tell := req.Progress
	if tell == nil {
		tell = func(Event) {}
	}
	inv, err := s.Store.Inventory(ctx, req.Server)
	if err != nil {
		return nil, err
	}
	if !inv.Server.Archived.IsZero() {
		return nil, fault.New(fault.Refused, reasonArchived, "the server %s is archived", req.Server).
			Suggest("register it anew under another id")
	}
	known, err := decodeFacts(inv.Server.Facts)
	if err != nil {
		return nil, err
	}
	if req.Wanted != nil {
		known.Wanted = *req.Wanted
	}
	out := &Look{Server: inv.Server}
	if out.Before, err = State(inv); err != nil {
		return nil, err
	}
	tenants, err := s.Tenants(ctx, inv.Server)
	if err != nil {
		return nil, err
	}
	found, err := s.read(ctx, inv.Server, req, options(known.Wanted, tenants), tell)
	if err != nil {
		return nil, err
	}
	tell(Event{Phase: Reconciling})
	return out, out.compare(found, tenants, known.Wanted)
}

// read connects to a server and reads it.
func (s *Syncer) read(ctx context.Context, server *control.Server, req Request, opts discover.Options, tell func(Event)) (discover.State, error) {
	engine, ok := s.Engines[server.Engine]
	if !ok {
		return discover.State{}, fault.New(fault.Unsupported, "DISCOVERY_UNSUPPORTED", "this build cannot read servers of %s", server.Engine)
	}
	target, err := control.ResolveServer(ctx, s.Secrets, server)
	if err != nil {
		return discover.State{}, err
	}
	if req.Allowed != nil {
		if err := req.Allowed(target); err != nil {
			return discover.State{}, err
		}
	}
	tell(Event{Phase: Connecting})
	session, err := engine.OpenServer(ctx, target)
	if err != nil {
		return discover.State{}, err
	}
	defer func() { _ = session.Close() }() // all is read, or nothing counts
	return discover.Read(ctx, session, opts, func(e discover.Event) {
		tell(Event{Phase: Reading, Step: e.Step, Done: e.Done, Total: e.Total})
	})
}

// compare works out what is different.
func (l *Look) compare(found discover.State, tenants []Tenant, wanted Wanted) error {
	l.After = discover.Complete(l.Before, found)
	l.Delta = discover.Reconcile(l.Before, found)
	here := make([]discover.Tenant, 0, len(tenants))
	at := map[string]control.TenantAt{}
	for _, t := range tenants {
		here = append(here, t.Tenant)
		at[t.ID] = t.At
	}
	l.Tenants = discover.Match(l.After, here)
	n := namesOf(l.Server.Engine)
	l.rows = changes(rowsOf(l.Before, n), rowsOf(l.After, n))
	l.rows.Tenants = &control.TenantFates{}
	for _, id := range l.Tenants.Vanished {
		l.rows.Tenants.Vanished = append(l.rows.Tenants.Vanished, at[id])
	}
	for _, id := range l.Tenants.Returned {
		l.rows.Tenants.Returned = append(l.rows.Tenants.Returned, at[id])
	}
	text, err := facts{Version: factsVersion, Facts: l.After.Facts, Wanted: wanted}.encode()
	if text != l.Server.Facts {
		l.rows.Facts = text
	}
	return err
}

// Write writes what a look found. Errors: SYNC_SUPERSEDED (Conflict).
func (s *Syncer) Write(ctx context.Context, l *Look) (*control.SyncResult, error) {
	return s.Store.ApplySync(ctx, l.Server.ID, l.Server.Generation, l.rows)
}

// failed records why a sync could not be done. That the caller went away, or
// that others were quicker, says nothing of the server.
func (s *Syncer) failed(ctx context.Context, server string, err error) {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Canceled || errors.Is(ctx.Err(), context.Canceled) || slices.Contains([]string{
		control.ReasonSyncSuperseded, control.ReasonServerNotFound, reasonArchived,
	}, f.Reason) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failTime)
	defer cancel()
	_ = s.Store.FailSync(ctx, server, f.Reason+": "+f.Detail) // the caller is told of the failure itself
}

// Tenant is a tenant of a server, by the name that its database has there.
type Tenant struct {
	discover.Tenant
	At control.TenantAt // as it is registered
}

// Tenants lists the tenants of a server. One whose place cannot be named there is
// left out: nothing can be said of it.
func (s *Syncer) Tenants(ctx context.Context, server *control.Server) ([]Tenant, error) {
	address, err := dialect.ParseServer(server.Address)
	if err != nil {
		return nil, corrupt(err)
	}
	var out []Tenant
	for page := (control.Page{Size: control.MaxPageSize}); ; {
		list, next, err := s.Store.ListTenants(ctx, control.TenantFilter{ServerID: server.ID}, page)
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			if database, ok := onServer(address, t); ok {
				out = append(out, Tenant{
					Tenant: discover.Tenant{
						ID: t.ID, Database: database, Schema: t.Schema, Vanished: t.Status == control.TenantVanished,
						Pending: t.Status == control.TenantOnboarding || t.Status == control.TenantFailed,
					},
					At: control.TenantAt{ID: t.ID, Database: t.Database, Schema: t.Schema},
				})
			}
		}
		if page.Token = next; next == "" {
			return out, nil
		}
	}
}

// onServer returns what a tenant's database is called on its server: for SQLite
// the file's path below the directory.
func onServer(server dialect.Target, t *control.Tenant) (string, bool) {
	if server.Engine != dialect.SQLite {
		return t.Database, true
	}
	dir, err := filepath.Abs(server.Database) // as the dialect opens both
	if err != nil {
		return "", false
	}
	file, err := filepath.Abs(t.Database)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// options adds what the tenants need to be found.
func options(w Wanted, tenants []Tenant) discover.Options {
	out := discover.Options{
		Include: slices.Clone(w.Include), AllSchemas: w.AllSchemas, SchemasOf: slices.Clone(w.SchemasOf), Nested: w.Nested,
	}
	for _, t := range tenants {
		out.Include = append(out.Include, t.Database)
		if t.Schema != "" {
			out.SchemasOf = append(out.SchemasOf, t.Database)
		}
		out.Nested = out.Nested || strings.Contains(t.Database, "/")
	}
	return out
}

// factsVersion is the version of the encoded form.
const factsVersion = 1

// facts is what the store keeps of a server as a whole.
type facts struct {
	Version int `json:"version"`
	discover.Facts
	Wanted Wanted `json:"wanted"`
}

func (f facts) encode() (string, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return "", fault.Wrap(err, fault.Bug, "STATE_ENCODE", "the facts of a server could not be encoded")
	}
	return string(data), nil
}

// decodeFacts reads what encode wrote; "" is a server that was never synced.
func decodeFacts(text string) (facts, error) {
	var out facts
	if text == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return facts{}, corrupt(err)
	}
	return out, nil
}

// Facts returns what the last sync knew of a server as a whole; ok is false for
// one that was never synced. Errors: STATE_CORRUPT (Corrupt).
func Facts(server *control.Server) (f discover.Facts, ok bool, err error) {
	known, err := decodeFacts(server.Facts)
	return known.Facts, server.Facts != "", err
}
