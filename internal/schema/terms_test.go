package schema_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/schema"
)

func TestTerms(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string][]string{
		"a = 1 AND b BETWEEN 1 AND 2 and c": {"a = 1 ", " b BETWEEN 1 AND 2 ", " c"},
		`"and" > 0 AND [and] > 0`:           {`"and" > 0 `, " [and] > 0"},
		"(a AND b) OR 'x AND y'":            {"(a AND b) OR 'x AND y'"},
		"band AND andy":                     {"band ", " andy"},
		"":                                  {""},
	} {
		assert.Equal(t, want, schema.Terms(expr, "AND"), expr)
	}
	for expr, want := range map[string]string{
		" ((a) ) ": "a", "(a) AND (b)": "(a) AND (b)", "((a) AND (b))": "(a) AND (b)", "(')')": "')'", "(a": "(a", "": "",
	} {
		assert.Equal(t, want, schema.Bare(expr), expr)
	}
}
