package mysql

import (
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// InnoDB needs an index for each foreign key, and makes one under its name where
// there is none:
// https://dev.mysql.com/doc/refman/8.4/en/create-table-foreign-keys.html
// https://mariadb.com/kb/en/foreign-keys/
// It takes this index away when a declared one can do its work, but leaves it
// behind when the foreign key goes, and refuses to lose a declared index that a
// foreign key rests on. These indexes are no part of the model: supports says
// which there are, Inspect leaves them out, and Render accounts for them.

// supports returns the indexes that the engine keeps for t's foreign keys.
func (d *Dialect) supports(t *schema.Table) []*schema.Index {
	if t == nil {
		return nil
	}
	var out []*schema.Index
	for i, f := range t.ForeignKeys {
		later := slices.ContainsFunc(t.ForeignKeys[i+1:], func(o *schema.ForeignKey) bool { return beginsWith(o.Columns, f.Columns) })
		longer := slices.ContainsFunc(t.ForeignKeys[:i], func(o *schema.ForeignKey) bool {
			return len(o.Columns) > len(f.Columns) && beginsWith(o.Columns, f.Columns)
		})
		if !later && !longer && !d.covered(t, f.Columns) {
			out = append(out, &schema.Index{Name: f.Name, Parts: keyParts(f.Columns)})
		}
	}
	return out
}

// covered tells whether a declared key begins with columns. MySQL does not count
// one in descending order.
func (d *Dialect) covered(t *schema.Table, columns []string) bool {
	return beginsWith(t.PrimaryKey, columns) || slices.ContainsFunc(t.Indexes, func(x *schema.Index) bool {
		return x.Method == "" && d.serves(x, columns)
	})
}

// serves tells whether an index begins with columns, whole and in order.
func (d *Dialect) serves(x *schema.Index, columns []string) bool {
	if len(x.Parts) < len(columns) {
		return false
	}
	for i, c := range columns {
		if p := x.Parts[i]; p.Column != c || p.Length > 0 || p.Desc && !d.server.maria() {
			return false
		}
	}
	return true
}

func beginsWith(list, head []string) bool {
	return len(list) >= len(head) && slices.Equal(list[:len(head)], head)
}

// supportActions brings these indexes from those of before to those of after.
// known names the foreign keys that the step adds: the engine makes theirs. The
// actions belong into the one ALTER TABLE that takes the foreign keys or the
// declared indexes away, or brings them.
func (d *Dialect) supportActions(before, after *schema.Table, added map[string]bool) []atlas.Action {
	var out []atlas.Action
	old, now := d.supports(before), d.supports(after)
	same := func(x *schema.Index) func(*schema.Index) bool {
		return func(o *schema.Index) bool { return o.Name == x.Name && slices.Equal(o.Parts, x.Parts) }
	}
	kept := map[string]bool{} // old ones that live on under another name
	for _, x := range now {
		if added[x.Name] || slices.ContainsFunc(old, same(x)) {
			continue
		}
		if i := slices.IndexFunc(old, func(o *schema.Index) bool {
			return slices.Equal(o.Parts, x.Parts) && !slices.ContainsFunc(now, same(o))
		}); i >= 0 {
			kept[old[i].Name] = true
			out = append(out, atlas.RenameIndex(old[i].Name, x.Name))
			continue
		}
		out = append(out, atlas.AddIndex(x))
	}
	for _, x := range old {
		if !kept[x.Name] && !slices.ContainsFunc(now, same(x)) && !replaced(x, now, added) {
			out = append(out, atlas.DropIndex(x))
		}
	}
	return out
}

// replaced tells whether the engine itself takes an index away, because it makes
// another for an added foreign key that can do its work.
func replaced(x *schema.Index, now []*schema.Index, added map[string]bool) bool {
	return slices.ContainsFunc(now, func(n *schema.Index) bool {
		return added[n.Name] && len(n.Parts) >= len(x.Parts) && slices.Equal(n.Parts[:len(x.Parts)], x.Parts)
	})
}

// isSupport tells whether an inspected index is one of those.
func isSupport(t *schema.Table, x *schema.Index) bool {
	f := t.ForeignKey(x.Name)
	if f == nil { // names of indexes differ in case only by chance
		for _, o := range t.ForeignKeys {
			if strings.EqualFold(o.Name, x.Name) {
				f = o
			}
		}
	}
	return f != nil && !x.Unique && x.Method == "" && slices.Equal(x.Parts, keyParts(f.Columns))
}

// Pins tells whether a foreign key holds a column as it is. Both servers refuse
// nearly every other type under one, with errors 1832, 1833 and 3780; what MySQL
// lets pass, a longer string, it does not take back. It also refuses to begin or to
// stop numbering rows by the column.
// https://dev.mysql.com/doc/refman/8.4/en/create-table-foreign-keys.html
func (d *Dialect) Pins(from, to *schema.Column) bool {
	numbering := from.AutoIncrement != to.AutoIncrement && !d.server.maria()
	return numbering || parseType(from.Physical).head() != parseType(to.Physical).head()
}
