package plan_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestWhatCannotBeTakenBackSaysWhy: on every engine, a statement that removes data
// has a reverse, or says why there is none; plans that remove nothing never say so.
func TestWhatCannotBeTakenBackSaysWhy(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/golden/*.txtar")
	require.NoError(t, err)
	lossy := map[string]int{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		require.NoError(t, err)
		from, to := side(t, archive, "from/"), side(t, archive, "to/")
		if from == nil {
			continue
		}
		for _, d := range engines() {
			base, err := d.Lower(from)
			require.NoError(t, err)
			target, err := d.Lower(to)
			if err != nil {
				continue
			}
			for _, name := range []strategy.Name{strategy.AddOnly, strategy.Safe, strategy.Full} {
				p, err := plan.Build(t.Context(), d, plan.Input{EngineVersion: 1, Strategy: name, Base: base, Target: target})
				if err != nil {
					continue
				}
				said := 0
				for _, st := range p.Statements {
					if st.Irreversible != "" {
						said++
						assert.Empty(t, st.Reverse, "%s %s: %s", file, d.Engine(), st.SQL)
					}
					if st.Destructive && len(st.Reverse) == 0 {
						assert.NotEmpty(t, st.Irreversible, "%s %s: %s", file, d.Engine(), st.SQL)
					}
				}
				assert.True(t, p.Destructive() || said == 0, "%s on %s under %s", file, d.Engine(), name)
				if said > 0 {
					lossy[string(d.Engine())]++
				}
			}
		}
	}
	assert.Len(t, lossy, len(engines()), "something is lost on every engine")
}
