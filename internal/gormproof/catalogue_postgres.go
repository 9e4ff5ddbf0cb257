package gormproof

import (
	"context"
	"database/sql"
	"strings"
)

// postgresQueries read everything that a tenant's schema can hold. Columns come
// in their order in the table; all else is sorted by name.
var postgresQueries = []string{
	`SELECT 'table', relname, relkind, coalesce(obj_description(oid, 'pg_class'), '')
	FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind NOT IN ('i', 'S') ORDER BY relname`,

	`SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
		CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END, coalesce('default ' || nullif(regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^NULL::.*', ''), ''), ''),
		'identity=' || a.attidentity::text, 'generated=' || a.attgenerated::text, coalesce(co.collname, ''), coalesce(col_description(c.oid, a.attnum), '')
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
	LEFT JOIN pg_collation co ON co.oid = a.attcollation
	WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
	ORDER BY c.relname, a.attnum`,

	`SELECT 'constraint', c.relname, k.conname, k.contype::text, pg_get_constraintdef(k.oid), k.condeferrable::text, k.convalidated::text,
		coalesce(obj_description(k.oid, 'pg_constraint'), '')
	FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
	WHERE k.connamespace = current_schema()::regnamespace ORDER BY c.relname, k.conname`,

	`SELECT 'index', t.relname, i.relname, replace(pg_get_indexdef(i.oid), quote_ident(current_schema()) || '.', ''),
		'primary=' || x.indisprimary::text, 'valid=' || x.indisvalid::text, coalesce(obj_description(i.oid, 'pg_class'), '')
	FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
	WHERE i.relnamespace = current_schema()::regnamespace ORDER BY t.relname, i.relname`,

	`SELECT 'sequence', s.relname, format_type(q.seqtypid, NULL), q.seqstart::text, q.seqincrement::text, q.seqmax::text,
		coalesce(t.relname || '.' || a.attname, '')
	FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid
	LEFT JOIN pg_depend o ON o.objid = s.oid AND o.deptype IN ('a', 'i') AND o.refclassid = 'pg_class'::regclass
	LEFT JOIN pg_class t ON t.oid = o.refobjid
	LEFT JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
	WHERE s.relnamespace = current_schema()::regnamespace AND s.relkind = 'S' ORDER BY s.relname`,

	`SELECT 'type', typname FROM pg_type WHERE typnamespace = current_schema()::regnamespace AND typtype IN ('e', 'd') ORDER BY typname`,
	`SELECT 'function', proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace ORDER BY proname`,
}

func postgresCatalogue(ctx context.Context, db *sql.DB) ([]string, error) {
	var lines []string
	for _, query := range postgresQueries {
		rows, err := texts(ctx, db, query)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			lines = append(lines, strings.Join(row, " | "))
		}
	}
	return lines, nil
}

// texts runs a query and returns its rows as text; NULL is "".
func texts(ctx context.Context, db *sql.DB, query string) ([][]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out [][]string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		pointers := make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			return nil, err
		}
		row := make([]string, len(columns))
		for i, v := range values {
			row[i] = v.String
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
