package dialecttest

import "github.com/lockstepdb/lockstep/internal/schema"

// The builders below keep the suite's schemas short.

type tableOption func(*schema.Table)

func tables(ts ...*schema.Table) *schema.Schema { return &schema.Schema{Tables: ts} }

func table(name string, opts ...tableOption) *schema.Table {
	t := &schema.Table{Name: name}
	for _, o := range opts {
		o(t)
	}
	return t
}

// id is GORM's usual key.
func id() tableOption {
	return func(t *schema.Table) {
		t.Columns = append(t.Columns, &schema.Column{Name: "id", Type: schema.Type{Kind: schema.Uint, Bits: 64}, AutoIncrement: true})
		t.PrimaryKey = []string{"id"}
	}
}

type columnOption func(*schema.Column)

func col(name string, typ schema.Type, opts ...columnOption) tableOption {
	return func(t *schema.Table) {
		c := &schema.Column{Name: name, Type: typ, Nullable: true}
		for _, o := range opts {
			o(c)
		}
		t.Columns = append(t.Columns, c)
	}
}

func notNull(c *schema.Column) { c.Nullable = false }
func numbers(c *schema.Column) { c.AutoIncrement, c.Nullable = true, false }

func def(v string) columnOption {
	return func(c *schema.Column) { c.Default = &schema.Default{Value: v} }
}

func defExpr(v string) columnOption {
	return func(c *schema.Column) { c.Default = &schema.Default{Value: v, Expr: true} }
}

func remark(v string) columnOption { return func(c *schema.Column) { c.Comment = v } }

func was(name string) columnOption {
	return func(c *schema.Column) { c.RenamedFrom = []string{name} }
}

func tableWas(name string) tableOption {
	return func(t *schema.Table) { t.RenamedFrom = []string{name} }
}

func tableRemark(v string) tableOption { return func(t *schema.Table) { t.Comment = v } }

func key(columns ...string) tableOption {
	return func(t *schema.Table) { t.PrimaryKey = columns }
}

func index(x schema.Index) tableOption {
	return func(t *schema.Table) { t.Indexes = append(t.Indexes, &x) }
}

func on(columns ...string) []schema.IndexPart {
	out := make([]schema.IndexPart, len(columns))
	for i, c := range columns {
		out[i].Column = c
	}
	return out
}

func check(name, expr string) tableOption {
	return func(t *schema.Table) { t.Checks = append(t.Checks, &schema.Check{Name: name, Expr: expr}) }
}

func fk(f schema.ForeignKey) tableOption {
	return func(t *schema.Table) { t.ForeignKeys = append(t.ForeignKeys, &f) }
}

// refers is a foreign key of one column to another table's id.
func refers(column, to string) tableOption {
	return fk(schema.ForeignKey{Name: "fk_" + to + "_" + column, Columns: []string{column}, RefTable: to, RefColumns: []string{"id"}})
}

// The types of the suite; functions, since a test may not share what it changes.
func text() schema.Type             { return schema.Type{Kind: schema.String} }
func varchar(n int) schema.Type     { return schema.Type{Kind: schema.String, Size: n} }
func integer(bits int) schema.Type  { return schema.Type{Kind: schema.Int, Bits: bits} }
func unsigned(bits int) schema.Type { return schema.Type{Kind: schema.Uint, Bits: bits} }
func boolean() schema.Type          { return schema.Type{Kind: schema.Bool} }
func float() schema.Type            { return schema.Type{Kind: schema.Float, Bits: 64} }
func blob() schema.Type             { return schema.Type{Kind: schema.Bytes} }
func moment() schema.Type           { return schema.Type{Kind: schema.Time} }

func decimal(p, s int) schema.Type {
	return schema.Type{Kind: schema.Decimal, Precision: p, Scale: s}
}
