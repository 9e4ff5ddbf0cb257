package mysql

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

var (
	_ dialect.Witness   = (*Dialect)(nil)
	_ dialect.Versioned = (*Dialect)(nil)
)

// noSuchTable is ER_NO_SUCH_TABLE.
const noSuchTable = 1146

// Definitions implements dialect.Witness by SHOW CREATE TABLE. Both servers make
// one ALTER TABLE atomic, so a definition is as before it or as after it:
// https://dev.mysql.com/doc/refman/8.4/en/atomic-ddl.html
// https://mariadb.com/kb/en/atomic-ddl/
func (d *Dialect) Definitions(ctx context.Context, q dialect.Querier, tables []string) (map[string]string, error) {
	out := make(map[string]string, len(tables))
	for _, name := range tables {
		text, err := showCreate(ctx, q, name)
		if n := numberOf(err); n == noSuchTable || n == 1046 {
			continue // no such table, or no database yet
		}
		if err != nil {
			return nil, d.Classify(err)
		}
		out[name] = withoutCounter(text)
	}
	return out, nil
}

func showCreate(ctx context.Context, q dialect.Querier, table string) (text string, err error) {
	rows, err := q.QueryContext(ctx, "SHOW CREATE TABLE "+quote(table))
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]any, len(columns)) // a view has more of them
	for i := range values {
		values[i] = new(sql.NullString)
	}
	var name string
	values[0], values[1] = &name, &text
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
	}
	return text, rows.Err()
}

// withoutCounter takes the number that the next row gets out of a definition: it
// changes with every row. Nothing else there changes without DDL; statistics and
// row versions of INSTANT are not shown.
func withoutCounter(definition string) string {
	at := strings.LastIndex(definition, "\n) ENGINE=")
	if at < 0 {
		return definition
	}
	counter := regexp.MustCompile(`^(\n\) ENGINE=\w+) AUTO_INCREMENT=\d+`)
	return definition[:at] + counter.ReplaceAllString(definition[at:], "$1")
}

// MySQL finds the names that begin so through an index, when it is told the catalog
// too; MariaDB reads all names, but opens none of the tables.
const tablesAsideQuery = `
SELECT TABLE_NAME FROM information_schema.TABLES
WHERE TABLE_CATALOG = 'def' AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'lockstep\_dropped\_%'`

// Neither has an index of the columns' names.
const columnsAsideQuery = `
SELECT @@lower_case_table_names <> 0, TABLE_NAME, COLUMN_NAME FROM {NAMES} c
WHERE LEFT(COLUMN_NAME, 17) = 'lockstep_dropped_' OR LEFT(COLUMN_NAME, 13) = 'lockstep_now_'`

// Leftovers implements dialect.Witness.
func (d *Dialect) Leftovers(ctx context.Context, q dialect.Querier, tables []string) ([]string, error) {
	var out []string
	err := dialect.QueryText(ctx, q, tablesAsideQuery, func(row []sql.NullString) error {
		out = append(out, row[0].String)
		return nil
	})
	if err == nil && len(tables) > 0 {
		i := &inspection{d: d, q: q, asked: tables}
		err = i.each(ctx, columnsAsideQuery, func(rows *sql.Rows) error {
			var table, column string
			err := rows.Scan(&i.folds, &table, &column)
			if i.promised(table) != "" {
				out = append(out, table+"."+column)
			}
			return err
		})
	}
	if err != nil {
		return nil, d.Classify(err)
	}
	slices.Sort(out)
	return out, nil
}

// movedAside tells whether a column is one that Render moved aside. The model
// does not know it, and it goes when the revision is recorded.
func movedAside(column string) bool {
	return strings.HasPrefix(column, dialect.AsidePrefix) || strings.HasPrefix(column, nowPrefix)
}
