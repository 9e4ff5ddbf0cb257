package mssql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// The queries read the documented catalogue views and nothing else, without the
// functions that answer from them, so that another server's emulation of the
// views is enough: https://learn.microsoft.com/sql/relational-databases/system-catalog-views
// What is disabled enforces nothing, and is told with a Deviation.

// InspectSchema implements schema.Inspector for tables and all that is on them.
// Options name tables, or none for all; tables that do not exist are left out.
func (p *Planner) InspectSchema(ctx context.Context, name string, opts *schema.InspectOptions) (*schema.Schema, error) {
	if p.db == nil {
		return nil, errNoDatabase
	}
	i := &inspection{db: p.db, schema: &schema.Schema{Name: name}, tables: map[string]*schema.Table{}}
	if opts != nil {
		i.wanted = opts.Tables
	}
	for _, read := range []func(context.Context) error{i.columns, i.indexes, i.foreignKeys, i.checks} {
		if err := read(ctx); err != nil {
			return nil, err
		}
		if len(i.tables) == 0 {
			break
		}
	}
	return i.schema, nil
}

// InspectRealm implements schema.Inspector; options name the schemas, or none
// for all that have tables.
func (p *Planner) InspectRealm(ctx context.Context, opts *schema.InspectRealmOption) (*schema.Realm, error) {
	if p.db == nil {
		return nil, errNoDatabase
	}
	var names []string
	if opts != nil {
		names = opts.Schemas
	}
	if len(names) == 0 {
		i := &inspection{db: p.db}
		err := i.rows(ctx, `SELECT DISTINCT s.name FROM sys.schemas AS s JOIN sys.tables AS t ON t.schema_id = s.schema_id
WHERE t.is_ms_shipped = 0 ORDER BY s.name`, nil, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	realm := &schema.Realm{}
	for _, name := range names {
		s, err := p.InspectSchema(ctx, name, nil)
		if err != nil {
			return nil, err
		}
		s.Realm = realm
		realm.Schemas = append(realm.Schemas, s)
	}
	return realm, nil
}

// inspection is one run over the catalogue.
type inspection struct {
	db     schema.ExecQuerier
	schema *schema.Schema
	tables map[string]*schema.Table
	wanted []string
}

// maxNamed is how many tables a query names: a request takes 2,100 parameters.
// https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server
const maxNamed = 1000

// each runs a query over the wanted tables. %s in it stands for the condition
// that t is one of them.
func (i *inspection) each(ctx context.Context, query string, scan func(*sql.Rows) error) error {
	condition := "s.name = " + text(i.schema.Name) + " AND t.is_ms_shipped = 0"
	if i.wanted == nil {
		return i.rows(ctx, fmt.Sprintf(query, condition), nil, scan)
	}
	for names := range slices.Chunk(i.wanted, maxNamed) {
		marks, args := make([]string, len(names)), make([]any, len(names))
		for n, name := range names {
			marks[n], args[n] = fmt.Sprintf("@p%d", n+1), name
		}
		named := condition + " AND t.name IN (" + strings.Join(marks, ", ") + ")"
		if err := i.rows(ctx, fmt.Sprintf(query, named), args, scan); err != nil {
			return err
		}
	}
	return nil
}

func (i *inspection) rows(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := i.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A type of one's own counts by its name; the database's own collation is left
// out.
const columnsQuery = `
SELECT t.name, COALESCE(CAST(tp.value AS nvarchar(3750)), ''), c.name, y.name, y.is_user_defined, c.max_length, c.precision, c.scale,
  CASE WHEN c.collation_name IS NULL OR c.collation_name = d.collation_name THEN '' ELSE c.collation_name END,
  c.is_nullable, CASE WHEN n.column_id IS NULL THEN 0 ELSE 1 END, COALESCE(f.name, ''), COALESCE(f.definition, ''),
  COALESCE(x.definition, ''), COALESCE(x.is_persisted, 0), COALESCE(CAST(cp.value AS nvarchar(3750)), '')
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
JOIN sys.columns AS c ON c.object_id = t.object_id
JOIN sys.types AS y ON y.user_type_id = c.user_type_id
LEFT JOIN sys.databases AS d ON d.name = DB_NAME()
LEFT JOIN sys.identity_columns AS n ON n.object_id = c.object_id AND n.column_id = c.column_id
LEFT JOIN sys.default_constraints AS f ON f.parent_object_id = c.object_id AND f.parent_column_id = c.column_id
LEFT JOIN sys.computed_columns AS x ON x.object_id = c.object_id AND x.column_id = c.column_id
LEFT JOIN sys.extended_properties AS tp ON tp.class = 1 AND tp.major_id = t.object_id AND tp.minor_id = 0 AND tp.name = 'MS_Description'
LEFT JOIN sys.extended_properties AS cp ON cp.class = 1 AND cp.major_id = t.object_id AND cp.minor_id = c.column_id AND cp.name = 'MS_Description'
WHERE %s
ORDER BY t.name, c.column_id`

func (i *inspection) columns(ctx context.Context) error {
	return i.each(ctx, columnsQuery, func(rows *sql.Rows) error {
		var table, tableComment, collation, def, defName, computed, comment string
		var own, nullable, numbers, persisted bool
		var y typeRow
		c := &schema.Column{Type: &schema.ColumnType{}}
		err := rows.Scan(&table, &tableComment, &c.Name, &y.name, &own, &y.length, &y.precision, &y.scale, &collation,
			&nullable, &numbers, &defName, &def, &computed, &persisted, &comment)
		if err != nil {
			return err
		}
		t := i.table(table, tableComment)
		c.Type.Null = nullable
		c.Type.Raw = y.name
		if !own {
			c.Type.Raw = y.String()
		}
		if collation != "" {
			c.Type.Raw += " COLLATE " + collation
		}
		c.Type.Type = &Type{T: c.Type.Raw}
		if def != "" {
			c.Default = &schema.NamedDefault{Expr: &schema.RawExpr{X: def}, Name: defName}
		}
		if numbers {
			c.AddAttrs(&Identity{})
		}
		if computed != "" {
			x := &schema.GeneratedExpr{Expr: computed}
			if persisted {
				x.Type = "PERSISTED"
			}
			c.AddAttrs(x)
		}
		if comment != "" {
			c.AddAttrs(&schema.Comment{Text: comment})
		}
		t.AddColumns(c)
		return nil
	})
}

func (i *inspection) table(name, comment string) *schema.Table {
	t := i.tables[name]
	if t == nil {
		t = schema.NewTable(name)
		if comment != "" {
			t.AddAttrs(&schema.Comment{Text: comment})
		}
		i.tables[name] = t
		i.schema.AddTables(t)
	}
	return t
}

// typeRow is a column's type as sys.columns and sys.types tell it.
type typeRow struct {
	name                     string
	length, precision, scale int
}

// String spells the type as CREATE TABLE would:
// https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-columns-transact-sql
func (y typeRow) String() string {
	length := fmt.Sprint(y.length)
	switch y.name {
	case "nvarchar", "nchar": // bytes, two a character
		length = fmt.Sprint(y.length / 2)
	case "varchar", "char", "varbinary", "binary":
	case "decimal", "numeric":
		return fmt.Sprintf("%s(%d,%d)", y.name, y.precision, y.scale)
	case "datetime2", "datetimeoffset", "time":
		return fmt.Sprintf("%s(%d)", y.name, y.scale)
	default:
		return y.name
	}
	if y.length < 0 {
		length = "max"
	}
	return y.name + "(" + length + ")"
}

const checksQuery = `
SELECT t.name, k.name, k.definition, k.is_disabled, k.is_not_trusted, k.is_not_for_replication
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
JOIN sys.check_constraints AS k ON k.parent_object_id = t.object_id
WHERE %s
ORDER BY t.name, k.name`

func (i *inspection) checks(ctx context.Context) error {
	return i.each(ctx, checksQuery, func(rows *sql.Rows) error {
		var table string
		var k schema.Check
		var state constraintState
		if err := rows.Scan(&table, &k.Name, &k.Expr, &state.disabled, &state.untrusted, &state.notForReplication); err != nil {
			return err
		}
		k.AddAttrs(state.attrs()...)
		if t := i.tables[table]; t != nil {
			t.AddChecks(&k)
		}
		return nil
	})
}

// constraintState is what can be wrong with a check or a foreign key: disabled, it
// holds no row to anything; not trusted, none that was there when it was made, or
// enabled again; not for replication, none that an agent writes.
// https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-check-constraints-transact-sql
type constraintState struct{ disabled, untrusted, notForReplication bool }

func (c constraintState) attrs() []schema.Attr {
	switch {
	case c.disabled:
		return deviations("disabled")
	case c.notForReplication: // which is never trusted
		return deviations("not for replication")
	case c.untrusted:
		return deviations("not trusted")
	}
	return nil
}

func deviations(texts ...string) []schema.Attr {
	if len(texts) == 0 {
		return nil
	}
	return []schema.Attr{&Deviation{T: strings.Join(texts, ", ")}}
}
