package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// keys holds an execution to the foreign keys that nobody enforces meanwhile. It
// counts the orphans of a table just before the first statement that could make more
// of them, and again at the end, so that what the tables beside it hold costs nothing:
// these are the table that a statement changes, and those that refer to it. Before a
// statement that it does not understand, and before one that sets off a trigger, it
// counts them everywhere.
// https://www.sqlite.org/pragma.html#pragma_foreign_key_check
type keys struct {
	q        dialect.Querier
	triggers map[string]bool // the tables and views that have some

	everywhere bool
	seen       map[string]string // tables that are counted at the end, under the names they are called by
	before     map[string]int    // of those that were there
	// children are the tables that refer to one, before any statement; nil: not yet
	// asked for.
	children map[string][]string
}

func newKeys(q dialect.Querier, triggers map[string]bool) *keys {
	return &keys{q: q, triggers: triggers, seen: map[string]string{}, before: map[string]int{}}
}

// expect prepares for a statement that is about to run. All names are folded: SQLite
// does not tell case apart.
func (k *keys) expect(ctx context.Context, query string) error {
	if k.everywhere {
		return nil
	}
	st := readStatement(query)
	if st.index != "" {
		err := scanEach(ctx, k.q, "SELECT tbl_name FROM sqlite_master WHERE type = 'index' AND name = ?1 COLLATE NOCASE", []any{st.index}, func(rows *sql.Rows) error {
			var table string
			err := rows.Scan(&table)
			st.keyed = append(st.keyed, table)
			return err
		})
		if err != nil {
			return err
		}
	}
	if st.unknown || st.written != "" && k.triggers[foldASCII(st.written)] {
		return k.all(ctx)
	}
	if st.becomes != "" && k.triggers[foldASCII(st.keyed[0])] {
		k.triggers[foldASCII(st.becomes)] = true
	}
	if err := k.parents(ctx, st.keyed); err != nil {
		return err
	}
	for _, table := range st.filled {
		if err := k.watch(ctx, table); err != nil {
			return err
		}
	}
	return nil
}

// parents watches tables and what refers to them.
func (k *keys) parents(ctx context.Context, tables []string) error {
	if len(tables) > 0 && k.children == nil {
		found := map[string][]string{}
		err := scanEach(ctx, k.q, `SELECT DISTINCT m.name, f."table" FROM `+withForeignKeys+` m CROSS JOIN pragma_foreign_key_list(m.name) f`, nil, func(rows *sql.Rows) error {
			var child, parent string
			err := rows.Scan(&child, &parent)
			found[foldASCII(parent)] = append(found[foldASCII(parent)], child)
			return err
		})
		if err != nil {
			return err
		}
		k.children = found
	}
	for _, table := range tables {
		for _, name := range append([]string{table}, k.children[foldASCII(table)]...) {
			if err := k.watch(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// watch counts a table, unless that was done: then it may have changed already.
func (k *keys) watch(ctx context.Context, table string) error {
	name := foldASCII(table)
	if _, seen := k.seen[name]; seen {
		return nil
	}
	k.seen[name] = table
	return countOrphans(ctx, k.q, table, k.before)
}

// all counts every table that is not watched, which no statement has changed so far.
func (k *keys) all(ctx context.Context) error {
	k.everywhere = true
	found, err := orphans(ctx, k.q, true)
	for table, n := range found {
		name := foldASCII(table)
		if _, seen := k.seen[name]; !seen {
			k.seen[name], k.before[name] = table, n
		}
	}
	return err
}

// worse returns the tables that have more orphans than before, sorted.
func (k *keys) worse(ctx context.Context) ([]string, error) {
	now := map[string]int{}
	if k.everywhere {
		found, err := orphans(ctx, k.q, false)
		if err != nil {
			return nil, err
		}
		for table, n := range found {
			now[foldASCII(table)] = n
			k.seen[foldASCII(table)] = table
		}
	} else {
		for _, table := range k.seen {
			if err := countOrphans(ctx, k.q, table, now); err != nil {
				return nil, err
			}
		}
	}
	out := moreOrphans(k.before, now)
	for i, name := range out {
		out[i] = k.seen[name]
	}
	slices.Sort(out)
	return out, nil
}

// countOrphans notes the orphans of a table, if there is such a table.
func countOrphans(ctx context.Context, q dialect.Querier, table string, into map[string]int) error {
	var n int
	if err := scanOne(ctx, q, "SELECT count(*) FROM pragma_table_info(?1)", []any{table}, &n); err != nil || n == 0 {
		return err
	}
	err := scanOne(ctx, q, "SELECT count(*) FROM pragma_foreign_key_check(?1)", []any{table}, &n)
	if err != nil && primaryCode(err) == codeError {
		n, err = mismatch, nil
	}
	into[foldASCII(table)] = n
	return err
}
