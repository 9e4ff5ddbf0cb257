package atlas_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// A key may lead from a column by a name that the table has only after the
// statement, and set it to NULL: Atlas looks at that column's type.
func TestAForeignKeyFromAColumnThatIsNotThereYet(t *testing.T) {
	p := atlas.MySQL(atlas.Spelling{Type: func(c *schema.Column) string { return c.Physical }}, "8.4.0")
	table := &schema.Table{Name: "t", Columns: []*schema.Column{{Name: "id", Physical: "bigint"}}}
	sql, err := p.Alter(t.Context(), table, atlas.AddForeignKey(&schema.ForeignKey{
		Name: "fk", Columns: []string{"later"}, RefTable: "r", RefColumns: []string{"id"}, OnDelete: schema.SetNull,
	}))
	require.NoError(t, err)
	require.Len(t, sql, 1)
	assert.Contains(t, sql[0], "(`later`) REFERENCES `r` (`id`) ON DELETE SET NULL")
}
