package rpc

import (
	"maps"
	"slices"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func toTable(t *schema.Table) *lockstepv1.Table {
	out := &lockstepv1.Table{
		Name: t.Name, Comment: t.Comment, PrimaryKey: t.PrimaryKey,
		Columns: make([]*lockstepv1.Column, 0, len(t.Columns)),
	}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, toColumn(c))
	}
	for _, x := range t.Indexes {
		out.Indexes = append(out.Indexes, &lockstepv1.Index{
			Name: x.Name, Unique: x.Unique, Constraint: x.Constraint,
			Parts: indexParts(x), Where: x.Where, Method: x.Method,
		})
	}
	for _, f := range t.ForeignKeys {
		out.ForeignKeys = append(out.ForeignKeys, &lockstepv1.ForeignKey{
			Name: f.Name, Columns: f.Columns, RefTable: f.RefTable, RefColumns: f.RefColumns,
			OnDelete: string(f.OnDelete), OnUpdate: string(f.OnUpdate),
		})
	}
	for _, c := range t.Checks {
		out.Checks = append(out.Checks, &lockstepv1.Check{Name: c.Name, Expression: c.Expr})
	}
	out.Origin = toOrigin(t.Origin)
	return out
}

// toOrigin translates provenance; nil where there is none.
func toOrigin(o schema.Origin) *lockstepv1.Origin {
	if o.Module == "" {
		return nil
	}
	return &lockstepv1.Origin{
		Module: o.Module, Version: o.Version, Type: o.Type, File: o.File, Line: i32(o.Line),
	}
}

func toColumn(c *schema.Column) *lockstepv1.Column {
	out := &lockstepv1.Column{
		Name: c.Name, Type: typeText(c.Type), PhysicalType: c.Physical, Nullable: c.Nullable,
		AutoIncrement: c.AutoIncrement, Comment: c.Comment, Origin: toOrigin(c.Origin),
	}
	if d := c.Default; d != nil {
		if d.Value != "" || !d.Expr { // else there is one for single engines only
			out.DefaultValue, out.DefaultIsExpression = &d.Value, d.Expr
		}
		for _, e := range slices.Sorted(maps.Keys(d.Engine)) {
			out.EngineDefaults = append(out.EngineDefaults, &lockstepv1.EngineDefault{Engine: e, Value: d.Engine[e]})
		}
	}
	return out
}
