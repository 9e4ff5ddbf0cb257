package accessproof

import (
	"bytes"
	"log"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/lockstepdb/lockstep/entities/versions"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// The modules under proof, at the versions whose code is compiled in.
const (
	v1Module = versions.Prefix + "network@v1.2.0"
	v2Module = versions.Prefix + "network/v2@v2.0.0"
)

// tenant is a tenant's database.
type tenant struct {
	engine string
	target string // as lockstep names it
	db     *gorm.DB
}

// eachEngine runs a test on a fresh tenant of every engine at hand.
func eachEngine(t *testing.T, test func(t *testing.T, tn tenant)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t, "sqlite", enginetest.SQLite(t)))
	})
	for engine, servers := range map[string]func(testing.TB) []enginetest.Server{
		"postgres": enginetest.Postgres, "mysql": enginetest.MySQL, "mariadb": enginetest.MariaDB,
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			for _, server := range servers(t) {
				t.Run(server.Name, func(t *testing.T) {
					t.Parallel()
					test(t, connect(t, engine, enginetest.FreshDatabase(t, server)))
				})
			}
		})
	}
}

// connect opens a tenant as a service would: with GORM's dialectors, and no
// setting that access asks for.
func connect(t testing.TB, engine, target string) tenant {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	var dialector gorm.Dialector
	switch engine {
	case "sqlite":
		dialector = sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: "file:" + u.Opaque + u.Path + "?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)"})
	case "postgres":
		dialector = postgres.Open(target)
	default:
		password, _ := u.User.Password()
		dialector = mysql.Open(u.User.Username() + ":" + password + "@tcp(" + u.Host + ")" + u.Path + "?charset=utf8mb4&parseTime=True")
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	pool, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return tenant{engine: engine, target: target, db: db}
}

// binary is the program, built once from this tree. It runs as a process of its
// own, so that this module needs none of the program's libraries.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "accessproof")
	if err != nil {
		log.Fatal(err)
	}
	binary = filepath.Join(dir, "lockstep")
	build := exec.Command("go", "build", "-o", binary, "./cmd/lockstep")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		log.Fatalf("build lockstep: %v\n%s", err, out)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// lockstep is the command line, with the releases of the network example.
type lockstep struct {
	env []string
}

func newLockstep(t testing.TB) lockstep {
	t.Helper()
	dir := t.TempDir()
	proxy := "file://" + filepath.Join(dir, "proxy")
	l := lockstep{env: append(os.Environ(), "LOCKSTEP_SOURCE="+proxy, "LOCKSTEP_CACHE_DIR="+filepath.Join(dir, "cache"), "NO_COLOR=1")}
	all, err := versions.All()
	require.NoError(t, err)
	for _, r := range all {
		if r.Name != "network" {
			continue
		}
		unpacked := filepath.Join(dir, r.Name, r.Version)
		require.NoError(t, r.WriteTo(unpacked))
		l.run(t, "module", "publish", unpacked, r.Version, "--to", proxy)
	}
	return l
}

// run runs a command, insists on its success and returns what it prints.
func (l lockstep) run(t testing.TB, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = l.env, &out, &errs
	require.NoError(t, cmd.Run(), "%s\n%s", out.String(), errs.String())
	return out.String()
}

var digest = regexp.MustCompile(`"digest": *"([^"]+)"`)

// bring brings a tenant to a module's version, as an operator would: preview,
// then execute just that.
func (l lockstep) bring(t testing.TB, tn tenant, module, strategy string) {
	t.Helper()
	args := []string{"--module", module, "--target", tn.target, "--strategy", strategy, "--format", "json"}
	found := digest.FindStringSubmatch(l.run(t, append([]string{"preview"}, args...)...))
	require.NotNil(t, found, "a preview tells its digest")
	l.run(t, append([]string{"execute", "--plan", found[1], "--actor", "proof", "--progress", "none"}, args...)...)
}
