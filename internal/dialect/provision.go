package dialect

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/secret"
)

// Provisioner is a Dialect that can make a place for a tenant on a server.
type Provisioner interface {
	// OpenProvision opens a session with the server's admin login.
	OpenProvision(ctx context.Context, t Target) (ProvisionSession, error)
}

// ProvisionSession makes and drops databases, schemas and users, one step at a
// time. discover.Provision runs several, and undoes them when one fails.
type ProvisionSession interface {
	// Do carries out one step. What is there already is of kind Exists, and then
	// nothing was changed. The password is for CreateUser alone; it is in no
	// error, and where the server takes a hash only that is sent.
	Do(ctx context.Context, step ProvisionStep, password secret.Redacted) error
	// Undo takes back one step that Do carried out, and can be run again. A
	// database or schema that holds tables is kept, with kind Refused and reason
	// NOT_EMPTY, unless contents is set.
	Undo(ctx context.Context, step ProvisionStep, contents bool) error
	// There tells whether what the step makes is on the server, whoever made it:
	// asked when the connection broke while the step was carried out.
	There(ctx context.Context, step ProvisionStep) (bool, error)
	// Close ends the session.
	Close() error
}

// StepKind says what a step makes.
type StepKind string

// The steps.
const (
	// CreateDatabase makes Database, and where the engine lets everybody in
	// takes that back.
	CreateDatabase StepKind = "create_database"
	// CreateSchema makes Schema in Database.
	CreateSchema StepKind = "create_schema"
	// CreateUser makes User with a password and no privileges.
	CreateUser StepKind = "create_user"
	// GrantUse lets User read and write all tables of Database, or of Schema in
	// it, those that lockstep will create included, and nothing else.
	GrantUse StepKind = "grant_use"
)

// ProvisionStep is one step, and holds nothing secret: it can be stored to be
// undone later.
type ProvisionStep struct {
	Kind     StepKind `json:"kind"`
	Database string   `json:"database,omitempty"`
	Schema   string   `json:"schema,omitempty"` // "": the engine's default schema
	User     Account  `json:"user,omitzero"`
	// Creator is the login that will create the tables (PostgreSQL); "": the
	// admin's own.
	Creator string `json:"creator,omitempty"`
}

// Describe says in a few words what the step is about.
func (s ProvisionStep) Describe() string {
	switch s.Kind {
	case CreateDatabase:
		return "database " + s.Database
	case CreateSchema:
		return "schema " + s.Schema + " of database " + s.Database
	case CreateUser:
		return "user " + s.User.String()
	case GrantUse:
		return "privileges of " + s.User.String() + " on " + s.Database
	}
	return string(s.Kind)
}
