package sqlite

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestTypesAreGORMs holds the table against DataTypeOf of GORM's SQLite
// dialectors (gorm.io/driver/sqlite v1.6.0 and glebarez/sqlite v1.11.0, which
// agree): https://github.com/go-gorm/sqlite/blob/master/sqlite.go
func TestTypesAreGORMs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   schema.Type
		want string
	}{
		{schema.Type{Kind: schema.Bool}, "numeric"},
		{schema.Type{Kind: schema.Int, Bits: 8}, "integer"},
		{schema.Type{Kind: schema.Uint, Bits: 64}, "integer"},
		{schema.Type{Kind: schema.Float, Bits: 32}, "real"},
		{schema.Type{Kind: schema.Decimal, Precision: 10, Scale: 2}, "real"},
		{schema.Type{Kind: schema.String}, "text"},
		{schema.Type{Kind: schema.String, Size: 20}, "text"},
		{schema.Type{Kind: schema.Bytes, Size: 20}, "blob"},
		{schema.Type{Kind: schema.Time, Precision: 3}, "datetime"},
		{schema.Type{Kind: schema.Raw, Raw: "JSON"}, "JSON"},
		{schema.Type{Kind: schema.Raw, Raw: "JSON", Engine: map[string]string{"sqlite": "text", "postgres": "jsonb"}}, "text"},
	} {
		col := &schema.Column{Name: "c", Type: c.in}
		require.Empty(t, lowerType(col))
		assert.Equal(t, c.want, col.Physical, "%+v", c.in)
	}
}

func TestAutoIncrementIsTheWholeKey(t *testing.T) {
	t.Parallel()
	table := &schema.Table{Name: "t", PrimaryKey: []string{"id", "other"}, Columns: []*schema.Column{
		{Name: "id", AutoIncrement: true, Type: schema.Type{Kind: schema.Int, Bits: 64}},
		{Name: "other", Type: schema.Type{Kind: schema.Int, Bits: 64}},
	}}
	low, err := New().Lower(&schema.Schema{Tables: []*schema.Table{table}})
	require.NoError(t, err)
	assert.Equal(t, []string{"id"}, low.Tables[0].PrimaryKey)
	assert.Equal(t, "integer", low.Tables[0].Columns[0].Physical)

	table.Columns[1].AutoIncrement = true
	_, err = New().Lower(&schema.Schema{Tables: []*schema.Table{table}})
	require.Error(t, err)

	table.Columns[1].Type = schema.Type{Kind: schema.Raw, Raw: "bigint"}
	low, err = New().Lower(&schema.Schema{Tables: []*schema.Table{table}})
	require.NoError(t, err)
	assert.Equal(t, "bigint", low.Tables[0].Columns[1].Physical)
	assert.False(t, low.Tables[0].Columns[1].AutoIncrement, "a verbatim type is not numbered")
}

func TestAUniqueKeyIsOne(t *testing.T) {
	t.Parallel()
	unique := func(name, column string) *schema.Index {
		return &schema.Index{Name: name, Unique: true, Constraint: true, Parts: []schema.IndexPart{{Column: column}}}
	}
	low, err := New().Lower(&schema.Schema{Tables: []*schema.Table{{
		Name: "t", PrimaryKey: []string{"id"}, Indexes: []*schema.Index{unique("a", "id"), unique("b", "other")},
		Columns: []*schema.Column{{Name: "id", Type: schema.Type{Kind: schema.String}}, {Name: "other", Type: schema.Type{Kind: schema.String}}},
	}}})
	require.NoError(t, err)
	require.Len(t, low.Tables[0].Indexes, 1)
	assert.Equal(t, "b", low.Tables[0].Indexes[0].Name)
}

func TestParsesWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	p := parseTable("CREATE TABLE IF NOT EXISTS \"odd (name\" ( -- comment, with CHECK (x)\n" +
		"id INTEGER PRIMARY KEY AUTOINCREMENT, [a b] varchar(10) DEFAULT (lower('X')) CONSTRAINT ck CHECK ([a b] <> ')' /* ( */),\n" +
		"p INT CONSTRAINT f1 REFERENCES parents(id) ON DELETE SET NULL ON UPDATE NO ACTION DEFERRABLE INITIALLY DEFERRED UNIQUE,\n" +
		"CONSTRAINT `u``2` UNIQUE (`a b` COLLATE NOCASE DESC, p), CHECK (p > 1 AND (p < 9)),\n" +
		"FOREIGN KEY (p, id) REFERENCES other ON UPDATE CASCADE ON DELETE SET DEFAULT\n) STRICT")
	assert.True(t, p.autoIncrement)
	assert.Equal(t, []*schema.Check{{Name: "ck", Expr: "[a b] <> ')' /* ( */"}, {Expr: "p > 1 AND (p < 9)"}}, p.checks)
	assert.Equal(t, []*schema.ForeignKey{
		{Name: "f1", Columns: []string{"p"}, RefTable: "parents", RefColumns: []string{"id"}, OnDelete: schema.SetNull, Deviation: "deferrable, initially deferred"},
		{Columns: []string{"p", "id"}, RefTable: "other", OnUpdate: schema.Cascade, OnDelete: schema.SetDefault},
	}, p.foreignKeys)
	require.Len(t, p.uniques, 2)
	assert.Empty(t, p.uniques[0].Deviation)
	assert.Equal(t, []schema.IndexPart{{Column: "p"}}, p.uniques[0].Parts)
	assert.Equal(t, "u`2", p.uniques[1].Name)
	assert.Equal(t, []schema.IndexPart{{Column: "a b", Desc: true}, {Column: "p"}}, p.uniques[1].Parts)

	parts, where := indexTexts("CREATE UNIQUE INDEX i ON t (lower(a), b DESC) WHERE b > 3")
	assert.Equal(t, []string{"lower(a)", "b DESC"}, parts)
	assert.Equal(t, "b > 3", where)
}

func TestParsesWhatWeakens(t *testing.T) {
	t.Parallel()
	p := parseTable("CREATE TABLE t (A text COLLATE NOCASE UNIQUE ON CONFLICT REPLACE REFERENCES p (a) MATCH FULL NOT DEFERRABLE INITIALLY DEFERRED, " +
		"b text COLLATE [RTRIM] REFERENCES p DEFERRABLE, c int REFERENCES p DEFERRABLE INITIALLY IMMEDIATE NOT NULL, UNIQUE (b) ON CONFLICT ABORT)")
	assert.Equal(t, map[string]string{"a": "nocase", "b": "rtrim"}, p.collations)
	require.Len(t, p.uniques, 2)
	assert.Equal(t, "on conflict replace", p.uniques[0].Deviation)
	assert.Empty(t, p.uniques[1].Deviation)
	for _, f := range p.foreignKeys {
		assert.Empty(t, f.Deviation, f.Columns)
	}
	require.Len(t, p.foreignKeys, 3)
	for want, phys := range map[string]string{
		"text collate nocase": "TEXT  COLLATE \"NoCase\"", "text": "text COLLATE BINARY", "varchar(10)": "VARCHAR(10)",
	} {
		assert.Equal(t, want, canonicalType(phys))
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add("CREATE TABLE t (a text CHECK (a <> ')'), UNIQUE (a))")
	f.Add("CREATE TABLE t (a REFERENCES p ON DELETE")
	f.Fuzz(func(_ *testing.T, s string) {
		parseTable(s)
		indexTexts(s)
	})
}
