package migrate

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// severity tells what a difference means for going on from the database as it
// is. model is what it should be.
func severity(d *Difference, model *schema.Schema) Severity {
	switch {
	case d.OtherName != "":
		return Cosmetic
	case d.Kind == diff.PrimaryKey:
		return Blocking
	case d.Kind == diff.Table && d.Status == Altered:
		return Cosmetic // its comment
	case d.Kind == diff.ForeignKey && d.Have != nil && model.Table(d.Have.ForeignKey.RefTable) == nil:
		return Blocking
	case d.Kind != diff.Column || d.Status != Altered:
		return Acceptable
	}
	out := Cosmetic
	for _, a := range d.Aspects {
		switch a {
		case diff.AspectType:
			if dialect.TypeClass(d.Want.Column.Physical) != dialect.TypeClass(d.Have.Column.Physical) {
				return Blocking
			}
			out = Acceptable
		case diff.AspectNull, diff.AspectDefault, diff.AspectAutoIncrement:
			out = Acceptable
		case diff.AspectComment, diff.AspectNone, diff.AspectDefinition:
		}
	}
	return out
}

// accept says what to change in the entity to have an object as it is.
func accept(d *Difference) string {
	switch d.Kind {
	case diff.Table:
		if d.Status == Missing {
			return "remove the entity of the table " + d.Table
		}
		return ""
	case diff.Column:
		return acceptColumn(d)
	case diff.PrimaryKey:
		return fmt.Sprintf("give the tag primaryKey to the fields of %s, and to no others", columns(d.Have.PrimaryKey))
	case diff.Index:
		return acceptIndex(d)
	case diff.ForeignKey:
		return acceptForeignKey(d)
	case diff.Check:
		return acceptCheck(d)
	}
	return ""
}

func columns(names []string) string {
	if len(names) == 0 {
		return "no column"
	}
	return strings.Join(names, ", ")
}

func acceptColumn(d *Difference) string {
	switch d.Status {
	case Missing:
		return fmt.Sprintf("remove the field of the column %s", d.Name)
	case Extra:
		c := d.Have.Column
		return fmt.Sprintf("add the field %s %s `gorm:\"%s\"`", fieldName(c.Name), goType(c), strings.Join(columnTags(c), ";"))
	case Altered:
	}
	var words []string
	for _, a := range d.Aspects {
		if w := acceptAspect(d.Have.Column, a); w != "" {
			words = append(words, w)
		}
	}
	return fmt.Sprintf("at the field of the column %s: %s", d.Name, strings.Join(words, ", "))
}

func acceptAspect(have *schema.Column, a diff.Aspect) string {
	switch a {
	case diff.AspectType:
		return "the tag type:" + have.Physical
	case diff.AspectNull:
		if have.Nullable {
			return "no tag not null"
		}
		return "the tag not null"
	case diff.AspectDefault:
		if have.Default == nil {
			return "no tag default"
		}
		return "the tag default:" + tagText(have.Default.Value)
	case diff.AspectAutoIncrement:
		return fmt.Sprintf("the tag autoIncrement:%t", have.AutoIncrement)
	case diff.AspectComment:
		if have.Comment == "" {
			return "no tag comment"
		}
		return "the tag comment:" + tagText(have.Comment)
	case diff.AspectNone, diff.AspectDefinition:
	}
	return ""
}

func columnTags(c *schema.Column) []string {
	tags := []string{"column:" + c.Name, "type:" + c.Physical}
	if !c.Nullable {
		tags = append(tags, "not null")
	}
	if c.Default != nil {
		tags = append(tags, "default:"+tagText(c.Default.Value))
	}
	if c.Comment != "" {
		tags = append(tags, "comment:"+tagText(c.Comment))
	}
	return tags
}

// fieldName is a column's name as Go writes it.
func fieldName(column string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(column, func(r rune) bool { return r == '_' || r == ' ' || r == '-' }) {
		if slices.Contains([]string{"id", "url", "ip", "uuid", "json", "api", "http"}, strings.ToLower(word)) {
			b.WriteString(strings.ToUpper(word))
			continue
		}
		first, size := utf8.DecodeRuneInString(word)
		b.WriteString(string(unicode.ToUpper(first)) + word[size:])
	}
	return b.String()
}

// goType is a type that can hold the values of a column.
func goType(c *schema.Column) string {
	out := "string"
	switch dialect.TypeClass(c.Physical) {
	case "integer":
		out = "int64"
	case "float":
		out = "float64"
	case "bool":
		out = "bool"
	case "time":
		out = "time.Time"
	case "bytes":
		return "[]byte"
	}
	if c.Nullable {
		return "*" + out
	}
	return out
}

// undeclarable answers how to accept a deviation.
const undeclarable = "no entity can declare it so: bring it back"

func acceptIndex(d *Difference) string {
	what := "index"
	if x := d.Have; x != nil && x.Index.Constraint || d.Want != nil && d.Want.Index.Constraint {
		what = "unique"
	}
	switch {
	case d.OtherName != "":
		return fmt.Sprintf("name it so in the tag %s:%s", what, d.OtherName)
	case d.Status == Missing:
		return fmt.Sprintf("remove the tag %s of %s", what, d.Name)
	}
	x := d.Have.Index
	if x.Deviation != "" {
		return undeclarable
	}
	var parts, options []string
	for _, p := range x.Parts {
		parts = append(parts, p.Column)
		if p.Desc {
			options = append(options, "sort:desc at "+p.Column)
		}
	}
	if x.Unique && !x.Constraint {
		options = append(options, "unique")
	}
	if x.Where != "" {
		options = append(options, indexOption("where", x.Where))
	}
	if x.Method != "" {
		options = append(options, "type:"+x.Method)
	}
	if slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return p.Column == "" }) {
		return acceptExpressions(d.Table, x, options)
	}
	out := fmt.Sprintf("give the tag %s:%s to the fields of %s", what, x.Name, strings.Join(parts, ", "))
	if len(options) > 0 {
		out += ", with " + strings.Join(options, ", ")
	}
	return out
}

func acceptForeignKey(d *Difference) string {
	switch {
	case d.OtherName != "":
		return "name it so in the relation's tag constraint:" + d.OtherName
	case d.Status == Missing:
		return fmt.Sprintf("give the tag constraint:- to the relation over %s", columns(d.Want.ForeignKey.Columns))
	}
	f := d.Have.ForeignKey
	if f.Deviation != "" {
		return undeclarable
	}
	out := fmt.Sprintf("declare a relation from %s to %s with foreignKey and references", columns(f.Columns), f.RefTable)
	if f.OnDelete != schema.NoAction {
		out += ", OnDelete:" + string(f.OnDelete)
	}
	if f.OnUpdate != schema.NoAction {
		out += ", OnUpdate:" + string(f.OnUpdate)
	}
	return out
}

func acceptCheck(d *Difference) string {
	switch {
	case d.OtherName != "":
		return "name it so in the tag check:" + d.OtherName
	case d.Status == Missing:
		return "remove the tag check of " + d.Name
	}
	if d.Have.Check.Deviation != "" {
		return undeclarable
	}
	return fmt.Sprintf("have the tag check:%s,%s", d.Have.Check.Name, tagText(d.Have.Check.Expr))
}
