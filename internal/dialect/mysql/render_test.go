package mysql

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// TestGolden holds the SQL and the hazards of each case, on both flavours side
// by side.
func TestGolden(t *testing.T) {
	t.Parallel()
	const file = "testdata/render.txtar"
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	out := &txtar.Archive{Comment: archive.Comment}
	for _, c := range cases() {
		for _, d := range flavours() {
			name := c.name + "/" + string(d.Engine())
			got := rendered(t, d, c.from, c.to)
			out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(got)})
			i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
			if *update {
				continue
			}
			require.GreaterOrEqual(t, i, 0, "no golden of %s", name)
			assert.Equal(t, string(archive.Files[i].Data), got, name)
		}
	}
	for _, f := range versions(t) {
		out.Files = append(out.Files, f)
		i := slices.IndexFunc(archive.Files, func(g txtar.File) bool { return g.Name == f.Name })
		if *update {
			continue
		}
		require.GreaterOrEqual(t, i, 0, "no golden of %s", f.Name)
		assert.Equal(t, string(archive.Files[i].Data), string(f.Data), f.Name)
	}
	if *update {
		require.NoError(t, os.WriteFile(file, txtar.Format(out), 0o600))
	} else {
		assert.Len(t, archive.Files, len(out.Files), "goldens of no case")
	}
}

// versions are the cases that look different on other versions than the two that
// stand for all: MySQL 8.4 and MariaDB 10.11.
func versions(t *testing.T) []txtar.File {
	t.Helper()
	var out []txtar.File
	for i, others := range [][]dialect.Version{
		{version(8, 0, 19), version(8, 0, 28), version(8, 0, 31), version(9, 0, 0)},
		{version(10, 6, 0), version(11, 4, 0), version(11, 8, 0)},
	} {
		usual := flavours()[i]
		for _, v := range others {
			for _, c := range append(methodCases(), cases()...) {
				if got := rendered(t, usual.At(v), c.from, c.to); got != rendered(t, usual, c.from, c.to) {
					name := fmt.Sprintf("%s/%s %d.%d.%d", c.name, usual.Engine(), v.Major, v.Minor, v.Patch)
					out = append(out, txtar.File{Name: name, Data: []byte(got)})
				}
			}
		}
	}
	return out
}

func planned(t *testing.T, d *Dialect, from, to []*schema.Table) *plan.Plan {
	t.Helper()
	lower := func(tables []*schema.Table) *schema.Schema {
		low, err := d.Lower(&schema.Schema{Tables: tables})
		require.NoError(t, err)
		return low
	}
	var base *schema.Schema
	if from != nil {
		base = lower(from)
	}
	p, err := plan.Build(t.Context(), d, plan.Input{Strategy: strategy.Full, Base: base, Target: lower(to)})
	require.NoError(t, err)
	return p
}

// TestGoldensRun applies each case to real servers: what is there then is what
// was promised.
func TestGoldensRun(t *testing.T) {
	t.Parallel()
	for i, servers := range [][]enginetest.Server{enginetest.MySQL(t), enginetest.MariaDB(t)} {
		for _, server := range servers {
			for _, c := range cases() {
				t.Run(server.Name+"/"+c.name, func(t *testing.T) {
					t.Parallel()
					run(t, flavours()[i], enginetest.FreshDatabase(t, server), c)
				})
			}
		}
	}
}

func run(t *testing.T, d *Dialect, url string, c goldenCase) {
	t.Helper()
	target, err := dialect.ParseTarget(url)
	require.NoError(t, err)
	s, err := d.Open(t.Context(), target)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	tx, err := s.Begin(t.Context(), dialect.TxOptions{})
	require.NoError(t, err)
	plans := []*plan.Plan{planned(t, d, c.from, c.to)}
	if c.from != nil {
		plans = []*plan.Plan{planned(t, d, nil, c.from), plans[0]}
	}
	for _, p := range plans {
		for _, st := range p.Statements {
			_, err := tx.ExecContext(t.Context(), st.SQL)
			for _, weaker := range st.Fallback {
				if fault.ReasonOf(d.Classify(err)) != dialect.ReasonAlgorithmUnsupported {
					break
				}
				t.Logf("%s: %v", st.SQL, err)
				_, err = tx.ExecContext(t.Context(), weaker)
			}
			require.NoError(t, err, st.SQL)
		}
		var names []string
		for _, table := range p.ResultSchema.Tables {
			names = append(names, table.Name)
		}
		found, err := d.Inspect(t.Context(), tx, names)
		require.NoError(t, err)
		for _, table := range p.ResultSchema.Tables {
			assert.Empty(t, d.Compare(table, found.Table(table.Name)))
			for _, want := range table.Columns {
				assert.Equal(t, want.Comment, found.Table(table.Name).Column(want.Name).Comment)
			}
			assert.Equal(t, table.Comment, found.Table(table.Name).Comment)
		}
	}
	require.NoError(t, tx.Commit(t.Context()))
}

// rendered is the plan between two schemas.
func rendered(t *testing.T, d *Dialect, from, to []*schema.Table) string {
	t.Helper()
	var b strings.Builder
	for _, st := range planned(t, d, from, to).Statements {
		b.WriteString(st.SQL + ";\n")
		for _, h := range st.Hazards {
			b.WriteString("    -- " + string(h.Kind) + ": " + h.Detail + "\n")
		}
		for _, sql := range st.Reverse {
			b.WriteString("    -- back: " + sql + "\n")
		}
		if st.Final {
			b.WriteString("    -- final\n")
		}
	}
	return b.String()
}

type goldenCase struct {
	name     string
	from, to []*schema.Table
}

func identity() *schema.Column {
	return &schema.Column{Name: "id", Type: schema.Type{Kind: schema.Uint, Bits: 64}, AutoIncrement: true}
}

// thing is a table with everything; change makes of it what a case needs.
func thing(change func(*schema.Table)) *schema.Table {
	label := text("label", 30)
	label.Nullable, label.Default, label.Comment = false, &schema.Default{Value: `it's\`}, "what's written on it"
	t := &schema.Table{
		Name: "things", Comment: "all of them", PrimaryKey: []string{"id"},
		Columns: []*schema.Column{
			identity(), label, text("body", 0),
			{Name: "owner_id", Nullable: true, Type: schema.Type{Kind: schema.Uint, Bits: 64}},
			raw("kind", "enum('A','b''c')"), raw("doc", "json"), raw("size", "int generated always as (char_length(`label`)) stored"),
			{
				Name: "at", Type: schema.Type{Kind: schema.Time},
				Default: &schema.Default{Value: "CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)", Expr: true},
			},
		},
		Indexes: []*schema.Index{
			{Name: "idx_body", Parts: []schema.IndexPart{{Column: "body", Length: 20, Desc: true}}, Comment: "by its beginning"},
			{Name: "ft_body", Method: "FULLTEXT", Parts: keyParts([]string{"body"})},
			{Name: "uni_label", Unique: true, Constraint: true, Parts: keyParts([]string{"label"})},
		},
		ForeignKeys: []*schema.ForeignKey{{Name: "fk_owner", Columns: []string{"owner_id"}, RefTable: "owners", RefColumns: []string{"id"}, OnDelete: schema.Cascade}},
		Checks:      []*schema.Check{{Name: "chk_label", Expr: "label <> ''"}},
	}
	change(t)
	return t
}

// plain is thing without what rests on its label: a generated column forbids that
// the other gets a new name.
func plain() *schema.Table {
	return thing(func(t *schema.Table) {
		t.Columns = slices.DeleteFunc(t.Columns, func(c *schema.Column) bool { return c.Name == "size" })
	})
}

func cases() []goldenCase {
	owners := &schema.Table{Name: "owners", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity()}}
	nothing := func(*schema.Table) {}
	step := func(name string, to func(*schema.Table)) goldenCase {
		return goldenCase{name, []*schema.Table{owners, thing(nothing)}, []*schema.Table{owners, thing(to)}}
	}
	index := func(t *schema.Table) { t.Indexes = append(t.Indexes, over("idx_owner", false, "owner_id")) }
	bare := func(t *schema.Table) { t.Indexes = t.Indexes[2:] }
	indexed := []*schema.Table{owners, thing(index)}
	return []goldenCase{
		{"create", nil, []*schema.Table{owners, thing(nothing)}},
		step("drop", func(t *schema.Table) { *t = schema.Table{Name: "x", Columns: []*schema.Column{text("a", 9)}} }),
		step("add columns", func(t *schema.Table) {
			must := text("must", 9)
			must.Nullable = false
			t.Columns = append(t.Columns, text("may", 0), must, raw("twice", "int as (size * 2)"))
		}),
		step("retype keeps comment, default and null", func(t *schema.Table) { t.Column("label").Type.Size = 300 }),
		{"forbid null", []*schema.Table{owners, thing(bare)}, []*schema.Table{owners, thing(func(t *schema.Table) { bare(t); t.Column("owner_id").Nullable = false })}},
		step("forbid null by copying", func(t *schema.Table) { t.Column("owner_id").Nullable = false }),
		{"rename a column", []*schema.Table{owners, plain()}, []*schema.Table{owners, thing(func(t *schema.Table) {
			*t = *plain()
			c := t.Column("label")
			c.Name, c.RenamedFrom = "title", []string{"label"}
			t.Indexes[2].Parts[0].Column = "title"
			t.Checks[0].Expr = "title <> ''"
		})}},
		step("check changes", func(t *schema.Table) { t.Checks[0].Expr = "label <> 'x'" }),
		step("foreign key changes", func(t *schema.Table) { t.ForeignKeys[0].OnDelete = schema.SetNull }),
		step("foreign key goes with its index", func(t *schema.Table) { t.ForeignKeys = nil }),
		step("foreign key gets another name", func(t *schema.Table) { t.ForeignKeys[0].Name = "fk_other" }),
		step("index takes over from that of the foreign key", index),
		{"index of a foreign key goes", indexed, []*schema.Table{owners, thing(nothing)}},
		step("index gets another name", func(t *schema.Table) { t.Indexes[0].Name = "idx_other" }),
		step("comments", func(t *schema.Table) { t.Comment, t.Column("body").Comment = "", "now said" }),
		step("key goes and numbering with it", func(t *schema.Table) { t.PrimaryKey = nil; t.Columns = t.Columns[1:] }),
		step("another case of the table's name", func(t *schema.Table) { t.Name, t.RenamedFrom = "Things", []string{"things"} }),
		step("rename the table", func(t *schema.Table) { t.Name, t.RenamedFrom = "items", []string{"things"} }),
	}
}

func TestQuotes(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "`a``b\"`", New().Quote("a`b\""))
	assert.Equal(t, `'it''s\\'`, literal(`it's\`))
	assert.Equal(t, "?", New().Placeholder(3))
	assert.False(t, New().Capabilities().TransactionalDDL)
	assert.Equal(t, dialect.MariaDB, New(WithMariaDB()).Engine())
}

// TestAnIndexOverTextIsRefused: the column would have to become short first, and
// a strategy may have left that for later.
func TestAnIndexOverTextIsRefused(t *testing.T) {
	t.Parallel()
	base := []*schema.Table{{Name: "t", Columns: []*schema.Column{text("a", 0)}}}
	target := []*schema.Table{{Name: "t", Columns: []*schema.Column{text("a", 0)}, Indexes: []*schema.Index{over("x", false, "a")}}}
	for _, d := range flavours() {
		from, err := d.Lower(&schema.Schema{Tables: base})
		require.NoError(t, err)
		to, err := d.Lower(&schema.Schema{Tables: target})
		require.NoError(t, err)
		_, err = plan.Build(t.Context(), d, plan.Input{Strategy: strategy.Full, Base: from, Target: to})
		require.NoError(t, err)
		p, err := plan.Build(t.Context(), d, plan.Input{Strategy: strategy.Safe, Base: from, Target: to})
		if err != nil {
			require.ErrorContains(t, err, "cannot index that whole")
			continue
		}
		for _, st := range p.Statements {
			assert.NotContains(t, st.SQL, "INDEX", "%s", d.Engine())
		}
	}
}
