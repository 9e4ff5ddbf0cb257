package mysql

import (
	"fmt"
	"slices"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// Unkeyed tells plans that a key, index or foreign key which a strategy lets stay
// cannot be over a column as it would be: text without a length (error 1170), more
// bytes than a key has (1071), another type than what is referred to (3780).
func (d *Dialect) Unkeyed(s *schema.Schema, table, column string) string {
	t := s.Table(table)
	if t == nil || t.Column(column) == nil {
		return ""
	}
	typ := t.Column(column).Physical
	if slices.Contains(t.PrimaryKey, column) && d.refusesKey(t, keyParts(t.PrimaryKey), false) {
		return "the primary key, which stays for now, cannot be over a column of type " + typ
	}
	for _, x := range t.Indexes {
		over := slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == column })
		if over && d.refusesKey(t, x.Parts, x.Unique) {
			return fmt.Sprintf("the index %s, which stays for now, cannot be over a column of type %s", x.Name, typ)
		}
	}
	for _, o := range s.Tables {
		for _, f := range o.ForeignKeys {
			for i := range min(len(f.Columns), len(f.RefColumns)) {
				concerns := o == t && f.Columns[i] == column || f.RefTable == table && f.RefColumns[i] == column
				from, to := o.Column(f.Columns[i]), s.Table(f.RefTable).Column(f.RefColumns[i])
				if concerns && from != nil && to != nil && !compatible(parseType(from.Physical), parseType(to.Physical)) {
					return fmt.Sprintf("the foreign key %s, which stays for now, cannot lead from a column of type %s to one of type %s", f.Name, from.Physical, to.Physical)
				}
			}
		}
	}
	return ""
}

// refusesKey tells whether the engine cannot have a key.
func (d *Dialect) refusesKey(t *schema.Table, parts []schema.IndexPart, unique bool) bool {
	refused := false
	d.checkKey(t, "it", parts, unique, func(string, schema.Origin, string, string, ...any) { refused = true })
	return refused
}
