package enginetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigured(t *testing.T) {
	got := configured([]string{
		"LOCKSTEP_TEST_POSTGRES18_DSN=postgres://h/18",
		"LOCKSTEP_TEST_POSTGRES15_DSN=postgres://h/15",
		"LOCKSTEP_TEST_MYSQL_DSN=mysql://h/",
		"LOCKSTEP_TEST_POSTGRES_DSN=",
		"HOME=/",
	}, "postgres")
	require.Equal(t, []Server{
		{Engine: "postgres", Name: "postgres15", DSN: "postgres://h/15"},
		{Engine: "postgres", Name: "postgres18", DSN: "postgres://h/18"},
	}, got)
}

func TestMissing(t *testing.T) {
	have := []Server{{Engine: "postgres", Name: "postgres15"}}
	require.Empty(t, missing("", "postgres", nil))
	require.Empty(t, missing("sqlite,mysql", "postgres", nil))
	require.Empty(t, missing("sqlite, Postgres", "postgres", have))
	require.Equal(t, []string{"postgres"}, missing("sqlite,postgres", "postgres", nil))
	require.Equal(t, []string{"postgres18"}, missing("postgres15,postgres18", "postgres", have))
}

func TestSQLiteIsFresh(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	t.Setenv(LogEnv, log)
	recorded.Clear()
	target := SQLite(t)
	db := Connect(t, target)
	_, err := db.ExecContext(t.Context(), "CREATE TABLE a (b integer)")
	require.NoError(t, err)
	require.FileExists(t, strings.TrimPrefix(target, "sqlite:"))
	data, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Regexp(t, `^used\tsqlite 3\.\d+\.\d+\n$`, string(data))
}

func TestFreshOnPostgres(t *testing.T) {
	for _, s := range Postgres(t) {
		t.Run(s.Name, func(t *testing.T) {
			admin := Connect(t, s.DSN)
			var inDatabase, inSchema, missing string
			t.Run("used", func(t *testing.T) {
				count := func(target string) (name, space string) {
					db := Connect(t, target)
					_, err := db.ExecContext(t.Context(), "CREATE TABLE a (b integer)")
					require.NoError(t, err)
					require.NoError(t, db.QueryRowContext(t.Context(), "SELECT current_database(), current_schema()").Scan(&name, &space))
					return name, space
				}
				var space string
				inDatabase, space = count(FreshDatabase(t, s))
				require.Equal(t, "public", space)
				_, inSchema = count(FreshSchema(t, s))
				missing, _ = UnusedSchema(t, s)
			})
			var databases, schemas int
			require.NoError(t, admin.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_database WHERE datname = $1", inDatabase).Scan(&databases))
			require.NoError(t, admin.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname IN ($1, $2)", inSchema, missing).Scan(&schemas))
			require.Zero(t, databases+schemas, "what a test made is gone when it ends")
		})
	}
}
