package schema_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/schema/schematest"
)

func shuffle(r *rand.Rand, s *schema.Schema) *schema.Schema {
	c := s.Clone()
	r.Shuffle(len(c.Tables), func(i, j int) { c.Tables[i], c.Tables[j] = c.Tables[j], c.Tables[i] })
	for _, t := range c.Tables {
		r.Shuffle(len(t.Columns), func(i, j int) { t.Columns[i], t.Columns[j] = t.Columns[j], t.Columns[i] })
		r.Shuffle(len(t.Indexes), func(i, j int) { t.Indexes[i], t.Indexes[j] = t.Indexes[j], t.Indexes[i] })
		r.Shuffle(len(t.ForeignKeys), func(i, j int) {
			t.ForeignKeys[i], t.ForeignKeys[j] = t.ForeignKeys[j], t.ForeignKeys[i]
		})
	}
	return c
}

func TestFingerprintIgnoresOrderAndProvenance(t *testing.T) {
	for seed := range uint64(200) {
		r := schematest.New(seed)
		s := schematest.Random(r, 5)
		p := shuffle(r, s)
		for _, table := range p.Tables {
			table.Origin = schema.Origin{Module: "example.com/x", Line: 7}
			table.RenamedFrom = []string{"before"}
		}
		require.Equal(t, s.Fingerprint(), p.Fingerprint(), "seed %d", seed)
	}
}

// Each edit is something a database could tell apart, or the neutral type.
func TestFingerprintSeesEveryDifference(t *testing.T) {
	base := func() *schema.Schema {
		return &schema.Schema{Engine: "postgres", Mapping: 1, Tables: []*schema.Table{{
			Name: "a", Columns: []*schema.Column{
				{Name: "id", Type: schema.Type{Kind: schema.Int, Bits: 64}, Physical: "bigint"},
				{Name: "b", Type: schema.Type{Kind: schema.String, Size: 10}, Physical: "varchar(10)", Default: &schema.Default{Value: "x"}},
			},
			PrimaryKey:  []string{"id"},
			Indexes:     []*schema.Index{{Name: "i", Parts: []schema.IndexPart{{Column: "b"}, {Column: "id"}}}},
			ForeignKeys: []*schema.ForeignKey{{Name: "f", Columns: []string{"b"}, RefTable: "a", RefColumns: []string{"id"}}},
			Checks:      []*schema.Check{{Name: "k", Expr: "b <> ''"}},
		}}}
	}
	edits := map[string]func(s *schema.Schema, t *schema.Table){
		"engine":        func(s *schema.Schema, _ *schema.Table) { s.Engine = "sqlite" },
		"mapping":       func(s *schema.Schema, _ *schema.Table) { s.Mapping = 2 },
		"table name":    func(_ *schema.Schema, t *schema.Table) { t.Name = "A" },
		"table comment": func(_ *schema.Schema, t *schema.Table) { t.Comment = "c" },
		"column name":   func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Name = "c" },
		"kind":          func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type.Kind = schema.Bytes },
		"bits":          func(_ *schema.Schema, t *schema.Table) { t.Columns[0].Type.Bits = 32 },
		"size":          func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type.Size = 11 },
		"precision":     func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type.Precision = 1 },
		"scale":         func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type.Scale = 1 },
		"raw":           func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type.Raw = "x" },
		"engine type":   func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Type.Engine = map[string]string{"mysql": "x"} },
		"physical":      func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Physical = "text" },
		"nullable":      func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Nullable = true },
		"no default":    func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Default = nil },
		"default":       func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Default.Value = "y" },
		"default expr":  func(_ *schema.Schema, t *schema.Table) { t.Columns[1].Default.Expr = true },
		"default engine": func(_ *schema.Schema, t *schema.Table) {
			t.Columns[1].Default.Engine = map[string]string{"mysql": "'x'"}
		},
		"default engine text": func(_ *schema.Schema, t *schema.Table) {
			t.Columns[1].Default.Engine = map[string]string{"mysql": "'y'"}
		},
		"auto increment":   func(_ *schema.Schema, t *schema.Table) { t.Columns[0].AutoIncrement = true },
		"column comment":   func(_ *schema.Schema, t *schema.Table) { t.Columns[0].Comment = "c" },
		"primary key":      func(_ *schema.Schema, t *schema.Table) { t.PrimaryKey = []string{"id", "b"} },
		"index name":       func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Name = "j" },
		"index unique":     func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Unique = true },
		"index constraint": func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Constraint = true },
		"index order": func(_ *schema.Schema, t *schema.Table) {
			p := t.Indexes[0].Parts
			p[0], p[1] = p[1], p[0]
		},
		"index desc":      func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Parts[0].Desc = true },
		"index length":    func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Parts[0].Length = 3 },
		"index where":     func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Where = "b > 1" },
		"index method":    func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Method = "hash" },
		"index comment":   func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Comment = "c" },
		"key name":        func(_ *schema.Schema, t *schema.Table) { t.ForeignKeys[0].Name = "g" },
		"key table":       func(_ *schema.Schema, t *schema.Table) { t.ForeignKeys[0].RefTable = "z" },
		"key action":      func(_ *schema.Schema, t *schema.Table) { t.ForeignKeys[0].OnDelete = schema.Cascade },
		"key update":      func(_ *schema.Schema, t *schema.Table) { t.ForeignKeys[0].OnUpdate = schema.Cascade },
		"check name":      func(_ *schema.Schema, t *schema.Table) { t.Checks[0].Name = "l" },
		"check text":      func(_ *schema.Schema, t *schema.Table) { t.Checks[0].Expr = "b <> 'x'" },
		"index deviation": func(_ *schema.Schema, t *schema.Table) { t.Indexes[0].Deviation = "invalid" },
		"key deviation":   func(_ *schema.Schema, t *schema.Table) { t.ForeignKeys[0].Deviation = "not valid" },
		"check deviation": func(_ *schema.Schema, t *schema.Table) { t.Checks[0].Deviation = "not valid" },
		// The writer puts lengths in front of texts, so moving text between
		// neighbouring fields is a difference.
		"shifted text": func(_ *schema.Schema, t *schema.Table) { t.Checks[0].Name, t.Checks[0].Expr = "kb", " <> ''" },
	}
	seen := map[string]string{base().Fingerprint(): "unchanged"}
	for name, edit := range edits {
		s := base()
		edit(s, s.Tables[0])
		f := s.Fingerprint()
		assert.Empty(t, seen[f], "%s has the fingerprint of %s", name, seen[f])
		seen[f] = name
	}
}

func TestDecodeOfEncodeIsIdentity(t *testing.T) {
	for seed := range uint64(100) {
		s := schematest.Random(schematest.New(seed), 5)
		s.Engine, s.Mapping = "sqlite", 1
		data, err := s.Encode()
		require.NoError(t, err)
		back, err := schema.Decode(data)
		require.NoError(t, err)
		require.Equal(t, s.Fingerprint(), back.Fingerprint(), "seed %d", seed)
		again, err := back.Encode()
		require.NoError(t, err)
		require.Equal(t, string(data), string(again), "seed %d", seed)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, data string
		kind       fault.Kind
	}{
		{"no JSON", `{`, fault.Corrupt},
		{"no format", `{"tables":[]}`, fault.Corrupt},
		{"an empty table", `{"format":1,"tables":[null]}`, fault.Corrupt},
		{"a newer format", `{"format":99,"tables":[]}`, fault.Unsupported},
	} {
		_, err := schema.Decode([]byte(c.data))
		require.Error(t, err, c.name)
		assert.Equal(t, c.kind, fault.KindOf(err), c.name)
	}
}

func TestRewriteIdentifier(t *testing.T) {
	for _, c := range []struct{ expr, want string }{
		{"age > 3", "years > 3"},
		{"page > 3 and aged", "page > 3 and aged"},
		{`"age" > 3 AND name <> 'age'`, `"years" > 3 AND name <> 'age'`},
		{"`age`+[age]", "`years`+[years]"},
		{"note <> 'it''s age'", "note <> 'it''s age'"},
		{"'unclosed age", "'unclosed age"},
		{"", ""},
	} {
		assert.Equal(t, c.want, schema.RewriteIdentifier(c.expr, "age", "years"))
	}
	assert.Equal(t, "[b]]] > 1 AND \"a\"\"\" > 2", schema.RewriteIdentifier("[a]]] > 1 AND \"a\"\"\" > 2", "a]", "b]"))
	assert.Equal(t, `"b""" > 2`, schema.RewriteIdentifier(`"a""" > 2`, `a"`, `b"`))
	assert.Equal(t, "[a]]", schema.RewriteIdentifier("[a]]", "a]", "b"), "not closed")
	assert.True(t, schema.MentionsIdentifier("lower(Email) = 'x'", "email"))
	assert.False(t, schema.MentionsIdentifier("lower(mail) = 'email'", "email"))
}

func FuzzRewriteIdentifier(f *testing.F) {
	f.Add(`a > 'b' AND "c"`, "a")
	f.Add("[a", "a")
	f.Add("[a]]", "a]")
	f.Add("''", "")
	f.Fuzz(func(t *testing.T, expr, name string) {
		if got := schema.RewriteIdentifier(expr, name, name); got != expr {
			t.Errorf("renaming %q to itself changed %q to %q", name, expr, got)
		}
	})
}

// TestDefaultFor settles the default of one engine.
func TestDefaultFor(t *testing.T) {
	d := &schema.Default{Value: "x", Engine: map[string]string{"mysql": "(uuid())", "sqlite": "'it''s'", "mariadb": "-1.5", "postgres": "'a' || 'b'"}}
	assert.Equal(t, &schema.Default{Value: "(uuid())", Expr: true}, d.For("mysql"))
	assert.Equal(t, &schema.Default{Value: "it's"}, d.For("sqlite"))
	assert.Equal(t, &schema.Default{Value: "-1.5"}, d.For("mariadb"))
	assert.Equal(t, &schema.Default{Value: "'a' || 'b'", Expr: true}, d.For("postgres"))
	assert.Equal(t, &schema.Default{Value: "x"}, d.For("sqlserver"))
	only := &schema.Default{Expr: true, Engine: map[string]string{"mysql": "0"}}
	assert.Nil(t, only.For("sqlite"))
	assert.Equal(t, &schema.Default{Value: "0"}, only.For("mysql"))
	assert.Nil(t, (*schema.Default)(nil).For("mysql"))
	assert.False(t, d.Equal(only))
	assert.True(t, d.Equal((&schema.Column{Default: d}).Clone().Default))
}
