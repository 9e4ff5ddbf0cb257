package entity_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// dump renders a schema for the goldens, one line for each thing.
func dump(s *schema.Schema, origins bool) string {
	var b strings.Builder
	for _, t := range s.Tables {
		b.WriteString("table " + t.Name + renamed(t.RenamedFrom))
		if origins {
			fmt.Fprintf(&b, "  # %s %s:%d", t.Origin.Type, t.Origin.File, t.Origin.Line)
		}
		b.WriteByte('\n')
		for _, c := range t.Columns {
			b.WriteString("  " + column(c))
			if origins {
				fmt.Fprintf(&b, "  # %s %s:%d", c.Origin.Type, c.Origin.File, c.Origin.Line)
			}
			b.WriteByte('\n')
		}
		if len(t.PrimaryKey) > 0 {
			fmt.Fprintf(&b, "  primary key (%s)\n", strings.Join(t.PrimaryKey, ", "))
		}
		writeSorted(&b, t.Indexes, index)
		writeSorted(&b, t.ForeignKeys, foreignKey)
		writeSorted(&b, t.Checks, func(c *schema.Check) string { return "check " + c.Name + " (" + c.Expr + ")" })
	}
	return b.String()
}

func writeSorted[T any](b *strings.Builder, list []T, line func(T) string) {
	var lines []string
	for _, x := range list {
		lines = append(lines, "  "+line(x)+"\n")
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

func renamed(from []string) string {
	if len(from) == 0 {
		return ""
	}
	return " renamed from " + strings.Join(from, ", ")
}

func column(c *schema.Column) string {
	s := c.Name + " " + typeText(c.Type)
	if !c.Nullable {
		s += " not null"
	}
	if c.AutoIncrement {
		s += " auto"
	}
	if d := c.Default; d != nil && len(d.Engine) > 0 {
		s += " default " + d.String()
	} else if d != nil && d.Expr {
		s += " default (" + d.Value + ")"
	} else if d != nil {
		s += fmt.Sprintf(" default %q", d.Value)
	}
	if c.Comment != "" {
		s += fmt.Sprintf(" comment %q", c.Comment)
	}
	return s + renamed(c.RenamedFrom)
}

func typeText(t schema.Type) string {
	s := string(t.Kind)
	for _, n := range []struct {
		name  string
		value int
	}{{"bits", t.Bits}, {"size", t.Size}, {"precision", t.Precision}, {"scale", t.Scale}} {
		if n.value != 0 {
			s += fmt.Sprintf(" %s=%d", n.name, n.value)
		}
	}
	if t.Raw != "" {
		s += fmt.Sprintf(" %q", t.Raw)
	}
	var engines []string
	for engine, typ := range t.Engine {
		engines = append(engines, engine+"="+typ)
	}
	slices.Sort(engines)
	if len(engines) > 0 {
		s += " {" + strings.Join(engines, ", ") + "}"
	}
	return s
}

func index(x *schema.Index) string {
	kind := "index"
	switch {
	case x.Constraint:
		kind = "unique constraint"
	case x.Unique:
		kind = "unique index"
	}
	var parts []string
	for _, p := range x.Parts {
		s := p.Column
		if p.Expr != "" {
			s = "(" + p.Expr + ")"
		}
		if p.Length > 0 {
			s += fmt.Sprintf("[%d]", p.Length)
		}
		if p.Collate != "" {
			s += " collate " + p.Collate
		}
		if p.Desc {
			s += " desc"
		}
		parts = append(parts, s)
	}
	s := fmt.Sprintf("%s %s (%s)", kind, x.Name, strings.Join(parts, ", "))
	if x.Method != "" {
		s += " using " + x.Method
	}
	if x.Where != "" {
		s += " where " + x.Where
	}
	if x.Comment != "" {
		s += fmt.Sprintf(" comment %q", x.Comment)
	}
	return s
}

func foreignKey(f *schema.ForeignKey) string {
	s := fmt.Sprintf("foreign key %s (%s) -> %s (%s)", f.Name, strings.Join(f.Columns, ", "), f.RefTable, strings.Join(f.RefColumns, ", "))
	if f.OnDelete != "" {
		s += " on delete " + string(f.OnDelete)
	}
	if f.OnUpdate != "" {
		s += " on update " + string(f.OnUpdate)
	}
	return s
}
