package entity

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

// Proposal is a manifest for a module that has none yet.
type Proposal struct {
	Judgements []Judgement
	Problems   []fault.Violation // what cannot be read as it stands
	Text       string            // a lockstep.yaml, with comments that say why
}

// Propose reads a module as it would be read without any manifest, and writes
// down what was found. Problems do not stop it; what no source has, neither.
func Propose(ctx context.Context, mod *module.Module, find Finder) (*Proposal, error) {
	set, err := newSettings(mod, Options{Manifest: &Manifest{}})
	if err != nil {
		return nil, err
	}
	set.thorough = true
	var last *pass
	var result *Result
	w := newWorld(mod)
	for range maxPasses {
		if err := ctx.Err(); err != nil {
			return nil, contextFault(err, mod)
		}
		last = newPass(w, set)
		if result = last.run(); len(last.missing) == 0 {
			break
		}
		for importPath, from := range last.missing {
			if from == nil {
				from = mod
			}
			if err := w.resolve(ctx, find, from, importPath); err != nil {
				w.asked[importPath] = nil // a proposal can do without
			}
		}
	}
	out := &Proposal{Judgements: result.Judgements}
	if e := fault.As(last.problems.err(mod.Version)); e != nil {
		out.Problems = e.Violations
	}
	found, err := findConfiguration(mod.FS, set.dirs)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, ReasonSource, "the files of %s cannot be read", mod)
	}
	out.Text = out.render(mod, found)
	return out, nil
}

// configuration is what application code of the module says to GORM that a
// manifest must repeat, with the places where it does.
type configuration struct {
	naming      Naming
	noKeys      bool
	places      map[string]string // of each setting
	serializers []string          // "name (file:line)"
}

// findConfiguration looks for GORM's settings in the text of the source. They
// are only proposed, with the place, so that a person can tell.
func findConfiguration(fsys fs.FS, dirs []string) (*configuration, error) {
	c := &configuration{places: map[string]string{}}
	for _, dir := range dirs {
		entries, err := fs.ReadDir(fsys, dir)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			name := path.Join(dir, entry.Name())
			if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				continue
			}
			data, err := fs.ReadFile(fsys, name)
			if err != nil {
				return nil, err
			}
			c.scan(name, string(data))
		}
	}
	return c, nil
}

// scan reads the settings out of one file.
func (c *configuration) scan(name, text string) {
	if !strings.Contains(text, "gorm") {
		return
	}
	re := regexp.MustCompile(`\b(TablePrefix|SingularTable|NoLowerCase|DisableForeignKeyConstraintWhenMigrating):\s*("[^"\n]*"|true)|\bRegisterSerializer\("(\w+)"`)
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		at := fmt.Sprintf("%s:%d", name, 1+strings.Count(text[:m[0]], "\n"))
		if m[6] >= 0 {
			c.serializers = append(c.serializers, text[m[6]:m[7]]+" ("+at+")")
			continue
		}
		key, value := text[m[2]:m[3]], strings.Trim(text[m[4]:m[5]], `"`)
		switch key {
		case "TablePrefix":
			c.naming.TablePrefix = value
		case "SingularTable":
			c.naming.SingularTable = true
		case "NoLowerCase":
			c.naming.NoLowerCase = true
		default:
			c.noKeys = true
		}
		c.places[key] = at
	}
}

// render writes the manifest.
func (p *Proposal) render(mod *module.Module, c *configuration) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Which structs of %s stand for tables, and how they are named.", mod.Path)
	line("version: 1\n")
	p.renderEntities(line)
	p.renderNaming(line, c)
	if c.noKeys {
		line("\n# %s switches them off.", c.places["DisableForeignKeyConstraintWhenMigrating"])
		line("foreign_keys: false")
	}
	if len(c.serializers) > 0 {
		line("\n# GORM stores what a serializer writes as text, unless the field has a type tag.")
		line("# Where it is something else, say so:")
		line("# serializers:")
		for _, s := range c.serializers {
			name, at, _ := strings.Cut(s, " ")
			line("#   %s: bytes  # %s", name, strings.Trim(at, "()"))
		}
	}
	if len(p.Problems) > 0 {
		line("\n# These have to be settled in the source, or left out with exclude:")
		for _, v := range p.Problems {
			line("#   %s: %s", v.Position, strings.ReplaceAll(v.Description, "\n", " "))
		}
	}
	return b.String()
}

// renderEntities writes which packages are looked at, and why each struct is
// taken or left.
func (p *Proposal) renderEntities(line func(string, ...any)) {
	counts := map[string]int{}
	var dirs []string
	for _, j := range p.Judgements {
		if !j.Entity {
			continue
		}
		if counts[j.dir()]++; !slices.Contains(dirs, j.dir()) {
			dirs = append(dirs, j.dir())
		}
	}
	var taken, left, doubtful []Judgement
	elsewhere := 0
	for _, j := range p.Judgements {
		switch {
		case j.Entity:
			taken = append(taken, j)
		case j.Doubtful:
			doubtful = append(doubtful, j)
		case counts[j.dir()] > 0:
			left = append(left, j)
		default:
			elsewhere++
		}
	}
	if len(dirs) == 0 {
		line("# No struct looks like an entity. Name packages or types:\n# entities:\n#   - ./models")
	} else {
		line("# The packages whose structs are looked at.\nentities:")
	}
	for _, dir := range dirs {
		line("  - %s  # %s", dir, entityCount(counts[dir]))
	}
	if len(doubtful) > 0 {
		line("  # These have an ID but no gorm tag. Uncomment what is a table; what is none goes\n  # to exclude, or is marked //lockstep:ignore:")
		for _, j := range doubtful {
			line("  # - %s  # %s", j.Pattern, j.Position)
		}
	}
	reasons := func(title string, list []Judgement) {
		if len(list) == 0 {
			return
		}
		line("\n# %s:", title)
		for _, j := range list {
			line("#   %s  (%s) %s", j.Pattern, j.Position, j.Why)
		}
	}
	reasons("Taken", taken)
	reasons("Left out", left)
	if elsewhere > 0 {
		line("\n# Left out with the packages that hold no entity: %d more.", elsewhere)
	}
}

// dir is the pattern of the package.
func (j *Judgement) dir() string {
	if dir := j.Pattern[:strings.LastIndex(j.Pattern, ".")]; dir != "" {
		return dir
	}
	return "."
}

func (p *Proposal) renderNaming(line func(string, ...any), c *configuration) {
	if c.naming == (Naming{}) {
		return
	}
	line("\n# As the naming strategy in the source has it.\nnaming:")
	if c.naming.TablePrefix != "" {
		line("  table_prefix: %q  # %s", c.naming.TablePrefix, c.places["TablePrefix"])
	}
	if c.naming.SingularTable {
		line("  singular_table: true  # %s", c.places["SingularTable"])
	}
	if c.naming.NoLowerCase {
		line("  no_lower_case: true  # %s", c.places["NoLowerCase"])
	}
}

func entityCount(n int) string {
	if n == 1 {
		return "1 entity"
	}
	return fmt.Sprintf("%d entities", n)
}
