package sqlserver

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// refusals are schemas that SQL Server cannot have, by the id of the row in
// docs/engines.md that says so. owners has the key id.
func refusals() map[string]func(t *schema.Table) {
	fk := func(column string, onDelete schema.Action) *schema.ForeignKey {
		return &schema.ForeignKey{Name: "fk_" + column, Columns: []string{column}, RefTable: "owners", RefColumns: []string{"id"}, OnDelete: onDelete}
	}
	add := func(c *schema.Column) func(*schema.Table) {
		return func(t *schema.Table) { t.Columns = append(t.Columns, c) }
	}
	index := func(x *schema.Index) func(*schema.Table) {
		return func(t *schema.Table) { t.Indexes = append(t.Indexes, x) }
	}
	ref := func(change func(*schema.Column), keys ...*schema.ForeignKey) func(*schema.Table) {
		return func(t *schema.Table) {
			for _, k := range keys {
				c := number(k.Columns[0], 64)
				change(c)
				t.Columns = append(t.Columns, c)
			}
			t.ForeignKeys = keys
		}
	}
	strict := func(c *schema.Column) { c.Nullable = false }
	same := func(*schema.Column) {}
	return map[string]func(*schema.Table){
		"T01": add(raw("c", "rowversion")),
		"T02": add(raw("c", "jsonb")),
		"T03": add(raw("c", "int generated always as (1) stored")),
		"T04": func(t *schema.Table) { t.Columns[0].Type = schema.Type{Kind: schema.String, Size: 9} },
		"T05": add(&schema.Column{Name: "c", Type: schema.Type{Kind: schema.Int, Bits: 64}, AutoIncrement: true}),
		"T06": add(text("$(c)", 9)),
		"T07": add(text("c\nd", 9)),
		"T08": add(text("c ", 9)),
		"T09": func(t *schema.Table) { t.Name = "#t" },
		"T10": index(over("i", true, "body")),
		"T11": index(&schema.Index{Name: "i", Method: "gin", Parts: keyParts([]string{"n"})}),
		"T12": index(&schema.Index{Name: "i", Parts: []schema.IndexPart{{Expr: "lower(body)"}}}),
		"T13": index(&schema.Index{Name: "i", Parts: []schema.IndexPart{{Column: "n", Collate: "C"}}}),
		"T14": func(t *schema.Table) {
			var names []string
			for i := range 33 {
				names = append(names, fmt.Sprintf("k%d", i))
				t.Columns = append(t.Columns, number(names[i], 16))
			}
			t.Indexes = append(t.Indexes, over("i", false, names...))
		},
		"T15": func(t *schema.Table) {
			t.Columns = append(t.Columns, raw("k", "char(1701)"))
			t.Indexes = append(t.Indexes, over("i", false, "k"))
		},
		"T16": func(t *schema.Table) { t.Columns = append(t.Columns, raw("a", "char(8000)"), raw("b", "char(80)")) },
		"T17": func(t *schema.Table) {
			for i := range maxColumns {
				t.Columns = append(t.Columns, raw(fmt.Sprintf("c%d", i), "bit"))
			}
		},
		"T18": func(t *schema.Table) { t.Comment = strings.Repeat("x", maxComment+1) },
		"T19": func(t *schema.Table) { t.Checks = []*schema.Check{{Name: "k", Expr: "n > $(x)"}} },
		"T20": func(t *schema.Table) { t.Column("n").Default = &schema.Default{Value: "$(x)", Expr: true} },
		"T21": index(&schema.Index{Name: "i", Parts: keyParts([]string{"n"}), Where: "n > $(x)"}),
		"T22": ref(strict, fk("owner_id", schema.SetNull)),
		"T23": ref(strict, fk("owner_id", schema.SetDefault)),
		"T24": ref(func(c *schema.Column) { c.Type.Bits = 16 }, fk("owner_id", schema.NoAction)),
		"T25": ref(same, fk("owner_id", schema.Cascade), fk("other_id", schema.SetNull)),
		"T26": func(t *schema.Table) { t.Checks = []*schema.Check{{Name: "Owners", Expr: "n > 1"}} },
		"T27": add(raw("c", "nvarchar($(n))")),
		"T28": func(t *schema.Table) {
			for i := range maxIndexes + 1 {
				t.Indexes = append(t.Indexes, over(fmt.Sprintf("i%d", i), false, "n"))
			}
		},
		"T29": add(text(strings.Repeat("😀", 65), 9)),
	}
}

// TestRefusalsAreDocumented holds what Lower refuses to the rows of the page,
// both ways.
func TestRefusalsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/engines.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| (T\\d\\d) \\| `([^`]+)` \\| ([^|]+) \\|$").FindAllStringSubmatch(string(page), -1)
	patterns := map[string]string{}
	for _, m := range rows {
		patterns[m[1]] = "^" + strings.ReplaceAll(regexp.QuoteMeta(m[2]), "…", "(?s:.*)") + "$"
	}
	for id, change := range refusals() {
		table := &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{identity(), number("n", 64), text("body", 0)}}
		change(table)
		_, err := New().Lower(&schema.Schema{Tables: []*schema.Table{owners(), table}})
		require.Error(t, err, id)
		assert.Equal(t, "SCHEMA_NOT_LOWERABLE", fault.ReasonOf(err))
		v := fault.As(err).Violations
		require.Len(t, v, 1, "%s: %v", id, err)
		require.Contains(t, patterns, id, "not in docs/engines.md: %s", v[0].Description)
		assert.Regexp(t, patterns[id], v[0].Description, id)
		delete(patterns, id)
	}
	assert.Empty(t, patterns, "rows without a case")
}

// TestForeignKeysTakeTheTypeOfTheirKey: a string without a size that refers to
// one is as long as that.
func TestForeignKeysTakeTheTypeOfTheirKey(t *testing.T) {
	t.Parallel()
	key := text("code", 0)
	low, err := New().Lower(&schema.Schema{Tables: []*schema.Table{
		{Name: "a", PrimaryKey: []string{"code"}, Columns: []*schema.Column{key}},
		{
			Name: "b", Columns: []*schema.Column{text("a_code", 0)},
			ForeignKeys: []*schema.ForeignKey{{Name: "fk_a", Columns: []string{"a_code"}, RefTable: "a", RefColumns: []string{"code"}, OnDelete: schema.Restrict}},
		},
	}})
	require.NoError(t, err)
	assert.Equal(t, "nvarchar(256)", low.Table("b").Column("a_code").Physical)
	assert.Equal(t, schema.NoAction, low.Table("b").ForeignKeys[0].OnDelete, "RESTRICT is no T-SQL")
}

// TestWhatAForeignKeyRefersToIsNotFiltered: a filtered index is no key.
func TestWhatAForeignKeyRefersToIsNotFiltered(t *testing.T) {
	t.Parallel()
	parent := func() *schema.Table {
		return &schema.Table{Name: "a", Columns: []*schema.Column{text("code", 20), text("other", 20)}, Indexes: []*schema.Index{
			{Name: "u1", Unique: true, Constraint: true, Parts: keyParts([]string{"code"})},
			{Name: "u2", Unique: true, Constraint: true, Parts: keyParts([]string{"other"})},
		}}
	}
	low, err := New().Lower(&schema.Schema{Tables: []*schema.Table{parent(), {
		Name: "b", Columns: []*schema.Column{text("a_code", 20)},
		ForeignKeys: []*schema.ForeignKey{{Name: "fk_a", Columns: []string{"a_code"}, RefTable: "a", RefColumns: []string{"code"}}},
	}}})
	require.NoError(t, err)
	assert.Empty(t, low.Table("a").Index("u1").Where)
	assert.Equal(t, "[other] IS NOT NULL", low.Table("a").Index("u2").Where)
}

// TestCanonicalTypes: spellings of one type are one.
func TestCanonicalTypes(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"nvarchar(MAX)", "NVARCHAR ( max )", "national character varying(max)"},
		{"decimal(10, 2)", "decimal(10,2)", "NUMERIC(10 , 2)", "dec(10,2)"},
		{"decimal", "decimal(18)", "numeric(18,0)"},
		{"int", "INTEGER"},
		{"float", "float(53)", "double precision"},
		{"real", "float(24)"},
		{"datetimeoffset", "datetimeoffset(7)"},
		{"datetime2", "datetime2(7)"},
		{"time", "time(7)"},
		{"char(4)", "character(4)"},
		{"varchar(40)", "char varying(40)"},
		{"varbinary(9)", "binary varying(9)"},
		{"timestamp", "rowversion"},
		{"nvarchar(9) COLLATE Latin1_General_BIN2", "nvarchar(9) collate latin1_general_bin2"},
		{"AS (a + b)", "as ([a]+[b])"},
		{"AS (a) PERSISTED", "AS ([a]) persisted"},
	} {
		for _, s := range same[1:] {
			assert.Equal(t, canonicalType(same[0]), canonicalType(s), s)
		}
	}
	assert.NotEqual(t, canonicalType("nvarchar(9)"), canonicalType("varchar(9)"))
	assert.NotEqual(t, canonicalType("nvarchar(9)"), canonicalType("nvarchar(9) COLLATE Latin1_General_BIN2"))
	assert.Equal(t, "a + b", parseType("AS ((a + b))").expr)
	assert.Equal(t, "(a) + (b)", parseType("AS (a) + (b)").expr)
}
