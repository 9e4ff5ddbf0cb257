package module

import (
	"context"
	"fmt"
	"slices"
	"strings"

	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/sync/errgroup"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Selection is one version of each module, chosen by minimal version selection.
type Selection struct {
	// Versions are sorted by path. Sum may be empty until a version is fetched.
	Versions []Version
	// Edges are the requirements that led there, those of superseded versions
	// included, sorted.
	Edges []Edge
	// Warnings are for a person: retracted or deprecated modules, references
	// that were raised by a requirement.
	Warnings []string
}

// Edge is one requirement: From's go.mod requires at least To.
type Edge struct {
	From Version
	To   Version
}

// Version returns the selected version of a path.
func (s *Selection) Version(path string) (Version, bool) {
	if s == nil {
		return Version{}, false
	}
	for _, v := range s.Versions {
		if v.Path == path {
			return v, true
		}
	}
	return Version{}, false
}

// Select resolves the references and chooses by minimal version selection (Go
// Modules Reference, "Minimal version selection") one version of each of their
// modules and of those in alsoInclude, the paths whose entities were found to
// be referred to. The graph is restricted to these modules; every requirement
// between them counts, also that of a superseded version. A module in
// alsoInclude gets the highest version that is required of it. replace and
// exclude in their go.mod files count nothing, as in Go for modules that are
// not the main one; Config.Replace does.
//
// Errors are those of Query and GoMod, and MODULE_NOT_REQUIRED (Invalid) for a
// path in alsoInclude that nothing requires.
func (c *Client) Select(ctx context.Context, refs []Ref, alsoInclude []string) (*Selection, error) {
	roots, err := c.resolveAll(ctx, refs)
	if err != nil {
		return nil, err
	}
	g := &graph{client: c, include: map[string]bool{}, highest: map[string]string{}, seen: map[gomod.Version]bool{}}
	for _, p := range alsoInclude {
		g.include[p] = true
	}
	for _, r := range roots {
		g.include[r.version.Path] = true
	}
	for _, r := range roots {
		g.reach(gomod.Version{Path: r.version.Path, Version: r.version.Version})
	}
	for _, p := range alsoInclude {
		if _, ok := c.replace[p]; ok {
			g.reach(gomod.Version{Path: p, Version: Replaced})
		}
	}
	if err := g.walk(ctx); err != nil {
		return nil, err
	}
	for _, p := range alsoInclude {
		if g.highest[p] == "" {
			return nil, fault.New(fault.Invalid, ReasonNotRequired, "no selected module requires %s", p).
				Suggest("add it to the go.mod of the module that refers to it, or name its version as well")
		}
	}
	return g.selection(ctx, roots)
}

// resolveAll resolves references side by side, and keeps their order.
func (c *Client) resolveAll(ctx context.Context, refs []Ref) ([]*resolved, error) {
	roots := make([]*resolved, len(refs))
	eg, ectx := errgroup.WithContext(ctx)
	eg.SetLimit(8)
	for i, ref := range refs {
		eg.Go(func() (err error) {
			roots[i], err = c.resolve(ectx, ref)
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	return roots, nil
}

// graph is the requirement graph while it is walked.
type graph struct {
	client  *Client
	include map[string]bool
	highest map[string]string      // per path, the version to be selected
	seen    map[gomod.Version]bool // nodes that were reached
	todo    []gomod.Version        // of those, the ones not read yet
	edges   []Edge
}

// reach adds a node, and raises its path's version.
func (g *graph) reach(mv gomod.Version) {
	if h := g.highest[mv.Path]; h == "" || semver.Compare(mv.Version, h) > 0 {
		g.highest[mv.Path] = mv.Version
	}
	if !g.seen[mv] {
		g.seen[mv] = true
		g.todo = append(g.todo, mv)
	}
}

// walk reads the go.mod of every node.
func (g *graph) walk(ctx context.Context) error {
	for len(g.todo) > 0 {
		mv := g.todo[0]
		g.todo = g.todo[1:]
		f, err := g.client.GoMod(ctx, mv.Path, mv.Version)
		if err != nil {
			return g.blame(mv, err)
		}
		for _, r := range f.Require {
			if !g.include[r.Mod.Path] || r.Mod.Path == mv.Path {
				continue
			}
			to := r.Mod
			if _, ok := g.client.replace[to.Path]; ok {
				to.Version = Replaced
			}
			g.edges = append(g.edges, Edge{
				From: Version{Path: mv.Path, Version: mv.Version},
				To:   Version{Path: to.Path, Version: to.Version},
			})
			g.reach(to)
		}
	}
	return nil
}

// blame adds to an error about a required version who requires it.
func (g *graph) blame(mv gomod.Version, err error) error {
	f := fault.As(err)
	if f == nil {
		return err
	}
	for _, e := range g.edges {
		if e.To.Path == mv.Path && e.To.Version == mv.Version {
			told := *f
			told.Detail += fmt.Sprintf(" (required by %s)", e.From)
			return &told
		}
	}
	return err
}

// selection is the result of the walk.
func (g *graph) selection(ctx context.Context, roots []*resolved) (*Selection, error) {
	sel := &Selection{Edges: g.edges}
	slices.SortFunc(sel.Edges, func(a, b Edge) int {
		return strings.Compare(a.From.String()+" "+a.To.String(), b.From.String()+" "+b.To.String())
	})
	known := map[string]*resolved{}
	for _, r := range roots {
		known[r.version.Path] = r
		if got := g.highest[r.version.Path]; got != r.version.Version {
			sel.Warnings = append(sel.Warnings, g.raised(r.version, got))
		}
	}
	for path, version := range g.highest {
		v := Version{Path: path, Version: version}
		r := known[path]
		switch {
		case r != nil && r.version.Version == version:
			v = r.version
		case version != Replaced:
			if rec, err := g.client.cache.record(gomod.Version{Path: path, Version: version}); err == nil {
				v.Sum = rec.Sum
			}
		}
		sel.Versions = append(sel.Versions, v)
	}
	slices.SortFunc(sel.Versions, func(a, b Version) int { return strings.Compare(a.Path, b.Path) })
	for _, v := range sel.Versions {
		notes, err := g.notes(ctx, v, known[v.Path])
		if err != nil {
			return nil, err
		}
		sel.Warnings = append(sel.Warnings, notes...)
	}
	return sel, nil
}

// raised tells that a reference did not get the version it named.
func (g *graph) raised(asked Version, got string) string {
	for _, e := range g.edges {
		if e.To.Path == asked.Path && e.To.Version == got {
			return fmt.Sprintf("%s was asked for, but %s requires %s: that is selected", asked, e.From, got)
		}
	}
	return fmt.Sprintf("%s was asked for, and %s as well: the higher one is selected", asked, got)
}

// notes tells of a selected version that is retracted or deprecated.
func (g *graph) notes(ctx context.Context, v Version, r *resolved) (notes []string, err error) {
	if v.Version == Replaced {
		return nil, nil
	}
	var st *status
	if r != nil {
		st = r.status
	} else if st, err = g.client.statusOf(ctx, v.Path); err != nil {
		return nil, err
	}
	if st == nil {
		if len(g.client.sources) == 0 {
			return nil, nil
		}
		return []string{fmt.Sprintf("%s: whether it is retracted could not be found out: no source lists its versions now", v)}, nil
	}
	if why := st.retracted(v.Version); why != "" {
		notes = append(notes, fmt.Sprintf("%s is retracted: %s", v, why))
	}
	if st.deprecated != "" {
		notes = append(notes, fmt.Sprintf("%s is deprecated: %s", v.Path, short(st.deprecated, "")))
	}
	return notes, nil
}
