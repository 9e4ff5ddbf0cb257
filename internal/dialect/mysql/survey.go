package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Tables implements dialect.Surveyor.
func (d *Dialect) Tables(ctx context.Context, q dialect.Querier) ([]string, error) {
	rows, err := q.QueryContext(ctx, "SELECT TABLE_NAME FROM information_schema.TABLES "+
		"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE NOT LIKE '%VIEW' AND TABLE_TYPE <> 'SEQUENCE'")
	if err != nil {
		return nil, d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, d.Classify(err)
		}
		out = append(out, name)
	}
	if err := rows.Err(); err != nil {
		return nil, d.Classify(err)
	}
	slices.Sort(out)
	return out, nil
}

// The name of a foreign key's own table is unique only together with its
// database: MariaDB's information schema has names of constraints once per table.
// MySQL has an index of what foreign keys refer to, and goes from there.
const (
	referrersFound = `
SELECT CASE WHEN k.TABLE_SCHEMA = DATABASE() THEN '' ELSE CONCAT(k.TABLE_SCHEMA, '.') END, k.TABLE_NAME, k.CONSTRAINT_NAME,
       k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE, @@lower_case_table_names <> 0
FROM `
	referrersJoined = `
  ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
WHERE k.REFERENCED_TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_NAME IN (%)`
	mariaReferrersQuery = referrersFound + `information_schema.KEY_COLUMN_USAGE k
JOIN information_schema.REFERENTIAL_CONSTRAINTS r` + referrersJoined + `
ORDER BY 1, 2, 3, k.ORDINAL_POSITION`
	mysqlReferrersQuery = referrersFound + `information_schema.REFERENTIAL_CONSTRAINTS r
STRAIGHT_JOIN information_schema.KEY_COLUMN_USAGE k` + referrersJoined + `
  AND r.UNIQUE_CONSTRAINT_CATALOG = 'def' AND r.UNIQUE_CONSTRAINT_SCHEMA = DATABASE() AND r.REFERENCED_TABLE_NAME IN (%)
  AND r.CONSTRAINT_CATALOG = 'def' AND k.TABLE_CATALOG = 'def'
ORDER BY 1, 2, 3, k.ORDINAL_POSITION`
)

// innodbReferrersQuery names the tables that refer to others of this database, as
// database/table, and to which, behind one row with the name of the database alone. Who may not see all processes may not read it.
// https://mariadb.com/kb/en/information-schema-innodb_sys_foreign-table/
const innodbReferrersQuery = `
SELECT '', '', DATABASE(), @@lower_case_table_names <> 0
UNION ALL SELECT FOR_NAME, SUBSTRING_INDEX(REF_NAME, '/', -1), DATABASE(), @@lower_case_table_names <> 0 FROM information_schema.INNODB_SYS_FOREIGN
WHERE SUBSTRING_INDEX(REF_NAME, '/', 1) = DATABASE()`

// unreferred tells whether nothing refers to the tables for certain, but these
// themselves. On MariaDB that spares the question to KEY_COLUMN_USAGE, which opens
// every table of every database that the user may see. Names that InnoDB writes
// otherwise than the server are not compared.
func (i *inspection) unreferred(ctx context.Context) (bool, error) {
	if !i.d.server.maria() {
		return false, nil
	}
	rows, err := i.q.QueryContext(ctx, innodbReferrersQuery)
	if err != nil {
		if numberOf(err) == processDenied {
			return false, nil
		}
		return false, i.d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	none := !slices.ContainsFunc(i.asked, encoded)
	for rows.Next() {
		var name, ref, database string
		if err := rows.Scan(&name, &ref, &database, &i.folds); err != nil {
			return false, i.d.Classify(err)
		}
		at, table, _ := strings.Cut(name, "/")
		ours := i.promised(ref) == "" || at == database && i.promised(table) != ""
		none = none && ours && !encoded(database)
	}
	switch err := rows.Err(); {
	case numberOf(err) == processDenied: // said while the first rows are read
		return false, nil
	case err != nil:
		return false, i.d.Classify(err)
	}
	return none, nil
}

// processDenied is ER_SPECIFIC_ACCESS_DENIED_ERROR.
const processDenied = 1227

// encoded tells whether InnoDB writes a name otherwise: all but letters, digits and
// the underscore are put as @ and a number.
func encoded(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
	})
}

// Referrers implements dialect.Surveyor.
func (d *Dialect) Referrers(ctx context.Context, q dialect.Querier, tables []string) ([]dialect.Referrer, error) {
	if len(tables) == 0 {
		return nil, nil
	}
	var out []dialect.Referrer
	i := &inspection{d: d, q: q, asked: tables}
	if none, err := i.unreferred(ctx); err != nil || none {
		return nil, err
	}
	query := mysqlReferrersQuery
	if d.server.maria() {
		query = mariaReferrersQuery
	}
	err := i.each(ctx, query, func(rows *sql.Rows) error {
		var elsewhere, table, name, column, ref, refColumn, onDelete, onUpdate string
		if err := rows.Scan(&elsewhere, &table, &name, &column, &ref, &refColumn, &onDelete, &onUpdate, &i.folds); err != nil {
			return err
		}
		asked := i.promised(ref)
		if asked == "" || elsewhere == "" && i.promised(table) != "" {
			return nil
		}
		n := len(out)
		if n == 0 || out[n-1].Table != elsewhere+table || out[n-1].ForeignKey.Name != name {
			out = append(out, dialect.Referrer{Table: elsewhere + table, ForeignKey: &schema.ForeignKey{
				Name: name, RefTable: asked, OnDelete: actionOf(onDelete), OnUpdate: actionOf(onUpdate),
			}})
			n++
		}
		f := out[n-1].ForeignKey
		f.Columns, f.RefColumns = append(f.Columns, column), append(f.RefColumns, refColumn)
		return nil
	})
	if err != nil {
		return nil, d.Classify(err)
	}
	slices.SortStableFunc(out, func(a, b dialect.Referrer) int { return strings.Compare(a.Table, b.Table) })
	return out, nil
}
