package dialecttest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// rowsStay migrates tables that hold rows and looks at the rows afterwards.
func rowsStay(t *testing.T, h Harness) {
	t.Helper()
	cases := []struct {
		name     string
		from, to *schema.Schema
		rows     []string
		then     []string // after the migration
		query    string
		want     []string
	}{
		{
			name: "add and drop columns",
			from: tables(table("t", id(), col("a", text()), col("b", text()))),
			to:   tables(table("t", id(), col("a", text()), col("c", integer(32), notNull, def("7")))),
			rows: []string{"INSERT INTO t (a, b) VALUES ('x', 'gone'), ('y', NULL)"}, query: "SELECT a || c FROM t ORDER BY id", want: []string{"x7", "y7"},
		},
		{
			name: "not null without default on an empty table",
			from: tables(table("t", id())), to: tables(table("t", id(), col("a", text(), notNull))),
			query: "SELECT count(*) FROM t", want: []string{"0"},
		},
		{
			name: "renames",
			from: tables(table("t", id(), col("a", text()))), to: tables(table("u", id(), col("b", text(), was("a")), tableWas("t"))),
			rows: []string{"INSERT INTO t (a) VALUES ('x')"}, query: "SELECT b FROM u", want: []string{"x"},
		},
		{
			name: "text becomes number",
			from: tables(table("t", id(), col("a", text()))), to: tables(table("t", id(), col("a", integer(64)))),
			rows: []string{"INSERT INTO t (a) VALUES ('12'), (NULL), ('-3')"}, query: "SELECT a + 1 FROM t ORDER BY id", want: []string{"13", "NULL", "-2"},
		},
		{
			name: "number becomes text",
			from: tables(table("t", id(), col("a", integer(64), def("5")))), to: tables(table("t", id(), col("a", varchar(9), def("5")))),
			rows: []string{"INSERT INTO t (a) VALUES (12)"}, query: "SELECT a || '!' FROM t", want: []string{"12!"},
		},
		{
			name: "text becomes bytes and back",
			from: tables(table("t", id(), col("a", text()), col("b", blob()))), to: tables(table("t", id(), col("a", blob()), col("b", text()))),
			rows: []string{"INSERT INTO t (a) VALUES ('a\\b')"}, query: "SELECT length(a) FROM t", want: []string{"3"},
		},
		{
			name: "auto increment gained goes on behind the rows",
			from: tables(table("t", col("id", integer(64), notNull), col("a", text()), key("id"))),
			to:   tables(table("t", col("id", integer(64), numbers), col("a", text()), key("id"))),
			rows: []string{"INSERT INTO t (id, a) VALUES (41, 'x')"}, then: []string{"INSERT INTO t (a) VALUES ('y')"}, query: "SELECT max(id) FROM t", want: []string{"42"},
		},
		{
			name: "numbers are never given twice",
			from: tables(table("t", id(), col("a", text()))), to: tables(table("t", id(), col("a", text(), notNull), check("chk_a", "a <> ''"))),
			rows: []string{"INSERT INTO t (a) VALUES ('x'), ('y'), ('z')", "DELETE FROM t WHERE a = 'z'"},
			then: []string{"INSERT INTO t (a) VALUES ('w')"}, query: "SELECT max(id) FROM t", want: []string{"4"},
		},
		{
			name: "children survive a change of their parent",
			from: tables(table("p", id(), col("a", text())), table("c", id(), col("p_id", unsigned(64)), cascadeTo("p"))),
			to:   tables(table("p", id(), col("a", text(), notNull, def("d")), check("chk_a", "a <> ''")), table("c", id(), col("p_id", unsigned(64)), cascadeTo("p"))),
			rows: []string{"INSERT INTO p (a) VALUES ('x')", "INSERT INTO c (p_id) VALUES (1), (1)"}, query: "SELECT count(*) FROM c", want: []string{"2"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := newTenant(t, h)
			x.migrate(c.from)
			x.exec(c.rows...)
			if x.unplanned(c.to, h.Unplanned[c.name]) {
				return
			}
			x.migrate(c.to)
			x.exec(c.then...)
			assert.Equal(t, c.want, x.strings(c.query))
		})
	}
	t.Run("foreign keys work after a change of their parent", func(t *testing.T) {
		t.Parallel()
		x := newTenant(t, h)
		child := table("c", id(), col("p_id", unsigned(64)), cascadeTo("p"))
		x.migrate(tables(table("p", id(), col("a", text())), child))
		x.exec("INSERT INTO p (a) VALUES ('x')", "INSERT INTO c (p_id) VALUES (1)")
		x.migrate(tables(table("p", id(), col("a", text()), check("chk_a", "a <> ''")), child))
		x.exec("DELETE FROM p")
		assert.Equal(t, []string{"0"}, x.strings("SELECT count(*) FROM c"))
	})
}

func cascadeTo(parent string) tableOption {
	return fk(schema.ForeignKey{Name: "fk_" + parent, Columns: []string{"p_id"}, RefTable: parent, RefColumns: []string{"id"}, OnDelete: schema.Cascade})
}

// refusals are changes that present rows forbid: each fails as Refused with a
// reason of its own, and nothing changes.
func refusals(t *testing.T, h Harness) {
	t.Helper()
	base := func(o ...tableOption) *schema.Schema {
		return tables(table("p", id()), table("t", append([]tableOption{id(), col("p_id", unsigned(64))}, o...)...))
	}
	with := func(o ...tableOption) []tableOption {
		return append([]tableOption{col("a", varchar(40)), col("b", integer(64))}, o...)
	}
	cases := []struct {
		name, reason string
		to           *schema.Schema
	}{
		{"not null", "DATA_NULL", base(col("a", varchar(40)), col("b", integer(64), notNull))},
		{"new not null", "DATA_NULL", base(with(col("z", text(), notNull))...)},
		{"unique", "DATA_DUPLICATE", base(with(index(schema.Index{Name: "i", Unique: true, Parts: on("a")}))...)},
		{"unique constraint", "DATA_DUPLICATE", base(with(index(schema.Index{Name: "i", Unique: true, Constraint: true, Parts: on("a")}))...)},
		{"check", "DATA_CHECK", base(with(check("k", "a <> 'same'"))...)},
		{"foreign key", "DATA_ORPHAN", base(with(refers("p_id", "p"))...)},
		{"cast", "DATA_CAST", base(col("a", integer(64)), col("b", integer(64)))},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := newTenant(t, h)
			x.migrate(base(with()...))
			x.exec("INSERT INTO t (p_id, a) VALUES (99, 'same'), (99, 'same')")
			before, catalog := x.inspect(x.now), x.catalog()
			err := x.apply(x.plan(c.to))
			require.Error(t, err)
			assert.Equal(t, fault.Refused, fault.KindOf(err))
			assert.Equal(t, c.reason, fault.ReasonOf(err))
			assert.NotContains(t, err.Error(), "same", "an error must not hold values")
			assert.NotEmpty(t, fault.As(err).Suggestion)
			assert.Equal(t, before, x.inspect(x.now))
			assert.Equal(t, catalog, x.catalog())
			assert.Equal(t, []string{"2"}, x.strings("SELECT count(*) FROM t"))
		})
	}
}

// rollback proves that nothing of an execution stays, whatever it ran.
func rollback(t *testing.T, h Harness) {
	t.Helper()
	x := newTenant(t, h)
	x.migrate(tables(table("owners", id(), col("name", text())), everything("things", "label")))
	x.exec("INSERT INTO owners (name) VALUES ('o')", "INSERT INTO things (label, owner_id) VALUES ('l', 1)")
	before, catalog := x.inspect(x.now), x.catalog()
	p := x.plan(tables(
		table("masters", id(), col("name", integer(32)), tableWas("owners")),
		table("others", id(), col("label", varchar(40)), index(schema.Index{Name: "i", Unique: true, Parts: on("label")})),
	))
	require.NotEmpty(t, p.Statements)
	if !h.New(nil).Capabilities().TransactionalDDL {
		whatRanStays(t, x, p)
		return
	}
	for stop := range len(p.Statements) + 1 {
		s := x.open()
		tx, err := s.Begin(t.Context(), options(p))
		require.NoError(t, err)
		for _, st := range p.Statements[:stop] {
			if _, err := tx.ExecContext(t.Context(), st.SQL); err != nil {
				break // 'o' is no number
			}
		}
		require.NoError(t, tx.Rollback(t.Context()))
		require.NoError(t, tx.Rollback(t.Context()), "a second rollback is a no-op")
		require.NoError(t, s.Close())
		require.Equal(t, before, x.inspect(x.now), "after %d statements", stop)
		require.Equal(t, catalog, x.catalog(), "after %d statements", stop)
		require.Equal(t, []string{"l"}, x.strings("SELECT label FROM things"))
	}
}

// whatRanStays: without transactional DDL, the end of an execution undoes nothing;
// what it does undo is the lock.
func whatRanStays(t *testing.T, x *tenant, p *plan.Plan) {
	t.Helper()
	before := x.catalog()
	tx, err := x.open().Begin(t.Context(), options(p))
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), p.Statements[0].SQL)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, tx.Rollback(t.Context()), "a second rollback is a no-op")
	require.NotEqual(t, before, x.catalog())
	require.Equal(t, []string{"l"}, x.strings("SELECT label FROM things"))
	next, err := x.open().Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err, "the lock is free")
	require.NoError(t, next.Rollback(t.Context()))
}

// identifiers are names that need care: case, reserved words, quotes, length.
func identifiers(t *testing.T, h Harness) {
	t.Helper()
	d := h.New(nil)
	long := fmt.Sprintf("%060d", 7)
	names := []string{"order", "select", `qu"ote`, "back`tick", "apo'strophe", "sp ace", "Ümläut", "日本語", "semi;colon", "per%cent", `back\slash`, "dot.ted", "CamelCase", "t" + long}
	if limit := d.Capabilities().MaxIdentifier; limit > 0 {
		names = append(names, fmt.Sprintf("%0*d", limit, 9))
	} else {
		names = append(names, fmt.Sprintf("%0500d", 9))
	}
	for i, name := range names {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			t.Log(name)
			x := newTenant(t, h)
			full := func(extra ...tableOption) *schema.Schema {
				return tables(table(name, append([]tableOption{
					id(), col(name, text(), def(name)), col("p", unsigned(64)),
					index(schema.Index{Name: "i" + name, Parts: on(name)}),
					index(schema.Index{Name: "u" + name, Unique: true, Constraint: true, Parts: on(name)}),
					fk(schema.ForeignKey{Name: "f" + name, Columns: []string{"p"}, RefTable: name, RefColumns: []string{"id"}}),
					check("c"+name, "p > 0"),
				}, extra...)...))
			}
			x.migrate(full())
			q := d.Quote(name)
			x.exec("INSERT INTO " + q + " (p) VALUES (NULL)")
			assert.Equal(t, []string{name}, x.strings("SELECT "+q+" FROM "+q))
			x.migrate(full(col("added", integer(32), notNull, def("1")), check("x"+name, d.Quote("added")+" > 0")))
			sameAsFresh(t, h, x, full(col("added", integer(32), notNull, def("1")), check("x"+name, d.Quote("added")+" > 0")))
			x.migrate(tables(table("plain", id())))
		})
	}
	t.Run("case", func(t *testing.T) { caseOfNames(t, h) })
}

// caseOfNames: names that differ in case only are two tables, or are refused;
// they are never mixed up.
func caseOfNames(t *testing.T, h Harness) {
	t.Helper()
	both := tables(table("Users", id(), col("Email", text())), table("users", id(), col("email", text())))
	x := newTenant(t, h)
	if _, err := x.d.Lower(both); err != nil {
		assert.Equal(t, fault.Invalid, fault.KindOf(err))
		x.migrate(tables(table("users", id(), col("email", text()))))
		x.exec("INSERT INTO users (email) VALUES ('e')")
		x.migrate(tables(table("Users", id(), col("Email", text(), was("email")), tableWas("users"))))
		assert.Equal(t, []string{"e"}, x.strings("SELECT Email FROM Users"))
		return
	}
	x.migrate(both)
	x.exec(`INSERT INTO "Users" ("Email") VALUES ('E')`, `INSERT INTO "users" ("email") VALUES ('e')`)
	x.migrate(tables(table("Users", id(), col("Email", text()))))
	assert.Equal(t, []string{"E"}, x.strings(`SELECT "Email" FROM "Users"`))
}
