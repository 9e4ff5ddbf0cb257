package atlas

import (
	"ariga.io/atlas/sql/postgres"
	as "ariga.io/atlas/sql/schema"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// Action is one alteration of a table. It is made by the functions below and
// builds fresh Atlas values whenever it is rendered.
type Action func(b *builder) as.Change

// Aspects tells which parts of a column ModifyColumn changes.
type Aspects struct {
	Type    bool
	Using   string // the conversion of present values; "" leaves it to the engine
	Null    bool
	Default bool
}

// AddColumn adds a column.
func AddColumn(c *schema.Column) Action {
	return func(b *builder) as.Change { return &as.AddColumn{C: b.newColumn(c)} }
}

// DropColumn drops a column.
func DropColumn(name string) Action {
	return func(b *builder) as.Change {
		// Atlas renders a reverse, which is not used, and wants a type for it.
		return &as.DropColumn{C: as.NewColumn(b.p.esc(name)).SetType(&as.StringType{T: "text"}).SetNull(true)}
	}
}

// DropDefault takes a column's default away.
func DropDefault(c *schema.Column) Action {
	bare := *c
	bare.Default = nil
	return ModifyColumn(&bare, Aspects{Default: true})
}

// ModifyColumn brings the given aspects of a column to those of c.
func ModifyColumn(c *schema.Column, a Aspects) Action {
	return func(b *builder) as.Change {
		m := &as.ModifyColumn{From: b.newColumn(c), To: b.newColumn(c)}
		if a.Type {
			m.Change |= as.ChangeType
			if a.Using != "" {
				m.Extra = append(m.Extra, &postgres.ConvertUsing{X: a.Using})
			}
		}
		if a.Null {
			m.Change |= as.ChangeNull
		}
		if a.Default {
			m.Change |= as.ChangeDefault
		}
		return m
	}
}

// RenameColumn gives a column a new name.
func RenameColumn(from, to string) Action {
	return func(b *builder) as.Change {
		return &as.RenameColumn{From: as.NewColumn(b.p.esc(from)), To: as.NewColumn(b.p.esc(to))}
	}
}

// AddIndex adds an index or a unique constraint.
func AddIndex(x *schema.Index) Action {
	return func(b *builder) as.Change { return &as.AddIndex{I: b.index(x)} }
}

// DropIndex drops an index or a unique constraint.
func DropIndex(x *schema.Index) Action {
	return func(b *builder) as.Change { return &as.DropIndex{I: b.index(x)} }
}

// RenameIndex renames an index.
func RenameIndex(from, to string) Action {
	return func(b *builder) as.Change {
		return &as.RenameIndex{From: as.NewIndex(b.p.esc(from)), To: as.NewIndex(b.p.esc(to))}
	}
}

// AddForeignKey adds a foreign key.
func AddForeignKey(f *schema.ForeignKey) Action {
	return func(b *builder) as.Change { return &as.AddForeignKey{F: b.foreignKey(f)} }
}

// DropForeignKey drops a foreign key.
func DropForeignKey(name string) Action {
	return func(b *builder) as.Change {
		// The reverse that Atlas renders, and nobody uses, wants a table.
		return &as.DropForeignKey{F: as.NewForeignKey(b.p.esc(name)).SetRefTable(as.NewTable("x"))}
	}
}

// AddCheck adds a check.
func AddCheck(c *schema.Check) Action {
	return func(b *builder) as.Change { return &as.AddCheck{C: b.check(c)} }
}

// DropCheck drops a check.
func DropCheck(name string) Action {
	return func(b *builder) as.Change {
		return &as.DropCheck{C: as.NewCheck().SetName(b.p.esc(name))}
	}
}

// AddPrimaryKey adds a primary key over columns.
func AddPrimaryKey(columns []string) Action {
	return func(b *builder) as.Change { return &as.AddPrimaryKey{P: b.primaryKey(columns)} }
}

// DropPrimaryKey drops the primary key with that constraint name.
func DropPrimaryKey(name string) Action {
	return func(b *builder) as.Change {
		return &as.DropPrimaryKey{P: as.NewIndex(b.p.esc(name))}
	}
}
