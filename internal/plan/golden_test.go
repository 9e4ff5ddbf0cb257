package plan_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/compose"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlserver"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

var update = flag.Bool("update", false, "rewrite the golden sections")

// engines are in the order of the golden sections.
func engines() []dialect.Dialect {
	return []dialect.Dialect{postgres.New(), mysql.New(), mysql.New(mysql.WithMariaDB()), sqlite.New(), sqlserver.New()}
}

// TestGolden runs every case of testdata/golden: one archive holds the entities
// before and after, the strategies to try, and for each of these and each
// engine the verdicts and the SQL, side by side. The first line of the comment
// names the strategies; without a from/ side the tenant is being initialised.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(archive.Comment), "\n")
	names := strings.Fields(strings.TrimPrefix(line, "strategies:"))
	require.NotEmpty(t, names, "the first line says which strategies: to try")

	got := &txtar.Archive{Comment: archive.Comment}
	want := map[string]string{}
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "from/") || strings.HasPrefix(f.Name, "to/") {
			got.Files = append(got.Files, f)
		} else {
			want[f.Name] = string(f.Data)
		}
	}
	from, to := side(t, archive, "from/"), side(t, archive, "to/")
	for _, name := range names {
		for _, d := range engines() {
			section := fmt.Sprintf("%s.%s", name, d.Engine())
			text := render(t, d, strategy.Name(name), from, to)
			got.Files = append(got.Files, txtar.File{Name: section, Data: []byte(text)})
			if !*update {
				assert.Equal(t, want[section], text, "section %s of %s", section, file)
			}
			delete(want, section)
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(file, txtar.Format(got), 0o600))
		return
	}
	assert.Empty(t, want, "sections that no strategy or engine makes any more")
}

// side reads the entities below prefix; nil when there are none.
func side(t *testing.T, archive *txtar.Archive, prefix string) *schema.Schema {
	t.Helper()
	files := fstest.MapFS{}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, prefix); ok {
			files[name] = &fstest.MapFile{Data: f.Data}
		}
	}
	if len(files) == 0 {
		return nil
	}
	const gomod = "module example.com/golden\n\ngo 1.26\n\nrequire gorm.io/gorm v1.31.2\n"
	files["go.mod"] = &fstest.MapFile{Data: []byte(gomod)}
	parsed, err := modfile.Parse("go.mod", []byte(gomod), nil)
	require.NoError(t, err)
	mod := &module.Module{Version: module.Version{Path: "example.com/golden", Version: "v1.0.0"}, FS: files, File: parsed}
	r, err := entity.Read(t.Context(), mod, nowhere{}, entity.Options{})
	require.NoError(t, err)
	s, err := compose.Compose([]*entity.Result{r})
	require.NoError(t, err)
	return s
}

// nowhere is a module source that has nothing.
type nowhere struct{}

func (nowhere) Find(context.Context, *module.Module, string) (*module.Module, error) { return nil, nil }

func render(t *testing.T, d dialect.Dialect, name strategy.Name, from, to *schema.Schema) string {
	t.Helper()
	in := plan.Input{EngineVersion: 1, Strategy: name, Modules: []module.Version{{Path: "example.com/golden", Version: "v1.0.0", Sum: "h1:x"}}}
	var err error
	if in.Target, err = d.Lower(to); err != nil {
		return "refused: " + err.Error() + "\n"
	}
	if from != nil {
		in.Base, err = d.Lower(from)
		require.NoError(t, err)
	}
	p, err := plan.Build(t.Context(), d, in)
	if err != nil {
		return "refused: " + err.Error() + "\n"
	}
	again, err := plan.Build(t.Context(), d, in)
	require.NoError(t, err)
	require.Equal(t, p.Digest, again.Digest, "the digest is not deterministic")

	var b strings.Builder
	for _, v := range p.Verdicts {
		if from == nil && v.Decision == strategy.Apply {
			continue // an initialisation adds everything; the SQL says it all
		}
		fmt.Fprintf(&b, "-- %s (%s): %s: %s; %s\n", v.Decision, v.Effect, v.Table, v.Change, v.Reason)
	}
	for i := range p.Statements {
		st := &p.Statements[i]
		if st.Destructive {
			b.WriteString("-- DESTRUCTIVE\n")
		}
		for _, h := range st.Hazards {
			fmt.Fprintf(&b, "-- %s: %s\n", h.Kind, h.Detail)
		}
		if st.Irreversible != "" {
			b.WriteString("-- irreversible: " + st.Irreversible + "\n")
		}
		b.WriteString(st.SQL + ";\n")
	}
	for i := range p.Statements {
		for _, sql := range p.Statements[len(p.Statements)-1-i].Reverse {
			if from != nil {
				b.WriteString("-- reverse: " + sql + ";\n")
			}
		}
	}
	return b.String()
}
