package plan_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestOnlineGolden holds online plans of PostgreSQL against testdata/online.
func TestOnlineGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/online/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			p := onlinePlan(t, postgres.New(), side(t, archive, "from/"), side(t, archive, "to/"))
			text := phases(p)
			last := &archive.Files[len(archive.Files)-1]
			require.Equal(t, "plan", last.Name)
			if *update {
				last.Data = []byte(text)
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o600))
				return
			}
			assert.Equal(t, string(last.Data), text)
		})
	}
}

func onlinePlan(t *testing.T, d dialect.Dialect, from, to *schema.Schema) *plan.Plan {
	t.Helper()
	base, err := d.Lower(from)
	require.NoError(t, err)
	target, err := d.Lower(to)
	require.NoError(t, err)
	p, err := plan.Build(t.Context(), d, plan.Input{EngineVersion: 1, Strategy: strategy.Full, Base: base, Target: target, Online: true})
	require.NoError(t, err)
	return p
}

func phases(p *plan.Plan) string {
	var b strings.Builder
	phase := dialect.Phase("none")
	for i := range p.Statements {
		st := &p.Statements[i]
		if st.Phase != phase {
			phase = st.Phase
			fmt.Fprintf(&b, "## %s\n", phase)
		}
		for _, h := range st.Hazards {
			fmt.Fprintf(&b, "-- %s: %s\n", h.Kind, h.Detail)
		}
		b.WriteString(st.SQL + ";\n")
		for _, sql := range st.Reverse {
			if st.Phase != dialect.PhaseFinish {
				b.WriteString("-- reverse: " + sql + ";\n")
			}
		}
	}
	return b.String()
}

// TestOnlineOnlyWhereItHelps: a plan in which nothing takes long is the plain one,
// and so is that of an engine without phases.
func TestOnlineOnlyWhereItHelps(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/golden/destructive.txtar")
	require.NoError(t, err)
	from, to := side(t, archive, "from/"), side(t, archive, "to/")
	few := &schema.Schema{Tables: from.Tables[:0:0]}
	for _, d := range []dialect.Dialect{postgres.New(), sqlite.New()} {
		p := onlinePlan(t, d, few, to)
		assert.False(t, p.Online, "everything is new on %s", d.Engine())
		for i := range p.Statements {
			assert.Empty(t, p.Statements[i].Phase)
		}
	}
	assert.False(t, onlinePlan(t, sqlite.New(), from, to).Online)
}
