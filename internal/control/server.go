package control

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/secret"
)

// ServerStore keeps the database servers.
type ServerStore interface {
	// CreateServer registers a server. Errors: SERVER_INVALID (Invalid),
	// SERVER_EXISTS (Exists), SECRET_KEY_MISSING (Refused).
	CreateServer(ctx context.Context, s NewServer) (*Server, error)
	GetServer(ctx context.Context, id string) (*Server, error)
	ListServers(ctx context.Context, f ServerFilter, p Page) (servers []*Server, next string, err error)
	// UpdateServer changes the fields that u sets; REVISION_MOVED (Conflict) when
	// the server is not at u.Revision any more.
	UpdateServer(ctx context.Context, id string, u ServerUpdate) (*Server, error)
	// ArchiveServer takes it out of lists and syncs. revision 0: whichever it is at.
	ArchiveServer(ctx context.Context, id string, revision int64) (*Server, error)
}

// SyncStore keeps what syncs found on servers.
type SyncStore interface {
	// Inventory returns what was recorded of a server, in one consistent look.
	Inventory(ctx context.Context, serverID string) (*Inventory, error)
	// ApplySync writes the differences between the inventory of that generation
	// and what was found, in one transaction, marks the tenants whose database
	// vanished and those whose database is back, and begins a new generation. When
	// another sync was written in between, nothing is written: SYNC_SUPERSEDED
	// (Conflict); read the inventory again and compare anew. An empty delta is
	// written, too: it says when the server was last seen.
	ApplySync(ctx context.Context, serverID string, generation int64, d Delta) (*SyncResult, error)
	// FailSync records that a sync could not be done, and nothing else.
	FailSync(ctx context.Context, serverID, why string) error
	// ListChanges lists what syncs found, the newest sync first.
	ListChanges(ctx context.Context, serverID string, p Page) (changes []*ServerChange, next string, err error)
}

// Server is a database server that hosts tenants.
type Server struct {
	ID          string
	DisplayName string
	Labels      map[string]string
	Engine      dialect.Engine
	Address     string // the URL of its maintenance database, with the user, without a password
	Secret      secret.Stored
	Facts       string    // what the last sync knew of the server as a whole, in discovery's own JSON; "": it was never synced
	Generation  int64     // of the inventory; 0: it was never synced
	Synced      time.Time // the last sync that was written
	Tried       time.Time // the last sync that was tried
	SyncError   string    // why the last one failed; "": it did not
	Revision    int64
	Created     time.Time
	Updated     time.Time
	Archived    time.Time
}

// NewServer is what is said of a server when it is registered.
type NewServer struct {
	ID          string
	DisplayName string
	Labels      map[string]string
	Address     secret.Redacted // the server's URL; a password in it becomes the secret
	Secret      secret.Given    // of the administrator
}

// ServerUpdate names what changes; a nil field stays.
type ServerUpdate struct {
	Revision    int64 // that was read; 0: whichever it is at
	DisplayName *string
	Labels      map[string]string
	Address     *secret.Redacted // of the same engine
	Secret      *secret.Given
}

// ServerFilter narrows a list.
type ServerFilter struct {
	Engine   dialect.Engine
	Archived bool // include archived servers
}

// Attributes are what an engine tells of an object, such as owner or encoding.
type Attributes map[string]string

// Database is a database of a server, or a schema in one. Discovery decides
// which of them it records; a tenant belongs to the one that its target names.
type Database struct {
	Name       string     `json:"name"`
	Schema     string     `json:"schema,omitempty"` // "": the database itself
	Attributes Attributes `json:"attributes,omitempty"`
}

// User is a user, login or role of a server.
type User struct {
	Name       string     `json:"name"` // for MySQL user@host
	Attributes Attributes `json:"attributes,omitempty"`
}

// Privilege is what a user may do on a database or schema.
type Privilege struct {
	User       string     `json:"user"`
	Database   string     `json:"database"`
	Schema     string     `json:"schema,omitempty"`
	Privilege  string     `json:"privilege"` // tells apart what a user has in one place
	Attributes Attributes `json:"attributes,omitempty"`
}

// Recorded is an object as the inventory has it.
type Recorded[T any] struct {
	Value    T
	Seen     time.Time // first
	Changed  time.Time // last: appeared, changed or vanished
	Vanished time.Time // zero: it is there
	TenantID string    // of a database: the tenant that lives in it; "": none, it can be adopted
}

// Inventory is what was recorded of a server.
type Inventory struct {
	Server     *Server
	Databases  []Recorded[Database]
	Users      []Recorded[User]
	Privileges []Privilege
}

// ChangeKind says what became of an object.
type ChangeKind string

// The kinds of changes. What is back after it vanished has appeared.
const (
	Appeared ChangeKind = "appeared"
	Changed  ChangeKind = "changed"
	Vanished ChangeKind = "vanished"
)

// Change is one difference.
type Change[T any] struct {
	Kind   ChangeKind
	Value  T // as found; as it was recorded when it vanished
	Before T // as it was recorded, when it changed
}

// Delta is all that is different from the inventory.
type Delta struct {
	Databases  []Change[Database]
	Users      []Change[User]
	Privileges []Change[Privilege]
	// Facts are those of the server as a whole; "": they stay.
	Facts string
	// Tenants says what became of tenants; nil: each is judged by the change of
	// the database that its target names, letter by letter.
	Tenants *TenantFates
}

// TenantFates are the tenants whose database is gone, and those whose is back.
type TenantFates struct {
	Vanished, Returned []TenantAt
}

// TenantAt is a tenant where it was when it was looked for: one that has moved
// meanwhile is left alone.
type TenantAt struct {
	ID, Database, Schema string
}

// SyncResult is what a sync wrote.
type SyncResult struct {
	Server          *Server
	Changes         int
	TenantsVanished []string // ids
	TenantsReturned []string
}

// ServerChange is one recorded difference.
type ServerChange struct {
	Generation int64
	Kind       ChangeKind
	Object     string // database, user or privilege
	Name       string // for a person
	Before     string // JSON of the value; "" when it appeared
	After      string // JSON of the value; "" when it vanished
	At         time.Time
}
