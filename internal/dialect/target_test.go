package dialect_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	gormschema "gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		engine                             dialect.Engine
		host, user, database, schema, text string
	}{
		"postgres://u:secret@h:5432/db?schema=acme&sslmode=disable": {dialect.Postgres, "h:5432", "u", "db", "acme", "postgres://h:5432/db?schema=acme"},
		"postgresql://h/db":                       {dialect.Postgres, "h", "", "db", "", "postgres://h/db"},
		"mysql://u:secret@h/db":                   {dialect.MySQL, "h", "u", "db", "", "mysql://h/db"},
		"mariadb://h/db":                          {dialect.MariaDB, "h", "", "db", "", "mariadb://h/db"},
		"sqlserver://h:1433?database=db&schema=s": {dialect.SQLServer, "h:1433", "", "db", "s", "sqlserver://h:1433/db?schema=s"},
		"sqlite:///abs/path.db":                   {dialect.SQLite, "", "", "/abs/path.db", "", "sqlite:/abs/path.db"},
		"sqlite:relative.db":                      {dialect.SQLite, "", "", "relative.db", "", "sqlite:relative.db"},
		"sqlite:dir/../x.db":                      {dialect.SQLite, "", "", "x.db", "", "sqlite:x.db"},
		"sqlite:./x%20y.db":                       {dialect.SQLite, "", "", "x y.db", "", "sqlite:x y.db"},
	} {
		got, err := dialect.ParseTarget(raw)
		require.NoError(t, err, raw)
		assert.Equal(t, want.engine, got.Engine, raw)
		assert.Equal(t, want.host, got.Host, raw)
		assert.Equal(t, want.user, got.User, raw)
		assert.Equal(t, want.database, got.Database, raw)
		assert.Equal(t, want.schema, got.Schema, raw)
		assert.Equal(t, want.text, got.String(), raw)
		assert.NotContains(t, got.Options, "schema", raw)
	}
}

func TestTargetsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"", "db", "oracle://h/db", "postgres://h", "postgres:///db", "sqlite:", "sqlite:x.db?schema=a",
		"postgres://u:secret@h:port/db", "postgres://u:secret@h/%zz", "\x00secret",
	} {
		_, err := dialect.ParseTarget(raw)
		require.Error(t, err, raw)
		assert.Equal(t, fault.Invalid, fault.KindOf(err), raw)
		assert.NotContains(t, err.Error(), "secret")
		assert.NotEmpty(t, fault.As(err).Suggestion)
	}
}

func TestNoPrintingShowsTheSecret(t *testing.T) {
	t.Parallel()
	target, err := dialect.ParseTarget("postgres://user:hunter2@h/db?password=hunter2&sslmode=disable")
	require.NoError(t, err)
	assert.Equal(t, "hunter2", target.Password())
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).InfoContext(t.Context(), "x", "target", target, "pointer", &target)
	encoded, err := json.Marshal(map[string]any{"value": target, "pointer": &target})
	require.NoError(t, err)
	for _, out := range []string{
		target.String(), fmt.Sprint(target), fmt.Sprintf("%v %+v %#v %s %q", target, target, target, target, target),
		fmt.Sprintf("%v %+v %#v", &target, &target, &target), fmt.Sprintf("%v", []dialect.Target{target}),
		fmt.Sprintf("%+v", struct{ T dialect.Target }{target}), log.String(), string(encoded),
	} {
		assert.NotContains(t, out, "hunter2")
	}
}

func TestCutName(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "short", dialect.CutName("short", 64))
	long := "idx_" + strings.Repeat("t", 40) + "_" + strings.Repeat("x", 40)
	for _, limit := range []int{63, 64} {
		gorm := gormschema.NamingStrategy{IdentifierMaxLength: limit}
		assert.Equal(t, gorm.IndexName(strings.Repeat("t", 40), strings.Repeat("x", 40)), dialect.CutName(long, limit))
	}
	assert.Len(t, dialect.CutName(long, 63), 63)
	assert.NotEqual(t, dialect.CutName(long, 63), dialect.CutName(long+"y", 63))
	umlauts := strings.Repeat("ü", 60)
	assert.True(t, strings.HasPrefix(umlauts, dialect.CutName(umlauts, 63)[:54]))
	assert.LessOrEqual(t, len(dialect.CutName(umlauts, 63)), 63)
}
