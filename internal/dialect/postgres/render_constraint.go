package postgres

import (
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
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
		if other := c.From.ForeignKey.RefTable; other != r.name {
			lock = append(lock, momentary(other))
		}
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
	case x.Constraint:
		return "unique constraint"
	case x.Unique:
		return "unique index"
	}
	return "index"
}

// dropKey drops the primary key under the name PostgreSQL gave it.
func (r *render) dropKey(c diff.Change) error {
	if c.Kind != diff.PrimaryKey || c.From == nil || len(c.From.PrimaryKey) == 0 {
		return nil
	}
	return r.alter("drop the primary key of "+r.name, hazards(momentary(r.name)),
		atlas.DropPrimaryKey(pkeyName(r.name)))
}

func (r *render) addKey(c diff.Change) error {
	if c.Kind != diff.PrimaryKey || c.To == nil || len(c.To.PrimaryKey) == 0 {
		return nil
	}
	return r.alter(fmt.Sprintf("make %s the primary key of %s", strings.Join(c.To.PrimaryKey, ", "), r.name),
		hazards(dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates or NULL in the key"},
			exclusive(r.name, "while the key's index is built", dialect.LockScan), dialect.Scan(r.name)),
		atlas.AddPrimaryKey(c.To.PrimaryKey))
}

func (r *render) addIndexes(c diff.Change) error {
	if c.Kind != diff.Index {
		return nil
	}
	if c.Verb == diff.Alter && c.Aspect == diff.AspectComment && c.To != nil {
		r.indexComment(c.To.Index.Name, c.To.Index.Comment)
		return nil
	}
	if !adds(c) {
		return nil
	}
	x := c.To.Index
	if err := r.alter(fmt.Sprintf("create %s %s on %s", indexWord(x), x.Name, r.name), r.indexHazards(x), atlas.AddIndex(x)); err != nil {
		return err
	}
	if x.Comment != "" {
		r.indexComment(x.Name, x.Comment)
	}
	return nil
}

func (r *render) indexHazards(x *schema.Index) []dialect.Hazard {
	if r.isNew() {
		return nil
	}
	out := hazards(writing(r.name, "while the index is built", share, dialect.LockScan), dialect.Scan(r.name))
	if x.Constraint {
		out[0] = exclusive(r.name, "while the index is built", dialect.LockScan)
	}
	if x.Unique {
		out = append(out, dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows hold duplicates"})
	}
	return out
}

func (r *render) addChecks(c diff.Change) error {
	if c.Kind != diff.Check || !adds(c) {
		return nil
	}
	var h []dialect.Hazard
	if !r.isNew() {
		h = hazards(dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows violate the check"},
			exclusive(r.name, "while present rows are checked", dialect.LockScan), dialect.Scan(r.name))
	}
	return r.alter(fmt.Sprintf("add check %s to %s", c.To.Check.Name, r.name), h, atlas.AddCheck(c.To.Check))
}

func (r *render) addForeignKeys(c diff.Change) error {
	if c.Kind != diff.ForeignKey || !adds(c) {
		return nil
	}
	f := c.To.ForeignKey
	h := append(hazards(dialect.Hazard{Kind: dialect.HazardMayFail, Detail: "fails when present rows refer to rows that do not exist"}),
		referring(r.name, f, "while present rows are checked", dialect.LockScan)...)
	h = append(h, dialect.Scan(r.name))
	if r.isNew() {
		h = nil
	}
	return r.alter(fmt.Sprintf("add foreign key %s from %s to %s", f.Name, r.name, f.RefTable), h, atlas.AddForeignKey(f))
}
