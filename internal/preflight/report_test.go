package preflight_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/preflight"
)

// TestFindingsInWords: one is not many, and what was not counted to the end says so.
func TestFindingsInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind                 preflight.Kind
		one, many, estimated string
	}{
		{preflight.Nulls, "1 row without a value in a, b", "2 rows without a value in a, b", "at least 1 rows without a value in a, b"},
		{preflight.Orphans, "1 row with a, b that refers to no row (o)", "2 rows with a, b that refer to no row (o)", "at least 1 rows with a, b that refer to no row (o)"},
		{preflight.CheckViolation, "1 row that violates o", "2 rows that violate o", "at least 1 rows that violate o"},
		{preflight.RowsLost, "1 row is removed with the table", "2 rows are removed with the table", "about 1 rows are removed with the table"},
		{preflight.ValuesLost, "1 value of a, b is removed with the column", "2 values of a, b are removed with the column", "at least 1 values of a, b are removed with the column"},
	} {
		f := preflight.Finding{Subject: preflight.Subject{Kind: c.kind, Table: "t", Columns: []string{"a", "b"}, Object: "o"}, Count: 1}
		assert.Equal(t, "t: "+c.one, f.String())
		f.Estimated = true
		assert.Equal(t, "t: "+c.estimated, f.String())
		f.Count, f.Estimated = 2, false
		assert.Equal(t, "t: "+c.many, f.String())
	}
}
