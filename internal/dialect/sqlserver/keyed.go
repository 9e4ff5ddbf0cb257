package sqlserver

import (
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

var _ plan.Keyer = (*Dialect)(nil)

// Unkeyed tells plans that a key, index or foreign key which a strategy lets stay
// cannot be over a column as it would be: of a type that is no key (error 1919),
// of more bytes than a key has, of another type than what is referred to (1753 and
// 1778).
func (*Dialect) Unkeyed(s *schema.Schema, table, column string) string {
	t := s.Table(table)
	if t == nil || t.Column(column) == nil {
		return ""
	}
	typ := t.Column(column).Physical
	if slices.Contains(t.PrimaryKey, column) && refusesKey(t, "the primary key", keyParts(t.PrimaryKey)) {
		return "the primary key, which stays for now, cannot be over a column of type " + typ
	}
	for _, x := range t.Indexes {
		over := slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == column })
		if over && refusesKey(t, "an index", x.Parts) {
			return fmt.Sprintf("the index %s, which stays for now, cannot be over a column of type %s", x.Name, typ)
		}
	}
	for _, o := range s.Tables {
		for _, f := range o.ForeignKeys {
			if why := unmatched(s, o, f, table, column); why != "" {
				return why
			}
		}
	}
	return ""
}

// unmatched tells whether a foreign key leads from or to a column that is of
// another type at the other end.
func unmatched(s *schema.Schema, o *schema.Table, f *schema.ForeignKey, table, column string) string {
	ref := s.Table(f.RefTable)
	for i := range min(len(f.Columns), len(f.RefColumns)) {
		if ref == nil || (o.Name != table || f.Columns[i] != column) && (ref.Name != table || f.RefColumns[i] != column) {
			continue
		}
		from, to := o.Column(f.Columns[i]), ref.Column(f.RefColumns[i])
		if from != nil && to != nil && canonicalType(from.Physical) != canonicalType(to.Physical) {
			return fmt.Sprintf("the foreign key %s, which stays for now, cannot lead from a column of type %s to one of type %s", f.Name, from.Physical, to.Physical)
		}
	}
	return ""
}

// refusesKey tells whether the engine cannot have a key.
func refusesKey(t *schema.Table, what string, parts []schema.IndexPart) bool {
	refused := false
	checkKey(t, what, parts, func(string, schema.Origin, string, string, ...any) { refused = true })
	return refused
}
