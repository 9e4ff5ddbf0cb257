// Package postgres is lockstep's dialect of PostgreSQL 12 and later: every quirk
// of the engine and its versions lives here and nowhere else.
//
// DDL is transactional, so an execution is one transaction that also holds the
// tenant's advisory lock. All SQL is unqualified: a session's search_path holds
// the tenant's schema alone, which is what lets one plan serve every tenant.
package postgres

import (
	"database/sql/driver"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
)

// Dialect implements dialect.Dialect. It has no state; make it with New.
type Dialect struct {
	planner *atlas.Planner
	wrap    func(driver.Connector) driver.Connector // nil: the driver's own
}

var (
	_ dialect.Dialect   = (*Dialect)(nil)
	_ dialect.Tx        = (*tx)(nil)
	_ dialect.Pipeliner = pipelineTx{}
)

// Option configures a Dialect.
type Option func(*Dialect)

// WithWrap puts a connector around the driver's, for tests that inject faults.
func WithWrap(wrap func(driver.Connector) driver.Connector) Option {
	return func(d *Dialect) { d.wrap = wrap }
}

// New returns the dialect.
func New(opts ...Option) *Dialect {
	d := &Dialect{
		planner: atlas.Postgres(atlas.Spelling{Type: columnType, Default: defaultText}),
	}
	for _, o := range opts {
		o(d)
	}
	return d
}

// Engine implements dialect.Dialect.
func (*Dialect) Engine() dialect.Engine { return dialect.Postgres }

// Capabilities implements dialect.Dialect.
func (*Dialect) Capabilities() dialect.Capabilities {
	return dialect.Capabilities{
		TransactionalDDL:    true,
		Namespaces:          true,
		MaxIdentifier:       maxIdentifier,
		IndexNamesPerSchema: true,
	}
}

// Placeholder implements dialect.Renderer.
func (*Dialect) Placeholder(n int) string { return "$" + strconv.Itoa(n) }

// Quote implements dialect.Renderer.
func (*Dialect) Quote(name string) string { return quote(name) }

// quote quotes an identifier:
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal quotes a string. With standard_conforming_strings, which every
// session sets, a backslash is an ordinary character.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Script implements dialect.Renderer: a script for psql that stops at the first
// error and leaves nothing behind then.
func (*Dialect) Script(target dialect.Target, statements []string) string {
	var b strings.Builder
	b.WriteString("\\set ON_ERROR_STOP on\nBEGIN;\n")
	if target.Schema != "" {
		b.WriteString("CREATE SCHEMA IF NOT EXISTS " + quote(target.Schema) + ";\n")
		b.WriteString("SET LOCAL search_path TO " + quote(target.Schema) + ";\n")
	}
	b.WriteString("SET LOCAL standard_conforming_strings TO on;\n")
	for _, s := range statements {
		b.WriteString(s + ";\n")
	}
	b.WriteString("COMMIT;\n")
	return b.String()
}
