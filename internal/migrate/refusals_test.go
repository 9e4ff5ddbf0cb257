package migrate_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
)

var update = flag.Bool("update", false, "rewrite the want sections of the goldens")

// TestRefusals composes, or checks, the modules of every archive: each
// directory is one, published as v1.0.0.
func TestRefusals(t *testing.T) {
	cases, err := filepath.Glob("testdata/refusals/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			require.NoError(t, err)
			got, want := refusals(t, archive), ""
			for i, f := range archive.Files {
				if f.Name == "want" {
					want = string(f.Data)
					archive.Files = slices.Delete(archive.Files, i, i+1)
					break
				}
			}
			if *update {
				archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
				require.NoError(t, os.WriteFile(name, txtar.Format(archive), 0o600))
				return
			}
			assert.Equal(t, want, got)
		})
	}
}

// refusals are the problems of an archive's modules, one a line.
func refusals(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	if strings.Contains(string(archive.Comment), "manifests: true") {
		return manifestRefusals(t, archive)
	}
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	modules := map[string]map[string]string{}
	var refs []module.Ref
	for _, f := range archive.Files {
		dir, name, ok := strings.Cut(f.Name, "/")
		if !ok {
			continue
		}
		if modules[dir] == nil {
			modules[dir] = map[string]string{}
		}
		modules[dir][name] = string(f.Data)
		if name == "go.mod" {
			refs = append(refs, module.Ref{Path: modfile.ModulePath(f.Data)})
		}
	}
	for _, files := range modules {
		publishFiles(t, proxy, "v1.0.0", files)
	}
	s := newService(t, proxy, nil)
	var b strings.Builder
	if !strings.Contains(string(archive.Comment), "check: true") {
		_, err := s.Compose(t.Context(), migrate.ModuleSet{Refs: refs})
		require.Equal(t, fault.Invalid, fault.KindOf(err))
		for _, v := range fault.As(err).Violations {
			writeRefusal(&b, fault.ReasonOf(err), v)
		}
		return b.String()
	}
	got, err := s.Check(t.Context(), migrate.CheckRequest{
		Ref: refs[0], Against: migrate.AgainstNone, Engines: []dialect.Engine{dialect.Postgres, dialect.SQLite},
	})
	require.NoError(t, err)
	for _, p := range got.Problems {
		writeRefusal(&b, fmt.Sprintf("%s %v", p.Reason, p.Engines), p.Violation)
	}
	return b.String()
}

// manifestRefusals are the problems of the manifests of an archive.
func manifestRefusals(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	var b strings.Builder
	for _, f := range archive.Files {
		if f.Name == "want" {
			continue
		}
		_, err := entity.ParseManifest(f.Data, f.Name)
		require.Error(t, err, f.Name)
		for _, v := range fault.As(err).Violations {
			fmt.Fprintf(&b, "%s\n  %s: %s (%s)\n", fault.ReasonOf(err), v.Position, v.Description, v.Suggestion)
		}
	}
	return b.String()
}

func writeRefusal(b *strings.Builder, reason string, v fault.Violation) {
	fmt.Fprintf(b, "%s\n  %s/%s: %s (%s)\n", reason, v.Subject, v.Position, v.Description, v.Suggestion)
}

// refusal is a row of docs/refusals.md.
type refusal struct {
	id, text string
	pattern  *regexp.Regexp
	seen     bool
}

// readRefusals reads the page.
func readRefusals(t *testing.T) []*refusal {
	t.Helper()
	page, err := os.ReadFile("../../docs/refusals.md")
	require.NoError(t, err)
	var out []*refusal
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| ([A-Z]\\d\\d) \\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(string(page), -1) {
		assert.False(t, ids[m[1]], "the id %s is there twice", m[1])
		ids[m[1]] = true
		text := strings.ReplaceAll(regexp.QuoteMeta(m[2]), "…", ".*")
		out = append(out, &refusal{id: m[1], text: m[2], pattern: regexp.MustCompile(`^(field \S+: )?` + text + `( \(.*)?$`)})
	}
	require.Len(t, out, strings.Count(string(page), "\n| ")-2*strings.Count(string(page), "\n| id "), "every row has four cells, and its text in backticks")
	return out
}

// TestEveryRefusalIsDocumented holds docs/refusals.md, the source and the
// golden cases together: every text of a golden is on the page, every row of
// the page (but those of what cannot happen, with Z) has a golden, and every text in the source is a row.
func TestEveryRefusalIsDocumented(t *testing.T) {
	page := readRefusals(t)
	for _, line := range goldenRefusals(t) {
		found := false
		for _, r := range page {
			if r.pattern.MatchString(line) {
				r.seen, found = true, true
			}
		}
		assert.True(t, found, "not in docs/refusals.md: %s", line)
	}
	for _, r := range page {
		assert.True(t, r.seen || strings.HasPrefix(r.id, "Z"), "%s has no golden case: %s", r.id, r.text)
	}
	for _, text := range sourceRefusals(t) {
		assert.True(t, slices.ContainsFunc(page, func(r *refusal) bool { return r.pattern.MatchString(text) }),
			"in the source, and not in docs/refusals.md: %s", text)
	}
}

// goldenRefusals are the descriptions in the goldens of this package and of the
// reader, without their places.
func goldenRefusals(t *testing.T) []string {
	t.Helper()
	var out []string
	place := regexp.MustCompile(`^  (\S+:\d+(:\d+)?|\S+@v[\d.]+(/\S*)?): (.*)$`)
	for _, glob := range []string{"testdata/refusals/*.txtar", "../entity/testdata/*.txtar"} {
		names, err := filepath.Glob(glob)
		require.NoError(t, err)
		for _, name := range names {
			archive, err := txtar.ParseFile(name)
			require.NoError(t, err)
			want := string(archive.Files[len(archive.Files)-1].Data)
			if strings.HasPrefix(want, "invalid NO_ENTITIES\n") {
				out = append(out, strings.Split(want, "\n")[1])
			}
			if !strings.HasPrefix(want, "invalid ") && !strings.HasPrefix(want, "MODULES_") && !strings.HasPrefix(want, "MANIFEST_") && !strings.HasPrefix(want, "SCHEMA_") {
				continue
			}
			for line := range strings.SplitSeq(want, "\n") {
				if m := place.FindStringSubmatch(line); m != nil {
					out = append(out, m[4])
				}
			}
		}
	}
	return out
}

// sourceRefusals are the texts that the reader, composition and lowering report
// by, with what is filled in left open.
func sourceRefusals(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, glob := range []string{"../entity/*.go", "../compose/*.go", "../dialect/lower.go"} {
		names, err := filepath.Glob(glob)
		require.NoError(t, err)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					out = append(out, reported(call)...)
				}
				return true
			})
		}
	}
	require.Greater(t, len(out), 60)
	return out
}

// reported is the text of a call that reports a problem: the last argument but
// those that are filled in.
func reported(call *ast.CallExpr) []string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	at, known := map[string]int{"report": 2, "reportField": 2, "problem": 2, "patternError": 1}[sel.Sel.Name]
	if sel.Sel.Name == "report" && len(call.Args) > 3 {
		if id, isName := sel.X.(*ast.Ident); isName && id.Name == "r" {
			at = 3 // of lowering: subject, origin, suggestion, text
		}
	}
	if !known || at >= len(call.Args) {
		return nil
	}
	lit, ok := call.Args[at].(*ast.BasicLit)
	if !ok {
		return nil
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil || !regexp.MustCompile(`\w{3}`).MatchString(regexp.MustCompile(`%\w`).ReplaceAllString(text, "")) {
		return nil // nothing of its own
	}
	if sel.Sel.Name == "patternError" {
		text = "the pattern x " + text
	}
	return []string{regexp.MustCompile(`%[qsdv]`).ReplaceAllString(text, "x")}
}
