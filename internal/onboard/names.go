package onboard

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// The lengths of what is made from an id: every engine takes a database of 63
// bytes, and MySQL a user of 32 characters.
const (
	longestPlace = 63
	longestUser  = 32
	digestLength = 6
	userSuffix   = "_app"
)

// DatabaseName is the database, or schema, of a tenant for which nobody named
// one: the id, in small letters, with an underscore for each dot and hyphen, and
// t_ in front of a digit or of pg_, which PostgreSQL keeps for itself. Unless that
// is the id itself, six digits of the id's SHA-256 follow, so that two tenants
// never share a name. It is valid on every engine, and needs no quotes.
func DatabaseName(id string) string { return derive(id, longestPlace) }

// UserName is the application's user, by the same rule with _app at its end, and
// 32 characters at most.
func UserName(id string) string { return derive(id, longestUser-len(userSuffix)) + userSuffix }

func derive(id string, longest int) string {
	name := strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToLower(id))
	if name == "" || name[0] < 'a' || name[0] > 'z' || strings.HasPrefix(name, "pg_") {
		name = "t_" + name
	}
	if name == id && len(name) <= longest {
		return name
	}
	sum := sha256.Sum256([]byte(id))
	digest := "_" + hex.EncodeToString(sum[:])[:digestLength]
	return name[:min(len(name), longest-len(digest))] + digest
}

// databaseFor is the file's name for SQLite.
func databaseFor(engine dialect.Engine, id string) string {
	name := DatabaseName(id)
	if engine == dialect.SQLite {
		name += ".db"
	}
	return name
}
