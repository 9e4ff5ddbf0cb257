// Package dialect is the port between lockstep and the database engines: small
// interfaces that one package per engine implements, and values that describe
// an engine. It names no concrete engine package and imports no driver.
package dialect

import (
	"context"
	"database/sql"
	"time"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Engine names a database engine, as in the scheme of a target URL.
type Engine string

// The engines of the design; which of them this build serves is decided in app.
const (
	Postgres  Engine = "postgres"
	MySQL     Engine = "mysql"
	MariaDB   Engine = "mariadb"
	SQLServer Engine = "sqlserver"
	SQLite    Engine = "sqlite"
)

// Capabilities tells callers how an engine behaves, so that nobody asks for its
// name.
type Capabilities struct {
	// TransactionalDDL: DDL and the history row commit or roll back together.
	TransactionalDDL bool
	// AltersByCopy: most changes of a table rebuild it, so all changes of one
	// table are rendered as one step; foreign keys and checks are changed only
	// so (SQLite).
	AltersByCopy bool
	// Namespaces: tenants may share a database, each in its own schema.
	Namespaces bool
	// MaxIdentifier is the longest identifier, in bytes; 0: no limit.
	MaxIdentifier int
	// IndexNamesPerSchema: an index name may be used once in a schema, not
	// once in a table.
	IndexNamesPerSchema bool
}

// Step is a set of changes on one table that is rendered together.
type Step struct {
	Changes []diff.Change
	// Before and After are the table around this step; Before is nil when the
	// step creates it and After is nil when the step drops it. Before.Name is
	// the name the table has when the step begins.
	Before, After *schema.Table
	// Referrers are the other tables with foreign keys to a table of which a
	// column changes its type, by the names they have when the step begins. They
	// are for hazards; nil otherwise.
	Referrers []string
}

// Statement is one SQL statement of a step.
type Statement struct {
	SQL     string // one statement, without a trailing semicolon, unqualified by schema
	Summary string // what it does, for a person
	Hazards []Hazard
	Phase   Phase // of an online plan; "" otherwise
	// Plain does the same in a transaction, where SQL cannot run in one.
	Plain string

	// The rest is rendered for engines whose DDL commits by itself. Where a
	// transaction undoes everything it is empty, but for the reverse of a step
	// without loss, which the plan puts at its last statement.

	// On is the table whose definition tells whether the statement has run, by
	// the name it has just before it; for a table that is created, its name.
	// Empty: the statement changes no definition, and so needs no reverse.
	On string
	// Reverse undoes this very statement, in order, and keeps what applications
	// wrote meanwhile. Each can be run again when it is not known whether it ran.
	Reverse []string
	// Final statements remove for good what earlier ones moved aside. They run
	// when the revision is recorded, have no reverse, and can be run again.
	Final bool
	// Fallback is the same statement by the next weaker algorithms, strongest
	// first. The executor runs the next one when the server refuses the one
	// before with ReasonAlgorithmUnsupported, which changes nothing.
	Fallback []string
}

// Version is an engine's version as a comparable value.
type Version struct {
	Major, Minor, Patch int
}

// Dialect is everything lockstep needs to know of one engine.
type Dialect interface {
	Engine() Engine
	Capabilities() Capabilities
	Lowerer
	Renderer
	Inspector
	Classifier
	Connector
}

// Lowerer chooses the physical form of a neutral schema.
type Lowerer interface {
	// Lower returns a copy with Engine, Mapping, every column's Physical type
	// and every constraint's engine-valid name set. All problems are reported
	// at once, as violations with the origin's position.
	Lower(s *schema.Schema) (*schema.Schema, error)
}

// Renderer turns a step into SQL.
type Renderer interface {
	Render(ctx context.Context, step Step) ([]Statement, error)
	// Script wraps statements into a script that runs as it stands in the
	// engine's own shell, against target, in one transaction where possible.
	Script(target Target, statements []string) string
	// Placeholder returns the marker of the n-th parameter, from 1.
	Placeholder(n int) string
	// Quote quotes an identifier.
	Quote(name string) string
}

// Inspector looks at a live database.
type Inspector interface {
	// Inspect reads the named tables of the session's schema; tables that do
	// not exist are left out. Columns come with Physical set and Type zero;
	// texts (defaults, checks, predicates) are as the engine prints them.
	Inspect(ctx context.Context, q Querier, tables []string) (*schema.Schema, error)
	// Compare tells how an inspected table differs from the promised, lowered
	// one: a clause per difference, none when they are equal. Texts that
	// engines rewrite are compared by presence only.
	Compare(promised, found *schema.Table) []string
}

// Classifier turns a driver's error into a fault, by code and never by text.
type Classifier interface {
	// Classify returns a fault whose Detail holds the server's words without
	// secrets. An error that already is a fault comes back unchanged.
	Classify(err error) *fault.Error
}

// Connector opens sessions.
type Connector interface {
	Open(ctx context.Context, t Target) (Session, error)
}

// Querier runs SQL. Placeholders are the engine's own.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Session is one pinned connection to one tenant: unqualified names resolve in
// the tenant's schema and nowhere else.
type Session interface {
	Querier
	Version() Version
	// Begin opens the transaction that carries an execution, takes the
	// tenant's exclusive lock, and sets the timeouts for this transaction only.
	// It waits for the lock at most opts.LockWait and then fails with kind
	// Conflict, reason TENANT_LOCKED.
	Begin(ctx context.Context, opts TxOptions) (Tx, error)
	Close() error
}

// TxOptions bound an execution.
type TxOptions struct {
	LockWait         time.Duration // for the tenant's lock; 0: do not wait
	LockTimeout      time.Duration // for each lock that a statement needs; 0: the engine's default
	StatementTimeout time.Duration // for each statement; 0: none
	// CreateNamespace creates the tenant's schema (PostgreSQL) when it does not
	// exist, inside the transaction.
	CreateNamespace bool
	// Rebuilds names the tables that the plan rebuilds by copying. A dialect
	// refuses here what a copy would lose (SQLite: triggers).
	Rebuilds []string
}

// Tx is the transaction of one execution. Ending it releases the lock.
type Tx interface {
	Querier
	// Commit runs the engine's last checks and commits.
	Commit(ctx context.Context) error
	// Rollback undoes everything. It works on a dead context's values and is a
	// no-op after Commit.
	Rollback(ctx context.Context) error
}

// Pipeliner is a Tx that can send statements without waiting for each answer: a
// plan then costs one round trip instead of one for each statement.
type Pipeliner interface {
	// ExecPipeline runs the statements in order and stops at the first that
	// fails. done is called with the index of each that succeeded, when it has.
	ExecPipeline(ctx context.Context, statements []string, done func(i int)) error
}

// Witness is a Dialect whose DDL commits by itself, so that a journal has to
// find out after a crash how far an execution came.
type Witness interface {
	// Definitions returns the engine's own text of each table's definition: equal
	// texts mean that no DDL has changed the table in between, whatever was
	// written into it. A table that does not exist is left out.
	Definitions(ctx context.Context, q Querier, tables []string) (map[string]string, error)
	// Leftovers names what stands aside in the session's schema under a name of
	// AsidePrefix, or another that the dialect has for it: all tables, and as
	// table.column the columns of the named tables.
	//
	// The caller names the tables of the snapshot and those of the plan. The plan's
	// alone are not enough: when a journal went in the middle of an execution, what
	// stands aside is the column that applications miss, and the next plan may be
	// about something else. More are not needed: a column goes along with its table
	// when that is renamed, moved aside or dropped, and in a table that is in neither
	// list no execution does anything. Tables aside are told whatever they were: of
	// a drop that was recorded no snapshot knows any more, and it holds all its rows.
	Leftovers(ctx context.Context, q Querier, tables []string) ([]string, error)
}

// Versioned is a Dialect whose SQL depends on the server's whole version, of
// which a plan's EngineVersion is the major part only.
type Versioned interface {
	// For returns the same dialect for a server of that version: Lower, Render,
	// Inspect and Compare follow it. Versions for which Variant is equal get the
	// same SQL, byte for byte, and may share plans.
	For(v Version) Dialect
	// Variant names the behaviour of a version, such as "8.0.29", the first
	// version that behaves so.
	Variant(v Version) string
}

// TableNamer is a Renderer in whose statements a table's name is more than its
// quoted name: unqualified, it would not mean the tenant's schema (SQL Server).
type TableNamer interface {
	// TableName is the name to write, quoted.
	TableName(name string) string
}

// TableName returns a table's name as statements for r must write it.
func TableName(r Renderer, name string) string {
	if n, ok := r.(TableNamer); ok {
		return n.TableName(name)
	}
	return r.Quote(name)
}

// Caveated is a Dialect with something that everybody who uses it has to know
// beforehand, said with each preview and each execution.
type Caveated interface {
	// Caveat is one sentence for a person.
	Caveat() string
}
