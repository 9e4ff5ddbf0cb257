package sqlserver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// gormTables is a model, and what GORM's AutoMigrate runs for it: its migrator
// writes strings of defaults without N, and uniques as they are. The conditions
// beside them are SQL Server's own.
func gormTables() (tables []*schema.Table, batches []string) {
	label, code, nick := text("label", 30), text("code", 20), text("nick", 20)
	label.Nullable, label.Default = false, &schema.Default{Value: "it's"}
	gone := &schema.Column{Name: "deleted_at", Type: schema.Type{Kind: schema.Time}, Nullable: true}
	unique := func(name string, constraint bool, where string, columns ...string) *schema.Index {
		return &schema.Index{Name: name, Unique: true, Constraint: constraint, Where: where, Parts: keyParts(columns)}
	}
	t := &schema.Table{
		Name: "things", PrimaryKey: []string{"id"},
		Columns: []*schema.Column{identity(), label, code, nick, number("n", 64), gone},
		Indexes: []*schema.Index{
			unique("idx_code", false, "", "code"),
			unique("idx_nick", false, "deleted_at IS NULL AND n > 0", "nick", "label"),
			unique("idx_n", false, "n > 3", "n"),
			unique("uni_nick", true, "", "nick"),
			unique("uni_label", true, "", "label"),
			over("idx_plain", false, "code", "n"),
		},
	}
	return []*schema.Table{t}, []string{
		`CREATE TABLE [$(schema)].[things] ("id" bigint IDENTITY(1,1),"label" nvarchar(30) NOT NULL DEFAULT 'it''s',"code" nvarchar(20),"nick" nvarchar(20),` +
			`"n" bigint,"deleted_at" datetimeoffset,PRIMARY KEY ("id"),` +
			`CONSTRAINT "uni_nick" UNIQUE ("nick"),CONSTRAINT "uni_label" UNIQUE ("label"))`,
		`CREATE UNIQUE INDEX "idx_code" ON [$(schema)].[things]("code")`,
		`CREATE UNIQUE INDEX "idx_nick" ON [$(schema)].[things]("nick","label") WHERE deleted_at IS NULL AND n > 0`,
		`CREATE UNIQUE INDEX "idx_n" ON [$(schema)].[things]("n") WHERE n > 3`,
		`CREATE INDEX "idx_plain" ON [$(schema)].[things]("code","n")`,
	}
}

// TestAutoMigrateIsLikeAModel: what AutoMigrate made shows no difference, to the
// last text.
func TestAutoMigrateIsLikeAModel(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p proving) {
		url := p.target(t)
		tables, batches := gormTables()
		executed(t, p, url, batches...)
		assert.Empty(t, differences(t, p, url, tables...))
		model, err := New().Lower(&schema.Schema{Tables: tables})
		require.NoError(t, err)
		found := inspected(t, p, url, "things")
		for _, table := range model.Tables {
			assert.Empty(t, New().Compare(table, found.Table(table.Name)))
		}
	})
}

// TestGormIsLikeWithLike holds the tables of the conformance suite's Adoption to
// it, too.
func TestGormIsLikeWithLike(t *testing.T) {
	t.Parallel()
	label := text("label", 30)
	label.Nullable = false
	n := number("n", 64)
	n.Default = &schema.Default{Value: "1"}
	things := &schema.Table{
		Name: "things", PrimaryKey: []string{"id"},
		Columns: []*schema.Column{
			identity(), label,
			{Name: "owner_id", Nullable: true, Type: schema.Type{Kind: schema.Uint, Bits: 64}},
			n,
			{Name: "at", Nullable: true, Type: schema.Type{Kind: schema.Time}},
			{Name: "on", Type: schema.Type{Kind: schema.Bool}, Default: &schema.Default{Value: "true"}},
			{Name: "price", Nullable: true, Type: schema.Type{Kind: schema.Decimal, Precision: 10, Scale: 2}},
			{Name: "rate", Nullable: true, Type: schema.Type{Kind: schema.Float, Bits: 64}},
			{Name: "data", Nullable: true, Type: schema.Type{Kind: schema.Bytes}},
		},
		Indexes:     []*schema.Index{over("idx_things_n", false, "n", "label"), {Name: "uni_things_label", Unique: true, Constraint: true, Parts: keyParts([]string{"label"})}},
		ForeignKeys: []*schema.ForeignKey{{Name: "fk_things_owner", Columns: []string{"owner_id"}, RefTable: "owners", RefColumns: []string{"id"}, OnDelete: schema.Cascade}},
		Checks:      []*schema.Check{{Name: "chk_things_n", Expr: "n >= 0"}},
	}
	eachPlace(t, func(t *testing.T, p proving) {
		url := p.target(t)
		executed(t, p, url, harness().Gorm...)
		assert.Empty(t, differences(t, p, url, owners(), things))
	})
}

// TestAFoundUniqueIsDroppedAsWhatItIs, whichever of the three it is: the SQL that
// brings a database back removes it.
func TestAFoundUniqueIsDroppedAsWhatItIs(t *testing.T) {
	t.Parallel()
	eachPlace(t, func(t *testing.T, p proving) {
		url := p.target(t)
		model := &schema.Table{Name: "things", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity(), text("a", 20), text("b", 20)}}
		executed(t, p, url,
			`CREATE TABLE [$(schema)].[things] ("id" bigint IDENTITY(1,1),"a" nvarchar(20),"b" nvarchar(20),PRIMARY KEY ("id"),CONSTRAINT "x1" UNIQUE ("a"))`,
			`CREATE UNIQUE INDEX "x2" ON [$(schema)].[things]("a")`,
			`CREATE UNIQUE INDEX "x3" ON [$(schema)].[things]("a","b") WHERE b IS NOT NULL AND a > N'c'`)
		found, back := likeness(t, p, url, model)
		assert.ElementsMatch(t, []string{
			"things: index x1 is not in the model", "things: index x2 is not in the model", "things: index x3 is not in the model",
		}, found)
		executed(t, p, url, back...)
		assert.Empty(t, differences(t, p, url, model))
	})
}

// TestUniquesThatDiffer are seen: only that rows with NULL are left out, and by
// what, does not count.
func TestUniquesThatDiffer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sql  string
		find []string
	}{
		"index":                {`CREATE UNIQUE INDEX x ON [$(schema)].[t](a)`, nil},
		"constraint":           {`ALTER TABLE [$(schema)].[t] ADD CONSTRAINT x UNIQUE (a)`, nil},
		"without NULL":         {`CREATE UNIQUE INDEX x ON [$(schema)].[t](a) WHERE a IS NOT NULL`, nil},
		"another condition":    {`CREATE UNIQUE INDEX x ON [$(schema)].[t](a) WHERE a IS NOT NULL AND b > 3`, []string{"t: index x is another"}},
		"of another column":    {`CREATE UNIQUE INDEX x ON [$(schema)].[t](a) WHERE b IS NOT NULL`, []string{"t: index x is another"}},
		"over another column":  {`CREATE UNIQUE INDEX x ON [$(schema)].[t](b)`, []string{"t: index x is another"}},
		"not unique":           {`CREATE INDEX x ON [$(schema)].[t](a)`, []string{"t: index x is another"}},
		"not unique, filtered": {`CREATE INDEX x ON [$(schema)].[t](a) WHERE a IS NOT NULL`, []string{"t: index x is another"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			model := &schema.Table{
				Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity(), text("a", 20), number("b", 64)},
				Indexes: []*schema.Index{over("x", true, "a")},
			}
			p := proving{d: simulated().dialect()}
			const url = "sqlserver://u:p@h:1?database=db&schema=acme"
			executed(t, p, url, `CREATE TABLE [$(schema)].[t] ("id" bigint IDENTITY(1,1),"a" nvarchar(20),"b" bigint,PRIMARY KEY ("id"))`, c.sql)
			assert.Equal(t, c.find, differences(t, p, url, model))
		})
	}
}

// TestWords holds the readings of predicates and defaults.
func TestWords(t *testing.T) {
	t.Parallel()
	table := &schema.Table{Columns: []*schema.Column{text("a", 20), text("b]c", 20), text("d", 20)}}
	table.Columns[2].Nullable = false
	for where, want := range map[string]string{
		"":                          "[a] IS NOT NULL AND [b]]c] IS NOT NULL",
		"([a] IS NOT NULL)":         "[a] IS NOT NULL AND [b]]c] IS NOT NULL",
		"(([b]]c] IS NOT NULL))":    "[a] IS NOT NULL AND [b]]c] IS NOT NULL",
		"[A] is not null and [d]=1": "[d]=1 AND [a] IS NOT NULL AND [b]]c] IS NOT NULL",
		"([d]=' AND [a] IS NOT NULL' AND [a] IS NOT NULL)": "[d]=' AND [a] IS NOT NULL' AND [a] IS NOT NULL AND [b]]c] IS NOT NULL",
		"([a]>'x' AND [b]]c] IS NOT NULL)":                 "[a]>'x' AND [b]]c] IS NOT NULL",
		"([and]=1) AND (d IS NOT NULL)":                    "([and]=1) AND (d IS NOT NULL) AND [a] IS NOT NULL AND [b]]c] IS NOT NULL",
		"([e] IS NOT NULL AND [e] IS NULL)":                "[e] IS NOT NULL AND [e] IS NULL AND [a] IS NOT NULL AND [b]]c] IS NOT NULL",
		"(":                                                "( AND [a] IS NOT NULL AND [b]]c] IS NOT NULL",
	} {
		x := over("x", true, "a", "b]c")
		x.Where = where
		likened(&schema.Table{Columns: table.Columns, Indexes: []*schema.Index{x}})
		assert.Equal(t, want, x.Where, where)
		assert.True(t, x.Constraint, where)
		again := x.Clone()
		likened(&schema.Table{Columns: table.Columns, Indexes: []*schema.Index{again}})
		assert.Equal(t, x, again, where)
	}
	for _, x := range []*schema.Index{over("x", true, "d"), over("x", false, "a")} {
		was := x.Clone()
		likened(&schema.Table{Columns: table.Columns, Indexes: []*schema.Index{x}})
		assert.Equal(t, was, x)
	}
	for text, want := range map[string]string{
		"(N'it''s')": "('it''s')", "('a')": "('a')", "(N'')": "('')", "(N'é')": "(N'é')", "(N'a'+N'b')": "(N'a'+N'b')", "((1))": "((1))", "(getdate())": "(getdate())",
	} {
		assert.Equal(t, want, plainString(text))
	}
}
