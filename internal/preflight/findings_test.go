package preflight_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// expected is what preflight must find in one case.
type expected struct {
	kind    preflight.Kind
	table   string
	columns []string
	object  string
	count   int64
	keys    []string
}

// refusal is a plan that present rows forbid, or that costs some.
type refusal struct {
	name     string
	from, to *schema.Schema
	rows     []string
	want     []expected
	mend     []string // where no finding says how
	only     []string // engines; nil: all
	not      []string // engines on which the rows are no hindrance
	reason   string   // of the engine, where it is not that of the first finding
}

// one is a case of a single table "things" with a key and a text beside it.
func one(from, to []option) (*schema.Schema, *schema.Schema) {
	base := func(extra []option) *schema.Schema {
		return tables(table("things", append([]option{id(), col("name", varchar(40))}, extra...)...))
	}
	return base(from), base(to)
}

func refusals() []refusal {
	return slicesOf(nullRefusals(), uniqueRefusals(), referenceRefusals(), checkRefusals(), typeRefusals(), renameRefusals())
}

func slicesOf(lists ...[]refusal) []refusal {
	var out []refusal
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

func pair(name string, from, to []option, rows []string, want ...expected) refusal {
	r := refusal{name: name, rows: rows, want: want}
	r.from, r.to = one(from, to)
	return r
}

func nullRefusals() []refusal {
	c := func(o ...func(*schema.Column)) []option { return []option{col("c", integer(32), o...)} }
	some := []string{"INSERT INTO things (c) VALUES (1), (NULL), (3), (NULL)"}
	plain := pair("not null", c(), c(notNull), some, expected{preflight.Nulls, "things", []string{"c"}, "", 2, []string{"id=2", "id=4"}})
	plain.mend = []string{"UPDATE things SET c = 0 WHERE c IS NULL"}
	fresh := pair("new column that is not null", nil, []option{col("z", text(), notNull)}, []string{"INSERT INTO things (name) VALUES ('a'), ('b')"},
		expected{preflight.Nulls, "things", []string{"z"}, "", 2, []string{"id=1", "id=2"}})
	fresh.mend = []string{"DELETE FROM things"}
	return []refusal{
		plain, fresh,
		pair("not null with a default", c(), c(notNull, def("7")), some, expected{preflight.Nulls, "things", []string{"c"}, "", 2, []string{"id=2", "id=4"}}),
		pair("more rows than keys are shown", c(), c(notNull, def("7")), []string{"INSERT INTO things (name) VALUES ('a'), ('b'), ('c'), ('d'), ('e'), ('f'), ('g')"},
			expected{preflight.Nulls, "things", []string{"c"}, "", 7, []string{"id=1", "id=2", "id=3", "id=4", "id=5"}}),
		{
			name: "nulls in a table without a key", from: tables(table("things", col("c", integer(32)))), to: tables(table("things", col("c", integer(32), notNull, def("1")))),
			rows: []string{"INSERT INTO things (c) VALUES (NULL), (NULL)"}, want: []expected{{preflight.Nulls, "things", []string{"c"}, "", 2, nil}},
		},
		{
			name: "nulls in a new key", from: tables(table("things", col("a", integer(32)), col("b", integer(32), notNull), key("b"))),
			to:   tables(table("things", col("a", integer(32), notNull), col("b", integer(32), notNull), key("b", "a"))),
			rows: []string{"INSERT INTO things (a, b) VALUES (NULL, 1), (2, 2)"}, mend: []string{"UPDATE things SET a = 1 WHERE a IS NULL"},
			want: []expected{{preflight.Nulls, "things", []string{"a"}, "", 1, []string{"b=1"}}},
		},
	}
}

func uniqueRefusals() []refusal {
	ab := func(o ...option) []option {
		return append([]option{col("a", varchar(20)), col("b", integer(32))}, o...)
	}
	twice := []string{"INSERT INTO things (a, b) VALUES ('x', 1), ('x', 1), ('y', 1), (NULL, 1), (NULL, 1), ('x', 2)"}
	partial := pair("partial unique index", ab(), ab(index(schema.Index{Name: "u", Unique: true, Parts: []schema.IndexPart{{Column: "a"}}, Where: "b = 1"})), twice,
		expected{preflight.Duplicates, "things", []string{"a", "b"}, "u", 2, []string{"id=1", "id=2"}})
	partial.only = []string{"sqlite", "postgres"}
	expr := pair("unique index over an expression", ab(), ab(index(schema.Index{Name: "u", Unique: true, Parts: []schema.IndexPart{{Expr: "lower(a)"}}})),
		[]string{"INSERT INTO things (a) VALUES ('X'), ('x'), ('y')"}, expected{preflight.Duplicates, "things", []string{"a"}, "u", 2, []string{"id=1", "id=2"}})
	expr.only = []string{"sqlite", "postgres", "mysql"}
	prefix := pair("unique index over a beginning", ab(), ab(index(schema.Index{Name: "u", Unique: true, Parts: []schema.IndexPart{{Column: "a", Length: 3}}})),
		[]string{"INSERT INTO things (a) VALUES ('abcd'), ('abce'), ('abx')"}, expected{preflight.Duplicates, "things", []string{"a"}, "u", 2, []string{"id=1", "id=2"}})
	prefix.only = []string{"mysql", "mariadb"}
	folded := pair("a collation that ignores case", ab(), ab(unique("u", "a")), []string{"INSERT INTO things (a) VALUES ('Ä'), ('ä'), ('b')"},
		expected{preflight.Duplicates, "things", []string{"a"}, "u", 2, []string{"id=1", "id=2"}})
	folded.only = []string{"mysql", "mariadb"}
	fresh := pair("unique index over a new column with a default", nil, []option{col("z", varchar(9), def("same")), unique("u", "z")},
		[]string{"INSERT INTO things (name) VALUES ('a'), ('b')"}, expected{preflight.Duplicates, "things", []string{"z"}, "u", 2, []string{"id=1", "id=2"}})
	fresh.mend = []string{"DELETE FROM things WHERE name = 'b'"}
	constraint := pair("unique constraint", ab(), ab(index(schema.Index{Name: "u", Unique: true, Constraint: true, Parts: []schema.IndexPart{{Column: "a"}}})), twice,
		expected{preflight.Duplicates, "things", []string{"a"}, "u", 3, []string{"id=1", "id=2", "id=6"}})
	return []refusal{
		pair("unique index", ab(), ab(unique("u", "a")), twice, expected{preflight.Duplicates, "things", []string{"a"}, "u", 3, []string{"id=1", "id=2", "id=6"}}),
		pair("unique index over two columns", ab(), ab(unique("u", "a", "b")), twice, expected{preflight.Duplicates, "things", []string{"a", "b"}, "u", 2, []string{"id=1", "id=2"}}),
		pair("index becomes unique", ab(index(schema.Index{Name: "u", Parts: []schema.IndexPart{{Column: "a"}}})), ab(unique("u", "a")), twice,
			expected{preflight.Duplicates, "things", []string{"a"}, "u", 3, []string{"id=1", "id=2", "id=6"}}),
		constraint, partial, expr, prefix, folded, fresh,
		{
			name: "duplicates under a new key", from: tables(table("things", col("a", integer(32), notNull), col("b", integer(32), notNull), key("a", "b"))),
			to:   tables(table("things", col("a", integer(32), notNull), col("b", integer(32), notNull), key("b"))),
			rows: []string{"INSERT INTO things (a, b) VALUES (1, 1), (2, 1), (3, 3)"},
			want: []expected{{preflight.Duplicates, "things", []string{"b"}, "primary key", 2, []string{"a=1, b=1", "a=2, b=1"}}},
		},
	}
}

func referenceRefusals() []refusal {
	family := func(parent, child []option) *schema.Schema {
		return tables(table("parents", append([]option{id(), col("a", integer(32), notNull, def("1")), col("b", integer(32), notNull, def("1")), unique("u_parents", "a", "b")}, parent...)...),
			table("children", append([]option{id(), col("a", integer(32)), col("b", integer(32))}, child...)...))
	}
	link := col("parent_id", ref())
	parents := "INSERT INTO parents (a, b) VALUES (1, 1), (2, 2)"
	return []refusal{
		{
			name: "foreign key", from: family(nil, []option{link}), to: family(nil, []option{link, refers("fk", "parents", "parent_id", "id")}),
			rows: []string{parents, "INSERT INTO children (parent_id) VALUES (1), (99), (NULL), (98)"},
			want: []expected{{preflight.Orphans, "children", []string{"parent_id"}, "fk", 2, []string{"id=2", "id=4"}}},
		},
		{
			name: "foreign key over two columns", from: family(nil, nil), to: family(nil, []option{refers("fk", "parents", "a", "a", "b", "b")}),
			rows: []string{parents, "INSERT INTO children (a, b) VALUES (1, 1), (1, 2), (NULL, 7), (7, NULL)"},
			want: []expected{{preflight.Orphans, "children", []string{"a", "b"}, "fk", 1, []string{"id=2"}}},
		},
		{
			name: "foreign key that may not be null", from: family(nil, []option{col("parent_id", ref(), notNull)}), to: family(nil, []option{col("parent_id", ref(), notNull), refers("fk", "parents", "parent_id", "id")}),
			rows: []string{parents, "INSERT INTO children (parent_id) VALUES (1), (99)"},
			want: []expected{{preflight.Orphans, "children", []string{"parent_id"}, "fk", 1, []string{"id=2"}}},
		},
		{
			name: "foreign key to a new table", from: tables(table("children", id(), link)), to: tables(table("children", id(), link, refers("fk", "others", "parent_id", "id")), table("others", id())),
			rows: []string{"INSERT INTO children (parent_id) VALUES (1), (NULL), (1)"},
			want: []expected{{preflight.Orphans, "children", []string{"parent_id"}, "fk", 2, []string{"id=1", "id=3"}}},
		},
		{
			name: "foreign key to itself", from: tables(table("nodes", id(), link)), to: tables(table("nodes", id(), link, refers("fk", "nodes", "parent_id", "id"))),
			rows: []string{"INSERT INTO nodes (parent_id) VALUES (NULL), (1), (9)"}, mend: []string{"UPDATE nodes SET parent_id = NULL WHERE parent_id = 9"},
			want: []expected{{preflight.Orphans, "nodes", []string{"parent_id"}, "fk", 1, []string{"id=3"}}},
		},
		{
			name: "foreign key from a new column with a default", from: family(nil, nil), to: family(nil, []option{col("parent_id", ref(), def("9")), refers("fk", "parents", "parent_id", "id")}),
			rows: []string{parents, "INSERT INTO children (a) VALUES (1), (2)"}, mend: []string{"INSERT INTO parents (id, a, b) VALUES (9, 9, 9)"},
			want: []expected{{preflight.Orphans, "children", []string{"parent_id"}, "fk", 2, []string{"id=1", "id=2"}}},
		},
	}
}

func checkRefusals() []refusal {
	b := func(o ...option) []option { return append([]option{col("b", integer(32))}, o...) }
	rows := []string{"INSERT INTO things (b) VALUES (1), (-1), (NULL), (0)"}
	plain := pair("check", b(), b(check("k", "b > 0")), rows, expected{preflight.CheckViolation, "things", []string{"b"}, "k", 2, []string{"id=2", "id=4"}})
	plain.mend = []string{"DELETE FROM things WHERE b <= 0"}
	stricter := pair("stricter check", b(check("k", "b > -9")), b(check("k", "b > 0 OR (name = '(x')")), rows, expected{preflight.CheckViolation, "things", []string{"name", "b"}, "k", 2, nil})
	stricter.mend, stricter.rows = plain.mend, []string{"INSERT INTO things (b, name) VALUES (1, 'a'), (-1, 'a'), (NULL, 'a'), (0, 'a'), (0, '(x')"}
	stricter.mend = []string{"UPDATE things SET name = '(x'"}
	stricter.want[0].keys = []string{"id=2", "id=4"}
	fresh := pair("check on a new column with a default", nil, b(col("z", integer(32), notNull, def("3")), check("k", "z > 5")), []string{"INSERT INTO things (name) VALUES ('a')"},
		expected{preflight.CheckViolation, "things", []string{"z"}, "k", 1, []string{"id=1"}})
	fresh.mend = []string{"DELETE FROM things"}
	return []refusal{plain, stricter, fresh}
}

func typeRefusals() []refusal {
	c := func(typ schema.Type) []option { return []option{col("c", typ)} }
	long := pair("varchar made shorter", c(varchar(10)), c(varchar(3)), []string{"INSERT INTO things (c) VALUES ('abc'), ('abcd'), (NULL)"},
		expected{preflight.TooLong, "things", []string{"c"}, "", 1, []string{"id=2"}})
	long.not = []string{"sqlite"} // it has no limits of length
	short := pair("int made smaller", c(integer(64)), c(integer(16)), []string{"INSERT INTO things (c) VALUES (1), (32768), (NULL), (-32769)"},
		expected{preflight.OutOfRange, "things", []string{"c"}, "", 2, []string{"id=2", "id=4"}})
	short.not = []string{"sqlite"}
	digits := pair("decimal made smaller", c(decimal(10, 2)), c(decimal(5, 2)), []string{"INSERT INTO things (c) VALUES (999.99), (1000), (-99999.99)"},
		expected{preflight.OutOfRange, "things", []string{"c"}, "", 2, []string{"id=2", "id=3"}})
	digits.not = []string{"sqlite"}
	number := pair("text becomes int", c(varchar(20)), c(integer(32)), []string{"INSERT INTO things (c) VALUES ('12'), ('abc'), (NULL), ('x1'), ('-3')"},
		expected{preflight.Unconvertible, "things", []string{"c"}, "", 2, []string{"id=2", "id=4"}})
	alike := pair("text that becomes int is unique", append(c(varchar(20)), unique("u", "c")), append(c(integer(32)), unique("u", "c")), []string{"INSERT INTO things (c) VALUES ('1'), ('01'), ('2')"},
		expected{preflight.Duplicates, "things", []string{"c"}, "u", 2, []string{"id=1", "id=2"}})
	alike.mend = []string{"DELETE FROM things WHERE c = '01'"}
	violates := pair("text that becomes int has a check", append(c(varchar(20)), check("k", "c > '0'")), append(c(integer(32)), check("k", "c > 10")), []string{"INSERT INTO things (c) VALUES ('9'), ('11')"},
		expected{preflight.CheckViolation, "things", []string{"c"}, "k", 1, []string{"id=1"}})
	violates.mend = []string{"DELETE FROM things WHERE c = '9'"}
	moment := pair("text becomes a date", c(varchar(40)), c(raw("date")), []string{"INSERT INTO things (c) VALUES ('2020-02-28'), ('2020-02-31'), (NULL)"},
		expected{preflight.Unconvertible, "things", []string{"c"}, "", 1, []string{"id=2"}})
	moment.only = []string{"postgres18", "mysql", "mariadb"}
	moment.mend = []string{"DELETE FROM things WHERE c = '2020-02-31'"}
	tried := moment
	tried.name, tried.only = "text becomes a date, tried", []string{"postgres15"}
	tried.want = []expected{{preflight.Unconvertible, "things", []string{"c"}, "", 1, nil}}
	uuid := pair("text becomes a uuid", c(varchar(40)), c(raw("uuid")), []string{"INSERT INTO things (c) VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), ('a0eebc99'), (NULL)"},
		expected{preflight.Unconvertible, "things", []string{"c"}, "", 1, []string{"id=2"}})
	uuid.only = []string{"postgres"}
	json := pair("text becomes json", c(text()), c(raw("json")), []string{"INSERT INTO things (c) VALUES ('{}'), ('{'), (NULL)"},
		expected{preflight.Unconvertible, "things", []string{"c"}, "", 1, []string{"id=2"}})
	json.only = []string{"postgres18", "mysql"}
	jsonOfMaria := json
	jsonOfMaria.name, jsonOfMaria.only, jsonOfMaria.reason = "text becomes json with a check", []string{"mariadb"}, "DATA_CHECK"
	bytes := pair("bytes become text", c(raw("bytea")), c(text()), []string{`INSERT INTO things (c) VALUES ('abc'), ('\xff'), ('\xc3a9')`},
		expected{preflight.Unconvertible, "things", []string{"c"}, "", 1, []string{"id=2"}})
	bytes.only = []string{"postgres"}
	bytesOfMySQL := pair("binary becomes text", c(raw("varbinary(20)")), c(varchar(20)), []string{`INSERT INTO things (c) VALUES ('abc'), (x'ff'), (x'c3a9')`},
		expected{preflight.Unconvertible, "things", []string{"c"}, "", 1, []string{"id=2"}})
	bytesOfMySQL.only = []string{"mysql", "mariadb"}
	bytesOfMySQL.mend = []string{"DELETE FROM things WHERE c = x'ff'"}
	enum := pair("enum loses a value", c(raw("enum('a','b','c')")), c(raw("enum('a','c')")), []string{`INSERT INTO things (c) VALUES ('a'), ('b'), ('c')`},
		expected{preflight.Unconvertible, "things", []string{"c"}, "", 1, []string{"id=2"}})
	enum.only = []string{"mysql", "mariadb"}
	signed := pair("signed becomes unsigned", c(integer(32)), c(schema.Type{Kind: schema.Uint, Bits: 32}), []string{`INSERT INTO things (c) VALUES (1), (-1)`},
		expected{preflight.OutOfRange, "things", []string{"c"}, "", 1, []string{"id=2"}})
	signed.only = []string{"mysql", "mariadb"}
	return []refusal{long, short, digits, number, alike, violates, moment, tried, uuid, json, jsonOfMaria, bytes, bytesOfMySQL, enum, signed}
}

func renameRefusals() []refusal {
	return []refusal{
		{
			name: "renamed table and column become unique", from: tables(table("things", id(), col("a", varchar(9)))), to: tables(table("objects", id(), col("b", varchar(9), was("a")), tableWas("things"), unique("u", "b"))),
			rows: []string{"INSERT INTO things (a) VALUES ('x'), ('x')"}, want: []expected{{preflight.Duplicates, "things", []string{"a"}, "u", 2, []string{"id=1", "id=2"}}},
		},
		{
			name: "check over a renamed column", from: tables(table("things", id(), col("a", integer(32)))), to: tables(table("things", id(), col("b", integer(32), was("a")), check("k", "b > 0"))),
			rows: []string{"INSERT INTO things (a) VALUES (1), (0)"}, want: []expected{{preflight.CheckViolation, "things", []string{"a"}, "k", 1, []string{"id=2"}}},
			mend: []string{"DELETE FROM things WHERE a = 0"},
		},
		{
			name: "names that change places", from: tables(table("things", id(), col("a", integer(32)), col("b", integer(32)))),
			to:   tables(table("things", id(), col("c", integer(32), was("b")), col("b", integer(32), was("a")), check("k", "b > 0 AND c > 5"))),
			rows: []string{"INSERT INTO things (a, b) VALUES (1, 6), (6, 1), (0, 9)"}, want: []expected{{preflight.CheckViolation, "things", []string{"a", "b"}, "k", 2, []string{"id=2", "id=3"}}},
			mend: []string{"DELETE FROM things WHERE id > 1"},
		},
		{
			name: "foreign key to a renamed table", from: tables(table("olds", id()), table("children", id(), col("p", ref()))),
			to:   tables(table("news", id(), tableWas("olds")), table("children", id(), col("q", ref(), was("p")), refers("fk", "news", "q", "id"))),
			rows: []string{"INSERT INTO children (p) VALUES (1)"}, want: []expected{{preflight.Orphans, "children", []string{"p"}, "fk", 1, []string{"id=1"}}},
		},
	}
}

// TestFindings proves each kind of finding three times over: preflight sees it, the
// engine refuses the plan for it, and once the rows are mended as the finding
// suggests preflight is silent and the plan runs.
func TestFindings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		for _, c := range refusals() {
			if c.only != nil && !on(l, c.only...) {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				x := begin(t, l, c)
				p := x.plan(c.to)
				if on(l, c.not...) {
					assert.Empty(t, x.preflight(p).Findings)
					require.NoError(t, x.apply(p))
					return
				}
				report := x.preflight(p)
				assertFindings(t, c.want, report)
				assert.Equal(t, report, x.within(p), "within an execution")
				refusedBy(t, x, p, c, report)
				mended(t, l, c)
			})
		}
	})
}

func begin(t *testing.T, l lab, c refusal) *tenant {
	t.Helper()
	x := newTenant(t, l)
	x.migrate(c.from)
	x.exec(c.rows...)
	return x
}

func assertFindings(t *testing.T, want []expected, report *preflight.Report) {
	t.Helper()
	var got []expected
	for _, f := range report.Findings {
		got = append(got, expected{f.Kind, f.Table, f.Columns, f.Object, f.Count, f.Keys})
		assert.NotEmpty(t, f.Change)
		assert.NotEmpty(t, f.Suggestion)
		assert.NotEmpty(t, f.Query)
		t.Logf("%s; %s; %s", f, f.Query, f.Mend)
	}
	require.Equal(t, want, got)
	assert.Empty(t, report.Unchecked)
}

// refusedBy runs the plan without preflight: the engine must say the same.
func refusedBy(t *testing.T, x *tenant, p *plan.Plan, c refusal, report *preflight.Report) {
	t.Helper()
	err := x.apply(p)
	require.Error(t, err, "%s", script(p))
	reason := c.reason
	if reason == "" {
		reason = report.Err().Reason
	}
	assert.Equal(t, fault.Refused, fault.KindOf(err), "%v", err)
	assert.Equal(t, reason, fault.ReasonOf(err), "%v", err)
}

func mended(t *testing.T, l lab, c refusal) {
	t.Helper()
	x := begin(t, l, c)
	p := x.plan(c.to)
	if c.mend != nil {
		x.exec(c.mend...)
	} else {
		for _, f := range x.preflight(p).Findings {
			require.NotEmpty(t, f.Mend, "%s", f)
			x.mend(f.Mend)
		}
	}
	report := x.preflight(p)
	assert.Empty(t, report.Blocking())
	assert.Empty(t, report.Unchecked)
	require.NoError(t, x.apply(p), "%s", script(p))
}
