package mysql

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// kept is a change of type whose way back has to bring the first value back as it
// was; the second is changed to wrote meanwhile, and comes back as want.
type kept struct {
	from, to    string
	values      [2]string
	wrote, want string
	unique      bool
}

func keptCases() []kept {
	return []kept{
		{"varchar(20)", "int", [2]string{"'007'", "'08'"}, "12", "12", true},
		{"varchar(8)", "date", [2]string{"'20200101'", "'20210203'"}, "'20220304'", "", true}, // 2022-03-04 has no room, so nothing is written
		{"varchar(10)", "date", [2]string{"'20200101'", "'20210203'"}, "'2022-03-04'", "2022-03-04", true},
		{"longtext", "varchar(191)", [2]string{"CONCAT('a', REPEAT(' ', 300))", "'b'"}, "'c'", "c", false},
		{"varchar(10)", "char(10)", [2]string{"'a  '", "'b'"}, "'c'", "c", true},
		{"decimal(4,2)", "int", [2]string{"99.99", "1.50"}, "7", "7.00", true},
		{"decimal(10,2)", "decimal(10,1)", [2]string{"1.25", "1.50"}, "7.5", "7.50", true},
		{"bigint", "double", [2]string{"9223372036854775807", "5"}, "7", "7", false},
		{"double", "decimal(10,0)", [2]string{"1.5", "2.25"}, "7", "7", false},
		{"float", "decimal(10,2)", [2]string{"0.125", "0.1"}, "7.5", "7.5", false},
		{"datetime(6)", "date", [2]string{"'2020-01-01 10:11:12.123456'", "'2020-01-02'"}, "'2020-01-03'", "2020-01-03 00:00:00.000000", true},
		{"datetime(6)", "datetime", [2]string{"'2020-01-01 10:11:12.6'", "'2020-01-02'"}, "'2020-01-03'", "2020-01-03 00:00:00.000000", true},
		{"timestamp(3)", "datetime", [2]string{"'2020-01-01 10:11:12.125'", "'2020-01-02'"}, "'2020-01-03'", "2020-01-03 00:00:00.000", true},
		{"datetime(3)", "timestamp", [2]string{"'2020-01-01 10:11:12.125'", "'2020-01-02'"}, "'2020-01-03'", "2020-01-03 00:00:00.000", true},
		{"date", "timestamp", [2]string{"'2020-01-01'", "'2020-01-02'"}, "'2020-01-03'", "2020-01-03", true},
		{"time(3)", "time", [2]string{"'10:11:12.625'", "'10:00:00'"}, "'11:00:00'", "11:00:00.000", true},
		{"json", "longtext", [2]string{`'{"b": 1.0, "a": 2}'`, `'[1]'`}, `'[2]'`, "[2]", false},
		{"longtext", "json", [2]string{`'{"b": 1.0,   "a": 2}'`, `'[1]'`}, `'[2]'`, "[2]", false},
		{"varchar(30)", "json", [2]string{`'{"b":1,"a":2}'`, `'[1]'`}, `'[2]'`, "[2]", false},
		{"varchar(9)", "enum('a','b','c')", [2]string{"'A'", "'b'"}, "'c'", "c", true},
		{"enum('a','b')", "set('a','b','c')", [2]string{"'a'", "'b'"}, "''", "", false},
		{"varbinary(9)", "binary(9)", [2]string{"'ab'", "'c'"}, "'d'", "d\x00\x00\x00\x00\x00\x00\x00\x00", true},
		{"bit(8)", "int", [2]string{"b'101'", "b'1'"}, "7", "\a", true},
		// These come back by themselves.
		{"int", "varchar(20)", [2]string{"7", "-8"}, "'9'", "9", true},
		{"int", "double", [2]string{"2147483647", "-8"}, "9", "9", true},
		{"bigint", "decimal(30,2)", [2]string{"9223372036854775807", "-8"}, "9", "9", true},
		{"bigint", "tinyint", [2]string{"127", "-8"}, "9", "9", true},
		{"decimal(10,2)", "longtext", [2]string{"1.50", "-0.25"}, "'9.75'", "9.75", false},
		{"float", "double", [2]string{"0.1", "1e30"}, "9.5", "9.5", true},
		{"char(4)", "varchar(40)", [2]string{"'a'", "'b'"}, "'c'", "c", true},
		{"varchar(9)", "longtext", [2]string{"'a  '", "'b'"}, "'c'", "c", false},
		{"longtext", "longblob", [2]string{"'ä  '", "'b'"}, "'c'", "c", false},
		{"blob", "text", [2]string{"'ä  '", "'b'"}, "'c'", "c", false},
		{"varbinary(9)", "varchar(40)", [2]string{"'ä  '", "'b'"}, "'c'", "c", true},
		{"date", "datetime", [2]string{"'2020-01-01'", "'2020-01-02'"}, "'2020-01-03'", "2020-01-03", true},
		{"datetime(3)", "datetime(6)", [2]string{"'2020-01-01 01:02:03.125'", "'2020-01-02'"}, "'2020-01-03'", "2020-01-03 00:00:00.000", true},
		{"datetime(3)", "varchar(40)", [2]string{"'2020-01-01 01:02:03.125'", "'2020-01-02'"}, "'2020-01-03'", "2020-01-03 00:00:00.000", true},
		{"time(3)", "varchar(40)", [2]string{"'-801:02:03.125'", "'10:00:00'"}, "'11:00:00'", "11:00:00.000", true},
		{"enum('a','b')", "varchar(9)", [2]string{"'a'", "'b'"}, "'b'", "b", false},
		{"enum('a','b')", "enum('b','a','c')", [2]string{"'a'", "'b'"}, "'a'", "a", false},
		{"set('a','b')", "set('b','a')", [2]string{"'a,b'", "'b'"}, "'a'", "a", false},
		{"varchar(9) character set latin1", "varchar(9)", [2]string{"'ä'", "'b'"}, "'c'", "c", true},
		{"varchar(9)", "varchar(9) character set latin1", [2]string{"'ä'", "'b'"}, "'c'", "c", true},
		{"boolean", "int", [2]string{"1", "0"}, "1", "1", false},
		{"year", "int", [2]string{"2020", "1999"}, "2001", "2001", true},
	}
}

// TestOldValuesComeBack: with every prefix of the plan, and with rows that an
// application writes meanwhile.
func TestOldValuesComeBack(t *testing.T) {
	benches(t, func(b *bench) {
		for _, c := range keptCases() {
			b.t.Run(c.from+" to "+c.to, func(t *testing.T) {
				one := &bench{t, b.d, b.s}
				one.exec("DROP TABLE IF EXISTS t")
				one.keep(c)
			})
		}
	})
}

// noted is a table of a column c, of one that is generated from it, and of one
// that notes the time of updates.
func noted(c kept, typ string) *schema.Table {
	at := raw("at", "datetime(6)")
	at.Default = &schema.Default{Value: "NULL ON UPDATE CURRENT_TIMESTAMP(6)", Expr: true}
	t := &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{
		identity(), raw("n", "int"), raw("c", typ), at, raw("g", "int generated always as (n + 5) stored"),
	}}
	t.Column("c").Comment = "kept"
	if c.unique {
		t.Indexes = []*schema.Index{over("uni_c", true, "c"), over("idx_n", false, "n", "c")}
	}
	return t
}

func (b *bench) keep(c kept) {
	b.t.Helper()
	from, to := noted(c, c.from), noted(c, c.to)
	b.build(from)
	b.exec("INSERT INTO t (id, n, c) VALUES (1, 1, " + c.values[0] + "), (2, 2, " + c.values[1] + "), (3, 3, NULL)")
	p := planned(b.t, b.d, []*schema.Table{from}, []*schema.Table{to})
	asks := slices.ContainsFunc(p.Statements, func(st plan.Statement) bool { return strings.Contains(st.SQL, "lockstep_now_c") })
	f, t := parseType(c.from), parseType(c.to)
	require.Equal(b.t, !b.d.restores(f, t), asks)
	const all = "SELECT id, n, HEX(c), c, at, g FROM t ORDER BY id"
	definition, rows := b.definition("t"), b.query(all)
	n := 0
	for ; n < len(p.Statements) && !p.Statements[n].Final; n++ {
		b.forth(p.Statements[:n])
		b.back(p.Statements[:n])
		require.Equal(b.t, definition, b.definition("t"), "after %d statements", n)
		require.Equal(b.t, rows, b.query(all), "after %d statements", n)
	}
	b.forth(p.Statements)
	if c.want != "" {
		b.exec("UPDATE t SET c = "+c.wrote+" WHERE id = 2", "INSERT INTO t (n, c) VALUES (4, NULL)")
	}
	at := b.query("SELECT at FROM t WHERE id = 2")
	b.back(p.Statements[:n])
	assert.Equal(b.t, definition, b.definition("t"))
	now := b.query(all)
	assert.Equal(b.t, rows[0], now[0])
	assert.Equal(b.t, rows[2], now[2])
	if c.want != "" {
		assert.Equal(b.t, []string{c.want}, b.query("SELECT c FROM t WHERE id = 2"))
		assert.Len(b.t, now, 4)
	} else {
		assert.Equal(b.t, rows, now)
	}
	assert.Equal(b.t, at, b.query("SELECT at FROM t WHERE id = 2"), "the way back is no update of theirs")
	assert.Empty(b.t, b.leftovers())
	b.forth(p.Statements)
	for _, st := range p.Statements[n:] {
		b.exec(st.SQL)
	}
	assert.Empty(b.t, b.leftovers())
}
