package migrate

import (
	"context"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// renamedByHand finds of each missing table whether one that no module owns is the
// same but for its name: then it is not missing, and to create it would collide with
// the names of indexes and keys that it took along. The foreign keys that followed it
// are no differences of their own.
func (c *comparison) renamedByHand(ctx context.Context, d dialect.Dialect, q dialect.Querier, unowned []string) error {
	missing := func(one Difference) bool { return one.Kind == diff.Table && one.Status == Missing }
	if c.method != ByScratch || len(unowned) == 0 || !slices.ContainsFunc(c.differences, missing) {
		return nil
	}
	strangers, err := d.Inspect(ctx, q, unowned)
	if err != nil {
		return err
	}
	c.renamed = map[string]string{}
	for i := range c.differences {
		one := &c.differences[i]
		if !missing(*one) {
			continue
		}
		if at := slices.IndexFunc(strangers.Tables, func(t *schema.Table) bool {
			return len(d.Compare(one.Want.Table, called(t, one.Table))) == 0
		}); at >= 0 {
			one.OtherName, one.Status = strangers.Tables[at].Name, Altered
			one.Severity, one.Accept = Cosmetic, "name the entity's table "+one.OtherName
			c.renamed[one.Table] = one.OtherName
			strangers.Tables = slices.Delete(strangers.Tables, at, at+1)
		}
	}
	c.differences = slices.DeleteFunc(c.differences, c.followed)
	return nil
}

// followed tells of a difference whether it is a foreign key that leads to a renamed
// table by its new name, and is otherwise as it should be.
func (c *comparison) followed(one Difference) bool {
	if one.Kind != diff.ForeignKey || one.Status != Altered || one.Want == nil || one.Have == nil {
		return false
	}
	have := *one.Have.ForeignKey
	if c.renamed[one.Want.ForeignKey.RefTable] != have.RefTable {
		return false
	}
	have.RefTable = one.Want.ForeignKey.RefTable
	t := func(f *schema.ForeignKey) *schema.Table { return &schema.Table{ForeignKeys: []*schema.ForeignKey{f}} }
	return t(&have).Equal(t(one.Want.ForeignKey))
}

// called is a table under another name, also where it refers to itself.
func called(t *schema.Table, name string) *schema.Table {
	t = t.Clone()
	for _, f := range t.ForeignKeys {
		if f.RefTable == t.Name {
			f.RefTable = name
		}
	}
	t.Name = name
	return t
}

// sides are what was found and the model, with the tables that were renamed by hand
// in the one, and their former names in the other.
func (c *comparison) sides(model *schema.Schema) (found, hinted *schema.Schema, others []string) {
	if len(c.renamed) == 0 {
		return c.found, model, nil
	}
	found, hinted = c.found.Clone(), model.Clone()
	for _, t := range hinted.Tables {
		if other, ok := c.renamed[t.Name]; ok {
			found.Tables = append(found.Tables, called(t, other))
			others = append(others, other)
			t.RenamedFrom = []string{other}
		}
	}
	return found, hinted, others
}
