package migrate_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// upper are versions of the shop whose tables and columns have upper case in their
// names; the last cannot be, for the rows of the test.
var upper = map[string]string{
	"v1.0.0": `package shop

type Customer struct {
	ID   uint64 ` + "`gorm:\"column:ID\"`" + `
	Mail string ` + "`gorm:\"column:Mail;size:100;index\"`" + `
}

func (Customer) TableName() string { return "Customers" }

type Line struct {
	ID         uint64
	CustomerID *uint64   ` + "`gorm:\"column:CustomerID\"`" + `
	Customer   *Customer ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
	Amount     string    ` + "`gorm:\"column:Amount;size:20\"`" + `
	Gone       string    ` + "`gorm:\"size:20\"`" + `
}

func (Line) TableName() string { return "OrderLines" }

type Old struct {
	ID uint64
}

func (Old) TableName() string { return "OldThings" }
`,
	"v1.1.0": `package shop

type Customer struct {
	ID   uint64 ` + "`gorm:\"column:ID\"`" + `
	Mail string ` + "`gorm:\"column:Mail;size:200;not null;index\"`" + `
	City string ` + "`gorm:\"column:City;size:50;default:none;uniqueIndex\"`" + `
}

func (Customer) TableName() string { return "Customers" }

//lockstep:renamed_from OrderLines
type Line struct {
	ID         uint64
	CustomerID *uint64   ` + "`gorm:\"column:CustomerID\"`" + `
	Customer   *Customer ` + "`gorm:\"constraint:OnDelete:CASCADE\"`" + `
	Amount     int64     ` + "`gorm:\"column:Amount\"`" + `
}

func (Line) TableName() string { return "orderLINES" }
`,
}

// TestUpperCase tells the life of a tenant whose tables have upper case in their
// names, on each engine, and on a server that folds them.
func TestUpperCase(t *testing.T) {
	proxy := "file://" + filepath.Join(t.TempDir(), "proxy")
	for version, source := range upper {
		publishModule(t, proxy, shop, version, source)
	}
	publishModule(t, proxy, shop, "v1.2.0", strings.ReplaceAll(upper["v1.1.0"], ";uniqueIndex", ""))
	eachEngine(t, func(t *testing.T, l lab) { upperCase(t, proxy, l.fresh(t)) })
	t.Run("folding", func(t *testing.T) { upperCase(t, proxy, foldingTenant(t)) })
}

func upperCase(t *testing.T, proxy, url string) {
	t.Helper()
	s := newService(t, proxy, nil)
	const lines = `SELECT id, "CustomerID", "Amount" FROM "OrderLines" ORDER BY id`
	settled := func(version string) {
		t.Helper()
		p, err := s.Preview(t.Context(), request(t, url, version, strategy.Full))
		require.NoError(t, err)
		require.Empty(t, p.Plan.Statements, "planned again")
		require.Empty(t, p.Warnings)
		report := drift(t, s, url)
		require.Empty(t, report.Differences)
		require.Empty(t, report.Unowned)
	}
	mustExecute(t, s, url, "v1.0.0", strategy.Safe)
	settled("v1.0.0")
	run(t, url, `INSERT INTO "Customers" ("ID", "Mail") VALUES (1, 'a@x'), (2, 'b@x')`,
		`INSERT INTO "OrderLines" (id, "CustomerID", "Amount", gone) VALUES (1, 1, '007', 'x'), (2, 2, '8', 'y')`, `INSERT INTO "OldThings" VALUES (7)`)

	_, err := execute(t, s, url, "v1.1.0", strategy.Full)
	require.Equal(t, "DATA_DUPLICATE", fault.ReasonOf(err), "%v", err)
	settled("v1.0.0")
	require.Equal(t, "1 1 007\n2 2 8\n", query(t, url, lines))

	p, err := s.Preview(t.Context(), request(t, url, "v1.2.0", strategy.Full))
	require.NoError(t, err)
	assert.Contains(t, p.Sizes, "Customers")
	assert.Contains(t, p.Sizes, "OldThings")
	for n := 0; ; n++ {
		alters := func(o faultdb.Op) bool { return strings.HasPrefix(o.SQL, "ALTER TABLE") }
		plan := &faultdb.Plan{FailAt: n, Only: alters, Mode: faultdb.ErrorAfter}
		faulty := newService(t, proxy, func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) })
		r, err := execute(t, faulty, url, "v1.2.0", strategy.Full)
		if err == nil {
			require.Equal(t, migrate.OutcomeApplied, r.Outcome)
			break
		}
		require.True(t, fault.As(err).RolledBack, "%v", err)
		settled("v1.0.0")
		require.Equal(t, "1 1 007\n2 2 8\n", query(t, url, lines))
	}
	settled("v1.2.0")
	require.Equal(t, "1 1 7\n2 2 8\n", query(t, url, strings.ReplaceAll(lines, "OrderLines", "orderLINES")))

	_, err = s.Adopt(t.Context(), migrate.AdoptRequest{Modules: request(t, url, "v1.2.0", strategy.Full).Modules, Target: target(t, url), Actor: "tester", Again: true})
	require.NoError(t, err)
	revert(t, s, url, 1, strategy.Full)
	settled("v1.0.0")
	require.Equal(t, "1 1 7\n2 2 8\n", query(t, url, lines))
}

// foldingTenant is a database on a MariaDB that takes all names of tables for lower
// case: lower_case_table_names=1, which a server has from its beginning on. MySQL
// does the same; 2 is for file systems that fold names, which no test here has.
// https://mariadb.com/kb/en/identifier-case-sensitivity/
func foldingTenant(t *testing.T) string {
	t.Helper()
	dsn := foldingServer(t)
	server := enginetest.Server{Engine: "mariadb", Name: "folding", DSN: dsn}
	url := enginetest.FreshDatabase(t, server)
	assert.Equal(t, "1\n", query(t, url, "SELECT @@lower_case_table_names"))
	at := strings.LastIndex(url, "/") + 1
	return url[:at] + strings.ToUpper(url[at:])
}

// foldingServer starts a MariaDB of this machine, which takes some seconds, and
// stops it when the test ends.
func foldingServer(t *testing.T) (dsn string) {
	t.Helper()
	if dsn := os.Getenv("LOCKSTEP_TEST_FOLDING_DSN"); dsn != "" {
		return dsn
	}
	daemon, err := exec.LookPath("mariadbd")
	if err != nil {
		t.Skip("SKIPPED, NOT TESTED: there is no mariadbd to start with lower_case_table_names=1")
	}
	dir := t.TempDir()
	args := []string{"--no-defaults", "--datadir=" + dir + "/data", "--lower-case-table-names=1", fmt.Sprintf("--user=%s", login())}
	out, err := exec.CommandContext(t.Context(), "mariadb-install-db", append(args, "--auth-root-authentication-method=normal", "--skip-test-db")...).CombinedOutput()
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: no data directory for a MariaDB of its own: %s", out)
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	server := exec.CommandContext(context.WithoutCancel(t.Context()), daemon, append(args, "--socket=socket", "--pid-file="+dir+"/pid", "--bind-address=127.0.0.1", "--port="+port,
		"--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M")...)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	})
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.Logger = "root", "tcp", address, &mysql.NopLogger{}
	db, err := sql.Open("mysql", cfg.FormatDSN())
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	require.Eventually(t, func() bool { return db.PingContext(t.Context()) == nil }, 20*time.Second, 50*time.Millisecond)
	return "mysql://root@" + address + "/"
}

func login() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	return os.Getenv("USER")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
