package sqlserver

import (
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// drops tells whether a change takes the old form of its object away.
func drops(c diff.Change) bool {
	return c.From != nil && (c.Verb == diff.Drop || c.Verb == diff.Alter && c.Aspect != diff.AspectComment)
}

// adds tells whether a change brings a new form of its object.
func adds(c diff.Change) bool {
	return c.To != nil && (c.Verb == diff.Add || c.Verb == diff.Alter && c.Aspect != diff.AspectComment)
}

// dropOther drops foreign keys, checks, indexes and unique constraints, also
// those that an Alter of their definition replaces.
func (r *render) dropOther(c diff.Change) error {
	if !drops(c) {
		return nil
	}
	lock := hazards(momentary(r.name))
	switch c.Kind {
	case diff.ForeignKey:
		return r.alter(fmt.Sprintf("drop foreign key %s from %s", c.From.ForeignKey.Name, r.name), lock,
			atlas.DropForeignKey(c.From.ForeignKey.Name))
	case diff.Check:
		return r.alter(fmt.Sprintf("drop check %s from %s", c.From.Check.Name, r.name), lock,
			atlas.DropCheck(c.From.Check.Name))
	case diff.Index:
		return r.alter(fmt.Sprintf("drop %s %s from %s", indexWord(c.From.Index), c.From.Index.Name, r.name), lock,
			atlas.DropIndex(c.From.Index))
	case diff.Table, diff.Column, diff.PrimaryKey:
	}
	return nil
}

func indexWord(x *schema.Index) string {
	switch {
	case x.Constraint && x.Where == "":
		return "unique constraint"
	case x.Unique:
		return "unique index"
	}
	return "index"
}

// dropKey drops the primary key, under whatever name.
func (r *render) dropKey(c diff.Change) error {
	if c.Kind != diff.PrimaryKey || c.From == nil || len(c.From.PrimaryKey) == 0 {
		return nil
	}
	return r.alter("drop the primary key of "+r.name, hazards(rewritten(r.name), exclusive(r.name, "while it is rewritten", dialect.LockRewrite)),
		atlas.DropPrimaryKey(""))
}

func (r *render) addKey(c diff.Change) error {
	if c.Kind != diff.PrimaryKey || c.To == nil || len(c.To.PrimaryKey) == 0 {
		return nil
	}
	if err := r.keyable("the primary key", keyParts(c.To.PrimaryKey)); err != nil {
		return err
	}
	h := hazards(dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates or NULL in the key"},
		rewritten(r.name))
	h = append(h, building(r.name, true)...)
	h = append(h, longKey("the primary key", r.after, keyParts(c.To.PrimaryKey), maxClustered)...)
	return r.alter(fmt.Sprintf("make %s the primary key of %s", strings.Join(c.To.PrimaryKey, ", "), r.name), h,
		atlas.AddPrimaryKeyOnline(c.To.PrimaryKey))
}

func (r *render) addIndexes(c diff.Change) error {
	if c.Kind != diff.Index || !adds(c) {
		return nil
	}
	if err := r.keyable("index "+c.To.Index.Name, c.To.Index.Parts); err != nil {
		return err
	}
	return r.addIndex(c.To.Index, true)
}

// keyable refuses a key or an index over a column of a type that is no key (error
// 1919): that it gets a size was withheld, or is done later.
func (r *render) keyable(what string, parts []schema.IndexPart) error {
	for _, p := range parts {
		if c := r.after.Column(p.Column); c != nil && parseType(c.Physical).large() {
			return fault.New(fault.Refused, "INDEX_NEEDS_SIZE",
				"%s of %s is over column %s, which is %s in this database; SQL Server takes that as no key", what, r.name, c.Name, c.Physical).
				Suggest("give the column a size in a release of its own, and the index in the next; or use a strategy that changes the column")
		}
	}
	return nil
}

// addIndex builds an index of a table that has rows. fails tells whether they
// may be against it.
func (r *render) addIndex(x *schema.Index, fails bool) error {
	h := building(r.name, x.Constraint && x.Where == "")
	if x.Unique && fails {
		h = append(h, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates"})
	}
	h = append(h, longKey("index "+x.Name, r.after, x.Parts, maxKeyBytes)...)
	stmts, err := r.d.planner.Alter(r.ctx, r.after, atlas.AddIndexOnline(x))
	for i, s := range stmts {
		if i > 0 {
			r.emit(s, fmt.Sprintf("comment on index %s of %s", x.Name, r.name))
			continue
		}
		r.emit(s, fmt.Sprintf("create %s %s on %s", indexWord(x), x.Name, r.name), h...)
	}
	return err
}

func (r *render) addChecks(c diff.Change) error {
	if c.Kind != diff.Check || !adds(c) {
		return nil
	}
	return r.alter(fmt.Sprintf("add check %s to %s", c.To.Check.Name, r.name),
		append(hazards(dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows violate the check"}), checked(r.name)...),
		atlas.AddCheck(c.To.Check))
}

func (r *render) addForeignKeys(c diff.Change) error {
	if c.Kind != diff.ForeignKey || !adds(c) {
		return nil
	}
	f := c.To.ForeignKey
	h := append(hazards(dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows refer to rows that do not exist"}),
		referring(r.name, f.RefTable)...)
	return r.alter(fmt.Sprintf("add foreign key %s from %s to %s", f.Name, r.name, f.RefTable), h, atlas.AddForeignKey(f))
}
