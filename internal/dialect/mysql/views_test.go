package mysql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// shelves makes tables with something of every kind that inspection reads, the last
// two by names that differ in case only.
func (b *bench) shelves(n int) []string {
	b.t.Helper()
	var names []string
	for i := range n - 2 {
		names = append(names, fmt.Sprintf("shelf%02d", i))
	}
	names = append(names, "Alike", "alike")
	for i, name := range names {
		refers := ""
		if i > 0 {
			refers = fmt.Sprintf(", CONSTRAINT fk%d FOREIGN KEY (a, b) REFERENCES %s (b, a) ON DELETE CASCADE", i, names[i/2])
		}
		b.exec(fmt.Sprintf("CREATE TABLE %s (id bigint AUTO_INCREMENT PRIMARY KEY, a int NOT NULL, b int NOT NULL, j json, t varchar(%d) DEFAULT 'x' COMMENT 'c', "+
			"g int AS (char_length(t) + %d) STORED, UNIQUE KEY u%d (b, a), KEY k%d (t(3)), CONSTRAINT ck%d CHECK (a > %d)%s) COMMENT 'number %d'", name, i+10, i, i, i, i, i, refers, i))
	}
	return names
}

// TestManyTables: however many are asked for, and in whatever way the server then
// finds them, each is found as if it alone were asked for, and no other.
func TestManyTables(t *testing.T) {
	benches(t, func(b *bench) {
		const all = fewWithout + 4
		names := b.shelves(all)
		if len(b.query("SELECT 1 WHERE @@lower_case_table_names = 0")) == 0 {
			b.t.Skip("SKIPPED, NOT TESTED: the server does not tell Alike from alike")
		}
		alone := map[string]*schema.Table{}
		for _, name := range names {
			found, err := b.d.Inspect(b.t.Context(), b.s, []string{name})
			require.NoError(b.t, err)
			require.Len(b.t, found.Tables, 1, name)
			alone[name] = found.Tables[0]
			require.Len(b.t, found.Tables[0].Checks, 1, name)
			require.Equal(b.t, name != names[0], len(found.Tables[0].ForeignKeys) == 1, name)
		}
		for _, n := range []int{2, portionOfTexts, portionOfTexts + 1, fewWithTexts, fewWithTexts + 1, fewWithout, fewWithout + 1, all} {
			asked := slices.Concat([]string{"nowhere", "ALIKE"}, names[all-n+2:], []string{"nowhere"}) // once is enough
			found, err := b.d.Inspect(b.t.Context(), b.s, asked)
			require.NoError(b.t, err)
			assert.Len(b.t, found.Tables, n-2)
			sizes, err := b.d.Sizes(b.t.Context(), b.s, asked)
			require.NoError(b.t, err)
			assert.Len(b.t, sizes, n-2)
			for _, name := range names[all-n+2:] {
				is := found.Table(name)
				require.NotNil(b.t, is, "%s of %d", name, n)
				assert.True(b.t, alone[name].Equal(is), "%s of %d: %v", name, n, b.d.Compare(alone[name], is))
			}
		}
	})
}

// TestNamesThatAreOne are asked for once on a server that folds them, wherever they
// stand: it finds a table by each.
func TestNamesThatAreOne(t *testing.T) {
	t.Parallel()
	i := &inspection{d: New(WithMariaDB())}
	for n := range fewWithTexts {
		i.asked = append(i.asked, fmt.Sprintf("table%02d", n))
	}
	const last = fewWithTexts - 1
	i.asked[5], i.asked[last] = "TABLE12", "table00" // which is there already
	portions := i.portions(columnsQuery)
	require.Len(t, portions, 2)
	assert.ElementsMatch(t, i.asked[:last], slices.Concat(portions...))
	const unlessFolded = "= ? AND @@lower_case_table_names = 0"
	assert.NotContains(t, i.views(columnsQuery, portions[0]), unlessFolded)
	assert.Equal(t, 2, strings.Count(i.views(columnsQuery, portions[1]), unlessFolded), "once in each view")
	assert.Len(t, i.portions(indexesQuery), 1, "no long texts are read")
	i.d = New()
	assert.Len(t, i.portions(columnsQuery), 1)
}

// TestLeftovers: tables that stand aside are found whatever they were, and columns in
// the tables that are named.
func TestLeftovers(t *testing.T) {
	benches(t, func(b *bench) {
		b.exec("CREATE TABLE lockstep_dropped_old (a int, lockstep_dropped_x int)", "CREATE TABLE lockstepXdropped_not (a int)", "CREATE TABLE lockstep_droppe (a int)",
			"CREATE TABLE one (a int, lockstep_dropped_b int, lockstep_now_b int, lockstep_other int, lockstepXdropped_c int)",
			"CREATE TABLE two (a int, lockstep_dropped_b int)")
		find := func(tables ...string) []string {
			out, err := b.d.Leftovers(b.t.Context(), b.s, tables)
			require.NoError(b.t, err)
			return out
		}
		assert.Equal(b.t, []string{"lockstep_dropped_old"}, find())
		assert.Equal(b.t, []string{"lockstep_dropped_old", "two.lockstep_dropped_b"}, find("two", "nowhere"))
		one := []string{"lockstep_dropped_old", "one.lockstep_dropped_b", "one.lockstep_now_b"}
		assert.Equal(b.t, one, find("one"))
		many := []string{"one"}
		for len(many) <= fewWithTexts {
			assert.Equal(b.t, one, find(many...), "among %d", len(many))
			many = append(many, fmt.Sprintf("nowhere%d", len(many)))
		}
		assert.Equal(b.t, one, find(many...))
	})
}

// TestReferrersAreReadByName: MySQL finds who refers to a table through an index, and
// reads the foreign keys of no other, of whatever database.
func TestReferrersAreReadByName(t *testing.T) {
	benches(t, func(b *bench) {
		if b.d.server.maria() {
			return
		}
		b.shelves(12)
		told := strings.Join(b.query("EXPLAIN FORMAT=TREE "+strings.ReplaceAll(mysqlReferrersQuery, "%", "'shelf00', 'shelf01'")), "\n")
		assert.Contains(b.t, told, "on fk using referenced_table_catalog", told)
		assert.NotContains(b.t, told, "Table scan on fk", told)
	})
}

// TestViewsAreReadByName: MySQL reads no more of the data dictionary than the tables
// that are asked for, whatever else the database holds: its plan of each question
// begins with the names.
func TestViewsAreReadByName(t *testing.T) {
	benches(t, func(b *bench) {
		if b.d.server.maria() {
			return // it has no dictionary; BenchmarkWideDatabase measures what it does
		}
		names := b.shelves(12)
		i := &inspection{d: b.d, q: b.s, asked: names[:9]}
		explained := map[string]string{"tables aside": tablesAsideQuery}
		for what, query := range map[string]string{
			"columns": columnsQuery, "indexes": indexesQuery, "foreign keys": withParents(foreignKeysQuery), "checks": mysqlChecksQuery, "columns aside": columnsAsideQuery,
		} {
			quoted := make([]string, len(i.asked))
			for k := range quoted {
				quoted[k] = literal(i.asked[k])
			}
			explained[what] = strings.ReplaceAll(i.views(query, i.asked), "%", strings.Join(quoted, ", "))
		}
		for what, query := range explained {
			told := strings.Join(b.query("EXPLAIN FORMAT=TREE "+query), "\n")
			assert.Contains(b.t, told, "Index range scan on tbl using schema_id over (schema_id = ", "%s: %s", what, told)
			if what != "foreign keys" { // how the second view is read is for the statistics to say; see TestReferrersAreReadByName
				assert.NotContains(b.t, told, "Index lookup on tbl using schema_id", "%s: %s", what, told)
			}
		}
	})
}
