package postgres

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestTypesAreGORMs holds the table against DataTypeOf of gorm.io/driver/postgres
// v1.6.3 (getSchemaBaseType, getSchemaIntType, getSchemaCustomType). An
// auto-increment column is spelled as a serial when it is created.
func TestTypesAreGORMs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   schema.Type
		auto bool
		want string
	}{
		{schema.Type{Kind: schema.Bool}, false, "boolean"},
		{schema.Type{Kind: schema.Int, Bits: 8}, false, "smallint"},
		{schema.Type{Kind: schema.Int, Bits: 16}, false, "smallint"},
		{schema.Type{Kind: schema.Int, Bits: 32}, false, "integer"},
		{schema.Type{Kind: schema.Int, Bits: 64}, false, "bigint"},
		{schema.Type{Kind: schema.Uint, Bits: 8}, false, "smallint"},
		{schema.Type{Kind: schema.Uint, Bits: 16}, false, "integer"},
		{schema.Type{Kind: schema.Uint, Bits: 32}, false, "bigint"},
		{schema.Type{Kind: schema.Uint, Bits: 64}, false, "bigint"},
		{schema.Type{Kind: schema.Int, Bits: 16}, true, "smallserial"},
		{schema.Type{Kind: schema.Int, Bits: 32}, true, "serial"},
		{schema.Type{Kind: schema.Uint, Bits: 32}, true, "bigserial"},
		{schema.Type{Kind: schema.Raw, Raw: "serial4"}, false, "serial"},
		{schema.Type{Kind: schema.Raw, Raw: "int8"}, true, "bigserial"},
		{schema.Type{Kind: schema.Float, Bits: 64}, false, "decimal"},
		{schema.Type{Kind: schema.Float, Precision: 10}, false, "numeric(10)"},
		{schema.Type{Kind: schema.Decimal, Precision: 10, Scale: 2}, false, "numeric(10,2)"},
		{schema.Type{Kind: schema.String}, false, "text"},
		{schema.Type{Kind: schema.String, Size: 20}, false, "varchar(20)"},
		{schema.Type{Kind: schema.String, Size: maxVarchar + 1}, false, "text"},
		{schema.Type{Kind: schema.Time}, false, "timestamptz"},
		{schema.Type{Kind: schema.Time, Precision: 3}, false, "timestamptz(3)"},
		{schema.Type{Kind: schema.Bytes}, false, "bytea"},
		{schema.Type{Kind: schema.Raw, Raw: "JSONB"}, false, "JSONB"},
		{schema.Type{Kind: schema.Raw, Raw: "datetime", Engine: map[string]string{"postgres": "timestamp"}}, false, "timestamp"},
	} {
		col := &schema.Column{Name: "c", Type: c.in, AutoIncrement: c.auto}
		require.Empty(t, lowerType(col))
		assert.Equal(t, c.want, columnType(col), "%+v", c.in)
	}
	assert.NotEmpty(t, lowerType(&schema.Column{Name: "c", Type: schema.Type{Kind: schema.Raw, Raw: "datetime(3)"}}))
	assert.NotEmpty(t, lowerType(&schema.Column{Name: "c", Type: schema.Type{Kind: "odd"}}))
}

func TestCanonicalTypes(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"varchar(20)":      {"character varying(20)", "VARCHAR ( 20 )", "varchar(20)"},
		"varchar":          {"character varying", "varchar"},
		"char(1)":          {"character(1)", "char", "CHARACTER"},
		"bigint":           {"int8", "BIGINT", "bigserial"},
		"integer":          {"int", "int4", "serial"},
		"numeric(10,0)":    {"decimal(10)", "numeric(10,0)"},
		"numeric(10,2)":    {"numeric(10, 2)", "DECIMAL(10,2)"},
		"numeric":          {"decimal", "numeric"},
		"timestamptz(3)":   {"timestamp(3) with time zone", "timestamptz(3)"},
		"timestamptz":      {"timestamp with time zone"},
		"timestamp":        {"timestamp without time zone", "timestamp"},
		"time(6)":          {"time(6) without time zone"},
		"double precision": {"float8", "float", "float(53)"},
		"real":             {"float4", "float(24)"},
		"text[]":           {"text[]", "TEXT [3]"},
		"varchar(3)[][]":   {"character varying(3)[][]"},
		`"My Type"`:        {`"My Type"`},
		"jsonb":            {"JSONB"},
	} {
		for _, s := range spellings {
			assert.Equal(t, want, canonicalType(s), s)
		}
	}
}

// TestObjectNames are names that PostgreSQL itself gave.
func TestObjectNames(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "users_pkey", pkeyName("users"))
	assert.Equal(t, "users_id_seq", sequenceName("users", "id"))
	long := strings.Repeat("a", 40)
	assert.Equal(t, strings.Repeat("a", 29)+"_"+strings.Repeat("a", 29)+"_seq", sequenceName(long, long))
	assert.Equal(t, strings.Repeat("a", 58)+"_pkey", pkeyName(strings.Repeat("a", 63)))
	assert.Equal(t, strings.Repeat("ü", 29)+"_pkey", pkeyName(strings.Repeat("ü", 31)))
}

func TestConversions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, want string }{
		{"varchar(10)", "varchar(5)", ""},
		{"text", "varchar(5)", ""},
		{"integer", "bigint", ""},
		{"timestamptz", "date", ""},
		{"jsonb", "text", ""},
		{"text", "integer", `"c"::integer`},
		{"integer", "boolean", `"c" <> 0`},
		{"boolean", "bigint", `"c"::integer::bigint`},
		{"text", "bytea", `convert_to("c", 'UTF8')`},
		{"bytea", "text", `convert_from("c", 'UTF8')`},
	} {
		assert.Equal(t, c.want, using("c", c.from, c.to), "%s to %s", c.from, c.to)
	}
}

func TestHazardsOfTypes(t *testing.T) {
	t.Parallel()
	kinds := func(from, to string) string {
		var out []string
		for _, h := range retypeHazards("t", "c", from, to) {
			out = append(out, string(h.Kind))
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ from, to, want string }{
		{"varchar(10)", "varchar(20)", ""},
		{"varchar(10)", "text", ""},
		{"varchar(20)", "varchar(10)", "rewrite may_fail"},
		{"text", "varchar(10)", "rewrite may_fail"},
		{"numeric(10,2)", "numeric(12,2)", ""},
		{"numeric(10,2)", "numeric(10,1)", "rewrite data_loss"},
		{"numeric(10,2)", "numeric(8,2)", "rewrite may_fail"},
		{"integer", "bigint", "rewrite"},
		{"bigint", "integer", "rewrite may_fail"},
		{"numeric", "bigint", "rewrite data_loss may_fail"},
		{"integer", "text", "rewrite"},
		{"text", "integer", "rewrite may_fail"},
		{"timestamptz(3)", "timestamptz(6)", ""},
		{"timestamptz", "date", "rewrite data_loss"},
	} {
		assert.Equal(t, c.want, kinds(c.from, c.to), "%s to %s", c.from, c.to)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	parse := func(raw string) error {
		target, err := dialect.ParseTarget(raw)
		require.NoError(t, err)
		_, err = config(target)
		return err
	}
	require.NoError(t, parse("postgres://u:secret@h/db?sslmode=disable&connect_timeout=3"))
	for _, bad := range []string{"sslcert=/etc/passwd", "sslrootcert=x", "passfile=/x", "search_path=other", "options=-csearch_path=x", "sslmode=nonsense"} {
		err := parse("postgres://u:secret@h/db?" + bad)
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), "secret")
	}
	target, err := dialect.ParseTarget(`postgres://u:secret@h:5432/db?schema=My"Schema`)
	require.NoError(t, err)
	cfg, err := config(target)
	require.NoError(t, err)
	assert.Equal(t, `"My""Schema"`, cfg.RuntimeParams["search_path"])
	assert.Equal(t, "secret", cfg.Password)
	assert.Equal(t, dialect.Version{Major: 15, Minor: 18}, parseVersion("15.18 (Debian 15.18-0+deb12u1)"))
	assert.Equal(t, dialect.Version{Major: 19}, parseVersion("19beta1"))
}
