package oldcode

import (
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

func parse(db *gorm.DB, models []any) ([]*schema.Schema, error) {
	var out []*schema.Schema
	for _, m := range models {
		stmt := &gorm.Statement{DB: db}
		if err := stmt.Parse(m); err != nil {
			return nil, err
		}
		out = append(out, stmt.Schema)
	}
	return out, nil
}

// link is a foreign key as GORM's relations tell it: the fields of a child, and
// the fields of a parent that they repeat.
type link struct {
	child, parent reflect.Type
	from, to      []*schema.Field
}

// linksOf collects the foreign keys of all relations, which either side may
// declare; those of join tables are GORM's own business.
func linksOf(schemas []*schema.Schema) []link {
	var out []link
	for _, sch := range schemas {
		rels := make([]*schema.Relationship, 0, len(sch.Relationships.Relations))
		for _, rel := range sch.Relationships.Relations {
			if rel.JoinTable == nil && rel.Polymorphic == nil {
				rels = append(rels, rel)
			}
		}
		slices.SortFunc(rels, func(a, b *schema.Relationship) int { return strings.Compare(a.Name, b.Name) })
		for _, rel := range rels {
			var l link
			for _, ref := range rel.References {
				l.child, l.parent = ref.ForeignKey.Schema.ModelType, ref.PrimaryKey.Schema.ModelType
				l.from, l.to = append(l.from, ref.ForeignKey), append(l.to, ref.PrimaryKey)
			}
			out = append(out, l)
		}
	}
	return out
}

// parentsFirst orders tables so that children come after what they refer to,
// as far as there is such an order.
func parentsFirst(schemas []*schema.Schema, links []link) []*schema.Schema {
	rest := slices.Clone(schemas)
	slices.SortFunc(rest, func(a, b *schema.Schema) int { return strings.Compare(a.Name, b.Name) })
	var out []*schema.Schema
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(sch *schema.Schema) bool {
			return !slices.ContainsFunc(links, func(l link) bool {
				waits := func(o *schema.Schema) bool { return o.ModelType == l.parent }
				return l.child == sch.ModelType && l.parent != l.child && slices.ContainsFunc(rest, waits)
			})
		})
		next = max(next, 0)
		out = append(out, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return out
}
