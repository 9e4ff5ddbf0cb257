package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Tables implements dialect.Surveyor. The tables that belong to an extension are
// its business.
func (d *Dialect) Tables(ctx context.Context, q dialect.Querier) ([]string, error) {
	var out []string
	i := &inspection{q: q, names: "{}"}
	err := i.each(ctx, `
SELECT c.relname::text FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'f') AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
  AND $1::text[] IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')
ORDER BY c.relname COLLATE "C"`, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		out = append(out, name)
		return err
	})
	if err != nil {
		return nil, d.Classify(err)
	}
	return out, nil
}

// No index of the catalogue leads from a table to the foreign keys that refer to it,
// but each of them depends on the columns that it refers to, and pg_depend has one
// from there: https://www.postgresql.org/docs/current/catalog-pg-depend.html
const referrersQuery = `
SELECT CASE WHEN o.relnamespace = c.relnamespace THEN '' ELSE n.nspname || '.' END || o.relname, con.conname::text, c.relname::text,
       (SELECT coalesce(json_agg(a.attname ORDER BY u.ord), '[]')::text FROM unnest(con.conkey) WITH ORDINALITY u(att, ord)
        JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = u.att),
       (SELECT coalesce(json_agg(a.attname ORDER BY u.ord), '[]')::text FROM unnest(con.confkey) WITH ORDINALITY u(att, ord)
        JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = u.att),
       con.confdeltype::text, con.confupdtype::text
FROM ` + wantedTables + `
CROSS JOIN LATERAL (SELECT DISTINCT p.objid FROM pg_depend p
  WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid AND p.classid = 'pg_constraint'::regclass OFFSET 0) dep
JOIN pg_constraint con ON con.oid = dep.objid AND con.confrelid = c.oid AND con.contype = 'f' AND con.conparentid = 0
JOIN pg_class o ON o.oid = con.conrelid
JOIN pg_namespace n ON n.oid = o.relnamespace
WHERE NOT (o.relnamespace = c.relnamespace AND o.relname = ANY ($1::text[]))
ORDER BY o.relname, con.conname`

// Referrers implements dialect.Surveyor.
func (d *Dialect) Referrers(ctx context.Context, q dialect.Querier, tables []string) ([]dialect.Referrer, error) {
	var out []dialect.Referrer
	i := &inspection{q: q, names: arrayText(tables)}
	err := i.each(ctx, referrersQuery, func(rows *sql.Rows) error {
		var columns, refColumns, onDelete, onUpdate string
		r := dialect.Referrer{ForeignKey: &schema.ForeignKey{}}
		f := r.ForeignKey
		if err := rows.Scan(&r.Table, &f.Name, &f.RefTable, &columns, &refColumns, &onDelete, &onUpdate); err != nil {
			return err
		}
		f.OnDelete, f.OnUpdate = actionOf(onDelete), actionOf(onUpdate)
		if err := json.Unmarshal([]byte(columns), &f.Columns); err != nil {
			return err
		}
		out = append(out, r)
		return json.Unmarshal([]byte(refColumns), &f.RefColumns)
	})
	if err != nil {
		return nil, d.Classify(err)
	}
	slices.SortStableFunc(out, func(a, b dialect.Referrer) int { return strings.Compare(a.Table, b.Table) })
	return out, nil
}
