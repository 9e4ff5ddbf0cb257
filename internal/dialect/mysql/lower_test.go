package mysql

import (
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func serverSays(number uint16, message string) error {
	return &mysql.MySQLError{Number: number, Message: message}
}

func text(name string, size int) *schema.Column {
	return &schema.Column{Name: name, Nullable: true, Type: schema.Type{Kind: schema.String, Size: size}}
}

func raw(name, typ string) *schema.Column {
	return &schema.Column{Name: name, Nullable: true, Type: schema.Type{Kind: schema.Raw, Raw: typ}}
}

func over(name string, unique bool, columns ...string) *schema.Index {
	return &schema.Index{Name: name, Unique: unique, Parts: keyParts(columns)}
}

// problems are the descriptions of what Lower refuses.
func problems(t *testing.T, d *Dialect, tables ...*schema.Table) []string {
	t.Helper()
	_, err := d.Lower(&schema.Schema{Tables: tables})
	if err == nil {
		return nil
	}
	f := fault.As(err)
	require.NotNil(t, f)
	var out []string
	for _, v := range f.Violations {
		out = append(out, v.Description)
	}
	return out
}

// TestShortStrings is GORM's rule: varchar(191) for a key, a default, an index or
// a unique constraint, and longtext for a unique index alone.
func TestShortStrings(t *testing.T) {
	t.Parallel()
	withDefault := text("d", 0)
	withDefault.Default = &schema.Default{Value: "x"}
	table := &schema.Table{
		Name: "t", PrimaryKey: []string{"k"},
		Columns: []*schema.Column{text("k", 0), text("i", 0), text("u", 0), withDefault, text("plain", 0), text("unique", 0), text("e", 0), text("f", 0), text("p", 0)},
		Indexes: []*schema.Index{
			over("i", false, "i"),
			{Name: "u", Unique: true, Constraint: true, Parts: keyParts([]string{"u"})},
			over("unique", true, "unique"),
			{Name: "f", Method: "FULLTEXT", Parts: keyParts([]string{"f"})},
			{Name: "p", Parts: []schema.IndexPart{{Column: "p", Length: 10}}},
		},
	}
	child := &schema.Table{
		Name: "c", Columns: []*schema.Column{text("r", 0), text("rr", 0)}, Indexes: []*schema.Index{{Name: "u", Unique: true, Constraint: true, Parts: keyParts([]string{"r"})}},
		ForeignKeys: []*schema.ForeignKey{
			{Name: "f1", Columns: []string{"r"}, RefTable: "t", RefColumns: []string{"k"}},
			{Name: "f2", Columns: []string{"rr"}, RefTable: "c", RefColumns: []string{"r"}},
		},
	}
	low, err := New(WithMariaDB()).Lower(&schema.Schema{Tables: []*schema.Table{table, child}})
	require.NoError(t, err)
	for column, want := range map[string]string{
		"k": shortText, "i": shortText, "u": shortText, "d": shortText, "plain": longText, "unique": longText, "f": longText, "p": longText,
	} {
		assert.Equal(t, want, low.Table("t").Column(column).Physical, column)
	}
	assert.Equal(t, shortText, low.Table("c").Column("rr").Physical, "a reference to a reference")
	assert.False(t, low.Table("t").Index("u").Constraint, "a unique constraint is a unique index")
	got := problems(t, New(), table, child)
	require.Len(t, got, 1)
	assert.Contains(t, got[0], `"unique"`)
}

func TestWhatTheEngineCannot(t *testing.T) {
	t.Parallel()
	id := func() *schema.Column {
		return &schema.Column{Name: "id", Type: schema.Type{Kind: schema.Uint, Bits: 64}}
	}
	table := func(change func(*schema.Table)) *schema.Table {
		out := &schema.Table{Name: "t", PrimaryKey: []string{"id"}, Columns: []*schema.Column{id(), text("a", 20), raw("j", "json"), raw("big", "varchar(1000)")}}
		change(out)
		return out
	}
	parent := &schema.Table{Name: "p", PrimaryKey: []string{"id"}, Columns: []*schema.Column{id()}}
	fk := func(f schema.ForeignKey) func(*schema.Table) {
		return func(x *schema.Table) {
			f.Name, f.RefTable, f.RefColumns = "f", "p", []string{"id"}
			x.ForeignKeys = append(x.ForeignKeys, &f)
		}
	}
	index := func(x *schema.Index) func(*schema.Table) {
		return func(t *schema.Table) { t.Indexes = append(t.Indexes, x) }
	}
	many := func(n int) []string { return strings.Split(strings.Repeat("a,", n-1)+"a", ",") }
	for name, c := range map[string]struct {
		change       func(*schema.Table)
		mysql, maria string // part of what is said; "": it is allowed
	}{
		"partial":            {index(&schema.Index{Name: "x", Parts: keyParts([]string{"a"}), Where: "a > 1"}), "no partial indexes", "no partial indexes"},
		"expression":         {index(&schema.Index{Name: "x", Parts: []schema.IndexPart{{Expr: "lower(a)"}}}), "", "no indexes on expressions"},
		"collation":          {index(&schema.Index{Name: "x", Parts: []schema.IndexPart{{Column: "a", Collate: "c"}}}), "no collations", "no collations"},
		"method":             {index(&schema.Index{Name: "x", Method: "gin", Parts: keyParts([]string{"a"})}), "no index type gin", "no index type gin"},
		"unique full text":   {index(&schema.Index{Name: "x", Method: "FULLTEXT", Unique: true, Parts: keyParts([]string{"a"})}), "cannot be both", "cannot be both"},
		"json":               {index(over("x", false, "j")), "cannot be over the json", "cannot be over the json"},
		"long key":           {index(over("x", false, "big")), "4000 bytes", "4000 bytes"},
		"long unique key":    {index(over("x", true, "big")), "4000 bytes", ""},
		"prefix of a number": {index(&schema.Index{Name: "x", Parts: []schema.IndexPart{{Column: "id", Length: 4}}}), "has none", "has none"},
		"many parts":         {index(over("x", false, many(17)...)), "17 columns", ""},
		"support's name": {func(x *schema.Table) {
			fk(schema.ForeignKey{Columns: []string{"id"}})(x)
			index(over("F", false, "a"))(x)
		}, "name of a foreign key", "name of a foreign key"},
		"set default": {fk(schema.ForeignKey{Columns: []string{"id"}, OnDelete: schema.SetDefault}), "SET DEFAULT", "SET DEFAULT"},
		"set null":    {fk(schema.ForeignKey{Columns: []string{"id"}, OnDelete: schema.SetNull}), "NOT NULL", "NOT NULL"},
		"other type":  {fk(schema.ForeignKey{Columns: []string{"a"}}), "of type varchar(20)", "of type varchar(20)"},
		"long row":    {func(x *schema.Table) { x.Columns = append(x.Columns, raw("b", "varchar(15500)")) }, "bytes, and 65535", "bytes, and 65535"},
		"numbering":   {func(x *schema.Table) { x.PrimaryKey = []string{"a"}; x.Columns[0].AutoIncrement = true }, "first in a key", "first in a key"},
		"two numberings": {func(x *schema.Table) {
			x.Columns[0].AutoIncrement = true
			n := raw("n", "int auto_increment")
			x.Columns = append(x.Columns, n)
			index(over("n", false, "n"))(x)
		}, "allows one", "allows one"},
		"check of a numbering": {func(x *schema.Table) {
			x.Columns[0].AutoIncrement = true
			x.Checks = []*schema.Check{{Name: "k", Expr: "id > 1"}}
		}, "numbers rows", "numbers rows"},
		"check of a reference": {func(x *schema.Table) {
			fk(schema.ForeignKey{Columns: []string{"id"}, OnUpdate: schema.Cascade})(x)
			x.Checks = []*schema.Check{{Name: "k", Expr: "id > 1"}}
		}, "changes by itself", ""},
		"blank":        {func(x *schema.Table) { x.Columns[1].Name = "a " }, "ends in a blank", "ends in a blank"},
		"emoji":        {func(x *schema.Table) { x.Columns[1].Name = "a😀" }, "beyond U+FFFF", "beyond U+FFFF"},
		"case":         {func(x *schema.Table) { x.Columns[1].Name = "ID" }, "have one name", "have one name"},
		"too long":     {func(x *schema.Table) { x.Columns[1].Name = strings.Repeat("ü", 65) }, "65 characters", "65 characters"},
		"long unicode": {func(x *schema.Table) { x.Columns[1].Name = strings.Repeat("ü", 64) }, "", ""},
		"fine":         {func(*schema.Table) {}, "", ""},
	} {
		for i, want := range []string{c.mysql, c.maria} {
			got := problems(t, flavours()[i], table(c.change), parent)
			if want == "" {
				assert.Empty(t, got, name)
				continue
			}
			require.Len(t, got, 1, name)
			assert.Contains(t, got[0], want, name)
		}
	}
	// One space of names for foreign keys; on MySQL for checks too.
	a, b := table(fk(schema.ForeignKey{Columns: []string{"id"}})), table(fk(schema.ForeignKey{Columns: []string{"id"}}))
	b.Name = "u"
	a.Checks, b.Checks = []*schema.Check{{Name: "k", Expr: "a > 1"}}, []*schema.Check{{Name: "K", Expr: "a > 1"}}
	assert.Len(t, problems(t, New(), a, b, parent), 2)
	assert.Len(t, problems(t, New(WithMariaDB()), a, b, parent), 1)
}

func TestDescendingIndexesByVersion(t *testing.T) {
	t.Parallel()
	table := &schema.Table{Name: "t", Columns: []*schema.Column{text("a", 20)}, Indexes: []*schema.Index{{Name: "x", Parts: []schema.IndexPart{{Column: "a", Desc: true}}}}}
	for v, want := range map[Server]bool{defaultMySQL(): true, defaultMariaDB(): true, {"mariadb", version(10, 6, 20)}: false} {
		low, err := New(WithServer(v)).Lower(&schema.Schema{Tables: []*schema.Table{table}})
		require.NoError(t, err)
		assert.Equal(t, want, low.Tables[0].Indexes[0].Parts[0].Desc, v.String())
	}
}

// TestFoldedNames: a server that folds the names of tables tells them in lower case
// (lower_case_table_names=1) or as they were made (2), and means the one asked for.
func TestFoldedNames(t *testing.T) {
	t.Parallel()
	asked := []string{"orderLINES", "OrderLines", "users"}
	for _, c := range []struct {
		folds      bool
		told, want string
	}{
		{false, "OrderLines", "OrderLines"},
		{false, "orderlines", ""},
		{true, "orderlines", "orderLINES"},
		{true, "OrderLines", "OrderLines"},
		{true, "USERS", "users"},
		{true, "other", ""},
	} {
		i := &inspection{asked: asked, folds: c.folds}
		assert.Equal(t, c.want, i.promised(c.told), "%v %s", c.folds, c.told)
	}
	assert.Equal(t, "acme", (&session{database: "Acme", folds: true}).lockOwner())
	assert.Equal(t, "Acme", (&session{database: "Acme"}).lockOwner())
}
