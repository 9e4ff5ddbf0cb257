package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Tables implements dialect.Surveyor. SQLite's own tables begin with sqlite_, and
// the tables behind a virtual one are its business.
// https://www.sqlite.org/pragma.html#pragma_table_list
func (d *Dialect) Tables(ctx context.Context, q dialect.Querier) ([]string, error) {
	var out []string
	err := scanEach(ctx, q, `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual')
		AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`, nil, func(rows *sql.Rows) error {
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

// withForeignKeys are the tables that may have foreign keys. There is none without
// this word in the table's text, and to look for it there is quicker than to ask for
// the foreign keys of every table.
const withForeignKeys = `(SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%references%')`

// Referrers implements dialect.Surveyor. A foreign key that names no columns
// refers to the primary key.
func (d *Dialect) Referrers(ctx context.Context, q dialect.Querier, tables []string) ([]dialect.Referrer, error) {
	var names []string
	err := scanEach(ctx, q, `SELECT DISTINCT m.name FROM `+withForeignKeys+` m CROSS JOIN pragma_foreign_key_list(m.name) f
		WHERE f."table" COLLATE NOCASE IN (SELECT value FROM json_each(?1))
		AND m.name COLLATE NOCASE NOT IN (SELECT value FROM json_each(?1)) ORDER BY m.name`,
		[]any{jsonList(tables)}, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		})
	if err != nil || len(names) == 0 {
		return nil, orNil(d, err)
	}
	found, err := d.Inspect(ctx, q, names)
	if err != nil {
		return nil, err
	}
	var out []dialect.Referrer
	for _, t := range found.Tables {
		for _, f := range t.ForeignKeys {
			if ours := asNamed(tables, f.RefTable); ours != "" {
				named := f.Clone()
				named.RefTable = ours
				out = append(out, dialect.Referrer{Table: t.Name, ForeignKey: named})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b dialect.Referrer) int { return cmp.Compare(a.Table, b.Table) })
	return out, d.keyColumns(ctx, q, out)
}

// asNamed returns the name that a table goes by among those named, or "".
func asNamed(tables []string, name string) string {
	for _, t := range tables {
		if strings.EqualFold(t, name) {
			return t
		}
	}
	return ""
}

// keyColumns gives foreign keys that name no columns those of the primary key.
func (d *Dialect) keyColumns(ctx context.Context, q dialect.Querier, list []dialect.Referrer) error {
	var names []string
	for _, r := range list {
		if len(r.ForeignKey.RefColumns) == 0 {
			names = append(names, r.ForeignKey.RefTable)
		}
	}
	if len(names) == 0 {
		return nil
	}
	found, err := d.Inspect(ctx, q, names)
	if err != nil {
		return err
	}
	for _, r := range list {
		var t *schema.Table
		if len(r.ForeignKey.RefColumns) == 0 {
			t = found.Table(r.ForeignKey.RefTable)
		}
		if t != nil {
			r.ForeignKey.RefColumns = t.PrimaryKey
		}
	}
	return nil
}

func orNil(d *Dialect, err error) error {
	if err == nil {
		return nil
	}
	return d.Classify(err)
}
