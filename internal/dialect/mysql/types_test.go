package mysql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

func flavours() []*Dialect { return []*Dialect{New(), New(WithMariaDB())} }

// TestTypesAreGORMs holds the table against DataTypeOf of gorm.io/driver/mysql
// v1.6.0 (getSchemaIntAndUnitType, getSchemaStringType and so on).
func TestTypesAreGORMs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   schema.Type
		want string
	}{
		{schema.Type{Kind: schema.Bool}, "boolean"},
		{schema.Type{Kind: schema.Int, Bits: 8}, "tinyint"},
		{schema.Type{Kind: schema.Int, Bits: 16}, "smallint"},
		{schema.Type{Kind: schema.Int, Bits: 24}, "mediumint"},
		{schema.Type{Kind: schema.Int, Bits: 32}, "int"},
		{schema.Type{Kind: schema.Int, Bits: 64}, "bigint"},
		{schema.Type{Kind: schema.Uint, Bits: 8}, "tinyint unsigned"},
		{schema.Type{Kind: schema.Uint, Bits: 64}, "bigint unsigned"},
		{schema.Type{Kind: schema.Float, Bits: 32}, "float"},
		{schema.Type{Kind: schema.Float, Bits: 64}, "double"},
		{schema.Type{Kind: schema.Float, Precision: 10}, "decimal(10,0)"},
		{schema.Type{Kind: schema.Decimal, Precision: 10, Scale: 2}, "decimal(10,2)"},
		{schema.Type{Kind: schema.String}, "longtext"},
		{schema.Type{Kind: schema.String, Size: 20}, "varchar(20)"},
		{schema.Type{Kind: schema.String, Size: 65536}, "mediumtext"},
		{schema.Type{Kind: schema.String, Size: 1<<24 + 1}, "longtext"},
		{schema.Type{Kind: schema.Time}, "datetime(3)"},
		{schema.Type{Kind: schema.Time, Precision: 6}, "datetime(6)"},
		{schema.Type{Kind: schema.Bytes}, "longblob"},
		{schema.Type{Kind: schema.Bytes, Size: 20}, "varbinary(20)"},
		{schema.Type{Kind: schema.Bytes, Size: 65536}, "mediumblob"},
		{schema.Type{Kind: schema.Raw, Raw: "JSON"}, "JSON"},
		{schema.Type{Kind: schema.Raw, Raw: "jsonb", Engine: map[string]string{"mysql": "json"}}, "json"},
	} {
		for _, d := range flavours() {
			col := &schema.Column{Name: "c", Type: c.in}
			require.Empty(t, d.lowerType(col))
			assert.Equal(t, c.want, col.Physical, "%+v", c.in)
		}
	}
	for _, raw := range []string{
		"jsonb", "timestamptz", "nvarchar(MAX)", "text[]", "varchar", "varchar(20000)", "decimal(70,2)", "decimal(5,9)",
		"datetime(7)", "char(300)", "int primary key", "bytea", "",
	} {
		for _, d := range flavours() {
			assert.NotEmpty(t, d.lowerType(&schema.Column{Name: "c", Type: schema.Type{Kind: schema.Raw, Raw: raw}}), raw)
		}
	}
	uuid := schema.Column{Name: "c", Type: schema.Type{Kind: schema.Raw, Raw: "uuid"}}
	assert.NotEmpty(t, New().lowerType(&uuid))
	assert.Empty(t, New(WithMariaDB()).lowerType(&uuid))
	assert.NotEmpty(t, New(WithMariaDB()).At(version(10, 6, 0)).lowerType(&uuid))
}

func TestTypesThatSayMore(t *testing.T) {
	t.Parallel()
	serial := &schema.Column{Name: "c", Nullable: true, Type: schema.Type{Kind: schema.Raw, Raw: "SERIAL"}}
	require.Empty(t, New().lowerType(serial))
	assert.Equal(t, "bigint unsigned", serial.Physical)
	assert.True(t, serial.AutoIncrement)
	assert.False(t, serial.Nullable)
	named := &schema.Column{Name: "c", Nullable: true, Type: schema.Type{Kind: schema.Raw, Raw: "VARCHAR(20) CHARACTER SET ascii NOT NULL"}}
	require.Empty(t, New().lowerType(named))
	assert.Equal(t, "varchar(20) character set ascii", named.Physical)
	assert.False(t, named.Nullable)
}

func TestCanonicalTypes(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"tinyint(1)":                       {"boolean", "BOOL", "tinyint(1)"},
		"tinyint":                          {"tinyint(4)", "tinyint"},
		"tinyint unsigned":                 {"tinyint(1) unsigned", "TINYINT UNSIGNED"},
		"int":                              {"int(11)", "INTEGER", "int4"},
		"bigint unsigned":                  {"bigint(20) unsigned", "bigint unsigned", "serial"},
		"int(5) unsigned zerofill":         {"int(5) zerofill", "int(5) unsigned zerofill"},
		"decimal(10,0)":                    {"decimal", "numeric(10)", "dec(10, 0)"},
		"double":                           {"double precision", "real", "float(53)"},
		"float":                            {"float", "float(10)"},
		"float(10,3)":                      {"float(10, 3)"},
		"varchar(20)":                      {"character varying(20)", "VARCHAR ( 20 )", "nvarchar(20)"},
		"char(1)":                          {"char", "character", "char(1)"},
		"char(0)":                          {"char(0)"},
		"bit(1)":                           {"bit", "bit(1)"},
		"datetime":                         {"datetime(0)", "DATETIME"},
		"datetime(3)":                      {"datetime(3)"},
		"year":                             {"year(4)", "year"},
		"text":                             {"text", "text(1000)"},
		"tinytext":                         {"text(20)"},
		"mediumblob":                       {"blob(70000)", "mediumblob"},
		"enum('A','b''c')":                 {`enum('A', 'b''c')`, `ENUM("A","b'c")`},
		"json":                             {"JSON"},
		"varchar(9) collate utf8mb4_bin":   {"varchar(9) COLLATE utf8mb4_bin"},
		"varchar(9) character set utf8mb3": {"varchar(9) charset utf8"},
		"int generated stored":             {"int GENERATED ALWAYS AS ((a + b)) STORED", "int(11) as (a+b) persistent"},
		"int generated virtual":            {"int as (concat(')', a))"},
	} {
		for _, s := range spellings {
			assert.Equal(t, want, canonicalType(s), s)
		}
	}
	assert.Equal(t, "concat(')', a)", parseType("int as (concat(')', a))").expr)
}

func FuzzParseType(f *testing.F) {
	f.Add("enum('a','b''c') character set latin1 collate x")
	f.Add("int generated always as ((a + ')') virtual not null")
	f.Fuzz(func(t *testing.T, s string) {
		once := canonicalType(s)
		if p := parseType(s); p.rest == "" && p.expr == "" && strings.Trim(p.args, "0123456789,") == "" && !strings.Contains(p.base, "blob") && !strings.Contains(p.base, "text") {
			assert.Equal(t, once, canonicalType(once), "%q", s)
		}
	})
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phys, value string
		expr        bool
		want        string
	}{
		{"int", "7", false, "7"},
		{"int", "x", false, "'x'"},
		{"boolean", "true", false, "true"},
		{"boolean", "1", false, "1"},
		{"varchar(9)", "it's\\", false, `'it''s\\'`},
		{"longtext", "x", false, "('x')"},
		{"json", "{}", false, "('{}')"},
		{"bit(3)", "b'101'", false, "b'101'"},
		{"decimal(9,2)", "1.50", false, "1.50"},
		{"decimal(9,2)", "inf", false, "'inf'"},
		{"varchar(40)", "uuid()", true, "(uuid())"},
		{"varchar(40)", "(uuid())", true, "(uuid())"},
		{"datetime", "NOW()", true, "CURRENT_TIMESTAMP"},
		{"datetime(3)", "CURRENT_TIMESTAMP", true, "CURRENT_TIMESTAMP(3)"},
		{"datetime(3)", "now(6) on update current_timestamp(6)", true, "CURRENT_TIMESTAMP(3)"},
		{"datetime(3)", "NULL", true, "NULL"},
	} {
		col := &schema.Column{Physical: c.phys, Default: &schema.Default{Value: c.value, Expr: c.expr}}
		for _, d := range flavours() {
			assert.Equal(t, c.want, d.defaultText(col), "%+v", c)
		}
	}
	both := &schema.Column{Physical: "timestamp", Default: &schema.Default{Value: "CURRENT_TIMESTAMP ON UPDATE NOW()", Expr: true}}
	assert.Equal(t, "CURRENT_TIMESTAMP", New().onUpdate(both))
	assert.Equal(t, "CURRENT_TIMESTAMP", New(WithMariaDB()).onUpdate(both))
}

func TestServers(t *testing.T) {
	t.Parallel()
	for told, want := range map[string]Server{
		"9.4.0":                     {dialect.MySQL, version(9, 4, 0)},
		"8.0.35-27":                 {dialect.MySQL, version(8, 0, 35)},
		"8.0.32-azure":              {dialect.MySQL, version(8, 0, 32)},
		"10.11.6-MariaDB-0+deb12u1": {dialect.MariaDB, version(10, 11, 6)},
		"5.5.5-10.6.18-MariaDB-log": {dialect.MariaDB, version(10, 6, 18)},
		"11.7.2-MariaDB":            {dialect.MariaDB, version(11, 7, 2)},
		"8.0.mysql_aurora.3.04.0":   {dialect.MySQL, version(8, 0, 0)},
	} {
		assert.Equal(t, want, parseServer(told), told)
	}
	for told, reason := range map[string]string{
		"8.0.11-TiDB-v7.5.0": "ENGINE_UNSUPPORTED", "5.7.44": "ENGINE_TOO_OLD", "10.11.6-MariaDB": "TARGET_ENGINE",
	} {
		_, err := New().admit(told)
		assert.Equal(t, reason, fault.ReasonOf(err), told)
	}
	_, err := New(WithMariaDB()).admit("10.5.9-MariaDB")
	assert.Equal(t, "ENGINE_TOO_OLD", fault.ReasonOf(err))
	_, err = New().admit("8.4.3")
	require.NoError(t, err)
}

func TestHazardsOfTypes(t *testing.T) {
	t.Parallel()
	kinds := func(d *Dialect, from, to string) string {
		r := &render{d: d, name: "t"}
		a, b := &schema.Column{Name: "c", Physical: from}, &schema.Column{Name: "c", Physical: to}
		method, _, _ := strings.Cut(strings.TrimPrefix(d.server.clause(r.retypeMethod(parseType(from), parseType(to))), "ALGORITHM="), ",")
		out := []string{method}
		if r.keeps(a, b) {
			out = append(out, "kept")
		}
		for _, h := range r.retypeHazards(a, b) {
			out = append(out, string(h.Kind))
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ from, to, want string }{
		{"varchar(10)", "varchar(20)", "INPLACE"},
		{"varchar(10)", "varchar(100)", "COPY"}, // its length takes two bytes now
		{"varchar(20)", "varchar(10)", "COPY kept may_fail"},
		{"varchar(10)", "longtext", "COPY"},
		{"longtext", "varchar(191)", "COPY kept may_fail"}, // blanks behind the 191st character go in silence
		{"char(4)", "varchar(40)", "COPY"},
		{"varchar(4)", "char(40)", "COPY kept"},
		{"int", "bigint", "COPY"},
		{"bigint", "int", "COPY may_fail"},
		{"int", "int unsigned", "COPY may_fail"},
		{"int unsigned", "int", "COPY may_fail"},
		{"int unsigned", "bigint", "COPY"},
		{"int", "double", "COPY"},
		{"bigint", "double", "COPY kept"},
		{"bigint", "boolean", "COPY may_fail"},
		{"decimal(10,2)", "decimal(10,1)", "COPY kept"},
		{"decimal(10,2)", "decimal(8,2)", "COPY may_fail"},
		{"double", "bigint", "COPY kept may_fail"},
		{"float", "double", "COPY"},
		{"datetime(3)", "datetime", "COPY kept"},
		{"datetime(3)", "date", "COPY kept"},
		{"datetime", "timestamp", "COPY kept may_fail"},
		{"timestamp", "datetime", "COPY kept"},
		{"datetime", "datetime(6)", "COPY"},
		{"int", "longtext", "COPY"},
		{"longtext", "int", "COPY kept may_fail"},
		{"longtext", "json", "COPY kept may_fail"},
		{"json", "longtext", "COPY kept"},
		{"longtext", "longblob", "COPY may_fail"},
		{"blob", "text", "COPY may_fail"},
		{"enum('a')", "enum('a','b')", "INSTANT"},
		{"enum('a','b')", "enum('a')", "COPY may_fail"},
		{"varchar(9)", "enum('a')", "COPY kept may_fail"},
		{"enum('a')", "varchar(9)", "COPY may_fail"},
	} {
		assert.Equal(t, c.want, kinds(New(), c.from, c.to), "%s to %s", c.from, c.to)
	}
	maria := New(WithMariaDB())
	assert.Equal(t, "INSTANT", kinds(maria, "varchar(10)", "varchar(100)"))
	assert.Equal(t, "COPY", kinds(maria, "json", "longtext"))
}

func TestOptions(t *testing.T) {
	t.Parallel()
	parse := func(raw string) error {
		target, err := dialect.ParseTarget(raw)
		require.NoError(t, err)
		_, err = config(target)
		return err
	}
	for _, good := range []string{"", "tls=preferred&timeout=3s&readTimeout=1m&writeTimeout=1s", "charset=utf8mb4&parseTime=true&loc=Local", "multiStatements=false"} {
		require.NoError(t, parse("mysql://u:secret@h/db?"+good), good)
	}
	for _, bad := range []string{
		"multiStatements=true", "allowAllFiles=true", "charset=latin1", "collation=latin1_bin", "tls=custom", "timeout=soon", "timeout=-1s",
		"sql_mode=ANSI", "allowCleartextPasswords=true", "schema=other", "interpolateParams=false",
	} {
		err := parse("mysql://u:secret@h/db?" + bad)
		require.Error(t, err, bad)
		assert.Equal(t, "TARGET_OPTION_REFUSED", fault.ReasonOf(err))
		assert.NotContains(t, err.Error(), "secret")
	}
	target, err := dialect.ParseTarget("mariadb://u:p%40ss@h/db")
	require.NoError(t, err)
	cfg, err := config(target)
	require.NoError(t, err)
	assert.Equal(t, "h:3306", cfg.Addr)
	assert.Equal(t, "p@ss", cfg.Passwd)
	assert.False(t, cfg.MultiStatements || cfg.AllowAllFiles || cfg.AllowCleartextPasswords)
}

// TestErrorsHoldNoValues: of messages that quote one, the names behind it stay.
func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	for number, message := range map[uint16]string{
		1062: "Duplicate entry 'secret for key x' for key 't.uni'",
		1366: "Incorrect integer value: 'secret' for column 'uni' at row 1",
		1292: "Truncated incorrect INTEGER value: 'secret'",
	} {
		f := New().Classify(serverSays(number, message))
		assert.NotContains(t, f.Error(), "secret")
		assert.Contains(t, f.Detail, "error "+strings.TrimSpace(f.Detail[len(f.Detail)-5:len(f.Detail)-1]))
		if number != 1292 {
			assert.Contains(t, f.Detail, "uni")
		}
	}
}
