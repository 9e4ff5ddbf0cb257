package migrate

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// AgainstNone as CheckRequest.Against compares with nothing.
const AgainstNone = "none"

// CheckRequest asks what is wrong with a module, before it is published.
type CheckRequest struct {
	Ref      module.Ref
	Manifest *entity.Manifest // replaces the module's own; nil: that one
	Entities []string         // as in ModuleSet
	Engines  []dialect.Engine // to check for; none: all that are served
	// Against is the query of a published version to compare with; "": the
	// latest, if there is any; AgainstNone: no comparison.
	Against string
}

// Problem is one thing that is wrong with a module. The violation's subject is
// the module that declares the place.
type Problem struct {
	fault.Violation
	Reason  string
	Engines []dialect.Engine // that have it; none: it has to do with no engine
}

// CheckResult is what a check found.
type CheckResult struct {
	Module   module.Version
	Tables   int // that it declares
	Problems []Problem
	Warnings []string
	Engines  []dialect.Engine
	Against  *module.Version // what was compared with; nil: nothing
	Changes  []diff.Assessment
}

// Check implements Migrator. What is wrong with the module is the result; an
// error is what kept it from being found out.
func (s *Service) Check(ctx context.Context, req CheckRequest) (*CheckResult, error) {
	v, _, err := s.cfg.Modules.Query(ctx, req.Ref)
	if err != nil {
		return nil, err
	}
	out := &CheckResult{Module: v, Engines: req.Engines}
	if len(out.Engines) == 0 {
		out.Engines = slices.Sorted(maps.Keys(s.cfg.Dialects))
	}
	set := ModuleSet{Refs: []module.Ref{req.Ref}, Entities: req.Entities}
	if req.Manifest != nil {
		set.Manifests = map[string]*entity.Manifest{req.Ref.Path: req.Manifest}
	}
	target, err := s.Compose(ctx, set)
	if err != nil {
		return out, out.blame(err)
	}
	out.Warnings = target.Warnings
	for _, t := range target.Schema.Tables {
		if t.Origin.Module == v.Path {
			out.Tables++
		}
	}
	for _, e := range out.Engines {
		if err := s.checkEngine(e, target.Schema, out); err != nil {
			return nil, err
		}
	}
	out.sort()
	if req.Against == AgainstNone {
		return out, nil
	}
	return out, s.compareWith(ctx, req, set, target, out)
}

// blame turns an error about the input into problems.
func (r *CheckResult) blame(err error) error {
	f := fault.As(err)
	if f == nil || f.Kind != fault.Invalid && f.Kind != fault.Unsupported {
		return err
	}
	for _, v := range f.Violations {
		r.Problems = append(r.Problems, Problem{Violation: v, Reason: f.Reason})
	}
	if len(f.Violations) == 0 {
		r.Problems = []Problem{{Reason: f.Reason, Violation: fault.Violation{
			Subject: r.Module.String(), Description: f.Detail, Suggestion: f.Suggestion,
		}}}
	}
	r.sort()
	return nil
}

// checkEngine lowers the schema for one engine.
func (s *Service) checkEngine(e dialect.Engine, neutral *schema.Schema, out *CheckResult) error {
	d, err := s.dialectOf(dialect.Target{Engine: e})
	if err != nil {
		return err
	}
	_, err = d.Lower(neutral)
	if err == nil {
		return nil
	}
	f := fault.As(err)
	if f == nil || len(f.Violations) == 0 {
		return err
	}
	for _, v := range f.Violations {
		v.Subject = declarer(neutral, v)
		i := slices.IndexFunc(out.Problems, func(p Problem) bool { return p.Violation == v })
		if i < 0 {
			out.Problems = append(out.Problems, Problem{Violation: v, Reason: f.Reason, Engines: []dialect.Engine{e}})
			continue
		}
		out.Problems[i].Engines = append(out.Problems[i].Engines, e)
	}
	return nil
}

// declarer is the module that declares what a refusal of lowering is about,
// whose subject is a table, or a column as table.column.
func declarer(s *schema.Schema, v fault.Violation) string {
	table, column, _ := strings.Cut(v.Subject, ".")
	t := s.Table(v.Subject)
	if t == nil {
		t = s.Table(table)
	}
	if t == nil {
		return v.Subject
	}
	o := t.Origin
	if c := t.Column(column); c != nil && c.Origin.File != "" {
		o = c.Origin
	}
	return o.Module + "@" + o.Version
}

// sort orders the problems by place.
func (r *CheckResult) sort() {
	slices.SortStableFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Subject, b.Subject),
			cmp.Compare(a.Position.File, b.Position.File),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
			cmp.Compare(a.Description, b.Description),
		)
	})
}

// compareWith adds what changed since a published version. Where none was
// asked for, one that is not there or cannot be read is no error.
func (s *Service) compareWith(ctx context.Context, req CheckRequest, set ModuleSet, target *Target, out *CheckResult) error {
	published := *s
	published.cfg.Modules = s.cfg.Modules.Without(req.Ref.Path)
	v, _, err := published.cfg.Modules.Query(ctx, module.Ref{Path: req.Ref.Path, Query: req.Against})
	var base *Target
	if err == nil {
		set.Refs = []module.Ref{{Path: v.Path, Query: v.Version}}
		base, err = published.Compose(ctx, set)
	}
	f := fault.As(err)
	switch {
	case err == nil:
	case req.Against != "" || f == nil || ctx.Err() != nil:
		return err
	case v.Version != "":
		out.Warnings = append(out.Warnings, "not compared with "+v.String()+": "+f.Detail)
		return nil
	case f.Kind == fault.NotFound || f.Reason == module.ReasonSourceOff:
		return nil
	default:
		out.Warnings = append(out.Warnings, "not compared with what is published: "+f.Detail)
		return nil
	}
	changes, err := diff.Diff(base.Schema, target.Schema)
	if err != nil {
		return err
	}
	out.Changes = diff.Assess(changes)
	for _, m := range base.Modules {
		if m.Path == v.Path {
			out.Against = &m
		}
	}
	return nil
}

// Propose implements Migrator.
func (s *Service) Propose(ctx context.Context, ref module.Ref) (module.Version, *entity.Proposal, error) {
	v, _, err := s.cfg.Modules.Query(ctx, ref)
	if err != nil {
		return v, nil, err
	}
	mod, err := s.cfg.Modules.Fetch(ctx, v.Path, v.Version)
	if err != nil {
		return v, nil, err
	}
	p, err := entity.Propose(ctx, mod, s.cfg.Modules.With(nil))
	return mod.Version, p, err
}
