package mysql

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// leniently runs statements as an application whose sql_mode is empty does.
func (b *bench) leniently(statements ...string) {
	b.t.Helper()
	b.exec("SET SESSION sql_mode = ''")
	b.exec(statements...)
	b.exec("SET SESSION sql_mode = " + literal(sqlMode))
}

// moments is a table with dates, of which one has the zero date as its default.
func moments(change func(*schema.Table)) []*schema.Table {
	zero := raw("g", "date")
	zero.Default = &schema.Default{Value: "0000-00-00"}
	t := &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{
		identity(), raw("d", "date"), raw("dt", "datetime(3)"), raw("ts", "timestamp"), raw("n", "int"), text("v", 20), zero,
	}}
	change(t)
	return []*schema.Table{t}
}

// TestZeroDatesStay: dates that are none, which applications can store where their
// sql_mode allows it, survive every way of altering their table and the way back,
// and so does a default of that kind.
func TestZeroDatesStay(t *testing.T) {
	steps := map[string]func(*schema.Table){
		"copy": func(t *schema.Table) { t.Column("n").Type.Raw = "bigint" },
		"kept": func(t *schema.Table) { t.Column("v").Type = schema.Type{Kind: schema.Raw, Raw: "int"} },
		"check": func(t *schema.Table) {
			t.Checks = []*schema.Check{{Name: "chk_n", Expr: "n > 0"}}
		},
		"not null":     func(t *schema.Table) { t.Column("d").Nullable = false },
		"default":      func(t *schema.Table) { t.Column("n").Default = &schema.Default{Value: "7"} },
		"zero default": func(t *schema.Table) { t.Column("g").Default = nil },
		"drop column":  func(t *schema.Table) { t.Columns = t.Columns[:len(t.Columns)-1] },
		"drop key":     func(t *schema.Table) { t.Columns, t.PrimaryKey = t.Columns[1:], nil },
		"index":        func(t *schema.Table) { t.Indexes = []*schema.Index{over("idx_d", false, "d", "dt", "ts")} },
		"to datetime":  func(t *schema.Table) { t.Column("d").Type.Raw = "datetime(6)" },
		"to a text":    func(t *schema.Table) { t.Column("dt").Type.Raw = "varchar(40)" },
		"fewer digits": func(t *schema.Table) { t.Column("dt").Type.Raw = "datetime" },
		"date only":    func(t *schema.Table) { t.Column("dt").Type.Raw = "date" },
		"generated": func(t *schema.Table) {
			t.Columns = append(t.Columns, raw("s", "datetime(3) generated always as (dt) stored"))
		},
	}
	benches(t, func(b *bench) {
		for name, step := range steps {
			b.t.Run(name, func(t *testing.T) {
				b := &bench{t, b.d, b.s}
				b.exec("DROP TABLE IF EXISTS t")
				b.zeroDates(moments(func(*schema.Table) {}), moments(step))
			})
		}
	})
}

const zeroRows = "SELECT * FROM t ORDER BY dt, n"

func (b *bench) zeroDates(from, to []*schema.Table) {
	b.t.Helper()
	b.build(from...)
	b.leniently(
		"INSERT INTO t VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', 1, '01', DEFAULT)",
		"INSERT INTO t VALUES (2, '2020-00-00', '2020-01-00 10:11:12.125', NULL, 2, '2', '0000-00-00')")
	definition, rows := b.definition("t"), b.query(zeroRows)
	require.Contains(b.t, rows[0], "0000-00-00")
	p := planned(b.t, b.d, from, to)
	b.forth(p.Statements)
	b.back(p.Statements)
	assert.Equal(b.t, definition, b.definition("t"))
	assert.Equal(b.t, rows, b.query(zeroRows))
	kept := b.query("SELECT CAST(d AS CHAR), ts FROM t ORDER BY dt")
	b.forth(p.Statements)
	for _, st := range p.Statements {
		if st.Final {
			b.exec(st.SQL)
		}
	}
	found, err := b.d.Inspect(b.t.Context(), b.s, []string{"t"})
	require.NoError(b.t, err)
	assert.Empty(b.t, b.d.Compare(p.ResultSchema.Tables[0], found.Tables[0]))
	for i, row := range b.query("SELECT CAST(d AS CHAR), ts FROM t ORDER BY dt") {
		assert.Contains(b.t, row[:10], kept[i][:10])
		assert.Contains(b.t, row, map[int]string{0: "|0000-00-00 00:00:00", 1: "|NULL"}[i])
	}
}

// TestNewZeroDatesAreRefused: what was no date does not become one of those.
func TestNewZeroDatesAreRefused(t *testing.T) {
	benches(t, func(b *bench) {
		for _, c := range []struct{ from, value, to string }{
			{"varchar(30)", "'0000-00-00'", "date"},
			{"varchar(30)", "'0000-00-00 00:00:00'", "datetime(3)"},
			{"varchar(30)", "'2020-00-00'", "datetime"},
			{"varchar(30)", "'2020-01-00'", "date"},
			{"varchar(30)", "'2020-00-00'", "timestamp"},
			{"varchar(30)", "'0000-00-00 00:00:00'", "timestamp"},
			{"longtext", "'0-0-0'", "date"},
			{"varbinary(30)", "'0000-00-00'", "date"},
			{"bigint", "0", "date"},
			{"bigint", "20200100", "datetime"},
		} {
			b.t.Run(c.from+" "+c.value+" to "+c.to, func(t *testing.T) {
				b := &bench{t, b.d, b.s}
				b.exec("DROP TABLE IF EXISTS t")
				table := func(typ string) []*schema.Table {
					return []*schema.Table{{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity(), raw("c", typ)}}}
				}
				b.build(table(c.from)...)
				b.exec("INSERT INTO t (c) VALUES (20200102), (NULL)")
				p := planned(t, b.d, table(c.from), table(c.to))
				b.forth(p.Statements)
				b.back(p.Statements)
				b.exec("INSERT INTO t (c) VALUES (" + c.value + ")")
				var reason string
				for _, st := range p.Statements {
					if _, err := b.s.ExecContext(t.Context(), st.SQL); err != nil {
						reason = b.d.Classify(err).Reason
						break
					}
				}
				assert.Equal(t, "DATA_CAST", reason)
			})
		}
	})
}

// TestTheSessionStaysStrict: what does not fit is refused, not cut.
func TestTheSessionStaysStrict(t *testing.T) {
	benches(t, func(b *bench) {
		b.exec("CREATE TABLE s (a varchar(2), n tinyint, d date, m int NOT NULL)")
		for _, values := range []string{"'abc', 1, NULL, 1", "'a', 999, NULL, 1", "'a', 1, '2020-02-31', 1", "'a', 1, 'x', 1", "'a', 1, NULL, NULL", "'a', 1/0, NULL, 1"} {
			_, err := b.s.ExecContext(b.t.Context(), "INSERT INTO s VALUES ("+values+")")
			require.Error(b.t, err, values)
		}
		mode := b.query("SELECT @@SESSION.sql_mode")[0]
		assert.Contains(b.t, mode, "STRICT_ALL_TABLES")
	})
}
