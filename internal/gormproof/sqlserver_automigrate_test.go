package gormproof_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	gormsqlserver "gorm.io/driver/sqlserver"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/lockstepdb/lockstep/internal/dialect/sqlserver"
	"github.com/lockstepdb/lockstep/internal/gormproof"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

var update = flag.Bool("update", false, "rewrite what is written down")

// written holds, for each fixture, what AutoMigrate would send to a SQL Server and
// what lockstep would. The tests of the dialect carry both out on their simulation
// and compare what comes of them, which cannot be done from here.
const written = "../dialect/sqlserver/testdata/automigrate.txtar"

// TestSQLServerAutoMigrate holds what is written down against GORM and lockstep as
// they are.
func TestSQLServerAutoMigrate(t *testing.T) {
	finder := gormproof.NewFinder(t)
	got := &txtar.Archive{Comment: []byte("What AutoMigrate and lockstep send for the fixtures of internal/gormproof, by its test SQLServerAutoMigrate (-update).\n")}
	for _, f := range fixtures() {
		if f.engines != nil || strings.Contains(f.name, " ") { // made for other engines, or named otherwise only
			continue
		}
		model, err := sqlserver.New().Lower(f.neutral(t, finder))
		if err != nil {
			continue // TestSQLServerColumns says why
		}
		p, err := plan.Build(t.Context(), sqlserver.New(), plan.Input{Strategy: strategy.Full, Target: model})
		require.NoError(t, err)
		var ours []string
		for i := range p.Statements {
			ours = append(ours, p.Statements[i].SQL)
		}
		got.Files = append(got.Files,
			txtar.File{Name: f.name + ".gorm", Data: batches(f.recorded(t))}, txtar.File{Name: f.name + ".lockstep", Data: batches(ours)})
	}
	require.Greater(t, len(got.Files), 20)
	if *update {
		require.NoError(t, os.WriteFile(written, txtar.Format(got), 0o644))
		return
	}
	want, err := txtar.ParseFile(written)
	require.NoError(t, err)
	require.Len(t, want.Files, len(got.Files), "-update, and read the difference")
	for i, f := range got.Files { // GORM keeps relations in maps: it goes on in another order each time
		assert.Equal(t, want.Files[i].Name, f.Name)
		assert.ElementsMatch(t, strings.Split(string(want.Files[i].Data), batchEnd), strings.Split(string(f.Data), batchEnd), "%s: -update, and read the difference", f.Name)
	}
}

const batchEnd = "\nGO\n"

func batches(list []string) []byte {
	return []byte(strings.Join(list, batchEnd) + batchEnd)
}

// recorded is what AutoMigrate sends to change an empty database.
func (f fixture) recorded(t *testing.T) []string {
	t.Helper()
	r := &recorder{}
	pool := sql.OpenDB(r)
	defer func() { require.NoError(t, pool.Close()) }()
	opts := f.options()
	db, err := gorm.Open(gormsqlserver.New(gormsqlserver.Config{Conn: pool}), &gorm.Config{
		Logger: logger.Discard, NamingStrategy: opts.Naming, DisableForeignKeyConstraintWhenMigrating: opts.NoForeignKeys, SkipDefaultTransaction: true,
	})
	require.NoError(t, err)
	if opts.Setup != nil {
		require.NoError(t, opts.Setup(db))
	}
	require.NoError(t, db.AutoMigrate(f.models...))
	return r.sent
}

// recorder is the driver of a server that has nothing, and notes what it is to do.
type recorder struct {
	mu   sync.Mutex
	sent []string
}

func (r *recorder) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (r *recorder) Driver() driver.Driver                        { return nil }
func (r *recorder) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (r *recorder) Begin() (driver.Tx, error)                    { return nil, errors.New("no transactions") }
func (r *recorder) Close() error                                 { return nil }

var parameter = regexp.MustCompile(`@p(\d+)`)

// ExecContext notes a statement, once: a join table is made for both of its ends.
func (r *recorder) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	query = parameter.ReplaceAllStringFunc(query, func(p string) string {
		n, _ := strconv.Atoi(p[2:])
		return "N'" + strings.ReplaceAll(fmt.Sprint(args[n-1].Value), "'", "''") + "'"
	})
	if query = sortedConstraints(query); !slices.Contains(r.sent, query) {
		r.sent = append(r.sent, query)
	}
	return driver.ResultNoRows, nil
}

// sortedConstraints puts the constraints of a CREATE TABLE into an order: GORM
// keeps them in maps.
func sortedConstraints(query string) string {
	const begins = `,CONSTRAINT "`
	head, tail, found := strings.Cut(query, begins)
	if !found || !strings.HasPrefix(query, "CREATE TABLE") {
		return query
	}
	list := strings.Split(strings.TrimSuffix(tail, ")"), begins)
	slices.Sort(list)
	return head + begins + strings.Join(list, begins) + ")"
}

// QueryContext answers what the migrator asks before it makes anything.
func (r *recorder) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(query, "SCHEMA_NAME()"):
		return &answer{value: "dbo"}, nil
	case strings.Contains(query, "DB_NAME()"):
		return &answer{value: "db"}, nil
	case strings.Contains(strings.ToLower(query), "count("):
		return &answer{value: int64(0)}, nil
	}
	return nil, fmt.Errorf("nobody expected %s", query)
}

type answer struct {
	value driver.Value
	done  bool
}

func (*answer) Columns() []string { return []string{"value"} }
func (*answer) Close() error      { return nil }

func (a *answer) Next(dest []driver.Value) error {
	if a.done {
		return io.EOF
	}
	a.done, dest[0] = true, a.value
	return nil
}
