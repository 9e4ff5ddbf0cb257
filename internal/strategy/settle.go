package strategy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// waiting is what withheld changes leave undone.
type waiting struct {
	tables  map[string]string               // new name to old name, of renames that wait
	columns map[string]string               // new table.column to old column, likewise
	unique  map[string]bool                 // tables whose new unique keys wait
	gone    map[string]bool                 // table.column of columns that stay although the target lacks them
	kept    map[string]bool                 // names of indexes that stay although the target lacks them
	keys    map[string][]*schema.ForeignKey // by referenced table: keys that stay although the target lacks them
	types   map[string]string               // table.column to the new type, of changes of type that wait
}

// settle withholds what builds on withheld changes, until nothing more does.
func settle(verdicts []Verdict) []Verdict {
	for again := true; again; {
		again = false
		w := collect(verdicts)
		for i := range verdicts {
			v := &verdicts[i]
			if len(v.Now) == 0 {
				continue
			}
			if why := w.blocks(v.Change); why != "" {
				*v = withhold(v.Assessment, why)
				again = true
			} else if w.trimTable(v) {
				again = true
			}
		}
	}
	return verdicts
}

func collect(verdicts []Verdict) waiting {
	w := waiting{
		tables: map[string]string{}, columns: map[string]string{}, unique: map[string]bool{},
		gone: map[string]bool{}, kept: map[string]bool{}, keys: map[string][]*schema.ForeignKey{},
		types: map[string]string{},
	}
	for _, v := range verdicts {
		for _, c := range v.Later {
			w.add(c)
		}
	}
	return w
}

func (w waiting) add(c diff.Change) {
	switch {
	case c.Kind == diff.Table && c.Verb == diff.Rename:
		w.tables[c.Table] = c.OldName
	case c.Kind == diff.Column && c.Verb == diff.Rename:
		w.columns[c.Object()] = c.OldName
	case c.Kind == diff.Column && c.Verb == diff.Drop:
		w.gone[c.Object()] = true
	case c.Kind == diff.Column && c.Aspect == diff.AspectType:
		w.types[c.Object()] = c.To.Column.Type.String()
		if c.To.Column.Physical != "" {
			w.types[c.Object()] = c.To.Column.Physical
		}
	case c.Kind == diff.PrimaryKey, c.Kind == diff.Index && c.Verb != diff.Drop && c.To.Index.Unique:
		w.unique[c.Table] = true
	}
	switch {
	case c.Kind == diff.Index && c.Verb == diff.Drop:
		w.kept[c.Name] = true
	case c.Kind == diff.ForeignKey && c.From != nil:
		f := c.From.ForeignKey
		w.keys[f.RefTable] = append(w.keys[f.RefTable], f)
	case c.Kind == diff.Table && c.Verb == diff.Drop:
		for _, x := range c.From.Table.Indexes {
			w.kept[x.Name] = true
		}
		for _, f := range c.From.Table.ForeignKeys {
			w.keys[f.RefTable] = append(w.keys[f.RefTable], f)
		}
	}
}

// blocks tells why a change cannot be carried out while others wait, or "".
func (w waiting) blocks(c diff.Change) string {
	if old, waits := w.tables[c.Table]; waits {
		return fmt.Sprintf("waits for the rename of the table %s to %s", old, c.Table)
	}
	for newName, old := range w.tables {
		if c.Kind == diff.Table && c.Table == old {
			return fmt.Sprintf("waits for the rename of the present table %s to %s", old, newName)
		}
	}
	if why := w.blocksColumns(c); why != "" {
		return why
	}
	if to, waits := w.types[c.Object()]; waits && c.Aspect == diff.AspectDefault && c.To.Column.Default != nil {
		return "waits for the column's change to " + to + ", which it is a default of"
	}
	if c.Verb == diff.Drop {
		for _, name := range covered(c) {
			if w.gone[c.Table+"."+name] {
				return "goes together with the column " + name + ", whose removal waits"
			}
		}
	}
	switch c.Kind {
	case diff.Index:
		return w.blocksIndex(c)
	case diff.ForeignKey:
		if c.To != nil {
			return w.blocksReference(c.To.ForeignKey)
		}
	case diff.Table, diff.Column, diff.PrimaryKey, diff.Check:
	}
	return ""
}

// blocksColumns looks for column renames of the change's own table that wait.
func (w waiting) blocksColumns(c diff.Change) string {
	needs := columnsOf(c)
	for object, old := range w.columns {
		name, here := strings.CutPrefix(object, c.Table+".")
		switch {
		case !here:
		case slices.Contains(needs, name),
			c.Kind == diff.Check && c.To != nil && schema.MentionsIdentifier(c.To.Check.Expr, name):
			return fmt.Sprintf("waits for the rename of the column %s to %s", old, name)
		case c.Kind == diff.Column && c.Verb == diff.Add && c.Name == old:
			return fmt.Sprintf("waits for the rename of the present column %s", old)
		}
	}
	return ""
}

func (w waiting) blocksIndex(c diff.Change) string {
	if c.Verb == diff.Add && w.kept[c.Name] {
		return "waits for the removal of another index of the same name"
	}
	if c.Verb == diff.Drop && c.From.Index.Unique {
		for _, f := range w.keys[c.Table] {
			if sameColumns(f.RefColumns, c.From.Index) {
				return fmt.Sprintf("the foreign key %s, whose removal waits, needs it", f.Name)
			}
		}
	}
	return ""
}

// blocksReference tells why a foreign key cannot be made yet.
func (w waiting) blocksReference(f *schema.ForeignKey) string {
	if old, waits := w.tables[f.RefTable]; waits {
		return fmt.Sprintf("waits for the rename of the table %s to %s", old, f.RefTable)
	}
	for _, name := range f.RefColumns {
		if old, waits := w.columns[f.RefTable+"."+name]; waits {
			return fmt.Sprintf("waits for the rename of the column %s.%s to %s", f.RefTable, old, name)
		}
	}
	if w.unique[f.RefTable] {
		return fmt.Sprintf("waits for the pending key of %s, which it may need", f.RefTable)
	}
	return ""
}

// trimTable leaves the foreign keys and indexes of a new table for later that
// cannot be made yet; it tells whether it did.
func (w waiting) trimTable(v *Verdict) bool {
	if v.Kind != diff.Table || v.Verb != diff.Add {
		return false
	}
	t := v.Now[0].To.Table
	var later []diff.Change
	var why string
	trimmed := *t
	trimmed.ForeignKeys, trimmed.Indexes = nil, nil
	for _, f := range t.ForeignKeys {
		if reason := w.blocksReference(f); reason != "" && f.RefTable != t.Name {
			later = append(later, diff.Change{Verb: diff.Add, Kind: diff.ForeignKey, Table: t.Name, Name: f.Name, To: &diff.Part{ForeignKey: f}})
			why = "its foreign key " + f.Name + " " + reason
			continue
		}
		trimmed.ForeignKeys = append(trimmed.ForeignKeys, f)
	}
	for _, x := range t.Indexes {
		if w.kept[x.Name] {
			later = append(later, diff.Change{Verb: diff.Add, Kind: diff.Index, Table: t.Name, Name: x.Name, To: &diff.Part{Index: x}})
			why = "its index " + x.Name + " waits for the removal of another index of the same name"
			continue
		}
		trimmed.Indexes = append(trimmed.Indexes, x)
	}
	if len(later) == 0 {
		return false
	}
	first := v.Now[0]
	first.To = &diff.Part{Table: &trimmed}
	v.Decision, v.Reason = Split, why
	v.Now, v.Later = []diff.Change{first}, append(v.Later, later...)
	return true
}

// columnsOf returns the columns of its own table that a change needs to exist
// under their new names.
func columnsOf(c diff.Change) []string {
	switch c.Kind {
	case diff.Column:
		if c.Verb != diff.Rename {
			return []string{c.Name}
		}
	case diff.PrimaryKey:
		return append(slices.Clone(c.To.PrimaryKey), c.From.PrimaryKey...)
	case diff.Index:
		if c.To != nil {
			return indexColumns(c.To.Index)
		}
	case diff.ForeignKey:
		if c.To != nil {
			return c.To.ForeignKey.Columns
		}
	case diff.Table, diff.Check:
	}
	return nil
}

// covered returns the columns that a removed index or foreign key starts from.
func covered(c diff.Change) []string {
	switch c.Kind {
	case diff.Index:
		return indexColumns(c.From.Index)
	case diff.ForeignKey:
		return c.From.ForeignKey.Columns
	case diff.Table, diff.Column, diff.PrimaryKey, diff.Check:
	}
	return nil
}

func indexColumns(x *schema.Index) []string {
	var out []string
	for _, p := range x.Parts {
		if p.Column != "" {
			out = append(out, p.Column)
		}
	}
	return out
}

func sameColumns(names []string, x *schema.Index) bool {
	return slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(indexColumns(x))))
}
