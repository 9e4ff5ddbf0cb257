package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// drops tells whether a change takes the old form of its object away. There is
// no way to rename a constraint, nor to give an index another comment.
func drops(c diff.Change) bool {
	return c.From != nil && (c.Verb == diff.Drop || c.Verb == diff.Alter || c.Verb == diff.Rename && c.Kind != diff.Index)
}

// adds tells whether a change brings a new form of its object.
func adds(c diff.Change) bool {
	return c.To != nil && (c.Verb == diff.Add || c.Verb == diff.Alter || c.Verb == diff.Rename && c.Kind != diff.Index)
}

func (r *render) dropConstraint(c diff.Change) error {
	if !drops(c) {
		return nil
	}
	switch c.Kind {
	case diff.ForeignKey:
		f := c.From.ForeignKey
		r.group.add(fmt.Sprintf("drop foreign key %s from %s", f.Name, r.name), r.d.dictionaryMethod(),
			acts(atlas.DropForeignKey(f.Name)), acts(atlas.AddForeignKey(f)),
			undoHazard("rows that refer to nothing"))
	case diff.Check:
		// Not ModifyCheck, of which Atlas makes DROP CHECK: MariaDB lacks it.
		k := c.From.Check
		r.group.add(fmt.Sprintf("drop check %s from %s", k.Name, r.name), instant,
			acts(atlas.DropCheck(k.Name)), acts(atlas.AddCheck(k)),
			undoHazard("rows that violate it"))
	case diff.Table, diff.Column, diff.PrimaryKey, diff.Index:
	}
	return nil
}

// undoHazard says why a change that takes a rule away may not be undone.
func undoHazard(what string) dialect.Hazard {
	return dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "only undoing it can fail, if applications have written " + what + " by then"}
}

func (r *render) dropIndex(c diff.Change) error {
	if c.Kind != diff.Index || !drops(c) {
		return nil
	}
	x := c.From.Index
	var hazards []dialect.Hazard
	if x.Unique {
		hazards = append(hazards, undoHazard("duplicates"))
	}
	r.group.add(fmt.Sprintf("drop %s %s from %s", indexWord(x), x.Name, r.name), nocopy,
		acts(atlas.DropIndex(x)), acts(atlas.AddIndex(x)), hazards...)
	return nil
}

func indexWord(x *schema.Index) string {
	switch {
	case x.Unique:
		return "unique index"
	case x.Method != "":
		return x.Method + " index"
	}
	return "index"
}

// key drops and adds the primary key in one statement, which a numbered column
// needs.
func (r *render) key(c diff.Change) error {
	if c.Kind != diff.PrimaryKey {
		return nil
	}
	var old, now []string
	if c.From != nil {
		old = c.From.PrimaryKey
	}
	if c.To != nil {
		now = c.To.PrimaryKey
	}
	m := r.unlessFulltext(inplace)
	if len(now) == 0 && !r.otherKey() {
		m = copying
	}
	if len(old) > 0 {
		r.group.add("drop the primary key of "+r.name, m, acts(atlas.DropPrimaryKey("PRIMARY")), acts(atlas.AddPrimaryKey(old)), undoHazard("duplicates"))
	}
	if len(now) > 0 {
		r.group.add(fmt.Sprintf("make %s the primary key of %s", strings.Join(now, ", "), r.name), m,
			acts(atlas.AddPrimaryKey(now)), acts(atlas.DropPrimaryKey("PRIMARY")),
			dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates or NULL in the key"})
		r.newKey = len(r.group.parts) - 1
	}
	return nil
}

// otherKey tells whether MariaDB can order the table by a unique index once the
// primary key is gone; MySQL copies it in any event.
func (r *render) otherKey() bool {
	return r.d.server.maria() && slices.ContainsFunc(r.after.Indexes, func(x *schema.Index) bool {
		return x.Unique && !slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool {
			c := r.after.Column(p.Column)
			return c == nil || c.Nullable || p.Length > 0
		})
	})
}

func (r *render) renameIndex(c diff.Change) error {
	if c.Kind == diff.Index && c.Verb == diff.Rename {
		r.group.add(fmt.Sprintf("rename index %s of %s to %s", c.OldName, r.name, c.Name), r.d.dictionaryMethod(),
			acts(atlas.RenameIndex(c.OldName, c.Name)), acts(atlas.RenameIndex(c.Name, c.OldName)))
	}
	return nil
}

func (r *render) addIndex(c diff.Change) error {
	if c.Kind != diff.Index || !adds(c) {
		return nil
	}
	x := c.To.Index
	if err := r.indexable(x); err != nil {
		return err
	}
	hazards := []dialect.Hazard{dialect.Scan(r.name)}
	if x.Unique {
		hazards = append(hazards, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates"})
	}
	r.group.add(fmt.Sprintf("create %s %s on %s", indexWord(x), x.Name, r.name), r.addIndexMethod(x),
		acts(atlas.AddIndex(x)), acts(atlas.DropIndex(x)), hazards...)
	return nil
}

// indexable refuses an index over a column that is still text: that it becomes
// varchar(191) for the index was withheld, or is done later.
func (r *render) indexable(x *schema.Index) error {
	for _, p := range x.Parts {
		c := r.after.Column(p.Column)
		if c == nil || p.Length > 0 || x.Method != "" || x.Unique && r.d.server.hashedUniques() {
			continue
		}
		if t := parseType(c.Physical); isText(t.base) || isBlob(t.base) {
			return fault.New(fault.Refused, "INDEX_NEEDS_SIZE",
				"index %s of %s is over column %s, which is %s in this database; %s cannot index that whole", x.Name, r.name, c.Name, c.Physical, r.d.name()).
				Suggest("give the column a size in a release of its own, and the index in the next; or use a strategy that changes the column")
		}
	}
	return nil
}

func (r *render) addConstraint(c diff.Change) error {
	if !adds(c) {
		return nil
	}
	switch c.Kind {
	case diff.Check:
		k := c.To.Check
		r.group.add(fmt.Sprintf("add check %s to %s", k.Name, r.name), copying, acts(atlas.AddCheck(k)), acts(atlas.DropCheck(k.Name)),
			dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows violate the check"})
	case diff.ForeignKey:
		f := c.To.ForeignKey
		g := &r.group
		if c.From != nil && strings.EqualFold(c.From.ForeignKey.Name, f.Name) {
			g = &r.late // one statement cannot drop and add a foreign key of one name
		}
		r.added[f.Name] = g
		g.add(fmt.Sprintf("add foreign key %s from %s to %s", f.Name, r.name, f.RefTable), copying,
			acts(atlas.AddForeignKey(f)), acts(atlas.DropForeignKey(f.Name)),
			dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows refer to rows that do not exist"},
			sharing(f.RefTable, "while present rows are checked", dialect.LockScan))
	case diff.Table, diff.Column, diff.PrimaryKey, diff.Index:
	}
	return nil
}

// support accounts for the indexes that the engine keeps for foreign keys: in
// the one ALTER TABLE and in the late one, and in what undoes them.
func (r *render) support() {
	before, mid := r.renamedBefore(), r.after.Clone()
	mid.ForeignKeys = nil
	main, late, back := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range r.after.ForeignKeys {
		if r.added[f.Name] == &r.late {
			late[f.Name] = true
			continue
		}
		main[f.Name] = r.added[f.Name] != nil
		mid.ForeignKeys = append(mid.ForeignKeys, f)
	}
	for _, f := range before.ForeignKeys {
		back[f.Name] = mid.ForeignKey(f.Name) == nil
	}
	for _, s := range []struct {
		g    *group
		do   []atlas.Action
		undo []atlas.Action
	}{
		{&r.group, r.d.supportActions(before, mid, main), r.d.supportActions(mid, before, back)},
		{&r.late, r.d.supportActions(mid, r.after, late), r.d.supportActions(r.after, mid, nil)},
	} {
		if len(s.do)+len(s.undo) > 0 {
			s.g.add("", nocopy, s.do, s.undo)
		}
	}
}
