package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// column renders what happens to one column.
func (r *render) column(c diff.Change) error {
	if c.Kind != diff.Column {
		return nil
	}
	switch c.Verb {
	case diff.Add:
		r.addColumn(r.current(c.Name, c.To))
	case diff.Rename:
		r.renameColumn(c)
	case diff.Alter:
		r.modifyColumn(c)
	case diff.Drop:
		r.group.add(fmt.Sprintf("drop column %s from %s", c.Name, r.name),
			append([]dialect.Hazard{{Kind: dialect.HazardDataLoss, Detail: "all values of " + c.Name + " in " + r.name + " are removed"}},
				r.d.dropColumnHazards(r.name)...),
			atlas.DropColumn(c.Name))
	}
	return nil
}

// current is a column as it is after the step.
func (r *render) current(name string, part *diff.Part) *schema.Column {
	if c := r.after.Column(name); c != nil {
		return c
	}
	return part.Column
}

func (r *render) addColumn(c *schema.Column) {
	r.done[c.Name] = true
	t := parseType(c.Physical)
	hazards := []dialect.Hazard{momentary(r.name)}
	switch {
	case t.expr != "" && t.kept == "STORED":
		hazards = copied(r.name)
	case t.expr != "":
	case c.AutoIncrement:
		hazards = append(copied(r.name), dialect.Hazard{Kind: dialect.HazardRewrite, Detail: "every row of " + r.name + " gets a number"})
	case c.Default == nil && !c.Nullable:
		r.guards = append(r.guards, guard{adds: c.Name})
	case c.Default != nil && c.Default.Expr && strings.HasPrefix(r.d.defaultText(c), "("):
		hazards = append(copied(r.name), dialect.Hazard{Kind: dialect.HazardRewrite, Detail: "the default is computed for every row of " + r.name})
	}
	r.group.add(fmt.Sprintf("add column %s to %s", c.Name, r.name), hazards, atlas.AddColumn(c))
}

// renameColumn also replaces the checks and expressions that name the column:
// MySQL refuses to rename it under them, with errors 3959 and 3837.
func (r *render) renameColumn(c diff.Change) {
	r.group.add(fmt.Sprintf("rename column %s of %s to %s", c.OldName, r.name, c.Name), []dialect.Hazard{momentary(r.name)},
		atlas.RenameColumn(c.OldName, c.Name))
	if r.before == nil || r.d.server.maria() {
		return
	}
	for _, k := range r.before.Checks {
		if now := r.after.Check(k.Name); schema.MentionsIdentifier(k.Expr, c.OldName) && now != nil && !r.done["check "+k.Name] {
			r.done["check "+k.Name] = true
			r.group.add("", copied(r.name), atlas.DropCheck(k.Name), atlas.AddCheck(now))
		}
	}
	for _, x := range r.before.Indexes {
		mentions := slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == "" && schema.MentionsIdentifier(p.Expr, c.OldName) })
		if now := r.after.Index(x.Name); mentions && now != nil && !r.done["index "+x.Name] {
			r.done["index "+x.Name] = true
			r.group.add("", nil, atlas.DropIndex(x), atlas.AddIndex(now))
		}
	}
}

// modifyColumn writes a column's whole definition anew, once for all its
// aspects: what MODIFY COLUMN does not repeat is lost, comment and all.
// https://dev.mysql.com/doc/refman/8.4/en/alter-table.html#alter-table-redefine-column
func (r *render) modifyColumn(c diff.Change) {
	to, from := r.current(c.Name, c.To), c.From.Column
	if c.Aspect == diff.AspectType && canonicalType(from.Physical) == canonicalType(to.Physical) && sameText(from.Physical, to.Physical) {
		return // only the neutral type changes
	}
	r.describe(c, from, to)
	if r.done[c.Name] {
		return
	}
	r.done[c.Name] = true
	r.group.add("", []dialect.Hazard{momentary(r.name)}, atlas.ModifyColumn(to, atlas.Aspects{Type: true}))
}

// sameText compares the expressions of generated columns, which canonical types
// leave out.
func sameText(a, b string) bool { return parseType(a).expr == parseType(b).expr }

// describe records what one aspect does.
func (r *render) describe(c diff.Change, from, to *schema.Column) {
	say := func(format string, args ...any) {
		r.group.summaries = append(r.group.summaries, fmt.Sprintf(format, args...))
	}
	switch c.Aspect {
	case diff.AspectType:
		say("change %s of %s from %s to %s", c.Name, r.name, from.Physical, to.Physical)
		r.group.hazards = append(r.group.hazards, r.d.retypeHazards(r.name, c.Name, from.Physical, to.Physical)...)
	case diff.AspectNull:
		if to.Nullable {
			say("allow NULL in %s of %s", c.Name, r.name)
			r.group.hazards = append(r.group.hazards, r.d.nullableHazards(r.name)...)
			return
		}
		say("forbid NULL in %s of %s", c.Name, r.name)
		r.forbidden = append(r.forbidden, c.Name)
		r.guards = append(r.guards, guard{column: c.Name})
		r.group.hazards = append(r.group.hazards, rebuilt(r.name))
	case diff.AspectDefault:
		if to.Default == nil {
			say("drop the default of %s of %s", c.Name, r.name)
		} else {
			say("set the default of %s of %s", c.Name, r.name)
		}
	case diff.AspectAutoIncrement:
		if to.AutoIncrement {
			say("number new rows of %s by %s", r.name, c.Name)
		} else {
			say("stop numbering %s of %s", c.Name, r.name)
		}
		r.group.hazards = append(r.group.hazards, copied(r.name)...)
	case diff.AspectComment:
		say("comment on column %s of %s", c.Name, r.name)
	case diff.AspectNone, diff.AspectDefinition:
	}
}

// release takes the foreign keys of a column that is NOT NULL now away and brings
// them back where the table has to be copied: then the server refuses the change
// under them, with error 1832, and otherwise not.
func (r *render) release() {
	copies := slices.ContainsFunc(r.after.Indexes, func(x *schema.Index) bool { return x.Method != "" }) ||
		slices.ContainsFunc(r.group.hazards, func(h dialect.Hazard) bool { return h == copied(r.name)[0] })
	if !copies {
		return
	}
	for _, f := range r.after.ForeignKeys {
		held := slices.ContainsFunc(f.Columns, func(c string) bool { return slices.Contains(r.forbidden, c) })
		if !held || r.added[f.Name] || r.before.ForeignKey(f.Name) == nil {
			continue
		}
		r.group.add("release foreign key "+f.Name, copied(r.name), atlas.DropForeignKey(f.Name))
		r.late.add("bring foreign key "+f.Name+" back", copied(r.name), atlas.AddForeignKey(f))
	}
}

// numbering stops a column from numbering rows when its key goes and the column
// only goes in a later step: the engine wants every such column in a key.
func (r *render) numbering() {
	for _, c := range r.after.Columns {
		was := r.before.Column(c.Name)
		if !c.AutoIncrement || was == nil || leads(r.after, c.Name) || !leads(r.before, c.Name) {
			continue
		}
		plain := *c
		plain.AutoIncrement = false
		r.group.add(fmt.Sprintf("stop numbering %s of %s", c.Name, r.name), copied(r.name), atlas.ModifyColumn(&plain, atlas.Aspects{Type: true}))
	}
}
