package migrate

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// foreignReferences names the foreign keys of tables that no module owns which a
// plan would break, a clause each: they lead to what it drops or gives another
// type. Renames do not break them, engines see to that.
func (s *Service) foreignReferences(ctx context.Context, t *tenant, q dialect.Querier, p *plan.Plan) ([]string, error) {
	surveyor, ok := t.d.(dialect.Surveyor)
	if !ok || p.BaseSchema == nil {
		return nil, nil
	}
	hurt := breaking(p)
	if len(hurt) == 0 {
		return nil, nil
	}
	owned := tableNames(p.BaseSchema)
	references, err := surveyor.Referrers(ctx, q, owned)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range references {
		for _, h := range hurt {
			if h.table == r.ForeignKey.RefTable && (h.column == "" || slices.Contains(r.ForeignKey.RefColumns, h.column)) {
				out = append(out, fmt.Sprintf("the foreign key %s of %s, which no module owns, leads to %s(%s), and the plan would %s",
					r.ForeignKey.Name, r.Table, r.ForeignKey.RefTable, columns(r.ForeignKey.RefColumns), h.what))
				break
			}
		}
	}
	return out, nil
}

// refuseForeignBreaks refuses a plan that would break somebody else's foreign keys.
func (s *Service) refuseForeignBreaks(ctx context.Context, t *tenant, q dialect.Querier, p *plan.Plan) error {
	broken, err := s.foreignReferences(ctx, t, q, p)
	if err != nil || len(broken) == 0 {
		return err
	}
	f := fault.New(fault.Refused, "FOREIGN_REFERENCE", "%d foreign key(s) of tables that no module owns are in the way", len(broken)).
		Suggest("have the owner of that table drop its foreign key, or keep what it leads to")
	for _, b := range broken {
		f.Violations = append(f.Violations, fault.Violation{Description: b})
	}
	return f
}

// hurt is something that a plan takes away, by the names before the plan.
type hurt struct{ table, column, what string }

func breaking(p *plan.Plan) []hurt {
	tables, names := map[string]string{}, map[string]string{}
	for _, v := range p.Verdicts {
		switch {
		case v.Verb != diff.Rename || len(v.Now) == 0:
		case v.Kind == diff.Table:
			tables[v.Table] = v.OldName
		case v.Kind == diff.Column:
			names[v.Object()] = v.OldName
		}
	}
	table := func(name string) string {
		if old, renamed := tables[name]; renamed {
			return old
		}
		return name
	}
	column := func(c diff.Change, name string) string {
		if old, renamed := names[c.Table+"."+name]; renamed {
			return old
		}
		return name
	}
	var out []hurt
	for _, v := range p.Verdicts {
		for _, c := range v.Now {
			for _, name := range taken(c) {
				h := hurt{table: table(c.Table), what: c.String()}
				if name != "" {
					h.column = column(c, name)
				}
				out = append(out, h)
			}
		}
	}
	return out
}

// taken names the columns that a change takes from under a foreign key; "" stands
// for all of the table.
func taken(c diff.Change) []string {
	switch {
	case c.Kind == diff.Table && c.Verb == diff.Drop:
		return []string{""}
	case c.Kind == diff.Column && c.Verb == diff.Drop,
		c.Kind == diff.Column && c.Aspect == diff.AspectType && c.From.Column.Physical != c.To.Column.Physical:
		return []string{c.Name}
	case c.Kind == diff.PrimaryKey:
		return c.From.PrimaryKey
	case c.Kind == diff.Index && c.From != nil && c.Verb != diff.Rename && c.From.Index.Unique:
		return indexed(c.From.Index)
	}
	return nil
}

func indexed(x *schema.Index) []string {
	var out []string
	for _, p := range x.Parts {
		out = append(out, p.Column)
	}
	return slices.DeleteFunc(out, func(name string) bool { return name == "" })
}
