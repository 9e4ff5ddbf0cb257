package diff_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// shelf is a schema to change: a table with one of everything.
func shelf() *schema.Schema {
	number := schema.Type{Kind: schema.Int, Bits: 32}
	return &schema.Schema{Tables: []*schema.Table{
		{Name: "p", PrimaryKey: []string{"id"}, Columns: []*schema.Column{{Name: "id", Type: number}}},
		{
			Name: "t", PrimaryKey: []string{"id"},
			Columns: []*schema.Column{
				{Name: "id", Type: number},
				{Name: "n", Type: number},
				{Name: "d", Type: number, Default: &schema.Default{Value: "7"}},
				{Name: "m", Type: number, Nullable: true, Default: &schema.Default{Value: "7"}},
				{Name: "s", Type: schema.Type{Kind: schema.String, Size: 20}, Nullable: true},
				{Name: "p_id", Type: number, Nullable: true},
			},
			Indexes: []*schema.Index{
				{Name: "plain", Parts: []schema.IndexPart{{Column: "n"}}},
				{Name: "uq", Unique: true, Parts: []schema.IndexPart{{Column: "s"}}},
			},
			ForeignKeys: []*schema.ForeignKey{{Name: "fk", Columns: []string{"p_id"}, RefTable: "p", RefColumns: []string{"id"}}},
			Checks:      []*schema.Check{{Name: "chk", Expr: "n > 0"}},
		},
	}}
}

// fresh adds a nullable column to a table.
func fresh(t *schema.Table) {
	t.Columns = append(t.Columns, &schema.Column{Name: "fresh", Type: schema.Type{Kind: schema.Int, Bits: 32}, Nullable: true})
}

func TestBreaks(t *testing.T) {
	none, writes, all := "nothing", "writes", "reads and writes"
	for name, c := range map[string]struct {
		edit func(s *schema.Schema, t *schema.Table)
		want string
	}{
		"new table":           {func(s *schema.Schema, _ *schema.Table) { s.Tables = append(s.Tables, &schema.Table{Name: "x"}) }, none},
		"table goes":          {func(s *schema.Schema, _ *schema.Table) { s.Tables = s.Tables[:1] }, all},
		"table is renamed":    {func(_ *schema.Schema, t *schema.Table) { t.Name, t.RenamedFrom = "u", []string{"t"} }, all},
		"table's comment":     {func(_ *schema.Schema, t *schema.Table) { t.Comment = "c" }, none},
		"new nullable column": {func(_ *schema.Schema, t *schema.Table) { fresh(t) }, none},
		"new column with default": {func(_ *schema.Schema, t *schema.Table) {
			fresh(t)
			t.Columns[6].Nullable = false
			t.Columns[6].Default = &schema.Default{Value: "1"}
		}, none},
		"new column to be filled": {func(_ *schema.Schema, t *schema.Table) { fresh(t); t.Columns[6].Nullable = false }, writes},
		"column goes":             {func(_ *schema.Schema, t *schema.Table) { t.Columns = append(t.Columns[:2:2], t.Columns[3:]...) }, all},
		"column is renamed": {func(_ *schema.Schema, t *schema.Table) {
			t.Columns[2].Name, t.Columns[2].RenamedFrom = "e", []string{"d"}
		}, all},
		"wider":                      {func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type.Bits = 64 }, none},
		"narrower":                   {func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type.Bits = 16 }, all},
		"another type":               {func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type = schema.Type{Kind: schema.String} }, all},
		"NULL is allowed":            {func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Nullable = true }, none},
		"NULL is refused":            {func(_ *schema.Schema, t *schema.Table) { t.Columns[4].Nullable = false }, writes},
		"default comes":              {func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Default = &schema.Default{Value: "1"} }, none},
		"default changes":            {func(_ *schema.Schema, t *schema.Table) { t.Columns[2].Default = &schema.Default{Value: "8"} }, writes},
		"default goes":               {func(_ *schema.Schema, t *schema.Table) { t.Columns[2].Default = nil }, writes},
		"default of nullable goes":   {func(_ *schema.Schema, t *schema.Table) { t.Columns[3].Default = nil }, writes},
		"key is numbered":            {func(_ *schema.Schema, t *schema.Table) { t.Columns[0].AutoIncrement = true }, writes},
		"primary key":                {func(_ *schema.Schema, t *schema.Table) { t.PrimaryKey = []string{"id", "n"} }, writes},
		"new index":                  {func(_ *schema.Schema, t *schema.Table) { addIndex(t, false, "d") }, none},
		"new unique index":           {func(_ *schema.Schema, t *schema.Table) { addIndex(t, true, "d") }, writes},
		"new unique index, new part": {func(_ *schema.Schema, t *schema.Table) { fresh(t); addIndex(t, true, "d", "fresh") }, none},
		"index goes":                 {func(_ *schema.Schema, t *schema.Table) { t.Indexes = t.Indexes[1:] }, none},
		"unique index goes":          {func(_ *schema.Schema, t *schema.Table) { t.Indexes = t.Indexes[:1] }, writes},
		"index is renamed":           {func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Name = "other" }, none},
		"index becomes unique":       {func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Unique = true }, writes},
		"foreign key goes":           {func(_ *schema.Schema, t *schema.Table) { t.ForeignKeys = nil }, none},
		"foreign key changes":        {func(_ *schema.Schema, t *schema.Table) { t.ForeignKeys[0].OnDelete = schema.Cascade }, writes},
		"new foreign key": {func(_ *schema.Schema, t *schema.Table) {
			t.ForeignKeys = append(t.ForeignKeys, &schema.ForeignKey{Name: "g", Columns: []string{"n"}, RefTable: "p", RefColumns: []string{"id"}})
		}, writes},
		"new foreign key, new column": {func(_ *schema.Schema, t *schema.Table) {
			fresh(t)
			t.ForeignKeys = append(t.ForeignKeys, &schema.ForeignKey{Name: "g", Columns: []string{"fresh"}, RefTable: "p", RefColumns: []string{"id"}})
		}, none},
		"check goes":    {func(_ *schema.Schema, t *schema.Table) { t.Checks = nil }, none},
		"check changes": {func(_ *schema.Schema, t *schema.Table) { t.Checks[0].Expr = "n > 1" }, writes},
		"new check": {func(_ *schema.Schema, t *schema.Table) {
			t.Checks = append(t.Checks, &schema.Check{Name: "k", Expr: "n < 9"})
		}, writes},
	} {
		t.Run(name, func(t *testing.T) {
			base := shelf()
			target := base.Clone()
			c.edit(target, target.Table("t"))
			assert.Equal(t, c.want, breaks(t, base, target).String())
		})
	}
}

func addIndex(t *schema.Table, unique bool, columns ...string) {
	x := &schema.Index{Name: "added", Unique: unique}
	for _, c := range columns {
		x.Parts = append(x.Parts, schema.IndexPart{Column: c})
	}
	t.Indexes = append(t.Indexes, x)
}

// breaks is what all changes between two schemas break.
func breaks(t *testing.T, base, target *schema.Schema) diff.Breaks {
	t.Helper()
	changes, err := diff.Diff(base, target)
	require.NoError(t, err)
	require.NotEmpty(t, changes)
	var all diff.Breaks
	for _, a := range diff.Assess(changes) {
		all.Reads = all.Reads || a.Breaks.Reads
		all.Writes = all.Writes || a.Breaks.Writes
		assert.Equal(t, a.Breaks.Reads || a.Breaks.Writes, a.Breaks.Any())
	}
	return all
}

// TestAForeignKeyThatActsIsReliedOn: when it goes, children no longer follow.
func TestAForeignKeyThatActsIsReliedOn(t *testing.T) {
	for _, action := range []schema.Action{schema.Cascade, schema.SetNull, schema.SetDefault} {
		onDelete, onUpdate := shelf(), shelf()
		onDelete.Tables[1].ForeignKeys[0].OnDelete = action
		onUpdate.Tables[1].ForeignKeys[0].OnUpdate = action
		for _, base := range []*schema.Schema{onDelete, onUpdate} {
			target := base.Clone()
			target.Tables[1].ForeignKeys = nil
			assert.Equal(t, diff.Breaks{Writes: true}, breaks(t, base, target), action)
		}
	}
}

// TestACheckOnANewColumn breaks no insert when it lets NULL through, whatever the
// other columns hold.
func TestACheckOnANewColumn(t *testing.T) {
	for expr, passes := range map[string]bool{
		"fresh > 0":                              true,
		"(fresh > 0)":                            true,
		`"fresh" <> ''`:                          true,
		"fresh > n":                              true,
		"n < fresh":                              true,
		"fresh + n > 3":                          true,
		"fresh > 0 AND fresh < 100":              true,
		"(fresh > 0) and (fresh < n)":            true,
		"fresh IS NULL OR fresh > 0":             true,
		"n > 5 OR fresh > 0":                     true,
		"n > 5 OR fresh IS NULL":                 true,
		"fresh BETWEEN 1 AND 9":                  true,
		"fresh BETWEEN 1 AND 9 AND fresh <> n":   true,
		"fresh IN (1, 2)":                        true,
		"fresh NOT IN (1, n)":                    true,
		"NOT fresh > 0":                          true,
		"length(fresh) > 2":                      true,
		"fresh <> 'a OR IS NULL b'":              true,
		"fresh IS NOT NULL":                      false,
		"NOT (fresh IS NULL)":                    false,
		"NOT fresh IS NULL":                      false,
		"(fresh IS NULL) = (n > 0)":              false,
		"fresh > 0 AND n > 5":                    false,
		"n > 5":                                  false,
		"n > 5 OR d > 5":                         false,
		"n <> 'fresh'":                           false,
		"coalesce(fresh, 0) > 0":                 false,
		"greatest(fresh, n) > 0":                 false,
		"n BETWEEN 1 AND fresh":                  false,
		"n NOT IN (1, fresh)":                    false,
		"NOT (fresh > 0 OR n > 0)":               false,
		"fresh <=> 3":                            false,
		"fresh > 0 && n > 5":                     false,
		"CASE WHEN fresh > 0 THEN n > 5 END":     false,
		"fresh IS DISTINCT FROM NULL":            false,
		"(fresh > 0 OR n > 0) AND n < 3":         false,
		"(n > 1) OR (fresh > 2 AND fresh < 4)":   true,
		"((fresh > 1) AND (fresh < 3)) OR n > 9": true,
	} {
		base := shelf()
		target := base.Clone()
		fresh(target.Tables[1])
		target.Tables[1].Checks = append(target.Tables[1].Checks, &schema.Check{Name: "k", Expr: expr})
		assert.Equal(t, diff.Breaks{Writes: !passes}, breaks(t, base, target), expr)
	}
}

// TestAColumnThatFillsItself is not left NULL: a key or an index on it meets rows
// of present code.
func TestAColumnThatFillsItself(t *testing.T) {
	for name, edit := range map[string]func(c *schema.Column){
		"auto increment": func(c *schema.Column) { c.AutoIncrement = true },
		"serial":         func(c *schema.Column) { c.Physical = "bigserial" },
	} {
		base := shelf()
		target := base.Clone()
		table := target.Tables[1]
		fresh(table)
		edit(table.Columns[6])
		table.ForeignKeys = append(table.ForeignKeys, &schema.ForeignKey{Name: "g", Columns: []string{"fresh"}, RefTable: "p", RefColumns: []string{"id"}})
		assert.Equal(t, diff.Breaks{Writes: true}, breaks(t, base, target), name)
	}
}
