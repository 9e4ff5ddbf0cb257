package dialect

import (
	"context"
	"strings"

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
	// Tables names the tables and views in the database or schema that the step
	// makes; none when it is not there.
	Tables(ctx context.Context, step ProvisionStep) ([]string, error)
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
	// it, but for lockstep's own, and nothing else. What lockstep creates later is
	// included where the engine can say so without including lockstep's tables.
	GrantUse StepKind = "grant_use"
	// RefreshUse does after GrantUse what that cannot do beforehand (MySQL,
	// MariaDB): it grants the tables that have come since. It can be repeated, and
	// elsewhere there is nothing to do.
	RefreshUse StepKind = "refresh_use"
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
	case GrantUse, RefreshUse:
		return "privileges of " + s.User.String() + " on " + s.Database
	}
	return string(s.Kind)
}

// Own tells whether a table is lockstep's: no tenant's user has any business
// there. The journal holds statements that lockstep will run as an administrator.
func Own(table string) bool { return strings.HasPrefix(strings.ToLower(table), ReservedPrefix) }

// Concealer is a Dialect on which privileges are granted beforehand on tables that
// are yet to come, which would open lockstep's own tables, too.
type Concealer interface {
	// Conceal takes all privileges on a table of the session's schema from
	// everybody but its owner.
	Conceal(ctx context.Context, q Querier, table string) error
}

// PiecemealGranter is a Provisioner on some servers of which privileges are
// granted table by table, so that there is work for RefreshUse.
type PiecemealGranter interface {
	GrantsPiecemeal() bool
}
