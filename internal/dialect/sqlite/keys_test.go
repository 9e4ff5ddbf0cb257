package sqlite

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/lockstepdb/lockstep/internal/dialect"
)

// TestStatementsAreUnderstood by the tables that they can take something away from.
func TestStatementsAreUnderstood(t *testing.T) {
	t.Parallel()
	unknown := statement{unknown: true}
	written := func(name string) statement { return statement{keyed: []string{name}, written: name} }
	for query, want := range map[string]statement{
		"CREATE TABLE `a b` (`c` text)":                          {keyed: []string{"a b"}},
		"create table if not exists a(b)":                        {keyed: []string{"a"}},
		"CREATE TEMP TABLE a (b)":                                unknown,
		"CREATE TABLE main.a (b)":                                unknown,
		"CREATE TABLE main.`a` (b)":                              unknown,
		"CREATE TABLE `main`.a (b)":                              unknown,
		"CREATE TABLE `main`.`a` (b)":                            unknown,
		"CREATE TABLE `main` . `a` (b)":                          unknown,
		"CREATE TABLE 'a' (b)":                                   unknown,
		"DROP TABLE [a];":                                        {keyed: []string{"a"}},
		"DROP TABLE a; DROP TABLE b":                             unknown,
		"DROP TABLE":                                             unknown,
		"DROP INDEX `x`":                                         {index: "x"},
		"ALTER TABLE a RENAME TO b":                              {keyed: []string{"a", "b"}, becomes: "b"},
		"ALTER TABLE a RENAME COLUMN b TO c":                     {keyed: []string{"a"}},
		"ALTER TABLE a DROP COLUMN b":                            {keyed: []string{"a"}},
		"ALTER TABLE a ADD COLUMN b text":                        {filled: []string{"a"}},
		"ALTER TABLE a SPLIT":                                    unknown,
		"CREATE INDEX x ON a (b)":                                {},
		"CREATE UNIQUE INDEX if not exists x ON a (b)":           {keyed: []string{"a"}},
		"CREATE UNIQUE INDEX main.x ON a (b)":                    unknown,
		"INSERT INTO a VALUES (1)":                               written("a"),
		"INSERT INTO lockstep_new_a SELECT * FROM a":             {filled: []string{"lockstep_new_a"}, written: "lockstep_new_a"},
		"DELETE FROM sqlite_sequence WHERE name = 'a;b'":         {filled: []string{"sqlite_sequence"}, written: "sqlite_sequence"},
		"INSERT OR REPLACE INTO a VALUES (1)":                    unknown,
		"REPLACE INTO a VALUES (1)":                              unknown,
		"DELETE FROM a":                                          written("a"),
		"UPDATE a SET b = 1":                                     written("a"),
		"UPDATE OR IGNORE a SET b = 1":                           unknown,
		"WITH a AS (SELECT 1) SELECT * FROM a":                   {},
		"WITH a AS (SELECT 1) DELETE FROM b":                     unknown,
		"EXPLAIN DELETE FROM a":                                  {},
		"PRAGMA legacy_alter_table=ON":                           {},
		"PRAGMA writable_schema=ON":                              unknown,
		"SELECT 1":                                               {},
		"CREATE VIEW v AS SELECT 1":                              {},
		"CREATE TRIGGER x AFTER INSERT ON a BEGIN SELECT 1; END": unknown,
		"CREATE TEMP TRIGGER `n` BEFORE INSERT ON `n` WHEN typeof(NEW.`begin`) <> 'text' BEGIN SELECT RAISE(ABORT, 'no'); END": {},
		"CREATE TEMP TRIGGER n BEFORE INSERT ON n BEGIN SELECT RAISE(ABORT, 'no'); DELETE FROM a; END":                         unknown,
		"CREATE TEMP TRIGGER n BEFORE INSERT ON n BEGIN DELETE FROM a; END":                                                    unknown,
		"CREATE TEMP TRIGGER n BEFORE INSERT ON n BEGIN SELECT RAISE(ABORT, 'no'); END; DELETE FROM a":                         unknown,
		"DELETE FROM a; CREATE TEMP TRIGGER n BEFORE INSERT ON n BEGIN SELECT RAISE(ABORT, 'no'); END":                         unknown,
		"-- DROP TABLE b\nDROP TABLE a": {keyed: []string{"a"}},
		"VACUUM":                        unknown,
		"":                              unknown,
	} {
		assert.Equal(t, want, readStatement(query), query)
	}
}

// TestPlansAreUnderstood: none of what plans hold makes a commit count everywhere.
func TestPlansAreUnderstood(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "plan", "testdata", "golden", "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	seen := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, f := range txtar.Parse(data).Files {
			if !strings.HasSuffix(f.Name, ".sqlite") {
				continue
			}
			var lines []string
			for line := range strings.Lines(string(f.Data)) {
				back, isBack := strings.CutPrefix(line, "-- reverse: ")
				if isBack || !strings.HasPrefix(line, "-- ") {
					lines = append(lines, back)
				}
			}
			for query := range strings.SplitSeq(strings.Join(lines, ""), ";\n") {
				if query = strings.TrimSpace(query); query != "" {
					seen++
					assert.False(t, readStatement(query).unknown, "%s: %s", name, query)
				}
			}
		}
	}
	assert.Greater(t, seen, 100)
}

// TestOrphansAreFoundAsIfEverywhere: after random statements, what is found in the
// tables concerned is what is found by counting everywhere before and after.
func TestOrphansAreFoundAsIfEverywhere(t *testing.T) {
	t.Parallel()
	found, narrow := 0, 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 7))
		dir := t.TempDir()
		s, err := New().Open(t.Context(), dialect.Target{Engine: dialect.SQLite, Database: filepath.Join(dir, "t.db")})
		require.NoError(t, err)
		setup, err := s.Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		for _, sql := range family(r) {
			_, err := setup.ExecContext(t.Context(), sql)
			require.NoError(t, err, sql)
		}
		settle(t, setup)
		opened, err := s.Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		x := opened.(*tx)
		before, err := orphans(t.Context(), x.s.conn, true)
		require.NoError(t, err)
		var ran []string
		for range 1 + r.IntN(6) {
			sql := deed(r)
			_, err := x.s.conn.ExecContext(t.Context(), "SAVEPOINT try")
			require.NoError(t, err)
			if _, err = x.ExecContext(t.Context(), sql); err != nil { // such as of a table that is gone
				x.failed = false
				_, err = x.s.conn.ExecContext(t.Context(), "ROLLBACK TO try")
				require.NoError(t, err)
				continue
			}
			ran = append(ran, sql)
		}
		after, err := orphans(t.Context(), x.s.conn, true)
		require.NoError(t, err)
		want := folded(moreOrphans(fold(before), fold(after)))
		got, err := x.keys.worse(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, folded(got), "seed %d: %s\n%v\n%v", seed, strings.Join(ran, "; "), before, after)
		if len(want) > 0 {
			found++
		}
		if !x.keys.everywhere {
			narrow++
		}
		require.NoError(t, x.Rollback(t.Context()))
		require.NoError(t, s.Close())
	}
	assert.Greater(t, found, 50, "else it proves little")
	assert.Greater(t, narrow, 200, "else it proves little")
}

// settle commits without looking for orphans.
func settle(t *testing.T, opened dialect.Tx) {
	t.Helper()
	x, ok := opened.(*tx)
	require.True(t, ok)
	_, err := x.s.conn.ExecContext(t.Context(), "COMMIT")
	require.NoError(t, err)
	x.done, x.open, x.s.in = true, false, nil
}

func folded(names []string) []string {
	out := []string{}
	for _, name := range names {
		out = append(out, foldASCII(name))
	}
	slices.Sort(out)
	return out
}

func fold(in map[string]int) map[string]int {
	out := map[string]int{}
	for name, n := range in {
		out[foldASCII(name)] = n
	}
	return out
}

// kin are tables that refer to each other, to themselves, to nothing that is there,
// or to what is no key.
func kin() []string { return []string{"a", "b", "C", "d", "e"} }

func family(r *rand.Rand) []string {
	var out []string
	for _, name := range kin() {
		parent := append(kin(), "gone", name)[r.IntN(7)]
		column := "id"
		if r.IntN(12) == 0 {
			column = "n"
		}
		out = append(out, fmt.Sprintf("CREATE TABLE %s (id integer PRIMARY KEY, k int, n int, p int REFERENCES %s (%s))", name, parent, column),
			fmt.Sprintf("CREATE UNIQUE INDEX k_%s ON %s (k)", name, name))
		if r.IntN(3) == 0 {
			out = append(out, fmt.Sprintf("CREATE TABLE by_%s (k int REFERENCES %s (k))", name, name), fmt.Sprintf("INSERT INTO by_%s VALUES (%d)", name, r.IntN(4)))
		}
		for range r.IntN(4) {
			p := "NULL"
			if r.IntN(2) == 0 {
				p = fmt.Sprint(r.IntN(4))
			}
			out = append(out, fmt.Sprintf("INSERT INTO %s SELECT coalesce(max(id), -1) + 1, coalesce(max(id), -1) + 1, coalesce(max(n), 3) + 1, %s FROM %s", name, p, name))
		}
	}
	if r.IntN(6) == 0 {
		out = append(out, "CREATE TRIGGER far AFTER INSERT ON a BEGIN DELETE FROM b; END")
	}
	return out
}

// deed is a statement that a plan could hold, or somebody else's.
func deed(r *rand.Rand) string {
	pick := func() string { return append(kin(), "gone", "by_a", "by_b", "z")[r.IntN(9)] }
	one, other := pick(), pick()
	list := map[string]string{
		"drop":    "DROP TABLE " + one,
		"rename":  "ALTER TABLE " + one + " RENAME TO " + other,
		"case":    "ALTER TABLE " + one + " RENAME TO " + strings.ToUpper(one),
		"aside":   "ALTER TABLE " + one + " RENAME TO lockstep_new_" + other,
		"back":    "ALTER TABLE lockstep_new_" + one + " RENAME TO " + other,
		"new":     "CREATE TABLE " + one + " (id integer PRIMARY KEY, p int REFERENCES " + other + ")",
		"copy":    "CREATE TABLE lockstep_new_" + one + " (id integer PRIMARY KEY, k int, n int, p int REFERENCES " + other + ")",
		"fill":    "INSERT INTO lockstep_new_" + one + " SELECT id, k, n, p FROM " + other,
		"insert":  fmt.Sprintf("INSERT INTO %s (id, p) VALUES (%d, %d)", one, 10+r.IntN(9), r.IntN(20)),
		"delete":  fmt.Sprintf("DELETE FROM %s WHERE id = %d", one, r.IntN(3)),
		"update":  fmt.Sprintf("UPDATE %s SET p = %d", one, r.IntN(5)),
		"add":     fmt.Sprintf("ALTER TABLE %s ADD COLUMN x%d int DEFAULT %d REFERENCES %s (id)", one, r.IntN(9), r.IntN(5), other),
		"unindex": "DROP INDEX k_" + one,
		"unique":  fmt.Sprintf("CREATE UNIQUE INDEX u%d ON %s (n)", r.IntN(9), one),
		"legacy":  "PRAGMA legacy_alter_table=" + []string{"ON", "OFF"}[r.IntN(2)],
		"drop p":  "ALTER TABLE " + one + " DROP COLUMN n",
		"column":  "ALTER TABLE " + one + " RENAME COLUMN id TO number",
	}
	if r.IntN(25) == 0 {
		return "INSERT OR IGNORE INTO " + one + " (id, p) VALUES (1, 99)"
	}
	names := slices.Sorted(maps.Keys(list))
	return list[names[r.IntN(len(names))]]
}
