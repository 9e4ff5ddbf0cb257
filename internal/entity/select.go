package entity

import (
	"go/types"
	"path"
	"slices"
	"strings"

	gorm "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// candidate is a struct type of the module that may be an entity.
type candidate struct {
	key   string
	named *types.Named
	st    *types.Struct
	dirs  directives
	scope bool // in a package that is looked at

	forced    bool // named by a pattern or a directive
	excluded  bool
	tables    bool // declares TableName itself
	tagged    bool // has a gorm tag, or embeds gorm.Model, itself
	inherits  bool // embeds a struct that is tagged or inherits
	embedders []*candidate
}

// selection chooses the entities of a module:
//
//   - what a pattern names by type, or //lockstep:entity marks, is one;
//   - what //lockstep:ignore marks, or exclude names, is none;
//   - an exported struct that declares TableName is one;
//   - an exported struct that embeds gorm.Model, or has a field with a gorm
//     tag, is one, unless it is only a part of other entities: embedded in one;
//   - an exported struct that has all that only from a struct it embeds is one
//     when that struct is a part (other entities embed it, or it is ignored),
//     none when that struct is an entity in its own right (then this is a view
//     of it), and else cannot be told: an error asks for a directive.
//
// Without patterns, packages main and internal are not looked at: no service
// can import them.
type selection struct {
	p     *pass
	list  []*candidate
	byKey map[string]*candidate
	alias map[string]string // key of an alias to that of its type
	done  map[string]bool   // directories that were collected

	absent map[string]bool // structs of files that go build leaves out
}

// selectEntities answers the entities in a fixed order.
func (p *pass) selectEntities() []*types.Named {
	s := &selection{p: p, byKey: map[string]*candidate{}, alias: map[string]string{}, done: map[string]bool{}, absent: map[string]bool{}}
	for _, dir := range p.opts.dirs {
		if s.mayMatter(dir) {
			s.collect(dir)
		}
	}
	for i := 0; i < len(s.list); i++ { // grows
		s.collectEmbedded(s.list[i])
	}
	s.applyPatterns()
	for _, c := range s.list {
		s.examine(c)
	}
	for range s.list { // embedding may go over several steps
		if !s.inherit() {
			break
		}
	}
	var out []*types.Named
	taken := map[*candidate]bool{}
	for _, c := range s.list {
		if c.forced || c.scope && s.isEntity(c) {
			taken[c] = true
			out = append(out, c.named)
		}
	}
	s.judge(taken)
	return out
}

// mayMatter says whether a package may hold entities, or what a pattern names:
// so that the cost of reading follows these, not the size of the repository.
func (s *selection) mayMatter(dir string) bool {
	return s.named(dir) || s.inScope(dir, "")
}

// named says whether a pattern names a type of a package.
func (s *selection) named(dir string) bool {
	return slices.ContainsFunc(slices.Concat(s.p.opts.patterns, s.p.opts.exclude), func(pat pattern) bool {
		return pat.name != "" && pat.dir == dir
	})
}

// collectEmbedded enters the packages of the module whose structs c embeds.
func (s *selection) collectEmbedded(c *candidate) {
	for i := range c.st.NumFields() {
		f := c.st.Field(i)
		named, ok := types.Unalias(deref(f.Type())).(*types.Named)
		if !ok || named.Obj().Pkg() == nil || !f.Embedded() && !strings.Contains(c.st.Tag(i), "embedded") {
			continue
		}
		if dir, own := within(s.p.w.own.Path, named.Obj().Pkg().Path()); own && slices.Contains(s.p.opts.dirs, dir) {
			s.collect(dir)
		}
	}
}

// collect enters the struct types of one package, in the order of the source.
func (s *selection) collect(dir string) {
	if s.done[dir] {
		return
	}
	s.done[dir] = true
	importPath := path.Join(s.p.w.own.Path, dir)
	src := s.p.w.source(importPath)
	if src == nil {
		return
	}
	inScope := s.inScope(dir, src.name)
	if inScope {
		s.syntaxErrors(src)
		s.unread(src)
	}
	if len(s.p.opts.patterns) == 0 && !s.named(dir) && !s.p.opts.thorough && !promising(src) {
		return
	}
	scope := s.p.load(importPath).types.Scope()
	var found []*candidate
	for _, name := range scope.Names() {
		tn, ok := scope.Lookup(name).(*types.TypeName)
		if !ok {
			continue
		}
		named, ok := types.Unalias(tn.Type()).(*types.Named)
		if !ok {
			continue
		}
		if tn.IsAlias() {
			s.alias[importPath+"."+name] = types.TypeString(named, nil)
			continue
		}
		st, ok := named.Underlying().(*types.Struct)
		if !ok {
			continue
		}
		key := types.TypeString(named, nil)
		if named.TypeParams() != nil {
			key = importPath + "." + name
		}
		c := &candidate{key: key, named: named, st: st, scope: inScope && tn.Exported() && named.TypeParams() == nil}
		c.excluded = s.p.leftOut(key, importPath)
		s.directives(c)
		found = append(found, c)
		s.byKey[key] = c
	}
	slices.SortFunc(found, func(a, b *candidate) int { return int(a.named.Obj().Pos() - b.named.Obj().Pos()) })
	s.list = append(s.list, found...)
}

// leftOut says whether the manifest excludes a type, by its name or by its
// package.
func (p *pass) leftOut(key, importPath string) bool {
	dir, own := within(p.w.own.Path, importPath)
	return p.opts.excluded[key] || own && slices.ContainsFunc(p.opts.exclude, func(pat pattern) bool {
		return pat.name == "" && pat.covers(dir)
	})
}

// inScope says whether the entities of a package are looked for.
func (s *selection) inScope(dir, name string) bool {
	if len(s.p.opts.patterns) == 0 {
		return name != "main" && !slices.Contains(strings.Split(dir, "/"), "internal")
	}
	return slices.ContainsFunc(s.p.opts.patterns, func(pat pattern) bool { return pat.name == "" && pat.covers(dir) })
}

func (s *selection) directives(c *candidate) {
	site, ok := s.p.w.index.types[c.named.Obj().Pos()]
	if !ok {
		return
	}
	dirs, errs := parseDirectives(site.doc)
	for _, e := range errs {
		s.p.report(e.pos, hintDirectives, "%s", e.text)
	}
	c.dirs = dirs
	c.excluded = c.excluded || dirs.ignore
	c.forced = c.scope && !c.excluded && (dirs.entity || dirs.table != "" || dirs.extends != "")
}

// applyPatterns forces the types that patterns name.
func (s *selection) applyPatterns() {
	for _, pat := range s.p.opts.patterns {
		if pat.name == "" {
			continue
		}
		c := s.find(pat)
		switch {
		case c == nil:
			s.patternError(pat, "names no struct of the module")
		case c.named.TypeParams() != nil:
			s.patternError(pat, "names a generic type, which has no table")
		case !c.excluded:
			c.forced = true
		}
	}
	for _, pat := range s.p.opts.exclude {
		if pat.name != "" && s.find(pat) == nil && !s.absent[path.Join(s.p.w.own.Path, pat.dir)+"."+pat.name] {
			s.patternError(pat, "names no struct of the module")
		}
	}
}

// find is the struct that a pattern names, by its own name or by an alias.
func (s *selection) find(pat pattern) *candidate {
	key := path.Join(s.p.w.own.Path, pat.dir) + "." + pat.name
	if c := s.byKey[key]; c != nil {
		return c
	}
	return s.byKey[s.alias[key]]
}

func (s *selection) patternError(pat pattern, text string) {
	s.p.problems.add(fault.Violation{
		Subject: s.p.w.own.String(), Description: "the pattern " + pat.text + " " + text,
		Suggestion: "patterns name packages (./models, ./...) or types (./models.User)",
	})
}

// examine notes what a struct says of itself, and which it embeds.
func (s *selection) examine(c *candidate) {
	for m := range c.named.Methods() {
		if m.Name() == "TableName" && isStringResult(m) {
			c.tables = true
		}
	}
	for i := range c.st.NumFields() {
		f := c.st.Field(i)
		tag, hasTag := tagOf(c.st, i).Lookup("gorm")
		_, embedded := gorm.ParseTagSetting(tag, ";")["EMBEDDED"]
		c.tagged = c.tagged || hasTag
		if !f.Embedded() && !embedded {
			continue
		}
		if c.scope && !c.excluded && !c.tagged && unresolved(f.Type()) {
			s.p.want(f.Pos()) // it may bring columns
			continue
		}
		named, ok := types.Unalias(deref(f.Type())).(*types.Named)
		if !ok {
			continue
		}
		if isGormModel(named) {
			c.tagged = true
		}
		switch part := s.byKey[types.TypeString(named, nil)]; {
		case part == nil:
			c.tagged = c.tagged || s.foreignPart(named, map[*types.Named]bool{})
		case part != c:
			part.embedders = append(part.embedders, c)
		}
	}
}

// foreignPart says whether a struct of another module that is embedded here
// brings columns: it has gorm tags, and no table of its own.
func (s *selection) foreignPart(named *types.Named, seen map[*types.Named]bool) bool {
	st, ok := named.Underlying().(*types.Struct)
	if !ok || seen[named] || len(seen) > maxParts || s.p.methodOf(named, "TableName") != nil {
		return false
	}
	if isGormModel(named) {
		return true
	}
	seen[named] = true
	for i := range st.NumFields() {
		if _, ok := tagOf(st, i).Lookup("gorm"); ok {
			return true
		}
		if inner, ok := types.Unalias(deref(st.Field(i).Type())).(*types.Named); ok && st.Field(i).Embedded() && s.foreignPart(inner, seen) {
			return true
		}
	}
	return false
}

func isGormModel(named *types.Named) bool {
	obj := named.Obj()
	return obj.Name() == "Model" && obj.Pkg() != nil && obj.Pkg().Path() == "gorm.io/gorm"
}

// inherit carries being tagged on to embedding structs, one step at a time.
func (s *selection) inherit() bool {
	changed := false
	for _, c := range s.list {
		if !c.tagged && !c.inherits && !c.tables {
			continue
		}
		for _, outer := range c.embedders {
			if !outer.tagged && !outer.inherits {
				outer.inherits = true
				changed = true
			}
		}
	}
	return changed
}

func (c *candidate) strong() bool { return !c.excluded && (c.forced || c.tables) }

// isPart says whether a struct is only a part of entities.
func (c *candidate) isPart() bool {
	return c.excluded || !c.strong() && slices.ContainsFunc(c.embedders, func(outer *candidate) bool {
		return outer.strong() || !outer.excluded && outer.tagged
	})
}

// isEntity is the default rule.
func (s *selection) isEntity(c *candidate) bool {
	switch {
	case c.excluded:
		return false
	case c.strong():
		return true
	case c.isPart():
		return false
	case c.tagged:
		return !s.ambiguous(c)
	case c.inherits:
		return slices.ContainsFunc(s.parts(c), (*candidate).isPart) && !slices.ContainsFunc(s.parts(c), (*candidate).strong)
	}
	return false
}

// parts are the structs of the module that c embeds.
func (s *selection) parts(c *candidate) []*candidate {
	var out []*candidate
	for _, part := range s.list {
		if slices.Contains(part.embedders, c) {
			out = append(out, part)
		}
	}
	return out
}

// ambiguous says whether c could be an entity or a part of the untagged structs
// that embed it, and reports it.
func (s *selection) ambiguous(c *candidate) bool {
	var outer []string
	for _, o := range c.embedders {
		if o.scope && !o.excluded && !o.tagged {
			outer = append(outer, o.named.Obj().Name())
		}
	}
	if len(outer) == 0 {
		return false
	}
	name := c.named.Obj().Name()
	s.p.report(c.named.Obj().Pos(), "write //lockstep:entity above "+name+", or //lockstep:ignore when it is only a part of others; or name the entities in "+ManifestFile,
		"%s looks like an entity, but %s, which has no tags of its own, embeds it: which of them are tables?", name, strings.Join(outer, " and "))
	return true
}
