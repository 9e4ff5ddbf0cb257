package sqlserver

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"regexp"
	"strings"

	_ "modernc.org/sqlite" // the views are tables of SQLite's
)

// views are the documented catalogue views with the columns that are read, as
// tables: https://learn.microsoft.com/sql/relational-databases/system-catalog-views
const views = `
CREATE TABLE sys.databases (name TEXT, database_id INT, collation_name TEXT, compatibility_level INT);
CREATE TABLE sys.schemas (name TEXT, schema_id INT, principal_id INT);
CREATE TABLE sys.tables (name TEXT, object_id INT, schema_id INT, type TEXT, is_ms_shipped INT);
CREATE TABLE sys.types (name TEXT, system_type_id INT, user_type_id INT, is_user_defined INT);
CREATE TABLE sys.columns (object_id INT, name TEXT, column_id INT, user_type_id INT, max_length INT, precision INT, scale INT, collation_name TEXT, is_nullable INT, is_identity INT, is_computed INT);
CREATE TABLE sys.identity_columns (object_id INT, column_id INT, seed_value INT, increment_value INT);
CREATE TABLE sys.computed_columns (object_id INT, column_id INT, definition TEXT, is_persisted INT);
CREATE TABLE sys.default_constraints (name TEXT, object_id INT, parent_object_id INT, parent_column_id INT, definition TEXT, is_system_named INT);
CREATE TABLE sys.check_constraints (name TEXT, object_id INT, parent_object_id INT, definition TEXT, is_disabled INT, is_not_trusted INT, is_not_for_replication INT);
CREATE TABLE sys.key_constraints (name TEXT, object_id INT, parent_object_id INT, type TEXT, unique_index_id INT, is_system_named INT);
CREATE TABLE sys.indexes (object_id INT, name TEXT, index_id INT, type INT, type_desc TEXT, is_unique INT, is_primary_key INT, is_unique_constraint INT, is_disabled INT, is_hypothetical INT, has_filter INT, filter_definition TEXT, ignore_dup_key INT);
CREATE TABLE sys.index_columns (object_id INT, index_id INT, index_column_id INT, column_id INT, key_ordinal INT, is_descending_key INT, is_included_column INT);
CREATE TABLE sys.foreign_keys (name TEXT, object_id INT, parent_object_id INT, referenced_object_id INT, is_disabled INT, delete_referential_action INT, update_referential_action INT, is_not_trusted INT, is_not_for_replication INT);
CREATE TABLE sys.foreign_key_columns (constraint_object_id INT, constraint_column_id INT, parent_object_id INT, parent_column_id INT, referenced_object_id INT, referenced_column_id INT);
CREATE TABLE sys.partitions (partition_id INT, object_id INT, index_id INT, hobt_id INT, rows INT);
CREATE TABLE sys.allocation_units (type INT, container_id INT, total_pages INT);
CREATE TABLE sys.extended_properties (class INT, major_id INT, minor_id INT, name TEXT, value TEXT);
`

// show opens a database in which the catalogue's views can be read.
func (c *catalogue) show() (*sql.DB, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("ATTACH ':memory:' AS sys; BEGIN;" + views); err != nil {
		return nil, err
	}
	w := &writer{db: db}
	w.row("databases", "db", 5, "SQL_Latin1_General_CP1_CI_AS", 160)
	w.row("databases", "master", 1, "Latin1_General_CI_AS", 160)
	schemas, types := map[string]int{}, map[string]int{}
	for _, t := range c.tables {
		if key := strings.ToLower(t.schema); schemas[key] == 0 {
			schemas[key] = len(schemas) + 5
			w.row("schemas", t.schema, schemas[key], 1)
		}
		for _, col := range t.columns {
			if types[col.typ] == 0 {
				types[col.typ] = len(types) + 34
				w.row("types", col.typ, types[col.typ], types[col.typ], 0)
			}
		}
	}
	for _, t := range c.tables {
		w.table(c, t, schemas[strings.ToLower(t.schema)], types)
	}
	if _, err := db.Exec("COMMIT"); w.err == nil {
		w.err = err
	}
	return db, w.err
}

type writer struct {
	db  *sql.DB
	err error
}

func (w *writer) row(view string, values ...any) {
	if w.err == nil {
		_, w.err = w.db.Exec("INSERT INTO sys."+view+" VALUES (?"+strings.Repeat(", ?", len(values)-1)+")", values...)
	}
}

func (w *writer) table(c *catalogue, t *simTable, schema int, types map[string]int) {
	w.row("tables", t.name, t.id, schema, "U ", false)
	comment := func(class, major, minor int, key string) {
		if text, ok := t.comments[strings.ToLower(key)]; ok {
			w.row("extended_properties", class, major, minor, "MS_Description", text)
		}
	}
	comment(1, t.id, 0, "")
	for _, col := range t.columns {
		var collation any
		if col.collation != "" {
			collation = col.collation
		}
		w.row("columns", t.id, col.name, col.id, types[col.typ], col.length, col.precision, col.scale, collation, col.nullable, col.identity, col.computed != "")
		comment(1, t.id, col.id, "column "+col.name)
		if col.identity {
			w.row("identity_columns", t.id, col.id, 1, 1)
		}
		if col.computed != "" {
			w.row("computed_columns", t.id, col.id, col.computed, col.persisted)
		}
		if col.def != "" {
			w.row("default_constraints", col.defName, t.id*1000+col.id, t.id, col.id, col.def, systemNamed(col.defName))
		}
	}
	w.sizes(t)
	for n, x := range t.keys {
		w.index(t, n+2, x)
		comment(7, t.id, n+2, "index "+x.name)
		if x.id != 0 {
			comment(1, x.id, 0, "constraint "+x.name)
		}
	}
	for _, k := range t.checks {
		w.row("check_constraints", k.name, k.id, t.id, k.text, k.weak["disabled"], k.weak["not trusted"], k.weak["not for replication"])
	}
	for _, f := range t.foreign {
		ref := c.find(f.schema, f.table)
		w.row("foreign_keys", f.name, f.id, t.id, ref.id, f.weak["disabled"], f.onDelete, f.onUpdate, f.weak["not trusted"], f.weak["not for replication"])
		for n, name := range f.columns {
			w.row("foreign_key_columns", f.id, n+1, t.id, t.column(name).id, ref.id, ref.column(f.refColumns[n]).id)
		}
	}
}

// sizes writes a table's one partition, and one for each index: in-row data, and
// large values beside the table's own.
func (w *writer) sizes(t *simTable) {
	w.row("partitions", t.id*100, t.id, 0, t.id*100+50, t.rows)
	w.row("allocation_units", 1, t.id*100+50, t.pages)
	w.row("allocation_units", 2, t.id*100, t.pages)
	for n := range t.keys {
		w.row("partitions", t.id*100+n+1, t.id, n+2, t.id*100+51+n, t.rows)
		w.row("allocation_units", 1, t.id*100+51+n, t.pages)
	}
}

func (w *writer) index(t *simTable, id int, x *simIndex) {
	kind, desc := 2, "NONCLUSTERED"
	if x.primary {
		kind, desc = 1, "CLUSTERED"
	}
	var filter any
	if x.filter != "" {
		filter = x.filter
	}
	w.row("indexes", t.id, x.name, id, kind, desc, x.unique, x.primary, x.constr, x.weak["disabled"], false, x.filter != "", filter, x.weak["ignoring duplicates"])
	if x.weak["with more columns"] {
		w.row("index_columns", t.id, id, len(x.columns)+1, t.columns[0].id, 0, false, true)
	}
	if x.primary || x.constr {
		w.row("key_constraints", x.name, x.id, t.id, map[bool]string{true: "PK", false: "UQ"}[x.primary], id, systemNamed(x.name))
	}
	for n, name := range x.columns {
		w.row("index_columns", t.id, id, n+1, t.column(name).id, n+1, x.desc[n], false)
	}
}

// systemNamed tells the names that the simulation made up.
func systemNamed(name string) bool { return strings.Contains(name, "__") }

var national = regexp.MustCompile(`\bN'`)

// ask runs a query over the views. SQLite knows neither N in front of a string
// nor DB_NAME().
func (c *catalogue) ask(query string, args []driver.NamedValue) (*fakeRows, error) {
	if c.shown == nil {
		var err error
		if c.shown, err = c.show(); err != nil {
			return nil, err
		}
	}
	query = strings.ReplaceAll(national.ReplaceAllString(query, "'"), "DB_NAME()", "'db'")
	query = strings.ReplaceAll(query, "SCHEMA_NAME()", "'dbo'")
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = sql.Named(fmt.Sprintf("p%d", i+1), a.Value)
	}
	rows, err := c.shown.Query(query, values...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	out := &fakeRows{}
	for rows.Next() {
		row := make([]driver.Value, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out.rows = append(out.rows, row)
	}
	return out, rows.Err()
}
