package gormproof_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/gormproof"
	"github.com/lockstepdb/lockstep/internal/gormproof/grammar"
)

// The environment variables of the property test.
const (
	seedEnv  = "LOCKSTEP_GORMPROOF_SEED"  // repeats a run
	countEnv = "LOCKSTEP_GORMPROOF_COUNT" // groups of structs
)

// defaultCount keeps the test below a minute.
const defaultCount = 60

// TestRandom makes structs at random, gives them to GORM in a program compiled
// for it, and to lockstep as source: the catalogues are the same. A group that
// AutoMigrate fails on is left out; lockstep may have made it, or refused it.
func TestRandom(t *testing.T) {
	seed, count := fromEnv(t, seedEnv, rand.Uint64()), fromEnv(t, countEnv, defaultCount)
	t.Logf("%s=%d %s=%d", seedEnv, seed, countEnv, count)
	run := newRandomRun(t, seed, int(count), program)
	gormproof.EachEngine(t, run.prove)
}

func fromEnv(t *testing.T, name string, fallback uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, name)
	return n
}

// randomRun is one package of random structs and the program that migrates it.
type randomRun struct {
	dir     string // of the package
	program string
	groups  []grammar.Group
}

const program = `package main

import (
	"encoding/json"
	"os"

	"github.com/lockstepdb/lockstep/internal/gormproof/automigrate"
	"%s"
)

func main() {
	failed := map[string]string{}
	for prefix, models := range groups {
		if err := automigrate.Run(os.Args[1], automigrate.Options{}, models...); err != nil {
			failed[prefix] = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(failed); err != nil {
		panic(err)
	}
}

var groups = map[string][]any{
%s}
`

// newRandomRun makes the structs and compiles a program for them, whose text has
// places for the package and for the table of models.
func newRandomRun(t *testing.T, seed uint64, count int, program string) *randomRun {
	t.Helper()
	require.NoError(t, os.MkdirAll("testdata", 0o700))
	root, err := os.MkdirTemp("testdata", "random") //nolint:usetesting // it must lie in this module
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	r := &randomRun{dir: filepath.Join(root, "models"), program: filepath.Join(t.TempDir(), "automigrate")}
	source, groups := grammar.Package(seed, count)
	r.groups = groups
	var table strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&table, "\t%q: {", g.Prefix)
		for _, name := range g.Types {
			fmt.Fprintf(&table, "&models.%s{}, ", name)
		}
		table.WriteString("},\n")
	}
	importPath := path.Join(gormproof.Self, filepath.ToSlash(r.dir))
	require.NoError(t, os.Mkdir(r.dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "models.go"), []byte(source), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(root, "main.go"), fmt.Appendf(nil, program, importPath, table.String()), 0o600))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", r.program, "./"+filepath.ToSlash(root))
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return r
}

// autoMigrate runs the program on a tenant and answers the groups that GORM
// failed on, with its words.
func (r *randomRun) autoMigrate(t *testing.T, target string) map[string]string {
	t.Helper()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), r.program, target)
	cmd.Stdout, cmd.Stderr = &out, &problems
	require.NoError(t, cmd.Run(), problems.String())
	failed := map[string]string{}
	require.NoError(t, json.Unmarshal(out.Bytes(), &failed))
	return failed
}

func (r *randomRun) prove(t *testing.T, e gormproof.Engine) {
	theirs, ours := e.Fresh(t), e.Fresh(t)
	failed := r.autoMigrate(t, theirs)
	finder := gormproof.NewFinder(t)
	mod := gormproof.Source(t, r.dir)
	all := &schema.Schema{}
	proved := []grammar.Group{}
	for _, g := range r.groups {
		patterns := make([]string, len(g.Types))
		for i, name := range g.Types {
			patterns[i] = "." + name
		}
		model, err := gormproof.Target(t.Context(), e.Dialect, mod, finder, entity.Options{Entities: patterns})
		if words, bad := failed[g.Prefix]; bad {
			t.Logf("%s: GORM fails: %s; lockstep: %v", g.Prefix, words, err)
			continue
		}
		if refused(err) {
			t.Logf("%s: GORM makes it, lockstep: %v", g.Prefix, err)
			continue
		}
		require.NoError(t, err, "%s is refused, and GORM makes it:\n%s", g.Prefix, g.Source)
		e.Build(t, ours, model)
		all.Engine, all.Mapping = model.Engine, model.Mapping
		all.Tables = append(all.Tables, model.Tables...)
		proved = append(proved, g)
	}
	t.Logf("%d of %d groups compared", len(proved), len(r.groups))
	assert.Greater(t, len(proved), len(r.groups)/2, "GORM fails on too many groups to prove anything")
	a, b := e.Dump(t, theirs), e.Dump(t, ours)
	for _, g := range proved {
		assert.Empty(t, lineDiff(of(a, g), of(b, g)), "%s: GORM's lines have a -, lockstep's a +\n%s", g.Prefix, g.Source)
	}
	nothingToDo(t, e, theirs, ours, all)
}

// refused says whether an error is one of lockstep's refusals of what GORM takes
// at one side's word; docs/gorm.md has the reasons.
func refused(err error) bool {
	e := fault.As(err)
	if e == nil || len(e.Violations) == 0 {
		return false
	}
	for _, v := range e.Violations {
		if !strings.Contains(v.Description, "is declared already, and differently") && // the first of two columns of one name
			!strings.Contains(v.Description, "has two foreign keys called") { // both sides of a join table
			return false
		}
	}
	return true
}

// of are the lines of a catalogue that belong to a group.
func of(dump string, g grammar.Group) string {
	var lines []string
	for line := range strings.SplitSeq(dump, "\n") {
		if strings.Contains(strings.ToLower(line), strings.ToLower(g.Prefix)) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
