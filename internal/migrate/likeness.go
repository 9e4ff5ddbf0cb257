package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Status is how an object of a database differs from what it should be.
type Status string

// The statuses.
const (
	Missing Status = "missing"
	Extra   Status = "extra"
	Altered Status = "altered"
)

// Severity is what a difference means for going on from the database as it is.
type Severity string

// The severities, from harmless to harmful.
const (
	Cosmetic   Severity = "cosmetic"   // nobody notices: a comment, the name of a constraint
	Acceptable Severity = "acceptable" // it can be recorded, and a later execution settles it
	Blocking   Severity = "blocking"   // what is there cannot be taken for what is wanted
)

// Difference is one object that is not what it should be.
type Difference struct {
	Kind    diff.Kind
	Table   string
	Name    string // "" for tables and primary keys
	Status  Status
	Aspects []diff.Aspect // with Altered, of a column
	// Want and Have are the object in the engine's words; nil where there is none.
	Want, Have *diff.Part
	// Clauses say what differs where only the structure could be compared: the
	// difference is then a whole table.
	Clauses []string
	// OtherName is the name that it has instead, when only that differs.
	OtherName string
	Severity  Severity
	// Restore is the SQL that would bring the object back, in order; none when
	// the engine cannot do it.
	Restore []string
	// Accept says what to change in the entity to have it as it is.
	Accept string

	back []diff.Change // what would bring it back, in the model's terms
}

// String says what differs, as a clause.
func (d *Difference) String() string {
	what := strings.ReplaceAll(string(d.Kind), "_", " ")
	if d.Kind == diff.Table {
		what = "table " + d.Table
	} else if d.Name != "" {
		what += " " + d.Name
	}
	if d.Kind != diff.Table {
		what = d.Table + ": " + what
	}
	switch {
	case len(d.Clauses) > 0:
		return what + ": " + strings.Join(d.Clauses, ", ")
	case d.OtherName != "":
		return what + " is named " + d.OtherName
	case d.Status == Missing:
		return what + " is missing"
	case d.Status == Extra:
		return what + " is not in the model"
	}
	aspects := make([]string, len(d.Aspects))
	for i, a := range d.Aspects {
		aspects[i] = aspectWord(a)
	}
	if len(aspects) == 0 {
		return what + " is " + d.deviates()
	}
	return fmt.Sprintf("%s has another %s", what, strings.Join(aspects, " and "))
}

// deviates says how something is that has the right name and is another.
func (d *Difference) deviates() string {
	if p := d.Have; p != nil {
		switch {
		case p.Index != nil && p.Index.Deviation != "":
			return p.Index.Deviation
		case p.ForeignKey != nil && p.ForeignKey.Deviation != "":
			return p.ForeignKey.Deviation
		case p.Check != nil && p.Check.Deviation != "":
			return p.Check.Deviation
		}
	}
	return "another"
}

func aspectWord(a diff.Aspect) string {
	switch a {
	case diff.AspectNull:
		return "nullability"
	case diff.AspectAutoIncrement:
		return "numbering"
	case diff.AspectNone, diff.AspectType, diff.AspectDefault, diff.AspectComment, diff.AspectDefinition:
	}
	return string(a)
}

// likeness is the comparison of a tenant with a model, both in the engine's words.
type likeness struct {
	differences []Difference
	// found is the model as the database really is: what is equal stays in the
	// model's terms, what differs is in the engine's.
	found *schema.Schema
}

// compare tells how the tables of a database differ from those of a model. want
// is the model in the engine's words, have what was found; names are the tables
// that count.
func compare(model, want, have *schema.Schema, names []string) (*likeness, error) {
	own := part(model, names)
	own.Tables = slices.DeleteFunc(own.Tables, func(t *schema.Table) bool { return !slices.Contains(names, t.Name) })
	wanted, found := plain(want, names), plain(have, names)
	named(wanted, found)
	changes, err := diff.Diff(wanted, found)
	if err != nil {
		return nil, err
	}
	out := &likeness{}
	draft := schema.NewDraft(own)
	for _, c := range drops(changes) {
		before := draft.Table(c.Table).Clone()
		translated, known := inModel(c, before)
		if !known {
			continue // the engine made it of its own accord, and the model does not speak of it
		}
		if err := translated.Apply(draft); err != nil {
			return nil, err
		}
		out.add(c, translated, before)
	}
	out.found = draft.Schema()
	return out, nil
}

// drops puts removals behind everything else, so that each change finds what it
// is about.
func drops(changes []diff.Change) []diff.Change {
	out := slices.Clone(changes)
	slices.SortStableFunc(out, func(a, b diff.Change) int {
		rank := func(c diff.Change) int {
			if c.Verb == diff.Drop {
				return 1
			}
			return 0
		}
		return rank(a) - rank(b)
	})
	return out
}

// plain is what counts of an inspection: the named tables, and of a key that it
// takes no NULL, which goes without saying.
func plain(s *schema.Schema, names []string) *schema.Schema {
	out := &schema.Schema{}
	for _, t := range s.Tables {
		if !slices.Contains(names, t.Name) {
			continue
		}
		t = t.Clone()
		for _, c := range t.Columns {
			c.Nullable = c.Nullable && !slices.Contains(t.PrimaryKey, c.Name)
		}
		out.Tables = append(out.Tables, t)
	}
	return out
}

// named gives constraints that have no name of their own the name of the wanted
// one that they equal: a table written by hand often names none.
func named(want, have *schema.Schema) {
	for _, t := range have.Tables {
		w := want.Table(t.Name)
		if w == nil {
			w = &schema.Table{}
		}
		nameKeys(w, t)
		for i, k := range t.Checks {
			if k.Name != "" {
				continue
			}
			k.Name = fmt.Sprintf("unnamed_check_%d", i+1)
			for _, other := range w.Checks {
				if other.Expr == k.Expr && t.Check(other.Name) == nil {
					k.Name = other.Name
				}
			}
		}
		for _, x := range t.Indexes {
			if !x.Constraint || !strings.HasPrefix(x.Name, "sqlite_autoindex_") {
				continue
			}
			for _, other := range w.Indexes {
				if other.Constraint && slices.Equal(other.Parts, x.Parts) && t.Index(other.Name) == nil {
					x.Name = other.Name
				}
			}
		}
	}
}

func nameKeys(want, have *schema.Table) {
	for i, f := range have.ForeignKeys {
		if f.Name != "" {
			continue
		}
		f.Name = fmt.Sprintf("unnamed_key_%d", i+1)
		for _, other := range want.ForeignKeys {
			alike := *other
			alike.Name = f.Name
			if fmt.Sprint(alike) == fmt.Sprint(*f) && have.ForeignKey(other.Name) == nil {
				f.Name = other.Name
			}
		}
	}
}

// inModel says a change from the wanted to the found inspection in the model's
// terms, when it is about something that the model speaks of. before is the table
// as the model has it so far.
func inModel(c diff.Change, before *schema.Table) (diff.Change, bool) {
	if before == nil {
		return c, false
	}
	switch {
	case c.Kind == diff.Table:
		c.From = &diff.Part{Table: before}
		if c.Verb == diff.Alter {
			after := before.Clone()
			after.Comment = c.To.Table.Comment
			c.To = &diff.Part{Table: after}
		}
	case c.Kind == diff.Column && c.Verb == diff.Add:
		c.To = &diff.Part{Column: foundColumn(c.To.Column)}
	case c.Kind == diff.Column:
		model := before.Column(c.Name)
		if model == nil {
			return c, false
		}
		c.From = &diff.Part{Column: model}
		if c.Verb == diff.Alter {
			c.To = &diff.Part{Column: alteredColumn(model, c.To.Column, c.Aspect)}
		}
	case c.Kind == diff.PrimaryKey:
		c.From = &diff.Part{PrimaryKey: before.PrimaryKey}
	case c.From != nil:
		return namedInModel(c, before)
	}
	return c, true
}

// namedInModel does it for indexes and constraints.
func namedInModel(c diff.Change, before *schema.Table) (diff.Change, bool) {
	name, renamed := c.Name, c.Verb == diff.Rename
	if renamed {
		name = c.OldName
	}
	from, to := &diff.Part{}, &diff.Part{}
	known := false
	switch c.Kind {
	case diff.Index:
		if from.Index, known = before.Index(name), before.Index(name) != nil; known && renamed {
			to.Index = from.Index.Clone()
			to.Index.Name = c.Name
		}
	case diff.ForeignKey:
		if from.ForeignKey, known = before.ForeignKey(name), before.ForeignKey(name) != nil; known && renamed {
			to.ForeignKey = from.ForeignKey.Clone()
			to.ForeignKey.Name = c.Name
		}
	case diff.Check:
		if from.Check, known = before.Check(name), before.Check(name) != nil; known && renamed {
			to.Check = &schema.Check{Name: c.Name, Expr: from.Check.Expr}
		}
	case diff.Table, diff.Column, diff.PrimaryKey:
	}
	c.From = from
	if renamed {
		c.To = to
	}
	return c, known
}

// foundColumn is a column that only the database knows, as the model would have
// it: of a type that is taken as the engine spells it.
func foundColumn(found *schema.Column) *schema.Column {
	c := found.Clone()
	c.Type = schema.Type{Kind: schema.Raw, Raw: found.Physical}
	return c
}

// foundType is the neutral type of a column whose physical one is another: of the
// model's kind with another size, where that is all, so that going from the one to
// the other is known to widen or to narrow; else the type as the engine spells it.
func foundType(model schema.Type, physical string) schema.Type {
	if found, ok := schema.PhysicalType(physical); ok && len(model.Engine) == 0 && found.Kind == model.Kind {
		return found
	}
	return schema.Type{Kind: schema.Raw, Raw: physical}
}

// alteredColumn is a column of the model with one aspect as it was found.
func alteredColumn(model, found *schema.Column, aspect diff.Aspect) *schema.Column {
	c := model.Clone()
	switch aspect {
	case diff.AspectType:
		c.Type, c.Physical = foundType(model.Type, found.Physical), found.Physical
	case diff.AspectNull:
		c.Nullable = found.Nullable
	case diff.AspectDefault:
		c.Default = found.Clone().Default
	case diff.AspectAutoIncrement:
		c.AutoIncrement = found.AutoIncrement
	case diff.AspectComment:
		c.Comment = found.Comment
	case diff.AspectNone, diff.AspectDefinition:
	}
	return c
}

// add notes a change; the aspects of one column are one difference.
func (l *likeness) add(c, inModel diff.Change, before *schema.Table) {
	back := inModel.Inverse()
	if c.Kind == diff.Table && c.Verb == diff.Drop {
		back = diff.Change{Verb: diff.Add, Kind: diff.Table, Table: c.Table, To: &diff.Part{Table: before}}
	}
	if i := len(l.differences) - 1; i >= 0 && c.Kind == diff.Column && c.Verb == diff.Alter {
		if d := &l.differences[i]; d.Kind == c.Kind && d.Status == Altered && d.Table == c.Table && d.Name == c.Name {
			d.Aspects = append(d.Aspects, c.Aspect)
			d.back = append([]diff.Change{back}, d.back...)
			return
		}
	}
	d := Difference{Kind: c.Kind, Table: c.Table, Name: c.Name, Want: c.From, Have: c.To, back: []diff.Change{back}}
	switch c.Verb {
	case diff.Add:
		d.Status, d.Want = Extra, nil
	case diff.Drop:
		d.Status, d.Have = Missing, nil
	case diff.Rename:
		d.Status, d.Name, d.OtherName = Altered, c.OldName, c.Name
	case diff.Alter:
		d.Status = Altered
		if c.Aspect != diff.AspectDefinition {
			d.Aspects = []diff.Aspect{c.Aspect}
		}
	}
	l.differences = append(l.differences, d)
}
