package sqlserver

import (
	"fmt"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// TestSizes are read from views that need no privilege, of the tenant's own tables,
// however many are asked for.
func TestSizes(t *testing.T) {
	t.Parallel()
	f := simulated()
	p := proving{d: f.dialect()}
	create := `CREATE TABLE [$(schema)].[things] ("id" bigint NOT NULL,"a" nvarchar(MAX),PRIMARY KEY ("id"))`
	executed(t, p, "sqlserver://u:p@h:1?database=db&schema=acme", create)
	executed(t, p, "sqlserver://u:p@h:1?database=db&schema=other", create)
	f.catalogue.tables[0].rows, f.catalogue.tables[0].pages = 12, 3
	f.catalogue.tables[1].rows, f.catalogue.tables[1].pages = 7, 1

	names := make([]string, 0, 2001)
	for i := range 2000 {
		names = append(names, fmt.Sprintf("t%d", i))
	}
	s := f.open(t, "acme")
	got, err := p.d.Sizes(t.Context(), s, append(names, "things"))
	require.NoError(t, err)
	assert.Equal(t, map[string]dialect.Size{"things": {Rows: 12, Bytes: 9 * 8192, Estimated: true}}, got,
		"in-row data and large values of the table, and its index")
	assert.Len(t, f.sent("sys.allocation_units"), 3)
	assert.Empty(t, f.sent("sys.dm_"), "which need VIEW DATABASE STATE")
	assert.Empty(t, f.sent("OPENJSON"), "which a database of an older compatibility level lacks")

	got, err = p.d.Sizes(t.Context(), s, nil)
	require.NoError(t, err)
	assert.Empty(t, got)
	f.fails["sys.allocation_units"] = mssql.Error{Number: 208, Message: "Invalid object name 'sys.allocation_units'."}
	_, err = p.d.Sizes(t.Context(), s, []string{"things"})
	assert.Equal(t, "CATALOGUE_MISSING", fault.ReasonOf(err))
}
