package mysql

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// bench is a tenant on which plans are run and undone.
type bench struct {
	t *testing.T
	d *Dialect
	s dialect.Session
}

// benches runs a test on every server of both flavours.
func benches(t *testing.T, test func(*bench)) {
	t.Helper()
	t.Parallel()
	for i, servers := range [][]enginetest.Server{enginetest.MySQL(t), enginetest.MariaDB(t)} {
		for _, server := range servers {
			t.Run(server.Name, func(t *testing.T) {
				t.Parallel()
				test(newBench(t, flavours()[i], server))
			})
		}
	}
}

func newBench(t *testing.T, d *Dialect, server enginetest.Server) *bench {
	t.Helper()
	target, err := dialect.ParseTarget(enginetest.FreshDatabase(t, server))
	require.NoError(t, err)
	s, err := d.Open(t.Context(), target)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	told, ok := d.For(s.Version()).(*Dialect)
	require.True(t, ok)
	return &bench{t, told, s}
}

func (b *bench) exec(statements ...string) {
	b.t.Helper()
	for _, s := range statements {
		_, err := b.s.ExecContext(b.t.Context(), s)
		require.NoError(b.t, err, s)
	}
}

// build makes tables without lockstep's statements that come last.
func (b *bench) build(tables ...*schema.Table) {
	b.t.Helper()
	for _, st := range planned(b.t, b.d, nil, tables).Statements {
		b.exec(st.SQL)
	}
}

// forth runs the statements of a plan that can be undone.
func (b *bench) forth(statements []plan.Statement) {
	b.t.Helper()
	for _, st := range statements {
		if !st.Final {
			b.exec(st.SQL)
		}
	}
}

// back undoes them, and what changes no definition twice.
func (b *bench) back(statements []plan.Statement) {
	b.t.Helper()
	for _, st := range slices.Backward(statements) {
		for _, sql := range st.Reverse {
			b.exec(sql)
			if strings.HasPrefix(sql, "UPDATE ") {
				b.exec(sql)
			}
		}
	}
}

func (b *bench) definition(table string) string {
	b.t.Helper()
	out, err := b.d.Definitions(b.t.Context(), b.s, []string{table, "nowhere"})
	require.NoError(b.t, err)
	require.Len(b.t, out, 1)
	return out[table]
}

// query returns rows as lines.
func (b *bench) query(sqlText string) []string {
	b.t.Helper()
	rows, err := b.s.QueryContext(b.t.Context(), sqlText)
	require.NoError(b.t, err, sqlText)
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	require.NoError(b.t, err)
	var out []string
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(b.t, rows.Scan(into...))
		var line []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			line = append(line, v.String)
		}
		out = append(out, strings.Join(line, "|"))
	}
	require.NoError(b.t, rows.Err())
	return out
}

func (b *bench) leftovers() []string {
	b.t.Helper()
	out, err := b.d.Leftovers(b.t.Context(), b.s, b.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"))
	require.NoError(b.t, err)
	return out
}

// TestDroppedColumnsComeBack: columns of every type, NOT NULL and without a
// default, let rows in that do not know them while they are aside.
func TestDroppedColumnsComeBack(t *testing.T) {
	benches(t, func(b *bench) {
		values := map[string]string{
			"tinyint": "1", "bigint unsigned": "18446744073709551615", "decimal(10,2)": "1.25", "double": "0.1", "bit(9)": "b'101'", "boolean": "true",
			"char(4)": "'c'", "varchar(9)": "'v  '", "binary(3)": "'b'", "varbinary(9)": "'v'", "tinytext": "'t'", "longtext": "'l'", "blob": "'b'",
			"enum('x','it''s')": "'it''s'", "set('x','y')": "'x,y'", "json": `'{"a": 1.0}'`, "year": "2020",
			"date": "'2020-02-29'", "time(2)": "'-12:30:00.25'", "datetime(6)": "'2020-01-01 00:00:00.123456'", "timestamp(3)": "'2020-01-01 00:00:00.125'",
			"point": "ST_GeomFromText('POINT(3 4)')", "polygon": "ST_GeomFromText('POLYGON((0 0,0 5,5 5,0 0))')", "multipoint": "ST_GeomFromText('MULTIPOINT(1 2)')",
			"linestring": "ST_GeomFromText('LINESTRING(1 1,2 2)')", "geometry": "ST_GeomFromText('POINT(3 4)')", "geometrycollection": "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(0 1))')",
			"multilinestring": "ST_GeomFromText('MULTILINESTRING((0 0,2 2))')", "multipolygon": "ST_GeomFromText('MULTIPOLYGON(((0 0,0 5,5 5,0 0)))')",
			"uuid": "'123e4567-e89b-12d3-a456-426614174000'", "inet6": "'::1'", "inet4": "'1.2.3.4'", "vector(2)": "UNHEX('0000803F00000040')",
		}
		from := &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity()}}
		var given []string
		for i, typ := range slices.Sorted(maps.Keys(values)) {
			if !b.d.hasType(parseType(typ).base) {
				continue
			}
			c := raw(fmt.Sprintf("c%02d", i), typ)
			c.Nullable, c.Comment = false, "it's "+typ
			from.Columns, given = append(from.Columns, c), append(given, values[typ])
		}
		to := &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity()}}
		b.build(from)
		b.exec("INSERT INTO t VALUES (1, " + strings.Join(given, ", ") + ")")
		definition, rows := b.definition("t"), b.query("SELECT * FROM t WHERE id = 1")
		p := planned(t, b.d, []*schema.Table{from}, []*schema.Table{to})
		b.forth(p.Statements)
		found, err := b.d.Inspect(b.t.Context(), b.s, []string{"t"})
		require.NoError(b.t, err)
		assert.Empty(b.t, b.d.Compare(p.ResultSchema.Tables[0], found.Tables[0]), "what is aside is not seen")
		assert.Len(b.t, b.leftovers(), len(given))
		b.exec("INSERT INTO t () VALUES ()")
		b.back(p.Statements)
		assert.Equal(b.t, definition, b.definition("t"))
		assert.Equal(b.t, rows, b.query("SELECT * FROM t WHERE id = 1"))
		assert.Equal(b.t, []string{"2"}, b.query("SELECT count(*) FROM t"))
		assert.Empty(b.t, b.leftovers())
	})
}

// TestAColumnThatNumberedRowsComesBack: rows that were written without it get
// numbers behind the others.
func TestAColumnThatNumberedRowsComesBack(t *testing.T) {
	benches(t, func(b *bench) {
		code := text("code", 20)
		code.Nullable = false
		from := &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity(), code}}
		to := &schema.Table{Name: "t", PrimaryKey: []string{"code"}, Columns: []*schema.Column{code}}
		b.build(from)
		b.exec("INSERT INTO t VALUES (1, 'z'), (7, 'b')")
		definition := b.definition("t")
		p := planned(t, b.d, []*schema.Table{from}, []*schema.Table{to})
		b.forth(p.Statements)
		b.exec("INSERT INTO t (code) VALUES ('a'), ('c')")
		b.back(p.Statements)
		assert.Equal(b.t, definition, b.definition("t"))
		assert.Equal(b.t, []string{"1|z", "7|b"}, b.query("SELECT * FROM t WHERE id < 8 ORDER BY id"))
		assert.Equal(b.t, []string{"8", "9"}, b.query("SELECT id FROM t WHERE code IN ('a', 'c') ORDER BY id"))
	})
}

// TestGeneratedColumnsComeBackToTheirPlace beside a column that they rest on.
func TestGeneratedColumnsComeBackToTheirPlace(t *testing.T) {
	benches(t, func(b *bench) {
		from := &schema.Table{Name: "t", Columns: []*schema.Column{
			raw("first", "int generated always as (n + 1) stored"), raw("n", "int"), raw("v", "int generated always as (n * 2) virtual"),
			raw("w", "int generated always as (n * 3) stored"), text("last", 9),
		}}
		to := &schema.Table{Name: "t", Columns: []*schema.Column{text("last", 9)}}
		b.build(from)
		b.exec("INSERT INTO t (n, last) VALUES (5, 'x')")
		definition := b.definition("t")
		p := planned(t, b.d, []*schema.Table{from}, []*schema.Table{to})
		b.forth(p.Statements)
		b.back(p.Statements)
		assert.Equal(b.t, definition, b.definition("t"))
		assert.Equal(b.t, []string{"6|5|10|15|x"}, b.query("SELECT * FROM t"))
	})
}

// TestWhatCannotBeGenerated is refused before anything runs.
func TestWhatCannotBeGenerated(t *testing.T) {
	t.Parallel()
	for _, d := range flavours() {
		for _, c := range [][2]string{
			{"int", "int generated always as (n + 1) stored"},
			{"int", "int generated always as (n + 1) virtual"},
			{"int generated always as (n + 1) virtual", "int"},
			{"int generated always as (n + 1) virtual", "int generated always as (n + 1) stored"},
		} {
			table := func(typ string) *schema.Schema {
				low, err := d.Lower(&schema.Schema{Tables: []*schema.Table{{Name: "t", Columns: []*schema.Column{raw("n", "int"), raw("c", typ)}}}})
				require.NoError(t, err)
				return low
			}
			_, err := plan.Build(t.Context(), d, plan.Input{Strategy: strategy.Full, Base: table(c[0]), Target: table(c[1])})
			assert.Equal(t, "GENERATED_COLUMN", fault.ReasonOf(err), "%s to %s", c[0], c[1])
		}
	}
}
