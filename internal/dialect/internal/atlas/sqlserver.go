package atlas

import (
	"context"

	as "ariga.io/atlas/sql/schema"

	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// SQLServer returns the planner of SQL Server, which writes prefix as the schema
// of every object. The spelling's Comment turns comments on, and may leave the
// text as it is; Generated returns the expression of a computed column, and
// PERSISTED or nothing.
func SQLServer(s Spelling, prefix string) *Planner {
	p := &Planner{apply: mssql.New(nil), prefix: prefix, spell: s, index: sqlserverIndex}
	p.column = func(phys, def string, c *schema.Column) (as.Type, as.Expr, []as.Attr) {
		return sqlserverColumn(s, phys, def, c)
	}
	return p
}

func sqlserverColumn(s Spelling, phys, def string, c *schema.Column) (as.Type, as.Expr, []as.Attr) {
	var attrs []as.Attr
	if c.AutoIncrement {
		attrs = append(attrs, &mssql.Identity{})
	}
	if expr, kind := s.Generated(c); expr != "" {
		attrs = append(attrs, &as.GeneratedExpr{Expr: expr, Type: kind})
	}
	if c.Comment != "" {
		attrs = append(attrs, &as.Comment{Text: s.Comment(c.Comment)})
	}
	var x as.Expr
	if def != "" {
		x = &as.RawExpr{X: def}
	}
	return &mssql.Type{T: phys}, x, attrs
}

// sqlserverIndex makes an ordinary index of a unique constraint that has a
// condition, since no constraint has one.
func sqlserverIndex(b *builder, from *schema.Index, to *as.Index) {
	switch {
	case from.Constraint && from.Where == "":
		to.AddAttrs(&mssql.Unique{})
	case from.Constraint:
		to.AddAttrs(&mssql.EitherWay{})
	}
	if from.Where != "" {
		to.AddAttrs(&mssql.Filter{P: from.Where})
	}
	if from.Method != "" {
		to.AddAttrs(&mssql.Method{T: from.Method})
	}
	if from.Comment != "" {
		to.AddAttrs(&as.Comment{Text: b.p.spell.Comment(from.Comment)})
	}
}

// Noted is a statement with what it does.
type Noted struct{ SQL, Note string }

// CreateTableNoted is CreateTable that says what each statement does, comments
// included.
func (p *Planner) CreateTableNoted(ctx context.Context, t *schema.Table) ([]Noted, error) {
	changes, err := p.changes(ctx, &as.AddTable{T: p.tableOf(t)})
	out := make([]Noted, len(changes))
	for i, c := range changes {
		out[i] = Noted{SQL: c.Cmd, Note: c.Comment}
	}
	return out, err
}

// RenameTableOf renders the new name of a table, and of what is named after it.
func (p *Planner) RenameTableOf(ctx context.Context, t *schema.Table, to string) ([]string, error) {
	return p.plan(ctx, &as.RenameTable{From: p.newBuilder(t).table, To: as.NewTable(to)})
}

// DropColumnOf drops a column together with its default.
func DropColumnOf(c *schema.Column) Action {
	return func(b *builder) as.Change { return &as.DropColumn{C: b.newColumn(c)} }
}

// AlterColumn brings the given aspects of a column from those of one to those of
// another.
func AlterColumn(from, to *schema.Column, a Aspects) Action {
	return func(b *builder) as.Change {
		m := &as.ModifyColumn{From: b.newColumn(from), To: b.newColumn(to)}
		for kind, on := range map[as.ChangeKind]bool{as.ChangeType: a.Type, as.ChangeNull: a.Null, as.ChangeDefault: a.Default} {
			if on {
				m.Change |= kind
			}
		}
		return m
	}
}

// ColumnComment sets or removes a column's comment.
func ColumnComment(c *schema.Column) Action {
	return func(b *builder) as.Change {
		return &as.ModifyColumn{From: b.newColumn(c), To: b.newColumn(c), Change: as.ChangeComment}
	}
}

// IndexComment sets or removes the comment of an index.
func IndexComment(x *schema.Index) Action {
	return func(b *builder) as.Change {
		return &as.ModifyIndex{From: b.index(x), To: b.index(x), Change: as.ChangeComment}
	}
}

// RenameColumnOf gives a column, and its default, a new name.
func RenameColumnOf(c *schema.Column, to string) Action {
	return func(b *builder) as.Change {
		return &as.RenameColumn{From: b.newColumn(c), To: as.NewColumn(to)}
	}
}

// RenameCheck gives a check a new name.
func RenameCheck(from, to string) Action {
	return func(*builder) as.Change {
		return &as.RenameConstraint{From: as.NewCheck().SetName(from), To: as.NewCheck().SetName(to)}
	}
}

// RenameForeignKey gives a foreign key a new name.
func RenameForeignKey(from, to string) Action {
	return func(*builder) as.Change {
		return &as.RenameConstraint{From: as.NewForeignKey(from), To: as.NewForeignKey(to)}
	}
}

// AddIndexOnline adds an index or a unique constraint while the table is used,
// where the edition can.
func AddIndexOnline(x *schema.Index) Action {
	return func(b *builder) as.Change {
		i := b.index(x)
		i.AddAttrs(&mssql.Online{})
		return &as.AddIndex{I: i}
	}
}

// AddPrimaryKeyOnline is AddPrimaryKey as AddIndexOnline is AddIndex.
func AddPrimaryKeyOnline(columns []string) Action {
	return func(b *builder) as.Change {
		pk := b.primaryKey(columns)
		pk.AddAttrs(&mssql.Online{})
		return &as.AddPrimaryKey{P: pk}
	}
}
