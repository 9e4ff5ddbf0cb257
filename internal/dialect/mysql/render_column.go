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
		return r.modifyColumn(c)
	case diff.Drop:
		r.dropColumn(c.From.Column)
	}
	return nil
}

// current is a column as it is after the step, and standing as it was before.
func (r *render) current(name string, part *diff.Part) *schema.Column {
	if c := r.after.Column(name); c != nil {
		return plainly(r.after, c)
	}
	return part.Column
}

func (r *render) standing(c *schema.Column) *schema.Column {
	if r.before == nil {
		return c
	}
	return plainly(r.before, c)
}

// plainly is a column as it can be in a table: without numbering where its key
// has gone, since the engine wants every such column in a key.
func plainly(t *schema.Table, c *schema.Column) *schema.Column {
	if !c.AutoIncrement || leads(t, c.Name) {
		return c
	}
	plain := *c
	plain.AutoIncrement = false
	return &plain
}

func (r *render) addColumn(c *schema.Column) {
	r.done[c.Name] = true
	var hazards []dialect.Hazard
	t := parseType(c.Physical)
	switch {
	case t.expr != "":
	case c.AutoIncrement:
		hazards = []dialect.Hazard{dialect.Rewrite(r.name, "every row of "+r.name+" gets a number")}
	case c.Default == nil && !c.Nullable:
		r.guards = append(r.guards, guard{adds: c.Name})
	case c.Default != nil && c.Default.Expr && strings.HasPrefix(r.d.defaultText(c), "("):
		hazards = []dialect.Hazard{dialect.Rewrite(r.name, "the default is computed for every row of "+r.name)}
	}
	r.group.add(fmt.Sprintf("add column %s to %s", c.Name, r.name), r.addColumnMethod(c),
		acts(atlas.AddColumn(c)), acts(atlas.DropColumn(c.Name)), hazards...)
	r.group.last().reshapes = true
	if t.expr != "" {
		r.group.last().place = comesLast
	}
}

// renameColumn also replaces the checks and expressions that name the column:
// MySQL refuses to rename it under them, with errors 3959 and 3837.
func (r *render) renameColumn(c diff.Change) {
	r.group.add(fmt.Sprintf("rename column %s of %s to %s", c.OldName, r.name, c.Name), r.d.renameColumnMethod(),
		acts(atlas.RenameColumn(c.OldName, c.Name)), acts(atlas.RenameColumn(c.Name, c.OldName)))
	if r.before == nil || r.d.server.maria() {
		return
	}
	for _, k := range r.before.Checks {
		if now := r.after.Check(k.Name); schema.MentionsIdentifier(k.Expr, c.OldName) && now != nil && !r.done["check "+k.Name] {
			r.done["check "+k.Name] = true
			r.group.add("", copying, acts(atlas.DropCheck(k.Name), atlas.AddCheck(now)), acts(atlas.DropCheck(k.Name), atlas.AddCheck(k)))
		}
	}
	for _, x := range r.before.Indexes {
		mentions := slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == "" && schema.MentionsIdentifier(p.Expr, c.OldName) })
		if now := r.after.Index(x.Name); mentions && now != nil && !r.done["index "+x.Name] {
			r.done["index "+x.Name] = true
			r.group.add("", r.addIndexMethod(x), acts(atlas.DropIndex(x), atlas.AddIndex(now)), acts(atlas.DropIndex(now), atlas.AddIndex(x)))
		}
	}
}

// modifyColumn writes a column's whole definition anew, once for all its
// aspects: what MODIFY COLUMN does not repeat is lost, comment and all.
// https://dev.mysql.com/doc/refman/8.4/en/alter-table.html#alter-table-redefine-column
func (r *render) modifyColumn(c diff.Change) error {
	to, from := r.current(c.Name, c.To), r.standing(c.From.Column)
	if c.Aspect == diff.AspectType && canonicalType(from.Physical) == canonicalType(to.Physical) && sameText(from.Physical, to.Physical) {
		return nil // only the neutral type changes
	}
	if err := r.convertible(from, to); err != nil {
		return err
	}
	r.describe(c, from, to)
	m := r.modifyMethod(c.Aspect, from, to)
	if r.done[c.Name] {
		r.group.parts = append(r.group.parts, part{method: m}) // written already
		return nil
	}
	r.done[c.Name] = true
	undo := from
	if old := r.before.Column(c.Name); old != nil {
		undo = r.standing(old)
	}
	if r.keeps(undo, to) {
		r.keep(undo, to)
		return nil
	}
	r.group.add("", m, acts(atlas.ModifyColumn(to, atlas.Aspects{Type: true})), acts(atlas.ModifyColumn(undo, atlas.Aspects{Type: true})))
	return nil
}

// convertible refuses what ALTER TABLE cannot do to generated columns, with error
// 3106 or 1901, and what would overwrite values that applications have stored:
// https://dev.mysql.com/doc/refman/8.4/en/alter-table-generated-columns.html
func (r *render) convertible(from, to *schema.Column) error {
	f, t := parseType(from.Physical).kept, parseType(to.Physical).kept
	if f == t || f == "STORED" && t == "" {
		return nil
	}
	kind := func(kept string) string {
		if kept == "" {
			return "stored by applications"
		}
		return "generated and " + strings.ToLower(kept)
	}
	return fault.New(fault.Unsupported, "GENERATED_COLUMN", "column %s of %s is %s and cannot become %s",
		to.Name, r.name, kind(f), kind(t)).
		Suggest("drop the column in one release and add it in the next, or give the new one another name")
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
		r.group.hazards = append(r.group.hazards, r.retypeHazards(from, to)...)
		if f, t := class(parseType(from.Physical)), parseType(to.Physical); class(t) == "date" && slices.Contains([]string{"text", "bytes", "number"}, f) {
			r.guards = append(r.guards, guard{column: c.Name, dates: t.head()})
		}
	case diff.AspectNull:
		if to.Nullable {
			say("allow NULL in %s of %s", c.Name, r.name)
			r.group.hazards = append(r.group.hazards, undoHazard("NULL"))
			return
		}
		say("forbid NULL in %s of %s", c.Name, r.name)
		r.forbidden = append(r.forbidden, c.Name)
		r.guards = append(r.guards, guard{column: c.Name})
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
	case diff.AspectComment:
		say("comment on column %s of %s", c.Name, r.name)
	case diff.AspectNone, diff.AspectDefinition:
	}
}

// release takes the foreign keys of a column that is NOT NULL now away and brings
// them back where the table has to be copied: then the server refuses the change
// under them, with error 1832, and otherwise not.
func (r *render) release() {
	if weakest(r.group.parts) < waiting && !slices.ContainsFunc(r.after.Indexes, func(x *schema.Index) bool { return x.Method != "" }) {
		return
	}
	for _, f := range r.after.ForeignKeys {
		held := slices.ContainsFunc(f.Columns, func(c string) bool { return slices.Contains(r.forbidden, c) })
		if !held || r.added[f.Name] != nil || r.before.ForeignKey(f.Name) == nil {
			continue
		}
		undo := acts(atlas.AddForeignKey(f))
		if f.RefTable == r.after.Name { // not in one statement with the key that it refers to
			undo = nil
			sql, err := r.d.altered(r.ctx, r.earlier(), acts(atlas.AddForeignKey(f)))
			if err != nil {
				r.failed = err
				return
			}
			r.group.then = append(r.group.then, sql)
		}
		r.group.add("release foreign key "+f.Name, r.d.dictionaryMethod(), acts(atlas.DropForeignKey(f.Name)), undo)
		r.late.add("bring foreign key "+f.Name+" back", copying, acts(atlas.AddForeignKey(f)), acts(atlas.DropForeignKey(f.Name)))
	}
}

// numbering stops a column from numbering rows when its key goes and the column
// only goes in a later step: the engine wants every such column in a key.
func (r *render) numbering() {
	for _, c := range r.after.Columns {
		was := r.before.Column(c.Name)
		if r.done[c.Name] || !c.AutoIncrement || was == nil || leads(r.after, c.Name) || !leads(r.before, c.Name) {
			continue
		}
		m := copying
		if r.d.server.maria() {
			m = instant
		}
		r.group.add(fmt.Sprintf("stop numbering %s of %s", c.Name, r.name), m,
			acts(atlas.ModifyColumn(plainly(r.after, c), atlas.Aspects{Type: true})), acts(atlas.ModifyColumn(was, atlas.Aspects{Type: true})))
	}
}
