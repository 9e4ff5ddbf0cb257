package dialecttest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// transition is a pair of schemas; the suite goes from one to the other and
// back, and each time the outcome must equal a fresh build.
type transition struct {
	name     string
	from, to *schema.Schema
	oneWay   bool // the way back would need a rename hint
}

// transitions proves the first law: what was planned and applied, inspected,
// equals the target built fresh, and planning again is empty.
func transitions(t *testing.T, h Harness) {
	t.Helper()
	for _, tr := range allTransitions() {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			x := newTenant(t, h)
			if slices.Contains(h.Unable, tr.name) {
				_, err := x.d.Lower(tr.to)
				require.Equal(t, "SCHEMA_NOT_LOWERABLE", fault.ReasonOf(err), "the engine cannot, and its dialect must say so")
				return
			}
			x.migrate(tr.from)
			if x.unplanned(tr.to, h.Unplanned[tr.name]) {
				return
			}
			if reason := h.Refused[tr.name]; reason != "" {
				for _, s := range []*schema.Schema{tr.to, tr.from} { // the one way or the other
					err := x.apply(x.plan(s))
					if err != nil {
						require.Equal(t, reason, fault.ReasonOf(err))
						return
					}
					x.now = x.lower(s)
				}
				t.Error("it is not refused")
				return
			}
			x.migrate(tr.to)
			sameAsFresh(t, h, x, tr.to)
			if !tr.oneWay {
				x.migrate(tr.from)
				sameAsFresh(t, h, x, tr.from)
			}
		})
	}
}

func sameAsFresh(t *testing.T, h Harness, x *tenant, s *schema.Schema) {
	t.Helper()
	fresh := newTenant(t, h)
	fresh.migrate(s)
	if diff := cmp.Diff(fresh.inspect(fresh.now), x.inspect(x.now)); diff != "" {
		t.Errorf("unlike a fresh build (-fresh +migrated):\n%s", diff)
	}
	require.Equal(t, fresh.catalog(), x.catalog(), "names unlike those of a fresh build")
}

func allTransitions() []transition {
	var out []transition
	out = append(out, columnTransitions()...)
	out = append(out, typeTransitions()...)
	out = append(out, constraintTransitions()...)
	out = append(out, renameTransitions()...)
	return append(out, tableTransitions()...)
}

// pair is a transition of one table beside its key and a column.
func pair(name string, from, to []tableOption) transition {
	base := func(extra []tableOption) *schema.Schema {
		return tables(table("things", append([]tableOption{id(), col("name", text())}, extra...)...))
	}
	return transition{name: name, from: base(from), to: base(to)}
}

func columnTransitions() []transition {
	one := func(o ...columnOption) []tableOption { return []tableOption{col("c", text(), o...)} }
	num := func(o ...columnOption) []tableOption { return []tableOption{col("c", integer(32), o...)} }
	return []transition{
		pair("add column", nil, one()),
		pair("add column with default", nil, one(def("x"))),
		pair("add not null column with default", nil, one(notNull, def("x"))),
		pair("add not null column without default", nil, one(notNull)),
		pair("add column with expression", nil, []tableOption{col("c", moment(), notNull, defExpr("CURRENT_TIMESTAMP"))}),
		pair("add several columns", nil, []tableOption{col("a", integer(64)), col("b", boolean(), def("true")), col("c", blob()), col("d", decimal(10, 2), def("1.5"))}),
		pair("int to bool with another default", []tableOption{col("c", integer(64), def("5"))}, []tableOption{col("c", boolean(), def("true"))}),
		pair("text to int with a check", one(), []tableOption{col("c", integer(64)), check("chk_c", "c > 0")}),
		pair("not null", one(), one(notNull)),
		pair("set default", num(), num(def("7"))),
		pair("change default", num(def("7")), num(def("-8"))),
		pair("quote in default", one(def("it's")), one(def(`a\'b "c" ;--`))),
		pair("comment", one(), one(remark("it's a comment"))),
		pair("change comment", one(remark("'quoted'")), one(remark(`back\'slash`))),
		pair("table comment", nil, []tableOption{tableRemark("what's this")}),
		pair("type null default and comment at once", one(def("3")), num(notNull, def("4"), remark("number"))),
		pair("change and add and drop", append(one(), col("gone", text())), append(num(notNull), col("new", boolean(), notNull, def("false")))),
		{
			name: "auto increment", from: tables(table("things", col("id", integer(64), notNull), col("v", text()), key("id"))),
			to: tables(table("things", col("id", integer(64), numbers), col("v", text()), key("id"))),
		},
		{
			name: "auto increment widened", from: tables(table("things", col("id", integer(32), numbers), col("v", text()), key("id"))),
			to: tables(table("things", col("id", integer(64), numbers), col("v", text()), key("id"))),
		},
		{
			name: "auto increment ends in a float", from: tables(table("things", col("id", integer(64), numbers), col("v", text()), key("id"))),
			to: tables(table("things", col("id", float(), notNull), col("v", text()), key("id"))),
		},
		{
			name: "add a key", from: tables(table("things", col("v", text(), notNull))),
			to: tables(table("things", col("v", text(), notNull), key("v"))),
		},
		{
			name: "add an auto increment key", from: tables(table("things", col("v", text()))),
			to: tables(table("things", col("v", text()), col("id", unsigned(32), numbers), key("id"))),
		},
		{
			name: "change the key", from: tables(table("things", col("a", text(), notNull), col("b", text(), notNull), key("a"))),
			to: tables(table("things", col("a", text(), notNull), col("b", text(), notNull), key("b", "a"))),
		},
	}
}

func typeTransitions() []transition {
	retype := func(name string, from, to schema.Type, o ...columnOption) transition {
		return pair(name, []tableOption{col("c", from, o...)}, []tableOption{col("c", to, o...)})
	}
	raw := func(s string) schema.Type { return schema.Type{Kind: schema.Raw, Raw: s} }
	return []transition{
		retype("varchar widened", varchar(10), varchar(20)),
		retype("varchar to text", varchar(10), text()),
		retype("int widened", integer(16), integer(64)),
		retype("int with default widened", integer(16), integer(64), def("3")),
		retype("int to text", integer(32), text()),
		retype("int to text with default", integer(32), text(), def("3")),
		retype("int to bool", integer(64), boolean()),
		retype("int to float", integer(32), float()),
		retype("int to decimal", integer(32), decimal(12, 3)),
		retype("text to time", text(), moment()),
		retype("text to bytes", text(), blob()),
		retype("text to bool with default", text(), boolean(), def("true")),
		retype("decimal precision", decimal(10, 2), decimal(12, 2)),
		retype("raw", raw("char(4)"), raw("varchar(40)")),
	}
}

func constraintTransitions() []transition {
	c := func(o ...tableOption) []tableOption {
		return append([]tableOption{col("a", text()), col("b", integer(32))}, o...)
	}
	// What is unique has a size: not every engine can have it otherwise.
	sized := func(o ...tableOption) []tableOption {
		return append([]tableOption{col("a", varchar(40)), col("b", integer(32))}, o...)
	}
	parent := table("parents", id(), col("code", varchar(20)), index(schema.Index{Name: "uni_parents_code", Unique: true, Constraint: true, Parts: on("code")}))
	child := func(o ...tableOption) *schema.Schema {
		return tables(parent, table("children", append([]tableOption{id(), col("parent_id", unsigned(64)), col("code", varchar(20))}, o...)...))
	}
	cascade := fk(schema.ForeignKey{Name: "fk_parents_children", Columns: []string{"parent_id"}, RefTable: "parents", RefColumns: []string{"id"}, OnDelete: schema.Cascade, OnUpdate: schema.Restrict})
	setNull := fk(schema.ForeignKey{Name: "fk_parents_children", Columns: []string{"parent_id"}, RefTable: "parents", RefColumns: []string{"id"}, OnDelete: schema.SetNull})
	byCode := fk(schema.ForeignKey{Name: "fk_code", Columns: []string{"code"}, RefTable: "parents", RefColumns: []string{"code"}, OnUpdate: schema.Cascade})
	byCodeDefault := fk(schema.ForeignKey{Name: "fk_code", Columns: []string{"code"}, RefTable: "parents", RefColumns: []string{"code"}, OnUpdate: schema.SetDefault})
	return []transition{
		pair("index", c(), c(index(schema.Index{Name: "idx_a", Parts: on("a")}))),
		pair("unique index", sized(), sized(index(schema.Index{Name: "idx_a", Unique: true, Parts: on("a", "b")}))),
		pair("unique constraint", c(), c(index(schema.Index{Name: "uni_a", Unique: true, Constraint: true, Parts: on("a")}))),
		pair("index becomes unique", sized(index(schema.Index{Name: "idx_a", Parts: on("a")})), sized(index(schema.Index{Name: "idx_a", Unique: true, Parts: on("a")}))),
		pair("index becomes constraint", sized(index(schema.Index{Name: "x_a", Unique: true, Parts: on("a")})), sized(index(schema.Index{Name: "x_a", Unique: true, Constraint: true, Parts: on("a")}))),
		pair("index with direction", c(), c(index(schema.Index{Name: "idx_a", Parts: []schema.IndexPart{{Column: "a", Desc: true}, {Column: "b"}}}))),
		pair("partial index", sized(), sized(index(schema.Index{Name: "idx_a", Unique: true, Parts: on("a"), Where: "b > 3 AND a <> 'it''s'"}))),
		pair("expression index", c(), c(index(schema.Index{Name: "idx_a", Parts: []schema.IndexPart{{Expr: "lower(a)", Desc: true}, {Column: "b"}}}))),
		pair("expression of columns", c(), c(index(schema.Index{Name: "idx_a", Parts: []schema.IndexPart{{Expr: "(b + 1) * (b - 1)"}}}))),
		pair("index on a new column", nil, sized(index(schema.Index{Name: "idx_a", Unique: true, Parts: on("a")}))),
		pair("check", c(), c(check("chk_b", "b > 0"))),
		pair("check of two parts", c(check("chk_b", "b > 0")), c(check("chk_b", "(b > 0) OR (a = '(x')"))),
		pair("check on a new column", nil, c(check("chk_b", "b > 0 AND b <> 13"))),
		{name: "foreign key", from: child(), to: child(cascade)},
		{name: "foreign key actions", from: child(cascade), to: child(setNull)},
		{name: "foreign key to unique", from: child(), to: child(byCode, setNull)},
		{name: "foreign key set default", from: child(), to: child(byCodeDefault)},
		{name: "foreign key to itself", from: tables(table("nodes", id())), to: tables(table("nodes", id(), col("parent_id", unsigned(64)), refers("parent_id", "nodes")))},
		{name: "type of a referred column", from: child(byCode), to: tables(
			table("parents", id(), col("code", varchar(40)), index(schema.Index{Name: "uni_parents_code", Unique: true, Constraint: true, Parts: on("code")})),
			table("children", id(), col("parent_id", unsigned(64)), col("code", varchar(40)), byCode),
		)},
	}
}
