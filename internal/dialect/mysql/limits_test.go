package mysql

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestRowsInAPage: the widest table that Lower lets pass is made by the server,
// and the next wider one is refused by both.
func TestRowsInAPage(t *testing.T) {
	benches(t, func(b *bench) {
		for _, typ := range []string{
			"longtext", "varchar(9)", "varchar(10)", "varchar(11)", "varchar(60)", "varchar(70)", "binary(200)", "varbinary(200)", "char(30)", "bigint",
			"decimal(65,30)", "json", "datetime(6)", "bit(64)", "point", "varchar(250) character set latin1", "char(30) character set latin1",
		} {
			for _, nullable := range []bool{true, false} {
				n := b.widest(typ, nullable)
				require.Greater(b.t, n, 1)
				b.exec("DROP TABLE IF EXISTS t")
				_, err := b.s.ExecContext(b.t.Context(), b.create(broad(typ, nullable, n)))
				require.NoError(b.t, err, "%d columns of %s", n, typ)
				if len(broad(typ, nullable, n).Columns) == maxColumns {
					continue
				}
				b.exec("DROP TABLE t")
				_, err = b.s.ExecContext(b.t.Context(), b.create(broad(typ, nullable, n+1)))
				require.Error(b.t, err, "%d columns of %s", n+1, typ)
				assert.Equal(b.t, fault.Exhausted, b.d.Classify(err).Kind)
			}
		}
	})
}

func broad(typ string, nullable bool, n int) *schema.Table {
	t := &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{raw("id", "bigint")}}
	for i := range n {
		c := raw(fmt.Sprintf("c%d", i), typ)
		c.Nullable = nullable
		t.Columns = append(t.Columns, c)
	}
	return t
}

// widest is the largest number of columns that Lower takes.
func (b *bench) widest(typ string, nullable bool) int {
	low, high := 1, maxColumns-1
	for low < high {
		n := (low + high + 1) / 2
		if _, err := b.d.Lower(&schema.Schema{Tables: []*schema.Table{broad(typ, nullable, n)}}); err == nil {
			low = n
		} else {
			high = n - 1
		}
	}
	return low
}

// create renders a table that Lower need not like.
func (b *bench) create(t *schema.Table) string {
	b.t.Helper()
	for _, c := range t.Columns {
		c.Physical = c.Type.Raw
	}
	t.Column("id").Nullable = false
	stmts, err := b.d.Render(b.t.Context(), dialect.Step{After: t, Changes: planAdd(t)})
	require.NoError(b.t, err)
	return stmts[0].SQL
}

func planAdd(t *schema.Table) []diff.Change {
	return []diff.Change{{Verb: diff.Add, Kind: diff.Table, Table: t.Name, To: &diff.Part{Table: t}}}
}
