package mysql

import (
	"context"
	"database/sql"
	"strings"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// The names of checks are MySQL's own per database, and MariaDB's per table.
//
// MySQL is asked for the names first: its view of the expressions tells no table, and
// joined to another is read through all tables of the database for each row.
const (
	mysqlChecksQuery = `
SELECT TABLE_NAME, CONSTRAINT_NAME, ENFORCED
FROM {TABLE_CONSTRAINTS} t
WHERE CONSTRAINT_TYPE = 'CHECK'
ORDER BY TABLE_NAME, CONSTRAINT_NAME`
	mysqlExpressionsQuery = `
SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
WHERE CONSTRAINT_CATALOG = 'def' AND CONSTRAINT_SCHEMA = DATABASE() AND CONSTRAINT_NAME IN (%)`
	mariaChecksQuery = `
SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, LEVEL
FROM {CHECK_CONSTRAINTS} c
ORDER BY TABLE_NAME, CONSTRAINT_NAME`
)

func (i *inspection) checks(ctx context.Context) error {
	if i.d.server.maria() {
		return i.mariaChecks(ctx)
	}
	byName := map[string]*schema.Check{}
	var names []string
	err := i.each(ctx, mysqlChecksQuery, func(rows *sql.Rows) error {
		var table, enforced string
		k := &schema.Check{}
		err := rows.Scan(&table, &k.Name, &enforced)
		t := i.byName[table]
		if err != nil || t == nil {
			return err
		}
		if enforced == "NO" {
			k.Deviation = "not enforced"
		}
		t.Checks = append(t.Checks, k)
		byName[k.Name] = k
		names = append(names, k.Name)
		return nil
	})
	if err != nil || len(names) == 0 {
		return err
	}
	return i.read(ctx, mysqlExpressionsQuery, names, func(rows *sql.Rows) error {
		var name, expr string
		if err := rows.Scan(&name, &expr); err != nil {
			return err
		}
		if k := byName[name]; k != nil {
			k.Expr = settled(unescaped.Replace(expr))
		}
		return nil
	})
}

// unescaped takes the backslashes out that MySQL puts before quotes in CHECK_CLAUSE.
var unescaped = strings.NewReplacer(`\\`, `\`, `\'`, `'`) //nolint:gochecknoglobals // constant

func (i *inspection) mariaChecks(ctx context.Context) error {
	return i.each(ctx, mariaChecksQuery, func(rows *sql.Rows) error {
		var table, level string
		k := &schema.Check{}
		err := rows.Scan(&table, &k.Name, &k.Expr, &level)
		t := i.byName[table]
		if err != nil || t == nil {
			return err
		}
		k.Expr = settled(k.Expr)
		if level == "Column" && movedAside(k.Name) {
			return nil
		}
		if c := t.Column(k.Name); c != nil && level == "Column" && strings.EqualFold(k.Expr, "json_valid("+quote(c.Name)+")") {
			c.Physical = "json" // what JSON is in MariaDB: https://mariadb.com/kb/en/json-data-type/
			return nil
		}
		t.Checks = append(t.Checks, k)
		return nil
	})
}
