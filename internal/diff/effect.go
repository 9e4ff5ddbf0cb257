package diff

import (
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// Effect is what a change does to running code and to data.
type Effect string

// The effects, from harmless to harmful.
const (
	Neutral     Effect = "neutral"     // nobody notices: comments, names of constraints
	Additive    Effect = "additive"    // something new that present code does not touch
	Relaxing    Effect = "relaxing"    // what was allowed stays allowed, and more is
	Restricting Effect = "restricting" // loses no data; present code may fail, or present data may forbid it
	Destructive Effect = "destructive" // removes data, or may
)

// Assessment is a change with its effect and the reason for it.
type Assessment struct {
	Change
	Effect Effect
	Why    string // a clause for people, such as "inserts of present code do not fill it"
	Breaks Breaks // what of present code stops working
}

// Assess tells the effect of each change, in the order given. Changes are seen
// together: a unique index on a column that is new in the same list does not
// concern present code, the same index on a present column does.
func Assess(changes []Change) []Assessment {
	fresh := map[string]bool{} // new columns that stay NULL when present code inserts, as table.column
	for _, c := range changes {
		if c.Kind == Column && c.Verb == Add && c.To.Column.Default == nil && !numbered(c.To.Column) {
			fresh[c.Object()] = true
		}
	}
	out := make([]Assessment, len(changes))
	for i, c := range changes {
		effect, why := c.effect(fresh)
		out[i] = Assessment{Change: c, Effect: effect, Why: why}
		out[i].Breaks = out[i].breaks()
	}
	return out
}

func (c Change) effect(fresh map[string]bool) (Effect, string) {
	switch c.Kind {
	case Table:
		return c.tableEffect()
	case Column:
		return c.columnEffect()
	case PrimaryKey:
		return Restricting, "present rows must be unique and not null under the new key"
	case Index:
		return c.indexEffect(fresh)
	case ForeignKey:
		return c.foreignKeyEffect(fresh)
	case Check:
		return c.checkEffect(fresh)
	}
	return Destructive, "its kind is unknown"
}

func (c Change) tableEffect() (Effect, string) {
	switch c.Verb {
	case Add:
		return Additive, "present code does not know the table"
	case Drop:
		return Destructive, "the table's rows are removed"
	case Rename:
		return Restricting, "present code uses the old name"
	case Alter:
	}
	return Neutral, "only the comment changes"
}

func (c Change) columnEffect() (Effect, string) {
	switch c.Verb {
	case Add:
		if mustBeFilled(c.To.Column) {
			return Restricting, "it is NOT NULL without a default: present rows have no value and inserts of present code do not fill it"
		}
		return Additive, "present code does not know the column"
	case Drop:
		return Destructive, "the column's values are removed"
	case Rename:
		return Restricting, "present code uses the old name"
	case Alter:
	}
	from, to := c.From.Column, c.To.Column
	switch c.Aspect {
	case AspectType:
		return typeEffect(from, to)
	case AspectNull:
		if to.Nullable {
			return Relaxing, "NULL is allowed from now on"
		}
		return Restricting, "present rows may hold NULL and present code may write it"
	case AspectDefault:
		switch {
		case from.Default == nil:
			return Relaxing, "inserts that leave the column out get a value"
		case to.Default == nil && !to.Nullable:
			return Restricting, "inserts that leave the column out fail from now on"
		default:
			// GORM leaves a column with a default out where the field is zero and its
			// literal is not known to it (callbacks.ConvertToCreateValues).
			return Restricting, "inserts that leave the column out get another value"
		}
	case AspectAutoIncrement:
		return Restricting, "who assigns the key changes"
	case AspectNone, AspectDefinition, AspectComment:
	}
	return Neutral, "only the comment changes"
}

// numbered tells whether the database fills a column by itself, PostgreSQL's
// serial types included.
func numbered(c *schema.Column) bool {
	return c.AutoIncrement || strings.HasSuffix(strings.ToLower(c.Physical), "serial")
}

func mustBeFilled(c *schema.Column) bool {
	return !c.Nullable && c.Default == nil && !c.AutoIncrement
}

func (c Change) indexEffect(fresh map[string]bool) (Effect, string) {
	switch c.Verb {
	case Rename:
		return Neutral, "only its name changes"
	case Drop:
		if c.From.Index.Unique {
			return Restricting, "an upsert of present code may rely on it"
		}
		return Restricting, "queries of present code may rely on it"
	case Alter:
		if !c.From.Index.Unique && c.To.Index.Unique {
			return Restricting, "present rows may hold duplicates"
		}
		return Restricting, "queries of present code may rely on its present form"
	case Add:
	}
	if !c.To.Index.Unique {
		return Additive, "results do not change"
	}
	for _, p := range c.To.Index.Parts {
		if p.Column != "" && fresh[c.Table+"."+p.Column] {
			return Additive, "it covers a column that present code does not fill"
		}
	}
	return Restricting, "present rows may hold duplicates and present code may write them"
}

func (c Change) foreignKeyEffect(fresh map[string]bool) (Effect, string) {
	switch c.Verb {
	case Rename:
		return Neutral, "only its name changes"
	case Drop:
		if f := c.From.ForeignKey; refuses(f.OnDelete) && refuses(f.OnUpdate) {
			return Relaxing, "rows that were refused are allowed from now on"
		}
		return Restricting, "present code may rely on what it does when a row is deleted, or its key updated"
	case Alter:
		return Restricting, "present rows may have no counterpart, or deletes act differently"
	case Add:
	}
	for _, name := range c.To.ForeignKey.Columns {
		if fresh[c.Table+"."+name] {
			return Additive, "it starts from a column that present code does not fill"
		}
	}
	return Restricting, "present rows may have no counterpart and present code may write such rows"
}

// refuses tells whether a foreign key only ever refuses what an action is for.
func refuses(a schema.Action) bool { return a == schema.NoAction || a == schema.Restrict }

func (c Change) checkEffect(fresh map[string]bool) (Effect, string) {
	switch c.Verb {
	case Rename:
		return Neutral, "only its name changes"
	case Drop:
		return Relaxing, "rows that were refused are allowed from now on"
	case Alter:
		return Restricting, "present rows may violate it"
	case Add:
	}
	var here []string
	for object := range fresh {
		if column, ours := strings.CutPrefix(object, c.Table+"."); ours {
			here = append(here, column)
		}
	}
	if passesNull(c.To.Check.Expr, here) {
		return Additive, "it concerns a column that present code does not fill"
	}
	return Restricting, "present rows may violate it and present code may write such rows"
}

func typeEffect(from, to *schema.Column) (Effect, string) {
	a, b := from.Type, to.Type
	if from.Physical == to.Physical && from.Physical != "" {
		return Neutral, "the column's type in this database stays " + to.Physical
	}
	change := fmt.Sprintf("%s becomes %s", typeName(from), typeName(to))
	if p, ok := schema.PhysicalType(from.Physical); ok && given(a) {
		a = p
	}
	if p, ok := schema.PhysicalType(to.Physical); ok && given(b) {
		b = p
	}
	switch {
	case a.Kind == schema.Raw || b.Kind == schema.Raw || len(a.Engine)+len(b.Engine) > 0 || a.Equal(b):
		return Destructive, change + ": whether every value survives is not known"
	case a.Kind == b.Kind && widens(a, b), a.Kind == schema.Uint && b.Kind == schema.Int && b.Bits > a.Bits:
		return Relaxing, change + ", which holds every present value"
	case b.Kind == schema.String && b.Size == 0 && a.Kind != schema.Bytes:
		return Restricting, change + ": every value survives as text, but present code reads another type"
	default:
		return Destructive, change + ": values may not fit"
	}
}

// given tells whether a type was written down in an engine's words.
func given(t schema.Type) bool { return t.Kind == schema.Raw || len(t.Engine) > 0 }

// widens tells whether every value of a has its place in b, both of one kind.
func widens(a, b schema.Type) bool {
	switch a.Kind {
	case schema.Int, schema.Uint, schema.Float:
		return b.Bits >= a.Bits
	case schema.Decimal:
		return b.Precision == 0 || a.Precision != 0 && b.Scale >= a.Scale && b.Precision-b.Scale >= a.Precision-a.Scale
	case schema.String, schema.Bytes:
		return b.Size == 0 || a.Size != 0 && b.Size >= a.Size
	case schema.Time:
		return b.Precision == 0 || b.Precision >= a.Precision && a.Precision != 0
	case schema.Bool, schema.Raw:
	}
	return false
}

func typeName(c *schema.Column) string {
	if c.Physical != "" {
		return c.Physical
	}
	return c.Type.String()
}
