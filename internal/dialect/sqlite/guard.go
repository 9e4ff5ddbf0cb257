package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// losses are what the copy of a table would take along: DROP TABLE drops its
// triggers, and the new form is made from a model that knows neither WITHOUT
// ROWID nor STRICT nor generated columns. Each query gives the losses' names.
func losses() []loss {
	return []loss{{
		"triggers", "REBUILD_WOULD_LOSE_TRIGGERS",
		`SELECT name || ' on ' || tbl_name FROM sqlite_master WHERE type = 'trigger'
		 AND tbl_name COLLATE NOCASE IN (SELECT value FROM json_each(?1)) ORDER BY 1`,
	}, {
		"options of the tables or generated columns", "REBUILD_WOULD_LOSE_OPTIONS",
		`SELECT t.name FROM json_each(?1) m CROSS JOIN pragma_table_list(m.value) t WHERE t.schema = 'main'
		 AND (wr OR strict OR EXISTS (SELECT 1 FROM pragma_table_xinfo(t.name) WHERE hidden > 1)) ORDER BY 1`,
	}}
}

type loss struct{ what, reason, query string }

// refuseLosses stops an execution that would copy a table and lose something
// that lockstep does not know how to write again.
func (t *tx) refuseLosses(ctx context.Context) error {
	if len(t.opts.Rebuilds) == 0 {
		return nil
	}
	for _, l := range losses() {
		var found []string
		err := scanEach(ctx, t.s, l.query, []any{jsonList(t.opts.Rebuilds)}, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			found = append(found, name)
			return err
		})
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fault.New(fault.Unsupported, l.reason,
				"SQLite changes these tables by copying them, which would lose %s: %s", l.what, strings.Join(found, ", ")).
				Suggest("take them away, execute, and bring them back")
		}
	}
	return nil
}

// jsonList passes a list as one parameter, for json_each.
func jsonList(items []string) string {
	b, err := json.Marshal(items)
	if err != nil {
		return "[]" // strings always encode
	}
	return string(b)
}

// checks run before a commit.
func (t *tx) checks(ctx context.Context) error {
	worse, err := t.keys.worse(ctx)
	if err != nil {
		return err
	}
	if len(worse) > 0 {
		return fault.New(fault.Refused, "DATA_ORPHAN", "rows of %s refer to rows that do not exist", strings.Join(worse, ", ")).
			Suggest("remove the rows that refer to nothing, or bring what they refer to, and execute again")
	}
	names, _, err := dependents(ctx, t.s.conn)
	if err != nil {
		return err
	}
	views, err := brokenViews(ctx, t.s.conn, names)
	if err != nil {
		return err
	}
	var broken []string
	for _, v := range slices.Sorted(maps.Keys(views)) {
		if !t.views[v] {
			broken = append(broken, v)
		}
	}
	if len(broken) > 0 {
		return fault.New(fault.Refused, "DEPENDENT_OBJECTS", "these views would no longer work: %s", strings.Join(broken, ", ")).
			Suggest("drop or change the views first")
	}
	return nil
}

// mismatch is the count for a table whose foreign key refers to columns that
// are no key: SQLite cannot even count then.
const mismatch = 1

// orphans counts everywhere the rows that refer to nothing, for each table with
// foreign keys (0 included), unless there are none and that is enough.
func orphans(ctx context.Context, q dialect.Querier, named bool) (map[string]int, error) {
	out := map[string]int{}
	err := scanEach(ctx, q, `SELECT "table", count(*) FROM pragma_foreign_key_check GROUP BY 1`, nil, func(rows *sql.Rows) error {
		var name string
		var n int
		err := rows.Scan(&name, &n)
		out[name] = n
		return err
	})
	counted := err == nil
	if counted && len(out) == 0 && !named || !counted && primaryCode(err) != codeError {
		return out, err
	}
	var tables []string
	err = scanEach(ctx, q, `SELECT name FROM `+withForeignKeys+` m WHERE EXISTS (SELECT 1 FROM pragma_foreign_key_list(m.name)) ORDER BY 1`, nil, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		tables = append(tables, name)
		if _, some := out[name]; !some {
			out[name] = 0
		}
		return err
	})
	if err != nil || counted {
		return out, err
	}
	return out, orphansByTable(ctx, q, tables, out)
}

// orphansByTable counts where a table cannot be counted: that ends the count of all.
func orphansByTable(ctx context.Context, q dialect.Querier, tables []string, out map[string]int) error {
	for _, table := range tables {
		var n int
		err := scanOne(ctx, q, "SELECT count(*) FROM pragma_foreign_key_check(?1)", []any{table}, &n)
		switch {
		case err != nil && primaryCode(err) == codeError:
			out[table] = mismatch
		case err != nil:
			return err
		default:
			out[table] = n
		}
	}
	return nil
}

// moreOrphans returns the tables that have more orphans than before, sorted. A
// table that was renamed shows under a new name, so new names may have as many
// as the names that are gone had together.
func moreOrphans(before, now map[string]int) []string {
	var worse, unknown []string
	moved, found := 0, 0
	for _, table := range slices.Sorted(maps.Keys(now)) {
		had, known := before[table]
		switch {
		case known && now[table] > had:
			worse = append(worse, table)
		case !known && now[table] > 0:
			unknown = append(unknown, table)
			found += now[table]
		}
	}
	for table, n := range before {
		if _, stays := now[table]; !stays {
			moved += n
		}
	}
	if found > moved {
		worse = append(worse, unknown...)
		slices.Sort(worse)
	}
	return worse
}

// dependents returns the views, sorted, and the tables and views that have triggers,
// folded.
func dependents(ctx context.Context, q dialect.Querier) (views []string, triggers map[string]bool, err error) {
	triggers = map[string]bool{}
	err = scanEach(ctx, q, "SELECT type, name, tbl_name FROM sqlite_master WHERE type IN ('view', 'trigger') ORDER BY name", nil, func(rows *sql.Rows) error {
		var kind, name, table string
		err := rows.Scan(&kind, &name, &table)
		if kind == "view" {
			views = append(views, name)
		} else {
			triggers[foldASCII(table)] = true
		}
		return err
	})
	return views, triggers, err
}

// brokenViews returns the views that SQLite cannot prepare.
func brokenViews(ctx context.Context, q dialect.Querier, views []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, v := range views {
		err := scanEach(ctx, q, "SELECT 1 FROM "+quote(v)+" LIMIT 0", nil, func(*sql.Rows) error { return nil })
		switch {
		case err != nil && primaryCode(err) == codeError:
			out[v] = true
		case err != nil:
			return nil, err
		}
	}
	return out, nil
}
