package dialect_test

import (
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// shell finds an engine's own shell, or skips.
func shell(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: the script for %s, which is not installed", name)
	}
	return path
}

func TestScriptRunsInPsql(t *testing.T) {
	t.Parallel()
	psql := shell(t, "psql")
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			name, raw := enginetest.UnusedSchema(t, server)
			target, err := dialect.ParseTarget(raw)
			require.NoError(t, err)
			u, err := url.Parse(server.DSN)
			require.NoError(t, err)
			run := func(statements ...string) (string, error) {
				cmd := exec.CommandContext(t.Context(), psql, "-X", "-q", u.String())
				cmd.Stdin = strings.NewReader(postgres.New().Script(target, statements))
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			out, err := run(`CREATE TABLE "t" ("a" text DEFAULT 'it''s\')`, `INSERT INTO "t" DEFAULT VALUES`)
			require.NoError(t, err, out)
			db := enginetest.Connect(t, raw)
			var got string
			require.NoError(t, db.QueryRowContext(t.Context(), `SELECT a FROM "`+name+`"."t"`).Scan(&got))
			assert.Equal(t, `it's\`, got)

			out, err = run(`CREATE TABLE "u" ("a" text)`, `CREATE TABLE "t" ("a" text)`)
			require.Error(t, err, "it stops at an error: %s", out)
			require.Error(t, db.QueryRowContext(t.Context(), `SELECT a FROM u`).Scan(&got), "and leaves nothing behind")
		})
	}
}

func TestScriptRunsInTheMySQLClient(t *testing.T) {
	t.Parallel()
	client := shell(t, "mysql")
	for _, engine := range []string{"mysql", "mariadb"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for _, server := range enginetest.Servers(t, engine) {
				name, raw := enginetest.UnusedDatabase(t, server)
				target, err := dialect.ParseTarget(raw)
				require.NoError(t, err)
				u, err := url.Parse(server.DSN)
				require.NoError(t, err)
				run := func(statements ...string) (string, error) {
					args := []string{"--no-defaults", "-h", u.Hostname(), "-P", u.Port(), "-u", u.User.Username()}
					cmd := exec.CommandContext(t.Context(), client, args...)
					cmd.Stdin = strings.NewReader("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';\n" + mysql.New().Script(target, statements))
					out, err := cmd.CombinedOutput()
					return string(out), err
				}
				out, err := run("CREATE TABLE `t;` (`a` varchar(9) DEFAULT 'it''s\\\\')", "INSERT INTO `t;` VALUES ()")
				require.NoError(t, err, out)
				db := enginetest.Connect(t, raw)
				var got string
				require.NoError(t, db.QueryRowContext(t.Context(), `SELECT a FROM "`+name+`"."t;"`).Scan(&got))
				assert.Equal(t, `it's\`, got)
				out, err = run("CREATE TABLE `t;` (`a` int)", "CREATE TABLE `u` (`a` int)")
				require.Error(t, err, "it stops at an error: %s", out)
				require.Error(t, db.QueryRowContext(t.Context(), `SELECT a FROM u`).Scan(&got), "and goes no further")
			}
		})
	}
}

func TestScriptRunsInTheSQLiteShell(t *testing.T) {
	t.Parallel()
	path := shell(t, "sqlite3")
	file := filepath.Join(t.TempDir(), "x.db")
	run := func(statements ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), path, file)
		cmd.Stdin = strings.NewReader(sqlite.New().Script(dialect.Target{}, statements))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := run("CREATE TABLE p (id integer PRIMARY KEY)", "CREATE TABLE c (p integer REFERENCES p(id))",
		"INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (1)")
	require.NoError(t, err, out)
	out, err = run("CREATE TABLE n (a text)", "CREATE TEMP TRIGGER g BEFORE INSERT ON n WHEN NEW.a = 'x' BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TABLE p")
	require.Error(t, err, "rows that refer to nothing stop it: %s", out)
	out, err = run("CREATE TABLE n (a text)", "CREATE TABLE p (a text)")
	require.Error(t, err, "an error stops it: %s", out)
	out, err = run("CREATE TABLE n (a text)")
	require.NoError(t, err, "nothing was left behind: %s", out)

	copied := []string{
		"CREATE TABLE `lockstep_new_n` (a text, b text)", "INSERT INTO `lockstep_new_n` (a) SELECT a FROM `n`", "DROP TABLE `n`",
		"PRAGMA legacy_alter_table=ON", "ALTER TABLE `lockstep_new_n` RENAME TO `n`", "PRAGMA legacy_alter_table=OFF",
	}
	out, err = run("CREATE TRIGGER mine AFTER INSERT ON n BEGIN DELETE FROM c; END")
	require.NoError(t, err, out)
	out, err = run(copied...)
	require.Error(t, err, "a copy that would lose a trigger stops it: %s", out)
	assert.Contains(t, out, "triggers")
	out, err = run("DROP TRIGGER mine", copied[0], copied[1], copied[2], copied[3], copied[4], copied[5])
	require.NoError(t, err, "it was still there: %s", out)
}
