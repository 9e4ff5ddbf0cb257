package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

var _ dialect.Prober = (*Dialect)(nil)

// shownKey is how many characters of a key are shown.
const shownKey = 80

// Rows implements dialect.Asker. Without the hint, both servers group through a
// temporary table, which for a million rows takes twenty times as long as sorting:
// https://dev.mysql.com/doc/refman/8.4/en/select.html
func (*Dialect) Rows() dialect.RowRules { return dialect.RowRules{Grouping: " SQL_BIG_RESULT"} }

// Fresh implements dialect.Asker; of a generated column it is not known.
func (d *Dialect) Fresh(c *schema.Column) string {
	switch {
	case parseType(c.Physical).expr != "":
		return ""
	case c.Default == nil:
		return "NULL"
	}
	return d.defaultText(c)
}

// Numbering implements dialect.Asker: nothing is demanded, since a 0 stays one; see
// sqlMode.
func (*Dialect) Numbering(_, _ *schema.Table) dialect.Numbering { return dialect.Numbering{} }

// KeyText implements dialect.Asker.
func (*Dialect) KeyText(expr string, c *schema.Column) string {
	t := parseType(c.Physical)
	switch {
	case class(t) == "bytes":
		return fmt.Sprintf("LEFT(HEX(%s), %d)", expr, shownKey)
	case t.base == "bit":
		return expr + " + 0"
	}
	return fmt.Sprintf("LEFT(%s, %d)", expr, shownKey)
}

// KeyPart implements dialect.Asker: grouping goes by the column's collation; a
// prefix counts characters of texts and bytes of binary strings, as LEFT does.
// https://dev.mysql.com/doc/refman/8.4/en/column-indexes.html#column-indexes-prefix
func (*Dialect) KeyPart(expr string, p schema.IndexPart, _ *schema.Column) string {
	if p.Length > 0 {
		return fmt.Sprintf("LEFT(%s, %d)", expr, p.Length)
	}
	return expr
}

// Match implements dialect.Asker.
func (*Dialect) Match(parent, child string, _, _ *schema.Column) string {
	return parent + " = " + child
}

// Twice implements dialect.Asker.
func (*Dialect) Twice(from, where string, parts []string) string {
	return fmt.Sprintf("EXISTS (SELECT SQL_BIG_RESULT 1 FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1)", from, where, strings.Join(parts, ", "))
}

// First implements dialect.Asker.
func (*Dialect) First(n int, query string) string { return fmt.Sprintf("%s LIMIT %d", query, n) }

// reading asks in a transaction that cannot write; an execution has none open.
type reading struct {
	d    *Dialect
	q    dialect.Querier
	head string // what a query begins with, instead of SELECT
}

// Reading implements dialect.Prober. The servers bound a SELECT by themselves:
// https://dev.mysql.com/doc/refman/8.4/en/optimizer-hints.html#optimizer-hints-execution-time
// https://mariadb.com/kb/en/set-statement/
func (d *Dialect) Reading(ctx context.Context, q dialect.Querier, limits dialect.ReadLimits) (dialect.Reading, error) {
	r := &reading{d: d, q: q, head: "SELECT"}
	if limits.Each > 0 {
		r.head = fmt.Sprintf("SELECT /*+ MAX_EXECUTION_TIME(%d) */", max(1, limits.Each.Milliseconds()))
		if d.server.maria() {
			r.head = fmt.Sprintf("SET STATEMENT max_statement_time=%.3f FOR SELECT", max(time.Millisecond, limits.Each).Seconds())
		}
	}
	if _, err := q.ExecContext(ctx, "START TRANSACTION READ ONLY"); err != nil {
		return nil, d.Classify(err)
	}
	return r, nil
}

// Ask implements dialect.Reading.
func (r *reading) Ask(ctx context.Context, query string, row func([]sql.NullString) error) error {
	if err := dialect.QueryText(ctx, r.q, r.head+strings.TrimPrefix(query, "SELECT"), row); err != nil {
		return r.d.Classify(err)
	}
	return nil
}

// Close implements dialect.Reading.
func (r *reading) Close(ctx context.Context) error {
	if _, err := r.q.ExecContext(ctx, "ROLLBACK"); err != nil {
		return r.d.Classify(err)
	}
	return nil
}

// Blank implements dialect.Prober.
func (*Dialect) Blank([]string) string { return "" }

// Sizes implements dialect.Prober. InnoDB estimates the number of rows; MySQL
// answers from a copy of that which may be a day old, unless told otherwise:
// https://dev.mysql.com/doc/refman/8.4/en/information-schema-tables-table.html
func (d *Dialect) Sizes(ctx context.Context, q dialect.Querier, tables []string) (map[string]dialect.Size, error) {
	out := make(map[string]dialect.Size, len(tables))
	if len(tables) == 0 {
		return out, nil
	}
	expiry := func(value string) error {
		if d.server.maria() {
			return nil
		}
		_, err := q.ExecContext(ctx, "SET SESSION information_schema_stats_expiry = "+value)
		return err
	}
	if err := expiry("0"); err != nil {
		return nil, d.Classify(err)
	}
	i := &inspection{d: d, q: q, asked: tables}
	err := i.each(ctx, `SELECT @@lower_case_table_names <> 0, TABLE_NAME, coalesce(TABLE_ROWS, 0), coalesce(DATA_LENGTH, 0) + coalesce(INDEX_LENGTH, 0)
FROM {SIZES} s WHERE TABLE_TYPE = 'BASE TABLE'`, func(rows *sql.Rows) error {
		var name string
		size := dialect.Size{Estimated: true}
		err := rows.Scan(&i.folds, &name, &size.Rows, &size.Bytes)
		if asked := i.promised(name); asked != "" {
			out[asked] = size
		}
		return err
	})
	if err == nil {
		err = expiry("DEFAULT")
	}
	if err != nil {
		return nil, d.Classify(err)
	}
	return out, nil
}
