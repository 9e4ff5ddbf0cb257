package entity

import (
	"context"
	"errors"
	"go/scanner"
	"go/types"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// settings are a Read's options with the manifest worked in.
type settings struct {
	dirs          []string
	patterns      []pattern
	exclude       []pattern
	excluded      map[string]bool // types that exclude names, by types.TypeString
	manifest      *Manifest       // never nil
	noForeignKeys bool
	thorough      bool // judge the structs of every package
}

// maxPasses bounds how often a module is read anew because a package of
// another one was fetched: the depth of types made of types elsewhere.
const maxPasses = 32

// Read reads the entities of one module. All problems of the module come at
// once, as one *fault.Error with a violation for each.
func Read(ctx context.Context, mod *module.Module, find Finder, opts Options) (*Result, error) {
	set, err := newSettings(mod, opts)
	if err != nil {
		return nil, err
	}
	w := newWorld(mod)
	for range maxPasses {
		if err := ctx.Err(); err != nil {
			return nil, contextFault(err, mod)
		}
		p := newPass(w, set)
		result := p.run()
		if len(p.missing) == 0 {
			return result, p.outcome(result)
		}
		for _, importPath := range slices.Sorted(maps.Keys(p.missing)) {
			from := p.missing[importPath]
			if from == nil {
				from = mod
			}
			if err := w.resolve(ctx, find, from, importPath); err != nil {
				return nil, err
			}
		}
	}
	return nil, fault.New(fault.Invalid, ReasonUnreadable, "the types of %s lie in modules too far apart", mod)
}

func contextFault(err error, mod *module.Module) error {
	kind := fault.Canceled
	if errors.Is(err, context.DeadlineExceeded) {
		kind = fault.Deadline
	}
	return fault.Wrap(err, kind, ReasonSource, "reading the entities of %s was stopped", mod)
}

// newSettings reads the manifest and the patterns.
func newSettings(mod *module.Module, opts Options) (settings, error) {
	var set settings
	manifest := opts.Manifest
	if manifest == nil {
		var err error
		if manifest, err = ownManifest(mod); err != nil {
			return set, err
		}
	}
	dirs, err := packageDirs(mod.FS)
	if err != nil {
		return set, fault.Wrap(err, fault.Unavailable, ReasonSource, "the files of %s cannot be listed", mod)
	}
	set.dirs = dirs
	set.manifest = manifest
	set.noForeignKeys = manifest.ForeignKeys != nil && !*manifest.ForeignKeys
	entities := manifest.Entities
	if len(opts.Entities) > 0 {
		entities = opts.Entities
	}
	var problems problems
	set.patterns = parsePatterns(mod, entities, dirs, &problems)
	set.exclude = parsePatterns(mod, slices.Concat(manifest.Exclude, manifest.Views), dirs, &problems)
	set.excluded = map[string]bool{}
	set.patterns = slices.Clip(set.patterns)
	for _, pat := range set.exclude {
		if pat.name != "" {
			set.excluded[path.Join(mod.Path, pat.dir)+"."+pat.name] = true
		}
	}
	return set, problems.err(mod.Version)
}

// ownManifest reads lockstep.yaml at the module's root; an empty manifest when
// there is none.
func ownManifest(mod *module.Module) (*Manifest, error) {
	data, err := fs.ReadFile(mod.FS, ManifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return &Manifest{}, nil
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, ReasonSource, "%s of %s cannot be read", ManifestFile, mod)
	}
	m, err := ParseManifest(data, ManifestFile)
	if e := fault.As(err); e != nil {
		for i := range e.Violations {
			e.Violations[i].Subject = mod.String()
		}
	}
	return m, err
}

func parsePatterns(mod *module.Module, texts, dirs []string, problems *problems) []pattern {
	var out []pattern
	for _, text := range texts {
		pat, err := parsePattern(text, mod.Path, dirs)
		if err != nil {
			problems.add(fault.Violation{
				Subject: mod.String(), Description: "the pattern " + err.Error(),
				Suggestion: "patterns name packages (./models, ./...) or types (./models.User)",
			})
			continue
		}
		out = append(out, pat)
	}
	return out
}

// run reads everything once.
func (p *pass) run() *Result {
	for _, named := range p.selectEntities() {
		p.parseModel(named)
	}
	s := &schema.Schema{}
	makers := map[string]*model{}
	var extensions []*Extension
	for _, m := range append(p.order, p.joins()...) {
		switch {
		case m.foreign || m.excluded || slices.Contains(p.opts.manifest.LeaveAlone, m.table):
		case m.extends != nil:
			extensions = append(extensions, &Extension{Table: p.table(m), Of: qualifiedName(m.extends.typ)})
		default:
			p.merge(s, m, p.table(m), makers)
		}
	}
	p.indexNames(s, makers)
	slices.SortFunc(s.Tables, func(a, b *schema.Table) int { return strings.Compare(a.Name, b.Name) })
	for _, path := range p.opts.manifest.Requires {
		p.requires[path] = true
	}
	judgements := p.judgements()
	return &Result{
		Module: p.w.own.Version, Schema: s, Requires: slices.Sorted(maps.Keys(p.requires)),
		Extensions: extensions, LeaveAlone: p.opts.manifest.LeaveAlone,
		Warnings: slices.Concat(warnings(judgements), p.unread, p.dubious), Judgements: judgements,
	}
}

// joins are the join tables, in the order of the structs that declare them:
// after these, so that a struct of the same name has precedence. Where a struct
// has one of the other side as well, GORM takes up that side first.
func (p *pass) joins() []*model {
	var (
		out   []*model
		visit func(m *model)
	)
	done := map[*model]bool{}
	visit = func(m *model) {
		if done[m] {
			return
		}
		done[m] = true
		depended := map[*model]bool{}
		for _, r := range m.relations {
			depended[r.target] = depended[r.target] || r.kind == has
		}
		for _, r := range m.relations {
			if r.join == nil {
				continue
			}
			if depended[r.target] {
				visit(r.target)
			}
			if !m.foreign && !m.excluded {
				out = append(out, r.join)
			}
		}
	}
	for _, m := range p.order {
		visit(m)
	}
	return out
}

// outcome is the error of a pass, if any.
func (p *pass) outcome(result *Result) error {
	if err := p.problems.err(p.w.own.Version); err != nil {
		return err
	}
	if len(result.Schema.Tables) == 0 && len(result.Extensions) == 0 {
		return fault.New(fault.Invalid, ReasonNoEntities, "%s declares no entity: no exported struct has a gorm tag, embeds gorm.Model or declares TableName", p.w.own).
			Suggest("say where the entities are: --entities ./models, or a %s at the module's root", ManifestFile)
	}
	return nil
}

// syntaxViolation places an error of the parser.
func syntaxViolation(subject string, err error) fault.Violation {
	v := fault.Violation{Subject: subject, Description: "the file does not parse: " + err.Error(), Suggestion: "mend the Go source"}
	var list scanner.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		first := list[0]
		v.Position = fault.Position{File: first.Pos.Filename, Line: first.Pos.Line, Column: first.Pos.Column}
		v.Description = "the file does not parse: " + first.Msg
	}
	return v
}

// qualifiedName is a type's name with its package path.
func qualifiedName(t types.Type) string { return types.TypeString(t, nil) }
