package atlas

import (
	"regexp"
	"strings"

	"ariga.io/atlas/sql/postgres"
	as "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// builder converts the objects of one table for one call.
type builder struct {
	p     *Planner
	table *as.Table
}

func (p *Planner) newBuilder(t *schema.Table) *builder {
	b := &builder{p: p, table: as.NewTable(p.esc(t.Name))}
	for _, c := range t.Columns {
		b.table.AddColumns(b.newColumn(c))
	}
	if len(t.PrimaryKey) > 0 {
		b.table.PrimaryKey = b.primaryKey(t.PrimaryKey)
	}
	return b
}

// newColumn converts a column. The result belongs to no table.
func (b *builder) newColumn(c *schema.Column) *as.Column {
	def := ""
	if c.Default != nil {
		def = b.p.spell.Default(c)
	}
	out := as.NewColumn(b.p.esc(c.Name))
	var typ as.Type
	typ, out.Default, out.Attrs = b.p.column(b.p.spell.Type(c), def, c)
	out.Type = &as.ColumnType{Type: typ, Null: c.Nullable}
	return out
}

// postgresColumn uses a user-defined type, which Atlas prints as it stands, and
// a raw default, which it does not quote.
func postgresColumn(phys, def string, _ *schema.Column) (as.Type, as.Expr, []as.Attr) {
	var x as.Expr
	if def != "" {
		x = &as.RawExpr{X: def}
	}
	return &postgres.UserDefinedType{T: phys}, x, nil
}

// sqliteColumn is as postgresColumn, but Atlas wraps raw defaults of SQLite in
// parentheses, which literals do not need: a literal of an integer type is
// printed verbatim, as long as the type's name is in lower case.
func sqliteColumn(phys, def string, c *schema.Column) (as.Type, as.Expr, []as.Attr) {
	var attrs []as.Attr
	if c.AutoIncrement {
		attrs = append(attrs, &sqlite.AutoIncrement{})
	}
	switch {
	case c.Default == nil:
		return &sqlite.UserDefinedType{T: phys}, nil, attrs
	case c.Default.Expr || strings.ToLower(phys) != phys:
		return &sqlite.UserDefinedType{T: phys}, &as.RawExpr{X: def}, attrs
	default:
		return &as.IntegerType{T: phys}, &as.Literal{V: def}, attrs
	}
}

// columnOf returns the table's column, or a bare one with that name: an ALTER may
// speak of columns by names that the table has only before or after it. Atlas looks
// at whether such a column takes NULL; the server knows.
func (b *builder) columnOf(name string) *as.Column {
	if c, ok := b.table.Column(b.p.esc(name)); ok {
		return c
	}
	return as.NewColumn(b.p.esc(name)).SetNull(true)
}

func (b *builder) columnsOf(names []string) []*as.Column {
	out := make([]*as.Column, len(names))
	for i, n := range names {
		out[i] = b.columnOf(n)
	}
	return out
}

func (b *builder) primaryKey(columns []string) *as.Index {
	pk := &as.Index{Unique: true, Table: b.table}
	for i, c := range b.columnsOf(columns) {
		pk.Parts = append(pk.Parts, &as.IndexPart{SeqNo: i, C: c})
	}
	return pk
}

func (b *builder) index(x *schema.Index) *as.Index {
	out := &as.Index{Name: b.p.esc(x.Name), Unique: x.Unique, Table: b.table}
	for i, part := range x.Parts {
		ap := &as.IndexPart{SeqNo: i, Desc: part.Desc}
		if part.Column != "" {
			ap.C = b.columnOf(part.Column)
		} else {
			ap.X = &as.RawExpr{X: part.Expr}
		}
		out.Parts = append(out.Parts, ap)
	}
	b.p.index(b, x, out)
	return out
}

// opClass splits an operator class off an index expression, as in
// "name gin_trgm_ops": Atlas would wrap both in one pair of parentheses. The
// classes that PostgreSQL and its extensions bring end in _ops.
var opClass = regexp.MustCompile(`^(.+?)\s+([A-Za-z_][A-Za-z0-9_]*_ops)$`)

func postgresIndex(b *builder, from *schema.Index, to *as.Index) {
	if from.Constraint {
		to.AddAttrs(postgres.UniqueConstraint(b.p.esc(from.Name)))
	}
	if from.Method != "" {
		to.AddAttrs(&postgres.IndexType{T: strings.ToUpper(from.Method)})
	}
	if from.Where != "" {
		to.AddAttrs(&postgres.IndexPredicate{P: from.Where})
	}
	for i, part := range from.Parts {
		if m := opClass.FindStringSubmatch(part.Expr); part.Column == "" && m != nil {
			to.Parts[i].X = &as.RawExpr{X: m[1]}
			to.Parts[i].Attrs = append(to.Parts[i].Attrs, &postgres.IndexOpClass{Name: m[2]})
		}
		if part.Collate != "" {
			to.Parts[i].Attrs = append(to.Parts[i].Attrs, &as.Collation{V: b.p.esc(part.Collate)})
		}
	}
}

// sqliteIndex writes a part's collation into an expression: Atlas leaves it
// out. SQLite strips the parentheses again and sees a column.
func sqliteIndex(b *builder, from *schema.Index, to *as.Index) {
	if from.Where != "" {
		to.AddAttrs(&sqlite.IndexPredicate{P: from.Where})
	}
	for i, part := range from.Parts {
		if part.Collate == "" {
			continue
		}
		expr := part.Expr
		if part.Column != "" {
			expr = b.p.quote + b.p.esc(part.Column) + b.p.quote
		}
		to.Parts[i].C = nil
		to.Parts[i].X = &as.RawExpr{X: expr + " COLLATE " + b.p.quote + b.p.esc(part.Collate) + b.p.quote}
	}
}

func (b *builder) foreignKey(f *schema.ForeignKey) *as.ForeignKey {
	out := &as.ForeignKey{
		Symbol: b.p.esc(f.Name), Table: b.table, Columns: b.columnsOf(f.Columns),
		RefTable: as.NewTable(b.p.esc(f.RefTable)),
		OnUpdate: as.ReferenceOption(f.OnUpdate), OnDelete: as.ReferenceOption(f.OnDelete),
	}
	for _, c := range f.RefColumns {
		out.RefColumns = append(out.RefColumns, as.NewColumn(b.p.esc(c)))
	}
	return out
}

// check wraps the expression itself: what Atlas takes for wrapped is not always.
func (b *builder) check(c *schema.Check) *as.Check {
	return &as.Check{Name: b.p.esc(c.Name), Expr: "(" + c.Expr + ")"}
}
