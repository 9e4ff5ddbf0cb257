package diff

import (
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// String describes the change to a person, without the table's name.
func (c Change) String() string {
	kind := strings.ReplaceAll(string(c.Kind), "_", " ")
	switch {
	case c.Verb == Rename && c.Kind == Table:
		return fmt.Sprintf("rename table %s to %s", c.OldName, c.Table)
	case c.Verb == Rename:
		return fmt.Sprintf("rename %s %s to %s", kind, c.OldName, c.Name)
	case c.Kind == Table && c.Verb == Add:
		return fmt.Sprintf("add table %s with %s", c.Table, count(len(c.To.Table.Columns), "column"))
	case c.Kind == Table && c.Verb == Drop:
		return "drop table " + c.Table
	case c.Kind == Table:
		return fmt.Sprintf("comment table %s as %q", c.Table, c.To.Table.Comment)
	case c.Kind == PrimaryKey:
		return fmt.Sprintf("change the primary key from (%s) to (%s)",
			strings.Join(c.From.PrimaryKey, ", "), strings.Join(c.To.PrimaryKey, ", "))
	case c.Kind == Column && c.Verb == Alter:
		return c.describeAlter()
	case c.Verb == Alter:
		return fmt.Sprintf("replace %s %s: %s", kind, c.Name, c.To.detail())
	case c.Verb == Drop:
		return fmt.Sprintf("drop %s %s", kind, c.Name)
	default:
		return fmt.Sprintf("add %s %s %s", kind, c.Name, c.To.detail())
	}
}

func (c Change) describeAlter() string {
	from, to := c.From.Column, c.To.Column
	switch c.Aspect {
	case AspectType:
		if typeName(from) == typeName(to) {
			return fmt.Sprintf("change column %s from %s to %s", c.Name, from.Type, to.Type)
		}
		return fmt.Sprintf("change column %s from %s to %s", c.Name, typeName(from), typeName(to))
	case AspectNull:
		if to.Nullable {
			return fmt.Sprintf("allow NULL in column %s", c.Name)
		}
		return fmt.Sprintf("make column %s NOT NULL", c.Name)
	case AspectDefault:
		if to.Default == nil {
			return fmt.Sprintf("drop the default of column %s", c.Name)
		}
		return fmt.Sprintf("set the default of column %s to %s", c.Name, to.Default)
	case AspectAutoIncrement:
		if to.AutoIncrement {
			return fmt.Sprintf("let the database number column %s", c.Name)
		}
		return fmt.Sprintf("stop numbering column %s", c.Name)
	case AspectNone, AspectComment, AspectDefinition:
	}
	return fmt.Sprintf("comment column %s as %q", c.Name, to.Comment)
}

// detail describes the object itself.
func (p *Part) detail() string {
	switch {
	case p.Column != nil:
		return columnDetail(p.Column)
	case p.Index != nil:
		return indexDetail(p.Index)
	case p.ForeignKey != nil:
		return foreignKeyDetail(p.ForeignKey)
	case p.Check != nil:
		return "(" + p.Check.Expr + ")" + deviates(p.Check.Deviation)
	}
	return ""
}

func columnDetail(c *schema.Column) string {
	words := []string{typeName(c)}
	if !c.Nullable {
		words = append(words, "NOT NULL")
	}
	if c.Default != nil {
		words = append(words, "default "+c.Default.String())
	}
	return strings.Join(words, " ")
}

func indexDetail(x *schema.Index) string {
	var b strings.Builder
	if x.Unique {
		b.WriteString("unique ")
	}
	b.WriteString("on (")
	for i, p := range x.Parts {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Column + p.Expr)
		if p.Desc {
			b.WriteString(" desc")
		}
	}
	b.WriteString(")")
	if x.Where != "" {
		b.WriteString(" where " + x.Where)
	}
	return b.String() + deviates(x.Deviation)
}

func foreignKeyDetail(f *schema.ForeignKey) string {
	s := fmt.Sprintf("(%s) to %s(%s)", strings.Join(f.Columns, ", "), f.RefTable, strings.Join(f.RefColumns, ", "))
	if f.OnDelete != schema.NoAction {
		s += " on delete " + strings.ToLower(string(f.OnDelete))
	}
	if f.OnUpdate != schema.NoAction {
		s += " on update " + strings.ToLower(string(f.OnUpdate))
	}
	return s + deviates(f.Deviation)
}

func deviates(how string) string {
	if how == "" {
		return ""
	}
	return " " + how
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
