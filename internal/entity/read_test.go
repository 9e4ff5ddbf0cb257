package entity_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
)

var update = flag.Bool("update", false, "rewrite the want sections of the goldens")

// TestGolden reads the module of every archive in testdata. Its files are the
// module's, at example.com/m; those under deps/PATH@VERSION/ belong to modules
// that the finder has. The comment may hold lines "entities: PATTERN",
// "origins: true", "judgements: true" and "note: …". The section "want" holds the schema, or the
// error.
func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			require.NoError(t, err)
			c := parseCase(t, archive)
			got := c.run()
			if *update {
				c.rewrite(t, name, archive, got)
				return
			}
			require.Equal(t, c.want, got)
			require.Equal(t, got, c.run(), "reading twice gives the same")
		})
	}
}

type goldenCase struct {
	mod     *module.Module
	finder  finder
	opts    entity.Options
	origins bool
	// judgements: say of each struct what it is taken for.
	judgements bool
	want       string
}

func parseCase(t *testing.T, archive *txtar.Archive) *goldenCase {
	t.Helper()
	c := &goldenCase{finder: finder{}, mod: newModule("example.com/m", "v1.0.0")}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "entities":
			c.opts.Entities = append(c.opts.Entities, value)
		case "origins":
			c.origins = true
		case "judgements":
			c.judgements = true
		}
	}
	for _, f := range archive.Files {
		file := &fstest.MapFile{Data: f.Data, Mode: 0o444}
		switch rest, dep := strings.CutPrefix(f.Name, "deps/"); {
		case f.Name == "want":
			c.want = string(f.Data)
		case dep:
			path, rest, _ := strings.Cut(rest, "@")
			version, name, _ := strings.Cut(rest, "/")
			if c.finder[path] == nil {
				c.finder[path] = newModule(path, version)
			}
			addFile(t, c.finder[path], name, file)
		default:
			addFile(t, c.mod, f.Name, file)
		}
	}
	return c
}

func newModule(path, version string) *module.Module {
	return &module.Module{
		Version: module.Version{Path: path, Version: version},
		FS:      fstest.MapFS{}, File: &modfile.File{},
	}
}

func addFile(t *testing.T, mod *module.Module, name string, file *fstest.MapFile) {
	t.Helper()
	files, ok := mod.FS.(fstest.MapFS)
	require.True(t, ok)
	files[name] = file
}

func (c *goldenCase) run() string {
	result, err := entity.Read(context.Background(), c.mod, c.finder, c.opts)
	if err != nil {
		return fmt.Sprintf("%s %s\n%s\n%s", fault.KindOf(err), fault.ReasonOf(err), err, suggestion(err))
	}
	out := dump(result.Schema, c.origins)
	if len(result.Requires) > 0 {
		out += "requires " + strings.Join(result.Requires, ", ") + "\n"
	}
	for _, x := range result.Extensions {
		out += "extends " + x.Of + "\n" + dump(&schema.Schema{Tables: []*schema.Table{x.Table}}, c.origins)
	}
	for _, w := range result.Warnings {
		out += "warning: " + w + "\n"
	}
	if c.judgements {
		for _, j := range result.Judgements {
			out += fmt.Sprintf("judgement: %s %s entity=%t: %s\n", j.Position, j.Pattern, j.Entity, j.Why)
		}
	}
	return out
}

func suggestion(err error) string {
	if e := fault.As(err); e != nil && e.Suggestion != "" {
		return "suggestion: " + e.Suggestion + "\n"
	}
	return ""
}

func (c *goldenCase) rewrite(t *testing.T, name string, archive *txtar.Archive, got string) {
	t.Helper()
	for i := range archive.Files {
		if archive.Files[i].Name == "want" {
			archive.Files = append(archive.Files[:i], archive.Files[i+1:]...)
			break
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
	require.NoError(t, os.WriteFile(name, txtar.Format(archive), 0o600))
}

// finder has modules by path.
type finder map[string]*module.Module

func (f finder) Find(_ context.Context, _ *module.Module, importPath string) (*module.Module, error) {
	for path, mod := range f {
		if importPath == path || strings.HasPrefix(importPath, path+"/") {
			return mod, nil
		}
	}
	return nil, nil //nolint:nilnil // the contract of Finder: nobody has it
}

// TestFinderFails hands on what the finder says, without its text.
func TestFinderFails(t *testing.T) {
	t.Parallel()
	mod := newModule("example.com/m", "v1.0.0")
	addFile(t, mod, "m.go", &fstest.MapFile{Data: []byte("package m\n\nimport \"example.com/x\"\n\ntype A struct {\n\tID uint `gorm:\"primaryKey\"`\n\tX x.X\n}\n")})
	_, err := entity.Read(context.Background(), mod, failing{errors.New("secret")}, entity.Options{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.NotContains(t, err.Error(), "secret")

	own := fault.New(fault.Corrupt, "SUM_MISMATCH", "the content has changed")
	_, err = entity.Read(context.Background(), mod, failing{own}, entity.Options{})
	require.ErrorIs(t, err, own)
}

type failing struct{ err error }

func (f failing) Find(context.Context, *module.Module, string) (*module.Module, error) {
	return nil, f.err
}

// TestCanceled stops when the caller goes away.
func TestCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := entity.Read(ctx, newModule("example.com/m", "v1.0.0"), nil, entity.Options{})
	require.Equal(t, fault.Canceled, fault.KindOf(err))
}

// TestUnlistable answers a module whose files cannot be listed.
func TestUnlistable(t *testing.T) {
	t.Parallel()
	mod := newModule("example.com/m", "v1.0.0")
	mod.FS = os.DirFS(filepath.Join(t.TempDir(), "gone"))
	_, err := entity.Read(context.Background(), mod, nil, entity.Options{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestParseManifest reads manifests and refuses wrong ones with their line.
func TestParseManifest(t *testing.T) {
	t.Parallel()
	m, err := entity.ParseManifest([]byte("version: 1\nentities: [./a]\nnaming:\n  table_prefix: x_\nforeign_keys: false\n"), "lockstep.yaml")
	require.NoError(t, err)
	require.Equal(t, []string{"./a"}, m.Entities)
	require.Equal(t, "x_", m.Naming.TablePrefix)
	require.False(t, *m.ForeignKeys)

	for text, line := range map[string]int{
		"version: 1\nentites: [./a]\n":                    2,
		"version: 1\nnaming:\n  prefix: x\n":              3,
		"version: 1\nentities: {a: b}\n":                  2,
		"version: 1\nversion: 1\n":                        2,
		"version: [\n":                                    1,
		"version: 2\n":                                    1,
		"# nothing\n":                                     1,
		"version: 1\n\n\nnaming: {singular_table: maybe}": 4,
	} {
		_, err := entity.ParseManifest([]byte(text), "lockstep.yaml")
		e := fault.As(err)
		require.NotNil(t, e, text)
		require.Equal(t, fault.Invalid, e.Kind)
		require.Equal(t, entity.ReasonManifest, e.Reason)
		require.Len(t, e.Violations, 1)
		require.Equal(t, line, e.Violations[0].Position.Line, "%s: %s", text, err)
	}
}
