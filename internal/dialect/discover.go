package dialect

import "context"

// Discoverer is a Dialect that can read what is on a whole server.
type Discoverer interface {
	// OpenServer opens a session to the server that t names (see ParseServer):
	// for SQLite, to a directory.
	OpenServer(ctx context.Context, t Target) (ServerSession, error)
}

// ServerSession reads a server. It changes nothing there.
type ServerSession interface {
	// Roster reads all databases, users and grants, those of the system
	// included and marked. The number of queries does not depend on how many
	// there are, but for SQL Server, which keeps users in each database. What
	// the login may not see is named in Roster.Unread, and told in Notes.
	Roster(ctx context.Context, opts RosterOptions) (Roster, error)
	// Schemas reads the schemas of one database, and who may do what in them.
	// It may be called by several goroutines at once. A database that is gone
	// is an error of kind NotFound, one that the login may not enter Denied.
	Schemas(ctx context.Context, database string) (SchemaRoster, error)
	// Close ends the session.
	Close() error
}

// RosterOptions bound what Roster reads.
type RosterOptions struct {
	// Nested reads the directories below a directory, too (SQLite).
	Nested bool
	// Tell is called after each step, from one goroutine; nil: nobody listens.
	Tell func(step string, done, total int)
}

// Told reports a step if anybody listens.
func (o RosterOptions) Told(step string, done, total int) {
	if o.Tell != nil {
		o.Tell(step, done, total)
	}
}

// Roster is what is on a server.
type Roster struct {
	Server    ServerInfo
	Databases []Database
	Users     []User
	Grants    []Grant
	// Unread names what could only be read in part: what is missing there is
	// unknown, and has not vanished.
	Unread []Part
	Notes  []Note
}

// Part is a part of what is on a server.
type Part string

// The parts.
const (
	PartDatabases Part = "databases"
	PartUsers     Part = "users"
	PartGrants    Part = "grants"
)

// Note tells a person what was not read, and why.
type Note struct {
	Reason     string `json:"reason"` // stable, UPPER_SNAKE_CASE
	Detail     string `json:"detail"`
	Suggestion string `json:"suggestion,omitempty"`
}

// SchemaRoster is what is in one database of an engine that has schemas.
type SchemaRoster struct {
	Schemas []Schema
	Grants  []Grant // of schemas, and of the tables in them taken together
}

// ServerInfo describes a server.
type ServerInfo struct {
	Engine  Engine  `json:"engine"`
	Version Version `json:"version"`
	Flavour string  `json:"flavour"` // what the server calls itself, such as "Percona Server (GPL)"
	Edition string  `json:"edition,omitempty"`
	// DefaultSchema is where a tenant lives that names no schema; "": the engine
	// has no schemas.
	DefaultSchema string `json:"default_schema,omitempty"`
	// ReadOnly: a standby or a server that takes no writes.
	ReadOnly bool `json:"read_only,omitempty"`
	// CaseSensitiveNames: "Acme" and "acme" are two databases.
	CaseSensitiveNames bool `json:"case_sensitive_names"`
}

// Names returns the server's rule for names of databases and schemas.
func (s ServerInfo) Names() NameRule {
	if s.CaseSensitiveNames {
		return NamesExact
	}
	return NamesFold
}

// Database is one database of a server; for SQLite a file, by its path relative
// to the directory and with slashes.
type Database struct {
	Name      string `json:"name"`
	Owner     string `json:"owner,omitempty"`
	Charset   string `json:"charset,omitempty"`
	Collation string `json:"collation,omitempty"`
	// Size in bytes, where the engine tells it cheaply; 0: not known.
	Size int64 `json:"size,omitempty"`
	// Offline: nobody can connect to it now.
	Offline bool `json:"offline,omitempty"`
	// System: it belongs to the engine or to the service that manages it.
	System bool `json:"system,omitempty"`
	// SchemasRead tells whether Schemas is all there are, or unknown.
	SchemasRead bool     `json:"schemas_read,omitempty"`
	Schemas     []Schema `json:"schemas,omitempty"`
}

// Schema is one namespace of a database.
type Schema struct {
	Name  string `json:"name"`
	Owner string `json:"owner,omitempty"`
}

// Account names a user, a login or a role.
type Account struct {
	Name string `json:"name"`
	// Host is from where the user may come on MySQL and MariaDB, and the
	// database that alone knows the user on SQL Server.
	Host string `json:"host,omitempty"`
}

// String renders name or name@host.
func (a Account) String() string {
	if a.Host == "" {
		return a.Name
	}
	return a.Name + "@" + a.Host
}

// User is a user, login or role.
type User struct {
	Account
	CanLogin  bool `json:"can_login,omitempty"`
	Superuser bool `json:"superuser,omitempty"` // no privilege is asked for
	Locked    bool `json:"locked,omitempty"`
	Expired   bool `json:"expired,omitempty"` // the password, or the login itself
	System    bool `json:"system,omitempty"`
	// MemberOf lists the roles that were granted to it.
	MemberOf []Membership `json:"member_of,omitempty"`
}

// Membership is one role that a user or role has been given.
type Membership struct {
	Role Account `json:"role"`
	// Inherits: the role's privileges count at once; otherwise only after the
	// user has taken the role on (SET ROLE).
	Inherits bool `json:"inherits,omitempty"`
	Admin    bool `json:"admin,omitempty"` // may give the role to others
}

// Grant is what one account may do in one place. Grants are as they were given:
// discover.State.Access tells what follows from them.
type Grant struct {
	Grantee Account `json:"grantee"`
	// Public: everybody has it; Grantee is empty.
	Public bool `json:"public,omitempty"`
	// Database is empty for what counts on the whole server.
	Database   string     `json:"database,omitempty"`
	Schema     string     `json:"schema,omitempty"` // "": the database itself
	Privileges Privileges `json:"privileges"`
	Raw        []string   `json:"raw"` // in the engine's own words, sorted
	// Via is the pattern that the privileges were given by (MySQL, MariaDB).
	Via string `json:"via,omitempty"`
}
