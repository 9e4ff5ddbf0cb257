// Package mysql is lockstep's dialect of MySQL 8.0.19 and later and of MariaDB
// 10.6 and later: every quirk of the two, by flavour and version, lives here and
// nowhere else.
//
// A tenant is a database; all SQL is unqualified, and a session has the tenant's
// database as its default, which is what lets one plan serve every tenant.
//
// DDL commits by itself (https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html),
// so an execution is no transaction: the changes of a step go into one ALTER
// TABLE where possible, which is atomic, and Tx only holds the tenant's lock and
// the timeouts. Undoing what ran is for a journal above this package.
package mysql

import (
	"database/sql/driver"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
)

// Dialect implements dialect.Dialect for one flavour, at one version. It has no
// state; make it with New.
type Dialect struct {
	server  Server
	planner *atlas.Planner
	wrap    func(driver.Connector) driver.Connector
}

var _ dialect.Dialect = (*Dialect)(nil)

// Option configures a Dialect.
type Option func(*Dialect)

// WithServer makes the dialect speak to a flavour and version; without it, it is
// MySQL 8.4.
func WithServer(s Server) Option { return func(d *Dialect) { d.server = s } }

// WithMariaDB makes the dialect that of MariaDB 10.11.
func WithMariaDB() Option { return WithServer(defaultMariaDB()) }

// WithWrap puts a connector around the driver's, for tests that inject faults.
func WithWrap(wrap func(driver.Connector) driver.Connector) Option {
	return func(d *Dialect) { d.wrap = wrap }
}

// New returns the dialect.
func New(opts ...Option) *Dialect {
	d := &Dialect{
		server: defaultMySQL(),
		wrap:   func(c driver.Connector) driver.Connector { return c },
	}
	for _, o := range opts {
		o(d)
	}
	d.planner = atlas.MySQL(atlas.Spelling{
		Type: columnType, Default: d.defaultText, Comment: literal, Generated: generated, OnUpdate: d.onUpdate,
	}, d.server.String())
	return d
}

// At returns the same dialect for another version of its flavour.
func (d *Dialect) At(v dialect.Version) *Dialect {
	return New(WithServer(Server{Engine: d.server.Engine, Version: v}), WithWrap(d.wrap))
}

// Engine implements dialect.Dialect.
func (d *Dialect) Engine() dialect.Engine { return d.server.Engine }

// Capabilities implements dialect.Dialect. Namespaces is false: a tenant is a
// whole database.
func (*Dialect) Capabilities() dialect.Capabilities {
	return dialect.Capabilities{MaxIdentifier: maxIdentifier}
}

// Placeholder implements dialect.Renderer.
func (*Dialect) Placeholder(int) string { return "?" }

// Quote implements dialect.Renderer.
func (*Dialect) Quote(name string) string { return quote(name) }

// quote quotes an identifier, in every SQL mode:
// https://dev.mysql.com/doc/refman/8.4/en/identifiers.html
func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// literal quotes a string. A backslash escapes, since every session and script
// sets an SQL mode without NO_BACKSLASH_ESCAPES:
// https://dev.mysql.com/doc/refman/8.4/en/string-literals.html
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", `\0`).Replace(s) + "'"
}

// sqlMode is the mode of every session: strict, so that what does not fit fails
// rather than being cut, and without the modes that change what SQL means
// (ANSI_QUOTES, NO_BACKSLASH_ESCAPES, PIPES_AS_CONCAT, REAL_AS_FLOAT):
// https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html
//
// NO_ZERO_DATE and NO_ZERO_IN_DATE are left out. With them, a '0000-00-00' that an
// application stored where its own mode allowed it makes every copy of its table
// fail (error 1292), on the way back too, and a default of that kind every ALTER
// TABLE (error 1067). That no new ones come is seen to by a guard; see render.go.
//
// NO_AUTO_VALUE_ON_ZERO keeps a row that is numbered 0 when its column begins, or on
// the way back begins again, to number rows.
const sqlMode = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"

// Script implements dialect.Renderer: a script for the mysql or mariadb client,
// which stops at the first error unless it is told --force. What ran before the
// error stays, since DDL commits by itself.
func (*Dialect) Script(target dialect.Target, statements []string) string {
	var b strings.Builder
	b.WriteString("SET NAMES utf8mb4;\nSET SESSION sql_mode = " + literal(sqlMode) + ", foreign_key_checks = 1, unique_checks = 1;\n")
	if target.Database != "" {
		b.WriteString("CREATE DATABASE IF NOT EXISTS " + quote(target.Database) + " CHARACTER SET utf8mb4;\n")
		b.WriteString("USE " + quote(target.Database) + "\n")
	}
	for _, s := range statements {
		b.WriteString(s + ";\n")
	}
	return b.String()
}
