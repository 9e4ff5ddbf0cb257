package dialect

import (
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// DropKeyUniques takes out the unique constraints over just the primary key, of
// a lowered table, and those that repeat an earlier one: PostgreSQL and SQLite
// accept them in CREATE TABLE and make none, as it is said already.
func DropKeyUniques(t *schema.Table) {
	seen := map[string]bool{}
	t.Indexes = slices.DeleteFunc(t.Indexes, func(x *schema.Index) bool {
		if !x.Constraint {
			return false
		}
		columns := fmt.Sprintf("%#v", x.Parts)
		repeated := seen[columns]
		seen[columns] = true
		return repeated || len(t.PrimaryKey) > 0 && slices.EqualFunc(x.Parts, t.PrimaryKey, func(p schema.IndexPart, column string) bool {
			return p.Column == column
		})
	})
}
