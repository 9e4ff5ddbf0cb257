package compose

import (
	"reflect"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// extend adds to a table what a struct of another module, or of the same one,
// brings for it. Columns that both declare, such as the key, must be the same.
func (c *composer) extend(x *entity.Extension) {
	t := x.Table
	base := c.tables[t.Name]
	if base == nil {
		c.problem(t.Origin, "add the module that declares it, and require it in the go.mod",
			"the table %s, which %s extends, is declared by no module of this tenant", t.Name, t.Origin.Type)
		return
	}
	if len(t.PrimaryKey) > 0 && !slices.Equal(t.PrimaryKey, base.PrimaryKey) {
		c.problem(t.Origin, "repeat the key of the table, or leave it out",
			"the table %s has the primary key (%s) at %s, and (%s) in what extends it", t.Name,
			strings.Join(base.PrimaryKey, ", "), place(base.Origin), strings.Join(t.PrimaryKey, ", "))
	}
	grown := base.Clone() // what was read is shared
	for _, col := range t.Columns {
		c.extendColumn(grown, base, col)
	}
	for _, i := range t.Indexes {
		if old := base.Index(i.Name); old == nil {
			grown.Indexes = append(grown.Indexes, i)
		} else if !reflect.DeepEqual(old, i) {
			c.differs(t, base, "index "+i.Name)
		}
	}
	for _, f := range t.ForeignKeys {
		if old := base.ForeignKey(f.Name); old == nil {
			grown.ForeignKeys = append(grown.ForeignKeys, f)
		} else if !reflect.DeepEqual(old, f) {
			c.differs(t, base, "foreign key "+f.Name)
		}
	}
	for _, k := range t.Checks {
		if old := base.Check(k.Name); old == nil {
			grown.Checks = append(grown.Checks, k)
		} else if !reflect.DeepEqual(old, k) {
			c.differs(t, base, "check "+k.Name)
		}
	}
	c.tables[t.Name] = grown
}

// extendColumn adds a column, or makes sure that it is the one that is there.
func (c *composer) extendColumn(grown, base *schema.Table, col *schema.Column) {
	old := base.Column(col.Name)
	if old == nil {
		grown.Columns = append(grown.Columns, col)
		return
	}
	a, b := *old.Clone(), *col.Clone()
	for _, side := range []*schema.Column{&a, &b} {
		side.Origin, side.RenamedFrom, side.Comment = schema.Origin{}, nil, ""
	}
	if !reflect.DeepEqual(a, b) {
		o := old.Origin
		if o.File == "" {
			o = base.Origin
		}
		c.problem(col.Origin, "name it otherwise: `gorm:\"column:…\"`, or declare it just the same",
			"the column %s, which extends the table %s, is declared differently at %s", col.Name, base.Name, place(o))
	}
}

func (c *composer) differs(t, base *schema.Table, what string) {
	c.problem(t.Origin, "give it another name", "the %s, which extends the table %s, is declared differently at %s",
		what, base.Name, place(base.Origin))
}

// leaveAlone refuses tables that some module's manifest says are not lockstep's.
func (c *composer) leaveAlone(part *entity.Result) {
	for _, name := range part.LeaveAlone {
		if t := c.tables[name]; t != nil {
			c.problem(t.Origin, "rename the table, or take its name off the manifest",
				"the table %s is to be left alone, as %s of %s says", name, entity.ManifestFile, part.Module)
		}
	}
}
