package dialect

import (
	"slices"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// DropKeyUniques takes out the unique constraints over just the primary key, of
// a lowered table: PostgreSQL and SQLite accept one in CREATE TABLE and make
// none, as the key says it already.
func DropKeyUniques(t *schema.Table) {
	t.Indexes = slices.DeleteFunc(t.Indexes, func(x *schema.Index) bool {
		return x.Constraint && len(t.PrimaryKey) > 0 && slices.EqualFunc(x.Parts, t.PrimaryKey, func(p schema.IndexPart, column string) bool {
			return p.Column == column
		})
	})
}
