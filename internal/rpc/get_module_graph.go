package rpc

import (
	"context"
	"slices"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// GetModuleGraph composes a set and says who brings what.
func (s *moduleService) GetModuleGraph(
	ctx context.Context, req *lockstepv1.GetModuleGraphRequest,
) (*lockstepv1.GetModuleGraphResponse, error) {
	target, err := s.compose(ctx, req.GetModules())
	if err != nil {
		return nil, err
	}
	out := &lockstepv1.GetModuleGraphResponse{Warnings: target.Warnings}
	for _, v := range target.Modules {
		node := &lockstepv1.ModuleNode{Module: toModuleVersion(v), RequiredBy: requiredBy(target, v.Path)}
		node.Named = slices.Contains(target.Named, v.Path)
		for _, t := range target.Schema.Tables {
			if t.Origin.Module == v.Path {
				node.Tables = append(node.Tables, t.Name)
			} else if added := addedBy(t, v.Path); added != nil {
				x := &lockstepv1.TableExtension{Table: t.Name, Owner: t.Origin.Module}
				for _, c := range added.Columns {
					x.Columns = append(x.Columns, c.Name)
				}
				node.Extends = append(node.Extends, x)
			}
		}
		out.Modules = append(out.Modules, node)
	}
	return out, nil
}

func requiredBy(target *migrate.Target, path string) []*lockstepv1.ModuleRequirement {
	var out []*lockstepv1.ModuleRequirement
	for _, e := range target.Edges {
		if e.To.Path == path {
			out = append(out, &lockstepv1.ModuleRequirement{
				By: toModuleVersion(module.Version{Path: e.From.Path, Version: e.From.Version}), Version: e.To.Version,
			})
		}
	}
	return out
}

// addedBy is what a module adds to the table of another: the columns, and the
// indexes and constraints that begin with one of them; nil when that is nothing.
func addedBy(t *schema.Table, path string) *schema.Table {
	out := &schema.Table{Name: t.Name, Origin: t.Origin}
	own := func(column string) bool { return out.Column(column) != nil }
	for _, c := range t.Columns {
		if c.Origin.Module == path {
			out.Columns = append(out.Columns, c)
		}
	}
	if len(out.Columns) == 0 {
		return nil
	}
	for _, x := range t.Indexes {
		if slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return own(p.Column) }) {
			out.Indexes = append(out.Indexes, x)
		}
	}
	for _, f := range t.ForeignKeys {
		if slices.ContainsFunc(f.Columns, own) {
			out.ForeignKeys = append(out.ForeignKeys, f)
		}
	}
	for _, k := range t.Checks {
		if slices.ContainsFunc(out.Columns, func(c *schema.Column) bool { return schema.MentionsIdentifier(k.Expr, c.Name) }) {
			out.Checks = append(out.Checks, k)
		}
	}
	return out
}
