// Package sqlite is lockstep's dialect of SQLite 3.35 and later, through a pure
// Go driver: every quirk of the engine lives here and nowhere else.
//
// One file is one tenant. ALTER TABLE can do little, so most changes copy the
// table by SQLite's own procedure, with foreign keys off, and are checked before
// they are committed:
// https://www.sqlite.org/lang_altertable.html#otheralter
package sqlite

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
	wrap    func(driver.Connector) driver.Connector
}

var _ dialect.Dialect = (*Dialect)(nil)

// Option configures a Dialect.
type Option func(*Dialect)

// WithWrap puts a connector around the driver's, for tests that inject faults.
func WithWrap(wrap func(driver.Connector) driver.Connector) Option {
	return func(d *Dialect) { d.wrap = wrap }
}

// New returns the dialect.
func New(opts ...Option) *Dialect {
	d := &Dialect{
		planner: atlas.SQLite(atlas.Spelling{Type: columnType, Default: defaultText}),
		wrap:    func(c driver.Connector) driver.Connector { return c },
	}
	for _, o := range opts {
		o(d)
	}
	return d
}

// Engine implements dialect.Dialect.
func (*Dialect) Engine() dialect.Engine { return dialect.SQLite }

// Capabilities implements dialect.Dialect.
func (*Dialect) Capabilities() dialect.Capabilities {
	return dialect.Capabilities{TransactionalDDL: true, AltersByCopy: true, IndexNamesPerSchema: true}
}

// Placeholder implements dialect.Renderer.
func (*Dialect) Placeholder(n int) string { return "?" + strconv.Itoa(n) }

// Quote implements dialect.Renderer.
func (*Dialect) Quote(name string) string { return quote(name) }

// quote uses backticks, not double quotes: SQLite takes a double-quoted name
// that it does not find for a string.
// https://www.sqlite.org/quirks.html#double_quoted_string_literals_are_accepted
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
