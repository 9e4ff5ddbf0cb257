package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Inspect implements dialect.Inspector in three questions, whatever the number of
// tables: columns, indexes, constraints. In an execution they are one round trip.
func (d *Dialect) Inspect(ctx context.Context, q dialect.Querier, tables []string) (*schema.Schema, error) {
	i := &inspection{q: q, names: arrayText(tables), out: &schema.Schema{Engine: string(dialect.Postgres)}, byName: map[string]*schema.Table{}}
	questions := []question{{columnsQuery, i.column}, {indexesQuery, i.index}, {constraintsQuery, i.constraint}}
	if t, ok := q.(pipelineTx); ok {
		if err := t.ask(ctx, i.names, questions); err != nil {
			return nil, d.Classify(err)
		}
		return i.out, nil
	}
	for _, one := range questions {
		if err := i.each(ctx, one.query, func(rows *sql.Rows) error { return one.row(rows) }); err != nil {
			return nil, d.Classify(err)
		}
		if len(i.byName) == 0 {
			break
		}
	}
	return i.out, nil
}

// Compare implements dialect.Inspector.
func (*Dialect) Compare(promised, found *schema.Table) []string {
	return dialect.Comparison{Type: canonicalType, Method: "btree"}.Compare(classed(promised, found), found)
}

// opClass is an index expression that is a column with its operator class, which
// the catalogue tells of as of a column: "name gin_trgm_ops".
var opClass = regexp.MustCompile(`^"?([^"\s]+)"?\s+([A-Za-z_][A-Za-z0-9_]*_ops)$`)

// classed is a promised table with its indexes' operator classes said as an
// inspection says them, which passes over those that a type has anyway.
func classed(t, found *schema.Table) *schema.Table {
	if t == nil || found == nil || !slices.ContainsFunc(t.Indexes, hasClass) {
		return t
	}
	t = t.Clone()
	for _, x := range t.Indexes {
		for i, part := range x.Parts {
			if m := opClass.FindStringSubmatch(part.Expr); m != nil && t.Column(m[1]) != nil {
				x.Parts[i].Column, x.Parts[i].Expr = m[1], ""
				said := m[1] + " of class " + m[2]
				if f := found.Index(x.Name); f != nil && strings.Contains(f.Deviation, said) {
					x.Deviation = strings.TrimPrefix(x.Deviation+", "+said, ", ")
				}
			}
		}
	}
	return t
}

func hasClass(x *schema.Index) bool {
	return slices.ContainsFunc(x.Parts, func(p schema.IndexPart) bool { return opClass.MatchString(p.Expr) })
}

// generatedAlways follows the type of a column that the server computes.
const generatedAlways = " generated always as ("

type inspection struct {
	q      dialect.Querier
	names  string
	out    *schema.Schema
	byName map[string]*schema.Table
}

// arrayText is the text form of an array, which needs nothing of a driver:
// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
func arrayText(items []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = `"` + escape.Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// each runs a query over the named tables and scans every row.
func (i *inspection) each(ctx context.Context, query string, scan func(*sql.Rows) error) error {
	rows, err := i.q.QueryContext(ctx, query, i.names)
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

// wantedTables drives every query from the names asked for, by way of the
// catalogue's indexes, so that the cost follows these tables and not the size of
// the database. OFFSET 0 keeps the planner from turning the order around, which
// it does on the stale statistics of a catalogue that has just grown.
const wantedTables = `(
  SELECT c.oid, c.relname, c.relnamespace FROM unnest($1::text[]) wanted(name)
  JOIN pg_class c ON c.relname = wanted.name::name AND c.relkind IN ('r', 'p')
   AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) OFFSET 0) c`

// A column numbers by itself when a sequence belongs to it (serial, identity)
// and it takes its values from there.
const columnsQuery = `
SELECT c.relname::text, coalesce(td.description, ''), coalesce(a.attname::text, ''),
       coalesce(format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation NOT IN (0, 100) THEN coalesce((
         SELECT ' collate ' || quote_ident(l.collname) FROM pg_collation l, pg_type y
         WHERE l.oid = a.attcollation AND y.oid = a.atttypid AND y.typcollation <> l.oid), '') ELSE '' END, ''),
       coalesce(a.attgenerated::text, ''), coalesce(a.attnotnull, false),
       coalesce(d.expr, ''), coalesce(cd.description, ''),
       coalesce(a.attidentity <> '', false) OR CASE WHEN d.expr LIKE 'nextval(%' THEN EXISTS (
         SELECT FROM pg_depend p JOIN pg_class s ON s.oid = p.objid AND s.relkind = 'S'
         WHERE p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass
           AND p.refobjid = c.oid AND p.refobjsubid = a.attnum AND p.deptype IN ('a', 'i') OFFSET 0) ELSE false END
FROM ` + wantedTables + `
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN LATERAL (SELECT pg_get_expr(d.adbin, d.adrelid) AS expr FROM pg_attrdef d
                   WHERE a.atthasdef AND d.adrelid = c.oid AND d.adnum = a.attnum OFFSET 0) d ON true
LEFT JOIN pg_description td ON td.objoid = c.oid AND td.classoid = 'pg_class'::regclass AND td.objsubid = 0
LEFT JOIN pg_description cd ON cd.objoid = c.oid AND cd.classoid = 'pg_class'::regclass AND cd.objsubid = a.attnum
ORDER BY c.relname, a.attnum`

func (i *inspection) column(rows scanner) error {
	var table, comment, format, generated, def string
	var notNull bool
	c := &schema.Column{}
	if err := rows.Scan(&table, &comment, &c.Name, &format, &generated, &notNull, &def, &c.Comment, &c.AutoIncrement); err != nil {
		return err
	}
	t := i.byName[table]
	if t == nil {
		t = &schema.Table{Name: table, Comment: comment}
		i.byName[table] = t
		i.out.Tables = append(i.out.Tables, t)
	}
	if c.Name == "" {
		return nil // a table without columns
	}
	c.Physical, c.Nullable = canonicalType(format), !notNull
	if generated != "" {
		c.Physical += generatedAlways + def + ") " + map[string]string{"s": "stored", "v": "virtual"}[generated]
		def = ""
	}
	if def != "" && !strings.HasPrefix(def, "NULL::") && !c.AutoIncrement {
		c.Default = &schema.Default{Value: def, Expr: true}
	}
	t.Columns = append(t.Columns, c)
	return nil
}

// What has one row at most is asked for by subqueries: the planner has fewer joins
// to put into order, which costs as much as running the query.
const indexesQuery = `
SELECT c.relname::text, i.relname::text, x.indisunique, x.indisprimary,
       EXISTS (SELECT FROM pg_constraint con
               WHERE con.conrelid = c.oid AND con.conindid = x.indexrelid AND con.contype = 'u' OFFSET 0),
       (SELECT m.amname::text FROM pg_am m WHERE m.oid = i.relam),
       coalesce(pg_get_expr(x.indpred, x.indrelid), ''),
       coalesce((SELECT de.description FROM pg_description de
                 WHERE de.objoid = i.oid AND de.classoid = 'pg_class'::regclass AND de.objsubid = 0), ''),
       coalesce(a.attname::text, ''), CASE WHEN a.attname IS NULL THEN pg_get_indexdef(x.indexrelid, k.ord::int, true) ELSE '' END,
       x.indoption[k.ord - 1] & 1 = 1,
       coalesce((SELECT l.collname::text FROM pg_collation l
                 WHERE l.oid = x.indcollation[k.ord - 1] AND l.oid <> coalesce(a.attcollation, 100)), ''),
       concat_ws(', ', CASE WHEN NOT x.indisvalid THEN 'invalid' END, CASE WHEN NOT x.indimmediate THEN 'deferrable' END,
         CASE WHEN x.indnatts > x.indnkeyatts THEN 'with more columns' END,
         CASE WHEN x.indisunique AND NOT x.indisprimary AND pg_get_indexdef(x.indexrelid) LIKE '%) NULLS NOT DISTINCT%' THEN 'nulls not distinct' END),
       concat_ws(', ', CASE WHEN (x.indoption[k.ord - 1] & 1 = 1) <> (x.indoption[k.ord - 1] & 2 = 2) THEN 'sorts NULL elsewhere' END,
         CASE WHEN a.attname IS NOT NULL AND x.indclass[k.ord - 1] = ANY (ARRAY(SELECT o.oid FROM pg_opclass o WHERE NOT o.opcdefault)) THEN
           (SELECT 'of class ' || o.opcname FROM pg_opclass o WHERE o.oid = x.indclass[k.ord - 1]) END)
FROM ` + wantedTables + `
JOIN pg_index x ON x.indrelid = c.oid
JOIN pg_class i ON i.oid = x.indexrelid
JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY k(att, ord) ON k.ord <= x.indnkeyatts
LEFT JOIN LATERAL (SELECT a.attname, a.attcollation FROM pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum = k.att AND a.attnum > 0 OFFSET 0) a ON true
ORDER BY c.relname, i.relname, k.ord`

func (i *inspection) index(rows scanner) error {
	var table, expr, deviation string
	var primary bool
	var x schema.Index
	var part schema.IndexPart
	err := rows.Scan(&table, &x.Name, &x.Unique, &primary, &x.Constraint, &x.Method, &x.Where, &x.Comment,
		&part.Column, &expr, &part.Desc, &part.Collate, &x.Deviation, &deviation)
	t := i.byName[table]
	if err != nil || t == nil {
		return err
	}
	if primary {
		t.PrimaryKey = append(t.PrimaryKey, part.Column)
		return nil
	}
	if part.Column == "" {
		part.Expr = expr
	}
	if x.Method == "btree" {
		x.Method = ""
	}
	if n := len(t.Indexes); n == 0 || t.Indexes[n-1].Name != x.Name {
		t.Indexes = append(t.Indexes, &x)
	}
	last := t.Indexes[len(t.Indexes)-1]
	last.Parts = append(last.Parts, part)
	if deviation != "" {
		last.Deviation = strings.TrimPrefix(last.Deviation+", "+part.Column+" "+deviation, ", ")
	}
	return nil
}

const constraintsQuery = `
SELECT c.relname::text, con.conname::text, con.contype::text,
       (SELECT coalesce(json_agg(a.attname ORDER BY u.ord), '[]')::text FROM unnest(con.conkey) WITH ORDINALITY u(att, ord)
        JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = u.att),
       coalesce(CASE WHEN r.relnamespace = c.relnamespace THEN '' ELSE rn.nspname || '.' END || r.relname, ''),
       (SELECT coalesce(json_agg(a.attname ORDER BY u.ord), '[]')::text FROM unnest(con.confkey) WITH ORDINALITY u(att, ord)
        JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = u.att),
       con.confdeltype::text, con.confupdtype::text, coalesce(pg_get_expr(con.conbin, con.conrelid, true), ''),
       concat_ws(', ', CASE WHEN NOT con.convalidated THEN 'not valid' END, CASE WHEN con.condeferrable THEN 'deferrable' END,
         CASE WHEN con.condeferred THEN 'initially deferred' END, CASE WHEN con.contype = 'c' AND con.connoinherit THEN 'not inherited' END,
         CASE con.confmatchtype WHEN 'f' THEN 'match full' WHEN 'p' THEN 'match partial' END)
FROM ` + wantedTables + `
JOIN pg_constraint con ON con.conrelid = c.oid AND con.contype IN ('f', 'c')
LEFT JOIN pg_class r ON r.oid = con.confrelid
LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
ORDER BY c.relname, con.conname`

func (i *inspection) constraint(rows scanner) error {
	var table, name, kind, columns, ref, refColumns, onDelete, onUpdate, expr, deviation string
	err := rows.Scan(&table, &name, &kind, &columns, &ref, &refColumns, &onDelete, &onUpdate, &expr, &deviation)
	t := i.byName[table]
	if err != nil || t == nil {
		return err
	}
	if kind == "c" {
		t.Checks = append(t.Checks, &schema.Check{Name: name, Expr: expr, Deviation: deviation})
		return nil
	}
	f := &schema.ForeignKey{Name: name, RefTable: ref, OnDelete: actionOf(onDelete), OnUpdate: actionOf(onUpdate), Deviation: deviation}
	if err := json.Unmarshal([]byte(columns), &f.Columns); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(refColumns), &f.RefColumns); err != nil {
		return err
	}
	t.ForeignKeys = append(t.ForeignKeys, f)
	return nil
}

// actionOf reads pg_constraint.confdeltype and confupdtype.
func actionOf(code string) schema.Action {
	switch code {
	case "r":
		return schema.Restrict
	case "c":
		return schema.Cascade
	case "n":
		return schema.SetNull
	case "d":
		return schema.SetDefault
	}
	return schema.NoAction
}
