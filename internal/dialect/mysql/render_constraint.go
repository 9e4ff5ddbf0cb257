package mysql

import (
	"fmt"
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
	lock := []dialect.Hazard{momentary(r.name)}
	switch c.Kind {
	case diff.ForeignKey:
		r.group.add(fmt.Sprintf("drop foreign key %s from %s", c.From.ForeignKey.Name, r.name), lock, atlas.DropForeignKey(c.From.ForeignKey.Name))
	case diff.Check:
		// Not ModifyCheck, of which Atlas makes DROP CHECK: MariaDB lacks it.
		r.group.add(fmt.Sprintf("drop check %s from %s", c.From.Check.Name, r.name), lock, atlas.DropCheck(c.From.Check.Name))
	case diff.Table, diff.Column, diff.PrimaryKey, diff.Index:
	}
	return nil
}

func (r *render) dropIndex(c diff.Change) error {
	if c.Kind == diff.Index && drops(c) {
		r.group.add(fmt.Sprintf("drop %s %s from %s", indexWord(c.From.Index), c.From.Index.Name, r.name),
			[]dialect.Hazard{momentary(r.name)}, atlas.DropIndex(c.From.Index))
	}
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
	if c.From != nil && len(c.From.PrimaryKey) > 0 {
		r.group.add("drop the primary key of "+r.name, copied(r.name), atlas.DropPrimaryKey("PRIMARY"))
	}
	if c.To != nil && len(c.To.PrimaryKey) > 0 {
		r.group.add(fmt.Sprintf("make %s the primary key of %s", strings.Join(c.To.PrimaryKey, ", "), r.name),
			append(copied(r.name), dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates or NULL in the key"}),
			atlas.AddPrimaryKey(c.To.PrimaryKey))
	}
	return nil
}

func (r *render) renameIndex(c diff.Change) error {
	if c.Kind == diff.Index && c.Verb == diff.Rename {
		r.group.add(fmt.Sprintf("rename index %s of %s to %s", c.OldName, r.name, c.Name), []dialect.Hazard{momentary(r.name)},
			atlas.RenameIndex(c.OldName, c.Name))
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
	h := []dialect.Hazard{momentary(r.name)}
	if x.Method != "" {
		h = append(h, dialect.Hazard{Kind: dialect.HazardLock, Detail: "writers of " + r.name + " wait while the index is built"})
	}
	if x.Unique {
		h = append(h, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates"})
	}
	r.group.add(fmt.Sprintf("create %s %s on %s", indexWord(x), x.Name, r.name), h, atlas.AddIndex(x))
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
		r.group.add(fmt.Sprintf("add check %s to %s", c.To.Check.Name, r.name),
			append(copied(r.name), dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows violate the check"}),
			atlas.AddCheck(c.To.Check))
	case diff.ForeignKey:
		f := c.To.ForeignKey
		h := append(copied(r.name),
			dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows refer to rows that do not exist"},
			dialect.Hazard{Kind: dialect.HazardLock, Detail: "writers of " + f.RefTable + " wait while present rows are checked"})
		g := &r.group
		if c.From != nil && strings.EqualFold(c.From.ForeignKey.Name, f.Name) {
			g = &r.late // one statement cannot drop and add a foreign key of one name
		}
		r.added[f.Name] = true
		g.add(fmt.Sprintf("add foreign key %s from %s to %s", f.Name, r.name, f.RefTable), h, atlas.AddForeignKey(f))
	case diff.Table, diff.Column, diff.PrimaryKey, diff.Index:
	}
	return nil
}
