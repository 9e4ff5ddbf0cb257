package text_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	v1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

// TestAFailedExecutionShowsTheRows that were in its way, with the query that shows
// all of them and the statement that mends them.
func TestAFailedExecutionShowsTheRows(t *testing.T) {
	t.Parallel()
	r := failedResult()
	r.Preflight = &v1.PreflightReport{Blocked: true, Findings: []*v1.PreflightFinding{
		{
			Kind: "duplicates", Table: "users", Columns: []string{"email"}, Count: 1000, Estimated: true, Keys: []string{"id=1"}, Blocks: true,
			Change: "add index i", Query: "SELECT 1", Mend: "DELETE 2", Suggestion: "make them differ",
		},
		{Kind: "rows_lost", Table: "logs", Count: 7, Estimated: true, Change: "drop table logs"},
	}}
	var out bytes.Buffer
	text.New(&out, false).Result(r)
	for _, said := range []string{
		"x users(email): at least 1000 duplicates, for: add index i\n", "rows        id=1\n", "show        SELECT 1\n", "mend        DELETE 2\n",
		"! logs: about 7 rows lost, for: drop table logs\n",
	} {
		assert.Contains(t, out.String(), said)
	}
}
