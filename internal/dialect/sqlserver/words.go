package sqlserver

import (
	"regexp"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// likened gives what an inspection found the form in which what means the same for
// lockstep is the same: databases are compared to the last text, and GORM's
// AutoMigrate writes some things otherwise than lockstep.
//
// A unique over columns that take NULL is told as Lower has it of a unique
// constraint: whether the server has a constraint, an index, or an index with a
// condition, it is dropped as what it is, and that rows with NULL are left out
// goes without saying. A string of a default has no N in front where that makes no
// difference.
func likened(t *schema.Table) {
	for _, c := range t.Columns {
		if c.Default != nil {
			c.Default.Value = plainString(c.Default.Value)
		}
	}
	for _, x := range t.Indexes {
		nullable := x.Unique && takesNull(x, t)
		if !nullable {
			continue
		}
		x.Constraint = true
		own := ownConditions(x)
		x.Where = strings.Join(own, " AND ")
		for _, p := range x.Parts {
			if c := t.Column(p.Column); c != nil && c.Nullable && !schema.MentionsIdentifier(strings.Join(own, " "), p.Column) {
				if x.Where != "" {
					x.Where += " AND "
				}
				x.Where += isNotNull(p.Column)
			}
		}
	}
}

// takesNull tells whether a column of an index takes NULL in one of the tables.
func takesNull(x *schema.Index, tables ...*schema.Table) bool {
	for _, t := range tables {
		for _, p := range x.Parts {
			if c := t.Column(p.Column); c != nil && c.Nullable {
				return true
			}
		}
	}
	return false
}

// plainString is a default that is one string, without N where all of its
// characters are in every code page.
func plainString(text string) string {
	m := regexp.MustCompile(`^\(N('(?:[^'\x80-\x{10FFFF}]|'')*')\)$`).FindStringSubmatch(text)
	if m == nil {
		return text
	}
	return "(" + m[1] + ")"
}

// ownConditions are the conditions of a filtered index but those that leave out
// rows with NULL in a column of it. All conditions have to hold:
// https://learn.microsoft.com/sql/t-sql/statements/create-index-transact-sql#where-filter_predicate
func ownConditions(x *schema.Index) []string {
	var out []string
	if x.Where == "" {
		return nil
	}
	for _, condition := range schema.Terms(schema.Bare(x.Where), "AND") {
		condition = strings.TrimSpace(condition)
		column, ok := thatIsNotNull(condition)
		if !ok || !isOver(x, column) {
			out = append(out, condition)
		}
	}
	return out
}

func isOver(x *schema.Index, column string) bool {
	for _, p := range x.Parts {
		if strings.EqualFold(p.Column, column) {
			return true
		}
	}
	return false
}

// thatIsNotNull is the column of a condition that is nothing but "column IS NOT
// NULL".
func thatIsNotNull(condition string) (column string, ok bool) {
	var words []string
	condition = schema.Bare(condition)
	for i := 0; i < len(condition); {
		end, word := schema.Token(condition, i)
		if word == "" {
			word = strings.TrimSpace(condition[i:end])
		}
		if word != "" {
			words = append(words, word)
		}
		i = end
	}
	if len(words) != 4 || !strings.EqualFold(strings.Join(words[1:], " "), "is not null") {
		return "", false
	}
	return words[0], true
}
