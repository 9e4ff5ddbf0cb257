package mysql

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// Server is a flavour and its version, a comparable value.
type Server struct {
	Engine  dialect.Engine // MySQL or MariaDB
	Version dialect.Version
}

// The versions that are assumed when none is told: long-term releases.
func defaultMySQL() Server {
	return Server{Engine: dialect.MySQL, Version: dialect.Version{Major: 8, Minor: 4}}
}

func defaultMariaDB() Server {
	return Server{Engine: dialect.MariaDB, Version: dialect.Version{Major: 10, Minor: 11}}
}

// String is the version as the server itself tells it.
func (s Server) String() string {
	v := fmt.Sprintf("%d.%d.%d", s.Version.Major, s.Version.Minor, s.Version.Patch)
	if s.maria() {
		v += "-MariaDB"
	}
	return v
}

func (s Server) maria() bool { return s.Engine == dialect.MariaDB }

func (s Server) atLeast(major, minor, patch int) bool {
	v := s.Version
	return cmp.Or(cmp.Compare(v.Major, major), cmp.Compare(v.Minor, minor), cmp.Compare(v.Patch, patch)) >= 0
}

// since tells whether the server is MySQL from the one version, or MariaDB from
// the other. A zero major means never.
func (s Server) since(mysql, maria dialect.Version) bool {
	from := mysql
	if s.maria() {
		from = maria
	}
	return from.Major > 0 && s.atLeast(from.Major, from.Minor, from.Patch)
}

func version(major, minor, patch int) dialect.Version {
	return dialect.Version{Major: major, Minor: minor, Patch: patch}
}

// Functional key parts: MySQL alone has them.
// https://dev.mysql.com/doc/refman/8.4/en/create-index.html#create-index-functional-key-parts
func (s Server) expressionIndexes() bool { return !s.maria() }

// hiddenIndexes is the column of the information schema that tells of an index whether
// queries use it, and what it says of one that they pass over:
// https://dev.mysql.com/doc/refman/8.4/en/invisible-indexes.html and
// https://mariadb.com/kb/en/ignored-indexes/
func (s Server) hiddenIndexes() (column, hidden string) {
	if s.maria() {
		return "IGNORED", "YES"
	}
	return "IS_VISIBLE", "NO"
}

// descendingIndexes: MySQL 8.0; MariaDB parsed and ignored DESC before 10.8.
// https://mariadb.com/kb/en/create-index/#index-options
func (s Server) descendingIndexes() bool { return s.since(version(8, 0, 0), version(10, 8, 1)) }

// hashedUniques: MariaDB makes a unique index over a whole TEXT or BLOB by
// hashing: https://mariadb.com/kb/en/blob-and-text-data-types/
func (s Server) hashedUniques() bool { return s.maria() }

// maxParts is the number of columns in a key.
func (s Server) maxParts() int {
	if s.maria() {
		return 32
	}
	return 16
}

// parseServer reads SELECT VERSION(): "9.4.0", "8.0.35-27", "8.0.32-azure",
// "10.11.6-MariaDB-log", "5.5.5-10.6.18-MariaDB".
func parseServer(s string) Server {
	out := Server{Engine: dialect.MySQL}
	if at := strings.Index(s, "-MariaDB"); at >= 0 {
		out.Engine = dialect.MariaDB
		s = strings.TrimPrefix(s[:at], "5.5.5-") // what MariaDB once said for the sake of old replicas
	}
	var n [3]int
	for i, part := range strings.SplitN(s, ".", 3) {
		if end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			part = part[:end]
		}
		n[i], _ = strconv.Atoi(part)
	}
	out.Version = version(n[0], n[1], n[2])
	return out
}

// admit refuses servers that this dialect was not made for.
func (d *Dialect) admit(told string) (Server, error) {
	s := parseServer(told)
	switch {
	case strings.Contains(told, "TiDB"):
		return s, fault.New(fault.Unsupported, "ENGINE_UNSUPPORTED", "the server is TiDB, which is not served")
	case s.Engine != d.server.Engine:
		return s, fault.New(fault.Invalid, "TARGET_ENGINE", "the server is %s %s, and the target says %s", s.Engine, told, d.server.Engine).
			Suggest("write the target as %s://…", s.Engine)
	case !s.since(version(8, 0, 19), version(10, 6, 0)):
		return s, fault.New(fault.Unsupported, "ENGINE_TOO_OLD", "the server is %s %s; MySQL is served from 8.0.19 and MariaDB from 10.6", s.Engine, told).
			Suggest("upgrade the server first")
	}
	return s, nil
}

// variants are the versions from which on a flavour behaves differently, oldest
// first; the first is the oldest that is served.
func (s Server) variants() []dialect.Version {
	if s.maria() {
		return []dialect.Version{
			version(10, 6, 0),
			version(10, 7, 0),  // UUID
			version(10, 8, 1),  // descending indexes
			version(10, 10, 0), // INET4
			version(11, 7, 1),  // VECTOR
		}
	}
	return []dialect.Version{
		version(8, 0, 19),
		version(8, 0, 28), // columns are renamed at once
		version(8, 0, 29), // columns come and go at once
		version(9, 0, 0),  // VECTOR
	}
}

// For implements dialect.Versioned.
func (d *Dialect) For(v dialect.Version) dialect.Dialect { return d.At(v) }

// Variant implements dialect.Versioned.
func (d *Dialect) Variant(v dialect.Version) string {
	s := Server{Engine: d.server.Engine, Version: v}
	out := s.variants()[0]
	for _, from := range s.variants() {
		if s.since(from, from) {
			out = from
		}
	}
	return fmt.Sprintf("%d.%d.%d", out.Major, out.Minor, out.Patch)
}
