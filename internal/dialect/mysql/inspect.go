package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Inspect implements dialect.Inspector by four questions, whatever the number of
// tables: columns, indexes, foreign keys, checks. Each takes one round trip, or a
// few on MariaDB; see portions.
// https://dev.mysql.com/doc/refman/8.4/en/information-schema-table-reference.html
// https://mariadb.com/kb/en/information-schema-tables/
func (d *Dialect) Inspect(ctx context.Context, q dialect.Querier, tables []string) (*schema.Schema, error) {
	i := &inspection{d: d, q: q, asked: tables, out: &schema.Schema{Engine: string(d.server.Engine)}, byName: map[string]*schema.Table{}}
	if len(tables) == 0 {
		return i.out, nil
	}
	for _, read := range []func(context.Context) error{i.columns, i.indexes, i.foreignKeys, i.checks} {
		if err := read(ctx); err != nil {
			return nil, d.Classify(err)
		}
		if len(i.byName) == 0 {
			break
		}
	}
	for _, t := range i.out.Tables {
		t.Indexes = slices.DeleteFunc(t.Indexes, func(x *schema.Index) bool { return isSupport(t, x) })
	}
	return i.out, nil
}

type inspection struct {
	d      *Dialect
	q      dialect.Querier
	asked  []string
	folds  bool // the server does not tell table names apart by case
	out    *schema.Schema
	byName map[string]*schema.Table // by the name in the server
}

// each runs a query over the named tables and scans every row. Each % of the
// query stands for their list, and braces for their rows of a view of the
// information schema.
func (i *inspection) each(ctx context.Context, query string, scan func(*sql.Rows) error) error {
	for _, names := range i.portions(query) {
		if err := i.read(ctx, query, names, scan); err != nil {
			return err
		}
	}
	return nil
}

func (i *inspection) read(ctx context.Context, query string, names []string, scan func(*sql.Rows) error) error {
	query = strings.ReplaceAll(i.views(query, names), "%", strings.TrimSuffix(strings.Repeat("?,", len(names)), ","))
	var args []any
	for range strings.Count(query, "?") / len(names) {
		for _, name := range names {
			args = append(args, name)
		}
	}
	rows, err := i.q.QueryContext(ctx, query, args...)
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

// promised is the name by which a table was asked for, or "". The information
// schema compares without case in any event.
func (i *inspection) promised(name string) string {
	for _, a := range i.asked {
		if a == name {
			return a
		}
	}
	for _, a := range i.asked {
		if i.folds && strings.EqualFold(a, name) {
			return a
		}
	}
	return ""
}

// The views of MariaDB compare the names of tables without case, also where they are
// of two tables.
const columnsQuery = `
SELECT @@lower_case_table_names <> 0, t.TABLE_NAME, t.TABLE_COMMENT, COALESCE(t.TABLE_COLLATION, ''),
       c.COLUMN_NAME, c.COLUMN_TYPE, c.IS_NULLABLE = 'YES', c.COLUMN_DEFAULT, c.EXTRA, c.COLUMN_COMMENT,
       COALESCE(c.COLLATION_NAME, ''), COALESCE(c.GENERATION_EXPRESSION, '')
FROM {TABLES} t
JOIN {COLUMNS} c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
  AND (@@lower_case_table_names <> 0 OR CAST(c.TABLE_NAME AS BINARY) = CAST(t.TABLE_NAME AS BINARY))
WHERE t.TABLE_TYPE <> 'VIEW'
ORDER BY t.TABLE_NAME, c.ORDINAL_POSITION`

func (i *inspection) columns(ctx context.Context) error {
	return i.each(ctx, columnsQuery, func(rows *sql.Rows) error {
		var table, comment, collation, extra, own, expr string
		var def sql.NullString
		c := &schema.Column{}
		err := rows.Scan(&i.folds, &table, &comment, &collation, &c.Name, &c.Physical, &c.Nullable, &def, &extra, &c.Comment, &own, &expr)
		name := i.promised(table)
		if err != nil || name == "" {
			return err
		}
		t := i.byName[table]
		if t == nil {
			t = &schema.Table{Name: name, Comment: comment}
			i.byName[table] = t
			i.out.Tables = append(i.out.Tables, t)
		}
		if own != "" && own != collation {
			c.Physical += " collate " + own
		}
		if movedAside(c.Name) {
			return nil
		}
		extra = strings.ToLower(extra)
		c.AutoIncrement = strings.Contains(extra, "auto_increment")
		if expr != "" {
			c.Physical += " generated always as (" + expr + ") " + strings.TrimSuffix(strings.ToUpper(extra), " GENERATED")
		}
		c.Physical = parseType(c.Physical).spell()
		c.Default = i.defaultOf(def, extra)
		t.Columns = append(t.Columns, c)
		return nil
	})
}

// defaultOf reads COLUMN_DEFAULT. MySQL gives a literal bare, MariaDB quotes it
// and says NULL where a nullable column has none.
func (i *inspection) defaultOf(def sql.NullString, extra string) *schema.Default {
	_, update, _ := strings.Cut(extra, "on update ")
	switch {
	case !def.Valid, i.d.server.maria() && def.String == "NULL":
		if update == "" {
			return nil
		}
		def.String = "NULL"
	case !i.d.server.maria() && !strings.Contains(extra, "default_generated"):
		return &schema.Default{Value: def.String}
	}
	if update != "" {
		def.String += " ON UPDATE " + update
	}
	return &schema.Default{Value: def.String, Expr: true}
}

const indexesQuery = `
SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE = 0, COALESCE(COLUMN_NAME, ''), COALESCE(COLLATION, '') = 'D', COALESCE(SUB_PART, 0),
       INDEX_TYPE, INDEX_COMMENT, EXPRESSION, SHOWN
FROM {STATISTICS} s
ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX`

func (i *inspection) indexes(ctx context.Context) error {
	query := indexesQuery
	if !i.d.server.expressionIndexes() {
		query = strings.Replace(query, "EXPRESSION", "''", 1)
	}
	_, hidden := i.d.server.hiddenIndexes()
	return i.each(ctx, query, func(rows *sql.Rows) error {
		var table, shown string
		var expr sql.NullString
		var x schema.Index
		var part schema.IndexPart
		err := rows.Scan(&table, &x.Name, &x.Unique, &part.Column, &part.Desc, &part.Length, &x.Method, &x.Comment, &expr, &shown)
		t := i.byName[table]
		if err != nil || t == nil {
			return err
		}
		if x.Name == "PRIMARY" {
			t.PrimaryKey = append(t.PrimaryKey, part.Column)
			return nil
		}
		if shown == hidden {
			x.Deviation = "passed over by queries"
		}
		part.Expr = expr.String
		switch x.Method = strings.ToLower(x.Method); x.Method {
		case "btree", "hash":
			x.Method = ""
		case "fulltext", "spatial":
			part.Length = 0 // what MySQL says of a spatial one is no prefix
		}
		if n := len(t.Indexes); n > 0 && t.Indexes[n-1].Name == x.Name {
			t.Indexes[n-1].Parts = append(t.Indexes[n-1].Parts, part)
			return nil
		}
		x.Parts = []schema.IndexPart{part}
		t.Indexes = append(t.Indexes, &x)
		return nil
	})
}

const foreignKeysQuery = `
SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME,
       CASE WHEN k.REFERENCED_TABLE_SCHEMA = k.TABLE_SCHEMA THEN '' ELSE k.REFERENCED_TABLE_SCHEMA END,
       k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE
FROM {KEY_COLUMN_USAGE} k
STRAIGHT_JOIN {REFERENTIAL_CONSTRAINTS} r
  ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
  AND (@@lower_case_table_names <> 0 OR CAST(r.TABLE_NAME AS BINARY) = CAST(k.TABLE_NAME AS BINARY))
WHERE k.REFERENCED_TABLE_NAME IS NOT NULL
ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`

// sameParent has MySQL find a foreign key by what it refers to, of which there is an
// index. By the name alone it reads all foreign keys of the database for each.
const sameParent = ` AND r.UNIQUE_CONSTRAINT_CATALOG = 'def'
  AND r.UNIQUE_CONSTRAINT_SCHEMA = k.REFERENCED_TABLE_SCHEMA AND r.REFERENCED_TABLE_NAME = k.REFERENCED_TABLE_NAME`

func withParents(query string) string {
	return strings.Replace(query, "\nWHERE", sameParent+"\nWHERE", 1)
}

func (i *inspection) foreignKeys(ctx context.Context) error {
	query := foreignKeysQuery
	if !i.d.server.maria() {
		query = withParents(query)
	}
	return i.each(ctx, query, func(rows *sql.Rows) error {
		var table, name, column, elsewhere, ref, refColumn, onDelete, onUpdate string
		err := rows.Scan(&table, &name, &column, &elsewhere, &ref, &refColumn, &onDelete, &onUpdate)
		t := i.byName[table]
		if err != nil || t == nil {
			return err
		}
		n := len(t.ForeignKeys)
		if n == 0 || t.ForeignKeys[n-1].Name != name {
			if elsewhere != "" {
				ref = elsewhere + "." + ref
			} else if asked := i.promised(ref); asked != "" {
				ref = asked
			}
			t.ForeignKeys = append(t.ForeignKeys, &schema.ForeignKey{Name: name, RefTable: ref, OnDelete: actionOf(onDelete), OnUpdate: actionOf(onUpdate)})
			n++
		}
		f := t.ForeignKeys[n-1]
		f.Columns, f.RefColumns = append(f.Columns, column), append(f.RefColumns, refColumn)
		return nil
	})
}

// actionOf reads a rule. NO ACTION and RESTRICT are one in InnoDB, and MariaDB
// shows the one for the other.
func actionOf(rule string) schema.Action {
	switch rule {
	case "NO ACTION", "RESTRICT":
		return schema.NoAction
	}
	return schema.Action(rule)
}
