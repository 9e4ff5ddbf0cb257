package atlas

import (
	"context"

	as "ariga.io/atlas/sql/schema"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas/mssql"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// InspectSQLServer reads the named tables of a schema. A computed column's
// physical type is "AS (…)", with PERSISTED behind it.
func InspectSQLServer(ctx context.Context, q dialect.Querier, in string, tables []string) (*schema.Schema, error) {
	if tables == nil {
		tables = []string{} // none, not all
	}
	found, err := mssql.New(q).InspectSchema(ctx, in, &as.InspectOptions{Tables: tables})
	if err != nil {
		return nil, err
	}
	out := &schema.Schema{Engine: string(dialect.SQLServer)}
	for _, t := range found.Tables {
		out.Tables = append(out.Tables, sqlserverTable(t))
	}
	return out, nil
}

func sqlserverTable(t *as.Table) *schema.Table {
	out := &schema.Table{Name: t.Name, Comment: commentOf(t.Attrs)}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, sqlserverInspected(c))
	}
	if t.PrimaryKey != nil {
		for _, p := range t.PrimaryKey.Parts {
			out.PrimaryKey = append(out.PrimaryKey, p.C.Name)
		}
	}
	for _, x := range t.Indexes {
		index := &schema.Index{Name: x.Name, Unique: x.Unique, Comment: commentOf(x.Attrs), Deviation: deviationOf(x.Attrs)}
		for _, a := range x.Attrs {
			switch a := a.(type) {
			case *mssql.Unique:
				index.Constraint = true
			case *mssql.Filter:
				index.Where = a.P
			case *mssql.Method:
				index.Method = a.T
			}
		}
		for _, p := range x.Parts {
			index.Parts = append(index.Parts, schema.IndexPart{Column: p.C.Name, Desc: p.Desc})
		}
		out.Indexes = append(out.Indexes, index)
	}
	for _, f := range t.ForeignKeys {
		out.ForeignKeys = append(out.ForeignKeys, sqlserverForeignKey(f))
	}
	for _, k := range t.Checks() {
		out.Checks = append(out.Checks, &schema.Check{Name: k.Name, Expr: k.Expr, Deviation: deviationOf(k.Attrs)})
	}
	return out
}

func sqlserverInspected(c *as.Column) *schema.Column {
	out := &schema.Column{Name: c.Name, Nullable: c.Type.Null, Physical: c.Type.Raw, Comment: commentOf(c.Attrs)}
	for _, a := range c.Attrs {
		switch a := a.(type) {
		case *mssql.Identity:
			out.AutoIncrement = true
		case *as.GeneratedExpr:
			out.Physical = "AS " + a.Expr
			if a.Type != "" {
				out.Physical += " " + a.Type
			}
		}
	}
	if named, ok := c.Default.(*as.NamedDefault); ok {
		if raw, ok := named.Expr.(*as.RawExpr); ok {
			out.Default = &schema.Default{Value: raw.X, Expr: true}
		}
	}
	return out
}

func sqlserverForeignKey(f *as.ForeignKey) *schema.ForeignKey {
	out := &schema.ForeignKey{Name: f.Symbol, RefTable: f.RefTable.Name, Deviation: deviationOf(f.Attrs)}
	if f.RefTable.Schema != nil {
		out.RefTable = f.RefTable.Schema.Name + "." + f.RefTable.Name
	}
	for i, c := range f.Columns {
		out.Columns = append(out.Columns, c.Name)
		out.RefColumns = append(out.RefColumns, f.RefColumns[i].Name)
	}
	if f.OnDelete != as.NoAction {
		out.OnDelete = schema.Action(f.OnDelete)
	}
	if f.OnUpdate != as.NoAction {
		out.OnUpdate = schema.Action(f.OnUpdate)
	}
	return out
}

func commentOf(attrs []as.Attr) string {
	for _, a := range attrs {
		if c, ok := a.(*as.Comment); ok {
			return c.Text
		}
	}
	return ""
}

func deviationOf(attrs []as.Attr) string {
	for _, a := range attrs {
		if d, ok := a.(*mssql.Deviation); ok {
			return d.T
		}
	}
	return ""
}

// SurveySQLServer lists the tables of a schema.
func SurveySQLServer(ctx context.Context, q dialect.Querier, in string) ([]string, error) {
	return mssql.New(q).TableNames(ctx, in)
}

// ReferrersSQLServer lists the foreign keys that lead into the named tables from
// others.
func ReferrersSQLServer(ctx context.Context, q dialect.Querier, in string, tables []string) ([]dialect.Referrer, error) {
	if len(tables) == 0 {
		return nil, nil
	}
	found, err := mssql.New(q).Referring(ctx, in, tables)
	if err != nil {
		return nil, err
	}
	out := make([]dialect.Referrer, len(found))
	for i, f := range found {
		out[i] = dialect.Referrer{Table: f.Table.Name, ForeignKey: sqlserverForeignKey(f)}
		if f.Table.Schema != nil {
			out[i].Table = f.Table.Schema.Name + "." + f.Table.Name
		}
	}
	return out, nil
}
