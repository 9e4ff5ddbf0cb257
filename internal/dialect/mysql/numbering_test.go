package mysql

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// family are tables whose keys lead to a column, in the same table and in
// another, and one whose own key is such a column.
func family(id func(*schema.Column)) []*schema.Table {
	bigint := func(name string) *schema.Column { return raw(name, "bigint") }
	key := func(name, from, to string) *schema.ForeignKey {
		return &schema.ForeignKey{Name: name, Columns: []string{from}, RefTable: to, RefColumns: []string{"id"}}
	}
	p := bigint("id")
	id(p)
	return []*schema.Table{
		{Name: "parents", PrimaryKey: []string{"id"}, Columns: []*schema.Column{p, bigint("above")}, ForeignKeys: []*schema.ForeignKey{key("fk_above", "above", "parents")}},
		{
			Name: "children", PrimaryKey: []string{"id"}, Columns: []*schema.Column{bigint("id"), bigint("parent")},
			ForeignKeys: []*schema.ForeignKey{key("fk_parent", "parent", "parents")},
		},
	}
}

// prefixes runs each prefix of a plan forth and back, and in the end all of it.
// all is a query for each table.
func (b *bench) prefixes(p *plan.Plan, tables []string, all ...string) {
	b.t.Helper()
	state := func() (out [][]string) {
		for _, name := range tables {
			out = append(out, []string{b.definition(name)})
		}
		for _, q := range all {
			out = append(out, b.query(q))
		}
		return out
	}
	before := state()
	n := 0
	for ; n < len(p.Statements) && !p.Statements[n].Final; n++ {
		b.forth(p.Statements[:n+1])
		b.back(p.Statements[:n+1])
		require.Equal(b.t, before, state(), "after %d statements:\n%s", n+1, p.Statements[n].SQL)
	}
	b.forth(p.Statements)
	for _, st := range p.Statements[n:] {
		b.exec(st.SQL)
	}
	for _, want := range p.ResultSchema.Tables {
		found, err := b.d.Inspect(b.t.Context(), b.s, []string{want.Name})
		require.NoError(b.t, err)
		assert.Empty(b.t, b.d.Compare(want, found.Table(want.Name)))
	}
	assert.Empty(b.t, b.leftovers())
}

// TestNumberingOfWhatKeysLeadTo: MySQL refuses to begin or to stop numbering a
// column that foreign keys lead to, with error 1833.
func TestNumberingOfWhatKeysLeadTo(t *testing.T) {
	benches(t, func(b *bench) {
		bare, numbered := family(func(*schema.Column) {}), family(func(c *schema.Column) { c.AutoIncrement = true })
		b.build(bare...)
		b.exec("INSERT INTO parents VALUES (3, NULL), (5, 3)", "INSERT INTO children VALUES (1, 3), (2, 5), (3, NULL)")
		rows := []string{"SELECT * FROM parents ORDER BY id", "SELECT * FROM children ORDER BY id"}
		b.prefixes(planned(b.t, b.d, bare, numbered), []string{"parents", "children"}, rows...)
		b.exec("INSERT INTO parents (above) VALUES (5)")
		assert.Equal(b.t, []string{"6"}, b.query("SELECT id FROM parents WHERE above = 5"))
		_, err := b.s.ExecContext(b.t.Context(), "INSERT INTO children VALUES (9, 9)")
		assert.Equal(b.t, "DATA_ORPHAN", b.d.Classify(err).Reason, "the keys are back")
		b.prefixes(planned(b.t, b.d, numbered, bare), []string{"parents", "children"}, rows...)
	})
}

// TestNumbersStay: a column begins and stops to number rows, also as it changes its
// type, and goes; its numbers stay and come back, a 0 among them and those that the
// other type cannot tell apart or spell.
func TestNumbersStay(t *testing.T) {
	type numbers struct {
		from, to  string
		on, after bool // numbers rows, before and after
		values    []string
	}
	big := []string{"-3", "0", "16777216", "16777219", "9007199254740993"}
	benches(t, func(b *bench) {
		cases := []numbers{
			{"bigint", "bigint", false, true, big},
			{"bigint", "bigint", true, false, big},
			{"bigint", "", true, false, big},
			{"bigint unsigned", "", true, false, big[1:]},
			{"tinyint unsigned", "bigint", true, true, []string{"0", "1", "254"}},
			{"bigint", "float", true, false, big},
			{"bigint", "double", true, false, big},
			{"int", "decimal(10,2)", true, false, []string{"-3", "0", "7"}},
			{"int", "varchar(20)", true, false, []string{"-3", "0", "7"}},
			{"decimal(10,2)", "int", false, true, []string{"-3.25", "0.25", "7.50"}},
			{"double", "bigint", false, true, []string{"-3.5", "0.25", "7.125"}},
			{"varchar(20)", "bigint", false, true, []string{"'-3'", "'00'", "'007'"}},
		}
		if b.d.server.maria() { // which MySQL has given up
			cases = append(cases, numbers{"double", "bigint", true, true, []string{"-3.5", "0.25", "7.125"}})
		}
		for _, c := range cases {
			table := func(typ string, numbered bool) *schema.Table {
				t := &schema.Table{Name: "t", Columns: []*schema.Column{raw("v", "int")}}
				if typ != "" {
					id := raw("id", typ)
					id.AutoIncrement = numbered
					t.Columns, t.PrimaryKey = append(t.Columns, id), []string{"id"}
				}
				return t
			}
			b.t.Run(c.from+" to "+c.to, func(t *testing.T) {
				b := &bench{t, b.d, b.s}
				b.exec("DROP TABLE IF EXISTS t")
				b.build(table(c.from, c.on))
				for i, v := range c.values {
					b.exec(fmt.Sprintf("INSERT INTO t VALUES (%d, %s)", i, v))
				}
				p := planned(t, b.d, []*schema.Table{table(c.from, c.on)}, []*schema.Table{table(c.to, c.after)})
				b.prefixes(p, []string{"t"}, "SELECT v, id FROM t ORDER BY v")
			})
		}
	})
}
