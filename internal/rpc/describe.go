package rpc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// describe renders an object, or one aspect of it, for a person; nil gives "".
func describe(p *diff.Part, aspect diff.Aspect) string {
	switch {
	case p == nil:
		return ""
	case p.Column != nil:
		return describeColumn(p.Column, aspect)
	case p.Table != nil && aspect == diff.AspectComment:
		return quoted(p.Table.Comment)
	case p.Table != nil:
		return plural(len(p.Table.Columns), "column")
	case p.Index != nil:
		return deviating(describeIndex(p.Index), p.Index.Deviation)
	case p.ForeignKey != nil:
		return deviating(describeForeignKey(p.ForeignKey), p.ForeignKey.Deviation)
	case p.Check != nil:
		return deviating("("+p.Check.Expr+")", p.Check.Deviation)
	case p.PrimaryKey != nil:
		return "(" + strings.Join(p.PrimaryKey, ", ") + ")"
	default:
		return "none"
	}
}

// deviating adds what an inspection found that the definition does not say.
func deviating(text, how string) string {
	if how == "" {
		return text
	}
	return text + ", " + how
}

func describeColumn(c *schema.Column, aspect diff.Aspect) string {
	switch aspect {
	case diff.AspectType:
		return columnType(c)
	case diff.AspectNull:
		return nullability(c)
	case diff.AspectDefault:
		return describeDefault(c.Default)
	case diff.AspectAutoIncrement:
		return strconv.FormatBool(c.AutoIncrement)
	case diff.AspectComment:
		return quoted(c.Comment)
	case diff.AspectNone, diff.AspectDefinition:
	}
	words := []string{columnType(c), nullability(c)}
	if c.Default != nil {
		words = append(words, "DEFAULT "+describeDefault(c.Default))
	}
	if c.AutoIncrement {
		words = append(words, "auto increment")
	}
	return strings.Join(words, " ")
}

func columnType(c *schema.Column) string {
	if c.Physical != "" {
		return c.Physical
	}
	return typeText(c.Type)
}

func nullability(c *schema.Column) string {
	if c.Nullable {
		return "NULL"
	}
	return "NOT NULL"
}

func describeDefault(d *schema.Default) string {
	switch {
	case d == nil:
		return "none"
	case len(d.Engine) > 0:
		return d.String()
	case d.Expr:
		return d.Value
	default:
		return quoted(d.Value)
	}
}

// quoted renders text as a literal; "" stays visible.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// typeText renders a neutral type, such as "string(255)".
func typeText(t schema.Type) string {
	switch t.Kind {
	case schema.Int, schema.Uint, schema.Float:
		if t.Bits > 0 {
			return fmt.Sprintf("%s%d", t.Kind, t.Bits)
		}
	case schema.Decimal:
		if t.Precision > 0 {
			return fmt.Sprintf("%s(%d,%d)", t.Kind, t.Precision, t.Scale)
		}
	case schema.String, schema.Bytes:
		if t.Size > 0 {
			return fmt.Sprintf("%s(%d)", t.Kind, t.Size)
		}
	case schema.Time:
		if t.Precision > 0 {
			return fmt.Sprintf("%s(%d)", t.Kind, t.Precision)
		}
	case schema.Raw:
		return t.Raw
	case schema.Bool:
	}
	return string(t.Kind)
}

func describeIndex(x *schema.Index) string {
	var b strings.Builder
	if x.Unique {
		b.WriteString("UNIQUE ")
	}
	b.WriteString("(" + strings.Join(indexParts(x), ", ") + ")")
	if x.Method != "" {
		b.WriteString(" USING " + x.Method)
	}
	if x.Where != "" {
		b.WriteString(" WHERE " + x.Where)
	}
	return b.String()
}

func indexParts(x *schema.Index) []string {
	out := make([]string, 0, len(x.Parts))
	for _, p := range x.Parts {
		text := p.Column
		if text == "" {
			text = "(" + p.Expr + ")"
		}
		if p.Length > 0 {
			text += fmt.Sprintf("(%d)", p.Length)
		}
		if p.Collate != "" {
			text += " COLLATE " + p.Collate
		}
		if p.Desc {
			text += " DESC"
		}
		out = append(out, text)
	}
	return out
}

func describeForeignKey(f *schema.ForeignKey) string {
	text := fmt.Sprintf("(%s) REFERENCES %s (%s)",
		strings.Join(f.Columns, ", "), f.RefTable, strings.Join(f.RefColumns, ", "))
	if f.OnDelete != schema.NoAction {
		text += " ON DELETE " + string(f.OnDelete)
	}
	if f.OnUpdate != schema.NoAction {
		text += " ON UPDATE " + string(f.OnUpdate)
	}
	return text
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
