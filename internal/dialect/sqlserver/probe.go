package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

var _ dialect.Prober = (*Dialect)(nil)

// shownKey is how many characters of a key are shown.
const shownKey = 80

// Rows implements dialect.Asker. That a unique index leaves out rows with NULL,
// Lower has written into its condition, where it does.
func (*Dialect) Rows() dialect.RowRules {
	return dialect.RowRules{NullsEqual: true, DeletesFromQuery: true}
}

// Fresh implements dialect.Asker; of a computed column it is not known. Plans add
// a column WITH VALUES, so that present rows get the default in any case.
func (*Dialect) Fresh(c *schema.Column) string {
	switch {
	case parseType(c.Physical).isComputed():
		return ""
	case c.Default == nil:
		return "CAST(NULL AS " + c.Physical + ")"
	}
	return "CAST(" + defaultText(c) + " AS " + c.Physical + ")"
}

// Numbering implements dialect.Asker: no present column can become IDENTITY.
func (*Dialect) Numbering(_, _ *schema.Table) dialect.Numbering { return dialect.Numbering{} }

// KeyText implements dialect.Asker.
func (*Dialect) KeyText(expr string, c *schema.Column) string {
	if parseType(c.Physical).family() == bytes {
		return fmt.Sprintf("LEFT(CONVERT(varchar(max), %s, 2), %d)", expr, shownKey)
	}
	return fmt.Sprintf("LEFT(CONVERT(nvarchar(max), %s), %d)", expr, shownKey)
}

// KeyPart implements dialect.Asker: grouping goes by the column's collation.
func (*Dialect) KeyPart(expr string, _ schema.IndexPart, _ *schema.Column) string { return expr }

// Match implements dialect.Asker.
func (*Dialect) Match(parent, child string, _, _ *schema.Column) string {
	return parent + " = " + child
}

// Twice implements dialect.Asker.
func (*Dialect) Twice(from, where string, parts []string) string {
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s GROUP BY %s HAVING count(*) > 1)", from, where, strings.Join(parts, ", "))
}

// First implements dialect.Asker.
func (*Dialect) First(n int, query string) string {
	return fmt.Sprintf("SELECT TOP (%d)%s", n, strings.TrimPrefix(query, "SELECT"))
}

// reading asks without a transaction of its own, and sends nothing but SELECT: the
// server has no way to forbid writing.
type reading struct {
	d    *Dialect
	q    dialect.Querier
	each time.Duration
}

// Reading implements dialect.Prober.
func (d *Dialect) Reading(_ context.Context, q dialect.Querier, limits dialect.ReadLimits) (dialect.Reading, error) {
	return &reading{d, q, limits.Each}, nil
}

// errTooLong is the cause of a question's end.
var errTooLong = errors.New("the question took too long")

// Ask implements dialect.Reading. The server has no limit of its own, so the
// driver asks it to stop. Under XACT_ABORT a question that fails takes the
// transaction along, and the execution with it.
func (r *reading) Ask(ctx context.Context, query string, row func([]sql.NullString) error) error {
	limited := ctx
	if r.each > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeoutCause(ctx, r.each, errTooLong)
		defer cancel()
	}
	err := dialect.QueryText(limited, r.q, query, row)
	if err == nil {
		return nil
	}
	f := r.d.Classify(err)
	if ctx.Err() == nil && errors.Is(context.Cause(limited), errTooLong) {
		f = fault.Wrap(err, fault.Deadline, "STATEMENT_TIMEOUT", "the question took longer than %s", r.each)
	}
	if _, inside := r.q.(dialect.Tx); inside && ctx.Err() == nil {
		return fault.Wrap(f, fault.Unavailable, "PREFLIGHT_UNDONE", "a question to the rows failed, and the server undid the transaction with it: %s", f.Detail).
			Suggest("preview with preflight, which tells which question it is, and execute again")
	}
	return f
}

// Close implements dialect.Reading.
func (*reading) Close(context.Context) error { return nil }

// Blank implements dialect.Prober.
func (*Dialect) Blank([]string) string { return "" }

// sizesQuery reads catalogue views that everybody may read about their own tables;
// sys.dm_db_partition_stats has the same numbers, and wants VIEW DATABASE STATE.
// https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-partitions-transact-sql
// https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-allocation-units-transact-sql
const sizesQuery = `SELECT t.name,
  COALESCE((SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = t.object_id AND p.index_id IN (0, 1)), 0),
  COALESCE((SELECT SUM(a.total_pages) FROM sys.partitions AS p JOIN sys.allocation_units AS a
    ON a.container_id = CASE WHEN a.type = 2 THEN p.partition_id ELSE p.hobt_id END WHERE p.object_id = t.object_id), 0) * 8192
FROM sys.tables AS t JOIN sys.schemas AS s ON s.schema_id = t.schema_id
WHERE s.name = N'` + SchemaVariable + `' AND t.name IN (%s)`

// maxNamed is how many tables a query names: a request takes 2,100 parameters.
const maxNamed = 1000

// Sizes implements dialect.Prober.
func (d *Dialect) Sizes(ctx context.Context, q dialect.Querier, tables []string) (map[string]dialect.Size, error) {
	out := make(map[string]dialect.Size, len(tables))
	for names := range slices.Chunk(tables, maxNamed) {
		marks, args := make([]string, len(names)), make([]any, len(names))
		for i, name := range names {
			marks[i], args[i] = d.Placeholder(i+1), name
		}
		err := each(ctx, q, fmt.Sprintf(sizesQuery, strings.Join(marks, ", ")), func(rows *sql.Rows) error {
			var name string
			size := dialect.Size{Estimated: true}
			err := rows.Scan(&name, &size.Rows, &size.Bytes)
			out[name] = size
			return err
		}, args...)
		if err != nil {
			return nil, d.unreadable(err)
		}
	}
	return out, nil
}
