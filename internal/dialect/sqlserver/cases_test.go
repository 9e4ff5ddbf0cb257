package sqlserver

import (
	"github.com/lockstepdb/lockstep/internal/schema"
)

type goldenCase struct {
	name     string
	from, to []*schema.Table
}

func nothing(*schema.Table) {}

func identity() *schema.Column {
	return &schema.Column{Name: "id", Type: schema.Type{Kind: schema.Uint, Bits: 64}, AutoIncrement: true}
}

func number(name string, bits int) *schema.Column {
	return &schema.Column{Name: name, Type: schema.Type{Kind: schema.Int, Bits: bits}, Nullable: true}
}

func text(name string, size int) *schema.Column {
	return &schema.Column{Name: name, Type: schema.Type{Kind: schema.String, Size: size}, Nullable: true}
}

func raw(name, typ string) *schema.Column {
	return &schema.Column{Name: name, Type: schema.Type{Kind: schema.Raw, Raw: typ}, Nullable: true}
}

func over(name string, unique bool, columns ...string) *schema.Index {
	return &schema.Index{Name: name, Unique: unique, Parts: keyParts(columns)}
}

func owners() *schema.Table {
	return &schema.Table{Name: "owners", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity(), text("name", 0)}}
}

// thing is a table with everything; change makes of it what a case needs.
func thing(change func(*schema.Table)) *schema.Table {
	label := text("label", 30)
	label.Nullable, label.Default, label.Comment = false, &schema.Default{Value: `it's]`}, "what's written on it"
	n := number("n", 30)
	n.Default = &schema.Default{Value: "1"}
	on := &schema.Column{Name: "on", Type: schema.Type{Kind: schema.Bool}, Default: &schema.Default{Value: "true"}}
	at := &schema.Column{Name: "at", Type: schema.Type{Kind: schema.Time}, Default: &schema.Default{Value: "CURRENT_TIMESTAMP", Expr: true}}
	t := &schema.Table{
		Name: "things", Comment: "all of them", PrimaryKey: []string{"id"},
		Columns: []*schema.Column{
			identity(), label, text("body", 0), n, on, at,
			{Name: "owner_id", Nullable: true, Type: schema.Type{Kind: schema.Uint, Bits: 64}},
			{Name: "data", Nullable: true, Type: schema.Type{Kind: schema.Bytes}, Default: &schema.Default{Value: "ab"}},
			raw("twice", "AS (n * 2) PERSISTED"),
		},
		Indexes: []*schema.Index{
			{Name: "idx_label", Parts: []schema.IndexPart{{Column: "label", Desc: true}, {Column: "n"}}, Comment: "by what is on it"},
			{Name: "uni_label", Unique: true, Constraint: true, Parts: keyParts([]string{"label"}), Comment: "one of each"},
			over("idx_twice", false, "twice"),
			over("idx_n", true, "n", "label"),
		},
		ForeignKeys: []*schema.ForeignKey{{Name: "fk_owner", Columns: []string{"owner_id"}, RefTable: "owners", RefColumns: []string{"id"}, OnDelete: schema.Cascade, OnUpdate: schema.Restrict}},
		Checks:      []*schema.Check{{Name: "chk_label", Expr: "label <> ''"}},
	}
	change(t)
	return t
}

func step(name string, to func(*schema.Table)) goldenCase {
	return goldenCase{name, []*schema.Table{owners(), thing(nothing)}, []*schema.Table{owners(), thing(to)}}
}

// cases are every kind of change.
func cases() []goldenCase {
	out := append(tableCases(), columnCases()...)
	return append(out, objectCases()...)
}

func tableCases() []goldenCase {
	heads := &schema.Table{Name: "heads", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity(), number("body_id", 64)}, ForeignKeys: []*schema.ForeignKey{{Name: "fk_body", Columns: []string{"body_id"}, RefTable: "bodies", RefColumns: []string{"id"}}}}
	bodies := &schema.Table{Name: "bodies", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity(), number("head_id", 64)}, ForeignKeys: []*schema.ForeignKey{{Name: "fk_head", Columns: []string{"head_id"}, RefTable: "heads", RefColumns: []string{"id"}}}}
	return []goldenCase{
		{"create", nil, []*schema.Table{owners(), thing(nothing)}},
		{"create tables in a cycle", nil, []*schema.Table{heads, bodies}},
		{"drop tables in a cycle", []*schema.Table{owners(), heads, bodies}, []*schema.Table{owners()}},
		{"drop", []*schema.Table{owners(), thing(nothing)}, []*schema.Table{owners()}},
		step("rename the table", func(t *schema.Table) { t.Name, t.RenamedFrom = "items", []string{"things"} }),
		step("another case of the table's name", func(t *schema.Table) { t.Name, t.RenamedFrom = "Things", []string{"things"} }),
		step("comments", func(t *schema.Table) {
			t.Comment, t.Column("body").Comment, t.Column("label").Comment = "", "now said", ""
			t.Indexes[0].Comment, t.Indexes[1].Comment = "otherwise", ""
		}),
		step("comment of two lines", func(t *schema.Table) { t.Comment = "one\ntwo" }),
	}
}

func columnCases() []goldenCase {
	return []goldenCase{
		step("add columns", func(t *schema.Table) {
			must, with, nr := text("must", 9), text("with", 9), number("more", 64)
			must.Nullable, with.Default, with.Comment, nr.Nullable, nr.Default = false, &schema.Default{Value: "x"}, "said", false, &schema.Default{Value: "-8"}
			t.Columns = append(t.Columns, text("may", 0), must, with, nr, raw("thrice", "AS (more * 3)"))
		}),
		{"add a numbered key", []*schema.Table{{Name: "t", Columns: []*schema.Column{text("a", 9)}}}, []*schema.Table{{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{text("a", 9), identity()}}}},
		step("drop a column with a default", func(t *schema.Table) {
			t.Columns = append(t.Columns[:3:3], t.Columns[4:8]...)
			t.Indexes = t.Indexes[:2]
			t.Indexes[0].Parts = t.Indexes[0].Parts[:1]
		}),
		step("widen a text", func(t *schema.Table) { t.Column("label").Type.Size = 300 }),
		step("shorten a text", func(t *schema.Table) { t.Column("label").Type.Size = 20 }),
		step("retype a column with a default", func(t *schema.Table) {
			t.Column("n").Type.Bits = 64
			t.Columns, t.Indexes = t.Columns[:8], t.Indexes[:2]
		}),
		step("change what a computed column is made of", func(t *schema.Table) { t.Column("n").Type.Bits = 64 }),
		step("compute otherwise", func(t *schema.Table) { t.Column("twice").Type.Raw = "AS (n + n)" }),
		step("stop computing", func(t *schema.Table) { t.Column("twice").Type.Raw = "int" }),
		step("retype under everything", func(t *schema.Table) {
			t.ForeignKeys = nil
			t.Column("owner_id").Type.Bits = 16
			t.ForeignKeys = []*schema.ForeignKey{{Name: "fk_owner", Columns: []string{"owner_id"}, RefTable: "smalls", RefColumns: []string{"id"}}}
		}).with(&schema.Table{Name: "smalls", PrimaryKey: []string{"id"}, Columns: []*schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Int, Bits: 16}}}}),
		step("forbid null", func(t *schema.Table) { t.Column("body").Nullable = false }),
		step("forbid null under a foreign key", func(t *schema.Table) { t.Column("owner_id").Nullable = false }),
		step("forbid null under an index", func(t *schema.Table) { t.Column("owner_id").Nullable = false }).both(func(t *schema.Table) { t.Indexes = append(t.Indexes, over("idx_owner", false, "owner_id")) }),
		step("allow null", func(t *schema.Table) { t.Column("label").Nullable = true }),
		step("set, change and drop defaults", func(t *schema.Table) {
			t.Column("n").Default, t.Column("body").Default, t.Column("on").Default = nil, &schema.Default{Value: "b"}, &schema.Default{Value: "false"}
		}),
		step("text to number", func(t *schema.Table) { *t.Column("body") = *number("body", 64) }),
		step("text to bytes", func(t *schema.Table) { t.Column("body").Type.Kind = schema.Bytes }),
		step("number rows by another column", func(t *schema.Table) { t.Column("id").AutoIncrement = false }),
		{"change the type of the key", []*schema.Table{numbered(20)}, []*schema.Table{numbered(64)}},
		step("rename a column", func(t *schema.Table) {
			c := t.Column("label")
			c.Name, c.RenamedFrom = "title", []string{"label"}
			t.Indexes[0].Parts[0].Column, t.Indexes[1].Parts[0].Column, t.Indexes[3].Parts[1].Column = "title", "title", "title"
			t.Indexes = append(t.Indexes, &schema.Index{Name: "idx_filtered", Parts: keyParts([]string{"on"}), Where: "title <> 'x'"})
			t.Checks[0].Expr = "title <> ''"
		}).base(func(t *schema.Table) {
			t.Indexes = append(t.Indexes, &schema.Index{Name: "idx_filtered", Parts: keyParts([]string{"on"}), Where: "label <> 'x'"})
		}),
		step("rename what a column is computed from", func(t *schema.Table) {
			c := t.Column("n")
			c.Name, c.RenamedFrom = "nr", []string{"n"}
			t.Column("twice").Type.Raw = "AS (nr * 2) PERSISTED"
			t.Indexes[0].Parts[1].Column, t.Indexes[3].Parts[0].Column = "nr", "nr"
		}),
		step("another case of a column's name", func(t *schema.Table) {
			c := t.Column("body")
			c.Name, c.RenamedFrom = "Body", []string{"body"}
		}),
	}
}

func numbered(bits int) *schema.Table {
	c := identity()
	c.Type.Bits = bits
	return &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{c}}
}

func objectCases() []goldenCase {
	return []goldenCase{
		step("indexes", func(t *schema.Table) {
			t.Indexes = append(t.Indexes, over("idx_at", false, "at"), &schema.Index{Name: "idx_some", Parts: keyParts([]string{"at"}), Where: "n > 3 AND label <> 'it''s'"})
		}),
		step("nullable uniques", func(t *schema.Table) {
			t.Indexes = append(t.Indexes, over("idx_owner", true, "owner_id", "label"),
				&schema.Index{Name: "uni_owner", Unique: true, Constraint: true, Parts: keyParts([]string{"owner_id"})},
				&schema.Index{Name: "idx_live", Unique: true, Parts: keyParts([]string{"owner_id"}), Where: "n > 3"})
		}),
		step("drop indexes", func(t *schema.Table) { t.Indexes = nil }),
		step("drop a nullable unique", nothing).base(func(t *schema.Table) {
			t.Indexes = append(t.Indexes, &schema.Index{Name: "uni_owner", Unique: true, Constraint: true, Parts: keyParts([]string{"owner_id"})})
		}),
		step("index changes", func(t *schema.Table) { t.Indexes[0].Parts = t.Indexes[0].Parts[:1] }),
		step("index becomes unique", func(t *schema.Table) { t.Indexes[0].Unique = true }),
		step("index gets another name", func(t *schema.Table) { t.Indexes[0].Name = "idx_other" }),
		step("unique constraint gets another name", func(t *schema.Table) { t.Indexes[1].Name = "uni_other" }),
		step("unique moves to another", func(t *schema.Table) {
			t.Column("body").Type.Size = 30
			t.Indexes[1].Name, t.Indexes[1].Parts[0].Column = "uni_body", "body"
		}),
		step("check changes", func(t *schema.Table) { t.Checks[0].Expr = "label <> 'x'" }),
		step("check gets another name", func(t *schema.Table) { t.Checks[0].Name = "chk_other" }),
		step("drop a check", func(t *schema.Table) { t.Checks = nil }),
		step("foreign key changes", func(t *schema.Table) { t.ForeignKeys[0].OnDelete = schema.SetNull }),
		step("foreign key gets another name", func(t *schema.Table) { t.ForeignKeys[0].Name = "fk_other" }),
		step("drop a foreign key", func(t *schema.Table) { t.ForeignKeys = nil }),
		step("add a foreign key", nothing).base(func(t *schema.Table) { t.ForeignKeys = nil }),
		step("change the key", func(t *schema.Table) { t.PrimaryKey = []string{"label", "id"} }),
		step("drop the key", func(t *schema.Table) { t.PrimaryKey = nil }),
		step("a long key", func(t *schema.Table) {
			t.Column("label").Type.Size = 2000
			t.PrimaryKey = []string{"label", "id"}
		}),
	}
}

// with adds tables to both sides.
func (c goldenCase) with(tables ...*schema.Table) goldenCase {
	c.from, c.to = append(c.from, tables...), append(c.to, tables...)
	return c
}

// base changes the side before.
func (c goldenCase) base(change func(*schema.Table)) goldenCase {
	change(c.from[1])
	return c
}

// both changes both sides.
func (c goldenCase) both(change func(*schema.Table)) goldenCase {
	change(c.from[1])
	change(c.to[1])
	return c
}
