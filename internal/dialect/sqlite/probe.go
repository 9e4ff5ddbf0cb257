package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

var _ dialect.Prober = (*Dialect)(nil)

// shownKey is how many characters of a key are shown.
const shownKey = 80

// Rows implements dialect.Asker: https://www.sqlite.org/quirks.html
func (*Dialect) Rows() dialect.RowRules {
	return dialect.RowRules{KeysHoldNull: true}
}

// Convert implements dialect.Asker. The copy of a table stores each value by the
// new column's affinity, and refuses through a trigger what it does not convert
// (see guarded). Comparing a text with a number converts it by the same rule:
// https://www.sqlite.org/datatype3.html#type_conversions_prior_to_comparison
func (*Dialect) Convert(_ int, from, to *schema.Column) dialect.Conversion {
	f, t, col := affinity(from.Physical), affinity(to.Physical), quote(from.Name)
	if f == t {
		return dialect.Conversion{Same: true}
	}
	number := fmt.Sprintf("CAST(%s AS NUMERIC)", col)
	out := dialect.Conversion{Value: fmt.Sprintf("CAST(%s AS %s)", col, t)}
	switch {
	case t == affNumeric || t == affBlob && f != affText:
		out.Value = fmt.Sprintf("CASE WHEN %s = %s THEN %s ELSE %s END", col, number, number, col)
	case guarded(from.Physical, to.Physical) == "":
	case t == affInteger: // the bounds themselves stay fractions
		out.Misfits = []dialect.Misfit{{Kind: dialect.Unconvertible, Where: fmt.Sprintf(
			"(typeof(%[1]s) = 'blob' OR %[1]s <> %[2]s OR typeof(%[2]s) = 'real' AND (%[2]s <> CAST(%[2]s AS INTEGER) OR abs(%[2]s) >= 9.2233720368547758e18))", col, number)}}
	default:
		out.Misfits = []dialect.Misfit{{Kind: dialect.Unconvertible, Where: fmt.Sprintf("(typeof(%[1]s) = 'blob' OR %[1]s <> %[2]s)", col, number)}}
	}
	return out
}

// Fresh implements dialect.Asker. The cast gives the literal the affinity of the
// column that it goes into.
func (*Dialect) Fresh(c *schema.Column) string {
	if c.Default == nil {
		return "NULL"
	}
	if a := affinity(c.Physical); a != affNumeric && a != affBlob {
		return fmt.Sprintf("CAST((%s) AS %s)", defaultText(c), a)
	}
	return "(" + defaultText(c) + ")"
}

// Numbering implements dialect.Asker: an alias of the rowid holds integers alone,
// and NULL is given a number: https://www.sqlite.org/lang_createtable.html#rowid
func (*Dialect) Numbering(before, after *schema.Table) dialect.Numbering {
	if !isRowID(after) || isRowID(before) && before.PrimaryKey[0] == after.PrimaryKey[0] {
		return dialect.Numbering{}
	}
	col := after.PrimaryKey[0]
	return dialect.Numbering{Column: col, FillsNulls: true, Misfit: "typeof(" + quote(col) + ") NOT IN ('integer', 'null')"}
}

// KeyText implements dialect.Asker.
func (*Dialect) KeyText(expr string, c *schema.Column) string {
	if affinity(c.Physical) == affBlob {
		return fmt.Sprintf("CASE typeof(%s) WHEN 'blob' THEN substr(hex(%s), 1, %d) ELSE %s END", expr, expr, shownKey, expr)
	}
	return fmt.Sprintf("substr(%s, 1, %d)", expr, shownKey)
}

// KeyPart implements dialect.Asker: grouping goes by the column's collation.
func (*Dialect) KeyPart(expr string, p schema.IndexPart, _ *schema.Column) string {
	if p.Collate != "" {
		return expr + " COLLATE " + quote(p.Collate)
	}
	return expr
}

// Match implements dialect.Asker: a foreign key compares by the parent's
// collation, which the left side decides, and by its affinity:
// https://www.sqlite.org/foreignkeys.html#fk_indexes
func (*Dialect) Match(parent, child string, p, c *schema.Column) string {
	if a := affinity(p.Physical); a == affText && affinity(c.Physical) != affText {
		child = fmt.Sprintf("CAST(%s AS TEXT)", child)
	}
	return parent + " = " + child
}

// Twice implements dialect.Asker.
func (*Dialect) Twice(from, where string, parts []string) string {
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1)", from, where, strings.Join(parts, ", "))
}

// First implements dialect.Asker.
func (*Dialect) First(n int, query string) string { return fmt.Sprintf("%s LIMIT %d", query, n) }

// reading asks on a connection that refuses to write.
type reading struct {
	d    *Dialect
	q    dialect.Querier
	each time.Duration
}

// Reading implements dialect.Prober.
// https://www.sqlite.org/pragma.html#pragma_query_only
func (d *Dialect) Reading(ctx context.Context, q dialect.Querier, limits dialect.ReadLimits) (dialect.Reading, error) {
	if _, err := q.ExecContext(ctx, "PRAGMA query_only=ON"); err != nil {
		return nil, d.Classify(err)
	}
	return &reading{d, q, limits.Each}, nil
}

// Ask implements dialect.Reading. SQLite has no limit of its own: the driver
// interrupts the query, which leaves a transaction as it is.
func (r *reading) Ask(ctx context.Context, query string, row func([]sql.NullString) error) error {
	limited := ctx
	if r.each > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, r.each)
		defer cancel()
	}
	err := dialect.QueryText(limited, r.q, query, row)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // the driver says "interrupted"
		return r.d.Classify(ctx.Err())
	case limited.Err() != nil && !errors.Is(err, sql.ErrConnDone):
		return r.d.Classify(limited.Err())
	}
	return r.d.Classify(err)
}

// Close implements dialect.Reading.
func (r *reading) Close(ctx context.Context) error {
	if _, err := r.q.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only=OFF"); err != nil {
		return r.d.Classify(err)
	}
	return nil
}

// Blank implements dialect.Prober.
func (*Dialect) Blank([]string) string { return "" }

// compound is how many SELECTs one query joins, of the 500 that SQLite takes.
const compound = 250

// Sizes implements dialect.Prober. SQLite keeps no statistics of its own accord,
// so rows are counted; how many pages a table has, dbstat tells:
// https://www.sqlite.org/dbstat.html
func (d *Dialect) Sizes(ctx context.Context, q dialect.Querier, tables []string) (map[string]dialect.Size, error) {
	out := make(map[string]dialect.Size, len(tables))
	var found []string
	err := scanEach(ctx, q, `SELECT m.name, coalesce((SELECT sum(s.pgsize) FROM
		(SELECT m.name AS name UNION ALL SELECT l.name FROM pragma_index_list(m.name) l) o CROSS JOIN dbstat('main', 1) s WHERE s.name = o.name), 0)
		FROM sqlite_master m WHERE m.type = 'table' AND m.name IN (SELECT value FROM json_each(?1))`, []any{jsonList(tables)}, func(rows *sql.Rows) error {
		var name string
		var size dialect.Size
		err := rows.Scan(&name, &size.Bytes)
		out[name] = size
		found = append(found, name)
		return err
	})
	for len(found) > 0 && err == nil {
		n := min(len(found), compound)
		parts := make([]string, n)
		for i, name := range found[:n] {
			parts[i] = fmt.Sprintf("SELECT %s, count(*) FROM %s", literal(name), quote(name))
		}
		found = found[n:]
		err = scanEach(ctx, q, strings.Join(parts, " UNION ALL "), nil, func(rows *sql.Rows) error {
			var name string
			var n int64
			err := rows.Scan(&name, &n)
			size := out[name]
			size.Rows = n
			out[name] = size
			return err
		})
	}
	if err != nil {
		return nil, d.Classify(err)
	}
	return out, nil
}
