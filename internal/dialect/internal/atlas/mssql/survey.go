package mssql

import (
	"context"
	"database/sql"
	"slices"

	"ariga.io/atlas/sql/schema"
)

// TableNames lists the tables of a schema, sorted as the database sorts names.
func (p *Planner) TableNames(ctx context.Context, in string) ([]string, error) {
	var names []string
	i := &inspection{db: p.db, schema: &schema.Schema{Name: in}}
	err := i.each(ctx, `SELECT t.name FROM sys.tables AS t JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE %s`,
		func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		})
	slices.Sort(names)
	return names, err
}

const referringQuery = `
SELECT t.name, k.name, CASE WHEN o.schema_id = t.schema_id THEN '' ELSE os.name END, o.name,
  k.delete_referential_action, k.update_referential_action, c.name, rc.name
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
JOIN sys.foreign_keys AS k ON k.referenced_object_id = t.object_id AND k.is_disabled = 0
JOIN sys.foreign_key_columns AS kc ON kc.constraint_object_id = k.object_id
JOIN sys.columns AS c ON c.object_id = kc.parent_object_id AND c.column_id = kc.parent_column_id
JOIN sys.tables AS o ON o.object_id = k.parent_object_id
JOIN sys.schemas AS os ON os.schema_id = o.schema_id
JOIN sys.columns AS rc ON rc.object_id = kc.referenced_object_id AND rc.column_id = kc.referenced_column_id
WHERE %s
ORDER BY os.name, o.name, k.name, kc.constraint_column_id`

// Referring lists the foreign keys that lead into tables of a schema from others
// than these. The table that refers has its schema set when it is in another.
func (p *Planner) Referring(ctx context.Context, in string, tables []string) ([]*schema.ForeignKey, error) {
	var out []*schema.ForeignKey
	i := &inspection{db: p.db, schema: &schema.Schema{Name: in}, wanted: tables}
	err := i.each(ctx, referringQuery, func(rows *sql.Rows) error {
		from, to := &schema.Table{}, &schema.Table{}
		var otherSchema, column, refColumn string
		var onDelete, onUpdate int
		f := &schema.ForeignKey{Table: from, RefTable: to}
		if err := rows.Scan(&to.Name, &f.Symbol, &otherSchema, &from.Name, &onDelete, &onUpdate, &column, &refColumn); err != nil {
			return err
		}
		if otherSchema != "" {
			from.Schema = &schema.Schema{Name: otherSchema}
		} else if slices.Contains(tables, from.Name) {
			return nil
		}
		f.OnDelete, f.OnUpdate = action(onDelete), action(onUpdate)
		if last := len(out) - 1; last >= 0 && out[last].Symbol == f.Symbol && sameTable(out[last].Table, from) {
			f = out[last]
		} else {
			out = append(out, f)
		}
		f.Columns = append(f.Columns, schema.NewColumn(column))
		f.RefColumns = append(f.RefColumns, schema.NewColumn(refColumn))
		return nil
	})
	return out, err
}

func sameTable(a, b *schema.Table) bool {
	if a.Name != b.Name || (a.Schema == nil) != (b.Schema == nil) {
		return false
	}
	return a.Schema == nil || a.Schema.Name == b.Schema.Name
}
