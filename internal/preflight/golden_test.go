package preflight_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlserver"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// described are the engines of a golden file, at the versions that it is for.
func described() []struct {
	name  string
	d     engine
	major int
} {
	return []struct {
		name  string
		d     engine
		major int
	}{
		{"postgres 15", postgres.New(), 15},
		{"postgres 18", postgres.New(), 18},
		{"sqlite", sqlite.New(), 3},
		{"mysql", mysql.New(), 8},
		{"mariadb", mysql.New(mysql.WithMariaDB()), 10},
		{"sqlserver", sqlserver.New(), 16},
	}
}

// TestGolden writes down the questions of every case, on all engines side by side.
func TestGolden(t *testing.T) {
	t.Parallel()
	drops, kept := one([]option{col("a", varchar(9))}, nil)
	groups := map[string][]refusal{
		"nulls": nullRefusals(), "unique": uniqueRefusals(), "references": referenceRefusals(), "checks": checkRefusals(),
		"types": typeRefusals(), "renames": renameRefusals(),
		"losses": {{name: "drop a column", from: drops, to: kept}, {name: "drop a table", from: tables(table("olds", id())), to: tables()}},
	}
	for group, cases := range groups {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", "golden", group+".txtar")
			got := &txtar.Archive{Comment: []byte("Questions before the plans of the cases below.\n")}
			for _, c := range cases {
				for _, e := range described() {
					if text := ask(t, e.d, e.major, c); text != "" {
						got.Files = append(got.Files, txtar.File{Name: c.name + ": " + e.name, Data: []byte(text)})
					}
				}
			}
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
				require.NoError(t, os.WriteFile(file, txtar.Format(got), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, string(want), string(txtar.Format(got)))
		})
	}
}

// ask renders the checks of one case on one engine; "" when it has no such types.
func ask(t *testing.T, d engine, major int, c refusal) string {
	t.Helper()
	from, err := d.Lower(c.from)
	if err != nil {
		return ""
	}
	to, err := d.Lower(c.to)
	if err != nil {
		return ""
	}
	p, err := plan.Build(t.Context(), d, plan.Input{EngineVersion: major, Strategy: strategy.Full, Base: from, Target: to})
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, k := range preflight.Checks(d, p) {
		fmt.Fprintf(&b, "%s of %s(%s)", k.Kind, k.Table, strings.Join(k.Columns, ", "))
		if k.Object != "" {
			b.WriteString(" by " + k.Object)
		}
		fmt.Fprintf(&b, ", for: %s\n", k.Change)
		for _, line := range []struct{ what, sql string }{
			{"unchecked", k.Unchecked}, {"holds", k.Holds}, {"total", k.Total}, {"keys", k.Keys}, {"show", k.Show}, {"mend", k.Mend}, {"suggestion", k.Suggestion},
		} {
			if line.sql != "" {
				fmt.Fprintf(&b, "  %s: %s\n", line.what, line.sql)
			}
		}
	}
	if b.Len() == 0 {
		return "nothing to ask\n"
	}
	return b.String()
}
