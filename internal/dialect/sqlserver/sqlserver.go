// Package sqlserver is lockstep's dialect of SQL Server 2017 and later and of
// Azure SQL: every quirk of the engine lives here and in the planner below it,
// and nowhere else.
//
// DDL is transactional, so an execution is one transaction that also holds the
// tenant's application lock. A statement is a batch: what sqlcmd runs between
// two GOs. Every session and every script runs with XACT_ABORT on, so that a
// failure undoes the transaction by itself.
//
// A tenant is a schema of a database, dbo where the target names none; so a
// database per tenant and a schema per tenant are both had. T-SQL has no search
// path: an unqualified name means the user's default schema and then dbo, which
// for a table that a tenant does not have yet would silently be another tenant's,
// and procedures such as sp_rename take names in strings anyway. So every name in
// a plan is qualified, by the variable that SchemaVariable writes, and one plan
// serves every tenant. The session fills the variable in when it sends a batch;
// a script declares it for sqlcmd, whose syntax it is, and keeps the batches byte
// for byte. Nothing else in a batch can look like the variable: names that do are
// refused, strings are taken apart. The name of a tenant's schema must be one
// that means the same in brackets and in quotes; others are refused when a
// session opens.
//
// What a server of another maker lacks of the catalogue is reported as
// Unsupported.
package sqlserver

import (
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
)

// SchemaVariable stands for the tenant's schema in every batch of a plan.
const SchemaVariable = "$(schema)"

// DefaultSchema is the tenant's schema when the target names none.
const DefaultSchema = "dbo"

// Dialect implements dialect.Dialect. It has no state; make it with New.
type Dialect struct {
	planner *atlas.Planner
	connect func(t dialect.Target) (driver.Connector, error)
	wrap    func(driver.Connector) driver.Connector
}

var (
	_ dialect.Dialect    = (*Dialect)(nil)
	_ dialect.TableNamer = (*Dialect)(nil)
	_ dialect.Surveyor   = (*Dialect)(nil)
	_ dialect.Tx         = (*tx)(nil)
)

// Option configures a Dialect.
type Option func(*Dialect)

// WithWrap puts a connector around the driver's, for tests that inject faults.
func WithWrap(wrap func(driver.Connector) driver.Connector) Option {
	return func(d *Dialect) { d.wrap = wrap }
}

// withConnector replaces the driver, for tests without a server.
func withConnector(connect func(dialect.Target) (driver.Connector, error)) Option {
	return func(d *Dialect) { d.connect = connect }
}

// New returns the dialect.
func New(opts ...Option) *Dialect {
	d := &Dialect{
		planner: atlas.SQLServer(atlas.Spelling{
			Type: columnType, Default: defaultText, Generated: computed,
			Comment: func(text string) string { return text },
		}, SchemaVariable),
		connect: connector,
		wrap:    func(c driver.Connector) driver.Connector { return c },
	}
	for _, o := range opts {
		o(d)
	}
	return d
}

// Engine implements dialect.Dialect.
func (*Dialect) Engine() dialect.Engine { return dialect.SQLServer }

// Capabilities implements dialect.Dialect.
func (*Dialect) Capabilities() dialect.Capabilities {
	return dialect.Capabilities{TransactionalDDL: true, Namespaces: true, MaxIdentifier: maxIdentifier}
}

// Placeholder implements dialect.Renderer.
func (*Dialect) Placeholder(n int) string { return "@p" + strconv.Itoa(n) }

// Quote implements dialect.Renderer.
func (*Dialect) Quote(name string) string { return mssql.Quote(name) }

// TableName implements dialect.TableNamer: a table's name in the tenant's schema.
func (*Dialect) TableName(name string) string {
	return mssql.Quote(SchemaVariable) + "." + mssql.Quote(name)
}

// settings are those of every session and script. Filtered indexes and computed
// columns want the first seven as they are:
// https://learn.microsoft.com/sql/t-sql/statements/create-index-transact-sql#required-set-options-for-filtered-indexes
const settings = "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER, XACT_ABORT ON;\n" +
	"SET NUMERIC_ROUNDABORT, IMPLICIT_TRANSACTIONS OFF"

// Script implements dialect.Renderer: a script for sqlcmd, which stops at the
// first error; the transaction is undone then. Other shells do not fill in its
// variable, which the script notices before it does anything.
// https://learn.microsoft.com/sql/tools/sqlcmd/sqlcmd-use-scripting-variables
func (*Dialect) Script(target dialect.Target, statements []string) string {
	var b strings.Builder
	batch := func(sql string) { b.WriteString(sql + ";\nGO\n") }
	tenant := target.Schema
	if tenant == "" {
		tenant = DefaultSchema
	}
	b.WriteString(":on error exit\n:setvar schema \"" + strings.ReplaceAll(tenant, `"`, `""`) + "\"\n")
	batch("IF N'" + SchemaVariable + "' = N'$' + N'(schema)'\nBEGIN\n  RAISERROR(N'run this script with sqlcmd', 16, 1);\n  SET NOEXEC ON;\nEND")
	if target.Database != "" {
		batch("USE " + mssql.Quote(target.Database))
	}
	batch(settings)
	batch("BEGIN TRANSACTION")
	batch(createSchema)
	for _, s := range statements {
		batch(s)
	}
	batch("COMMIT TRANSACTION")
	return b.String()
}

// createSchema makes the tenant's schema unless it is there. CREATE SCHEMA wants
// a batch of its own.
const createSchema = "IF SCHEMA_ID(N'" + SchemaVariable + "') IS NULL " + newSchema
