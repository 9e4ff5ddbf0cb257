package preflight_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/preflight"
)

// TestEveryKindIsProvedOnEveryEngine holds TestFindings, which runs each plan without
// preflight and sees it fail, to a case for each kind of finding that blocks, on each
// engine that knows it.
func TestEveryKindIsProvedOnEveryEngine(t *testing.T) {
	t.Parallel()
	unknown := map[string][]preflight.Kind{
		"sqlite": {preflight.TooLong, preflight.OutOfRange}, // its types have no limits
	}
	for _, engine := range []string{"sqlite", "postgres", "mysql", "mariadb"} {
		for _, kind := range []preflight.Kind{
			preflight.Nulls, preflight.Duplicates, preflight.Orphans, preflight.CheckViolation,
			preflight.TooLong, preflight.OutOfRange, preflight.Unconvertible,
		} {
			proved := slices.ContainsFunc(refusals(), func(r refusal) bool {
				runs := (r.only == nil || slices.Contains(r.only, engine)) && !slices.Contains(r.not, engine)
				return runs && slices.ContainsFunc(r.want, func(w expected) bool { return w.kind == kind })
			})
			assert.Equal(t, !slices.Contains(unknown[engine], kind), proved, "%s on %s", kind, engine)
		}
	}
}
