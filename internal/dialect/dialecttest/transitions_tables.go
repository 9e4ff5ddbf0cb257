package dialecttest

import "github.com/lockstepdb/lockstep/internal/schema"

// everything hangs every kind of object on one table.
func everything(name, column string, opts ...tableOption) *schema.Table {
	return table(name, append([]tableOption{
		id(), col(column, varchar(30), notNull), col("owner_id", unsigned(64)), col("n", integer(32), def("1")),
		index(schema.Index{Name: "idx_" + name + "_n", Parts: on("n", column)}),
		index(schema.Index{Name: "uni_" + name + "_" + column, Unique: true, Constraint: true, Parts: on(column)}),
		check("chk_"+name+"_n", "n >= 0"),
		fk(schema.ForeignKey{Name: "fk_" + name + "_owner", Columns: []string{"owner_id"}, RefTable: "owners", RefColumns: []string{"id"}, OnDelete: schema.Cascade}),
	}, opts...)...)
}

func renameTransitions() []transition {
	owners := table("owners", id(), col("name", text()))
	serialColumn := func(name string, opts ...columnOption) *schema.Schema {
		return tables(table("things", col(name, integer(64), append(opts, numbers)...), col("v", text()), key(name)))
	}
	return []transition{
		{
			name: "rename table", oneWay: true, from: tables(owners, everything("things", "label")),
			to: tables(owners, everything("items", "label", tableWas("things"))),
		},
		{
			name: "rename column", oneWay: true, from: tables(owners, everything("things", "label")),
			to: tables(owners, renamed(everything("things", "title"), "title", "label")),
		},
		{
			name: "rename table and column and add", oneWay: true, from: tables(owners, everything("things", "label")),
			to: tables(owners, renamed(everything("items", "title", tableWas("things"), col("extra", text(), notNull)), "title", "label")),
		},
		{
			name: "rename a parent", oneWay: true, from: tables(owners, everything("things", "label")),
			to: tables(table("masters", id(), col("name", text()), tableWas("owners")), referTo(everything("things", "label"), "masters")),
		},
		{name: "rename a numbered column", oneWay: true, from: serialColumn("nr"), to: serialColumn("number", was("nr"))},
		{
			name: "rename index and constraints", oneWay: false,
			from: tables(owners, table("things", id(), col("a", integer(32)), col("owner_id", unsigned(64)),
				index(schema.Index{Name: "idx_one", Parts: on("a")}), index(schema.Index{Name: "uni_one", Unique: true, Constraint: true, Parts: on("a")}),
				check("chk_one", "a > 1"), fk(schema.ForeignKey{Name: "fk_one", Columns: []string{"owner_id"}, RefTable: "owners", RefColumns: []string{"id"}}))),
			to: tables(owners, table("things", id(), col("a", integer(32)), col("owner_id", unsigned(64)),
				index(schema.Index{Name: "idx_two", Parts: on("a")}), index(schema.Index{Name: "uni_two", Unique: true, Constraint: true, Parts: on("a")}),
				check("chk_two", "a > 1"), fk(schema.ForeignKey{Name: "fk_two", Columns: []string{"owner_id"}, RefTable: "owners", RefColumns: []string{"id"}}))),
		},
	}
}

func renamed(t *schema.Table, column, from string) *schema.Table {
	t.Column(column).RenamedFrom = []string{from}
	return t
}

func referTo(t *schema.Table, parent string) *schema.Table {
	for _, f := range t.ForeignKeys {
		f.RefTable = parent
	}
	return t
}

func tableTransitions() []transition {
	owners := table("owners", id(), col("name", text()))
	cycle := tables(
		table("heads", id(), col("body_id", unsigned(64)), refers("body_id", "bodies")),
		table("bodies", id(), col("head_id", unsigned(64)), refers("head_id", "heads")),
	)
	return []transition{
		{name: "initialise and drop everything but one", from: tables(owners), to: tables(owners, everything("things", "label"), everything("items", "label"))},
		{name: "tables in a cycle", from: tables(owners), to: tables(owners, cycle.Tables[0], cycle.Tables[1])},
		{name: "join table", from: tables(owners, table("tags", id())), to: tables(owners, table("tags", id()), table("owner_tags",
			col("owner_id", unsigned(64)), col("tag_id", unsigned(64)), key("owner_id", "tag_id"), refers("owner_id", "owners"), refers("tag_id", "tags")))},
		{
			name: "an index name moves between tables",
			from: tables(table("a", id(), col("c", text()), index(schema.Index{Name: "idx_shared", Parts: on("c")})), table("b", id(), col("c", text()))),
			to:   tables(table("a", id(), col("c", text())), table("b", id(), col("c", text()), index(schema.Index{Name: "idx_shared", Parts: on("c")}))),
		},
	}
}
