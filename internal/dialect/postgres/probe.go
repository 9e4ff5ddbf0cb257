package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

var _ dialect.Prober = (*Dialect)(nil)

// shownKey is how many characters of a key are shown.
const shownKey = 80

// Rows implements dialect.Asker.
func (*Dialect) Rows() dialect.RowRules { return dialect.RowRules{} }

// Fresh implements dialect.Asker. The cast is that of an assignment to the column.
func (*Dialect) Fresh(c *schema.Column) string {
	value := "NULL"
	if c.Default != nil {
		value = defaultText(c)
	}
	return "CAST(" + value + " AS " + c.Physical + ")"
}

// Numbering implements dialect.Asker: a sequence starts behind what is there.
func (*Dialect) Numbering(_, _ *schema.Table) dialect.Numbering { return dialect.Numbering{} }

// KeyText implements dialect.Asker.
func (*Dialect) KeyText(expr string, _ *schema.Column) string {
	return fmt.Sprintf("left(%s::text, %d)", expr, shownKey)
}

// KeyPart implements dialect.Asker: grouping goes by the column's collation, as
// the index does.
func (*Dialect) KeyPart(expr string, p schema.IndexPart, _ *schema.Column) string {
	if p.Collate != "" {
		return expr + " COLLATE " + quote(p.Collate)
	}
	return expr
}

// Match implements dialect.Asker.
func (*Dialect) Match(parent, child string, _, _ *schema.Column) string {
	return parent + " = " + child
}

// Twice implements dialect.Asker.
func (*Dialect) Twice(from, where string, parts []string) string {
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1)", from, where, strings.Join(parts, ", "))
}

// First implements dialect.Asker.
func (*Dialect) First(n int, query string) string { return fmt.Sprintf("%s LIMIT %d", query, n) }

// reading asks inside a transaction: the execution's own, or one that cannot
// write. A question that fails spoils the transaction up to a savepoint:
// https://www.postgresql.org/docs/current/sql-rollback-to.html
type reading struct {
	d    *Dialect
	q    dialect.Querier
	ends string
}

// memory lets duplicates among a million values be found without spilling to disk;
// a server that grants more keeps it so.
const memory = "SELECT set_config('work_mem', (greatest(pg_size_bytes(current_setting('work_mem')), 67108864) / 1024)::text, true)"

// Reading implements dialect.Prober. What SET LOCAL changes after a savepoint is
// as before when it is rolled back to.
func (d *Dialect) Reading(ctx context.Context, q dialect.Querier, limits dialect.ReadLimits) (dialect.Reading, error) {
	r := &reading{d: d, q: q, ends: "ROLLBACK"}
	begin := "BEGIN READ ONLY"
	if _, inside := q.(dialect.Tx); inside {
		begin = "SAVEPOINT lockstep_reading; SET LOCAL transaction_read_only = on"
		r.ends = "ROLLBACK TO SAVEPOINT lockstep_reading; RELEASE SAVEPOINT lockstep_reading"
	}
	if limits.Each > 0 {
		begin += fmt.Sprintf("; SET LOCAL statement_timeout = %d", max(1, limits.Each.Milliseconds()))
	}
	if _, err := q.ExecContext(ctx, begin+"; "+memory+"; SAVEPOINT lockstep_question"); err != nil {
		return nil, d.Classify(err)
	}
	return r, nil
}

// Ask implements dialect.Reading.
func (r *reading) Ask(ctx context.Context, query string, row func([]sql.NullString) error) error {
	err := dialect.QueryText(ctx, r.q, query, row)
	if err == nil {
		return nil
	}
	f := r.d.Classify(err)
	if _, err := r.q.ExecContext(ctx, "ROLLBACK TO SAVEPOINT lockstep_question"); err != nil {
		return r.d.Classify(err)
	}
	return f
}

// Close implements dialect.Reading.
func (r *reading) Close(ctx context.Context) error {
	if _, err := r.q.ExecContext(ctx, r.ends); err != nil {
		return r.d.Classify(err)
	}
	return nil
}

// Blank implements dialect.Prober: a heap without a page holds no row, and asking
// for its size plans no query on it. Partitions and children have rows elsewhere.
func (*Dialect) Blank(tables []string) string {
	return `SELECT c.relname::text FROM pg_class c WHERE c.relname = ANY(` + literal(arrayText(tables)) + `::text[])
 AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
 AND c.relkind = 'r' AND NOT c.relhassubclass AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'heap') AND pg_relation_size(c.oid) = 0`
}

// sizesQuery takes the planner's statistics, or, where the table was never
// analysed, the counters of the statistics system:
// https://www.postgresql.org/docs/current/catalog-pg-class.html
const sizesQuery = `
SELECT c.relname::text,
       CASE WHEN c.reltuples < 0 OR c.reltuples = 0 THEN pg_stat_get_live_tuples(c.oid) ELSE c.reltuples::bigint END,
       pg_total_relation_size(c.oid)
FROM pg_class c
WHERE c.relkind IN ('r', 'p') AND c.relname = ANY($1::text[])
  AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())`

// Sizes implements dialect.Prober.
func (d *Dialect) Sizes(ctx context.Context, q dialect.Querier, tables []string) (map[string]dialect.Size, error) {
	out := make(map[string]dialect.Size, len(tables))
	i := &inspection{q: q, names: arrayText(tables)}
	err := i.each(ctx, sizesQuery, func(rows *sql.Rows) error {
		var name string
		size := dialect.Size{Estimated: true}
		err := rows.Scan(&name, &size.Rows, &size.Bytes)
		out[name] = size
		return err
	})
	if err != nil {
		return nil, d.Classify(err)
	}
	return out, nil
}
