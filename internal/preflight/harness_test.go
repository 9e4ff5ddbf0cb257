package preflight_test

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// engine is a dialect that can be asked.
type engine interface {
	dialect.Dialect
	dialect.Prober
}

// lab makes tenants on one engine.
type lab struct {
	name    string
	dialect func(wrap func(driver.Connector) driver.Connector) engine
	tenant  func(t testing.TB) string
}

// labs are the engines of this run, by the environment.
func labs(t testing.TB) []lab {
	t.Helper()
	out := []lab{{
		name: "sqlite",
		dialect: func(wrap func(driver.Connector) driver.Connector) engine {
			if wrap == nil {
				return sqlite.New()
			}
			return sqlite.New(sqlite.WithWrap(wrap))
		},
		tenant: func(t testing.TB) string { t.Helper(); return enginetest.SQLite(t) },
	}}
	return append(append(out, postgresLabs(t)...), mysqlLabs(t)...)
}

func postgresLabs(t testing.TB) []lab {
	t.Helper()
	var out []lab
	for _, server := range enginetest.Postgres(t) {
		out = append(out, lab{
			name: server.Name,
			dialect: func(wrap func(driver.Connector) driver.Connector) engine {
				if wrap == nil {
					return postgres.New()
				}
				return postgres.New(postgres.WithWrap(wrap))
			},
			tenant: func(t testing.TB) string { t.Helper(); return enginetest.FreshSchema(t, server) },
		})
	}
	return out
}

func mysqlLabs(t testing.TB) []lab {
	t.Helper()
	var out []lab
	for _, name := range []string{"mysql", "mariadb"} {
		for _, server := range enginetest.Servers(t, name) {
			out = append(out, lab{
				name: server.Name,
				dialect: func(wrap func(driver.Connector) driver.Connector) engine {
					var opts []mysql.Option
					if name == "mariadb" {
						opts = append(opts, mysql.WithMariaDB())
					}
					if wrap != nil {
						opts = append(opts, mysql.WithWrap(wrap))
					}
					return mysql.New(opts...)
				},
				tenant: func(t testing.TB) string { t.Helper(); return enginetest.FreshDatabase(t, server) },
			})
		}
	}
	return out
}

// each runs a test on every engine, side by side.
func each(t *testing.T, test func(t *testing.T, l lab)) {
	t.Helper()
	for _, l := range labs(t) {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			test(t, l)
		})
	}
}

// tenant is one tenant under test.
type tenant struct {
	t   testing.TB
	d   engine
	url string
	now *schema.Schema // what is there; nil before the first plan
}

func newTenant(t testing.TB, l lab) *tenant {
	t.Helper()
	return &tenant{t: t, d: l.dialect(nil), url: l.tenant(t)}
}

func (x *tenant) open() dialect.Session {
	x.t.Helper()
	target, err := dialect.ParseTarget(x.url)
	require.NoError(x.t, err)
	s, err := x.d.Open(x.t.Context(), target)
	require.NoError(x.t, err)
	x.t.Cleanup(func() { _ = s.Close() })
	return s
}

// plan is what leads to a schema, for the server's own version.
func (x *tenant) plan(s *schema.Schema) *plan.Plan {
	x.t.Helper()
	session := x.open()
	defer func() { _ = session.Close() }()
	low, err := x.d.Lower(s)
	require.NoError(x.t, err)
	p, err := plan.Build(x.t.Context(), x.d, plan.Input{
		EngineVersion: session.Version().Major, Strategy: strategy.Full, Base: x.now, Target: low,
	})
	require.NoError(x.t, err)
	return p
}

// apply runs a plan without preflight.
func (x *tenant) apply(p *plan.Plan) error {
	x.t.Helper()
	s := x.open()
	defer func() { _ = s.Close() }()
	tx, err := s.Begin(x.t.Context(), options(p))
	if err != nil {
		return err
	}
	for _, st := range p.Statements {
		err := x.d.Classify(run(x.t.Context(), tx, st.SQL))
		for _, weaker := range st.Fallback {
			if err != nil && err.Reason == dialect.ReasonAlgorithmUnsupported {
				err = x.d.Classify(run(x.t.Context(), tx, weaker))
			}
		}
		if err != nil {
			require.NoError(x.t, tx.Rollback(x.t.Context()))
			x.t.Logf("%s: %v", st.SQL, err)
			return err
		}
	}
	if err := tx.Commit(x.t.Context()); err != nil {
		require.NoError(x.t, tx.Rollback(x.t.Context()))
		return err
	}
	x.now = p.ResultSchema
	return nil
}

func run(ctx context.Context, q dialect.Querier, statement string) error {
	_, err := q.ExecContext(ctx, statement)
	return err
}

func options(p *plan.Plan) dialect.TxOptions {
	return dialect.TxOptions{
		LockWait: 5 * time.Second, LockTimeout: 5 * time.Second, StatementTimeout: time.Minute,
		CreateNamespace: true, Rebuilds: p.Rebuilds(),
	}
}

// migrate brings the tenant to a schema.
func (x *tenant) migrate(s *schema.Schema) {
	x.t.Helper()
	require.NoError(x.t, x.apply(x.plan(s)))
}

// exec runs SQL without lockstep.
func (x *tenant) exec(statements ...string) {
	x.t.Helper()
	if len(statements) == 0 {
		return
	}
	db := enginetest.Connect(x.t, x.url)
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		_, err := db.ExecContext(x.t.Context(), s)
		require.NoError(x.t, err, s)
	}
}

// mend runs what a finding suggests, in a session of lockstep: its text is in the
// engine's own words.
func (x *tenant) mend(statement string) {
	x.t.Helper()
	s := x.open()
	defer func() { _ = s.Close() }()
	_, err := s.ExecContext(x.t.Context(), statement)
	require.NoError(x.t, err, statement)
}

// preflight asks on a session of its own.
func (x *tenant) preflight(p *plan.Plan) *preflight.Report {
	x.t.Helper()
	s := x.open()
	defer func() { _ = s.Close() }()
	r, err := preflight.Run(x.t.Context(), x.d, s, preflight.Checks(x.d, p), preflight.Options{Now: time.Now})
	require.NoError(x.t, err)
	return r
}

// within asks in the transaction of an execution, and proves that it goes on.
func (x *tenant) within(p *plan.Plan) *preflight.Report {
	x.t.Helper()
	s := x.open()
	defer func() { _ = s.Close() }()
	tx, err := s.Begin(x.t.Context(), options(p))
	require.NoError(x.t, err)
	r, err := preflight.Run(x.t.Context(), x.d, tx, preflight.Checks(x.d, p), preflight.Options{Now: time.Now})
	require.NoError(x.t, err)
	_, err = tx.ExecContext(x.t.Context(), "CREATE TABLE lockstep_after (a integer)")
	require.NoError(x.t, err, "the transaction writes again")
	_, err = tx.ExecContext(x.t.Context(), "DROP TABLE lockstep_after")
	require.NoError(x.t, err)
	require.NoError(x.t, tx.Rollback(x.t.Context()))
	return r
}

func script(p *plan.Plan) string {
	var b strings.Builder
	for _, st := range p.Statements {
		b.WriteString(st.SQL + ";\n")
	}
	return b.String()
}

// The builders below keep schemas short.

type option func(*schema.Table)

func tables(ts ...*schema.Table) *schema.Schema { return &schema.Schema{Tables: ts} }

func table(name string, opts ...option) *schema.Table {
	t := &schema.Table{Name: name}
	for _, o := range opts {
		o(t)
	}
	return t
}

func id() option {
	return func(t *schema.Table) {
		t.Columns = append(t.Columns, &schema.Column{Name: "id", Type: schema.Type{Kind: schema.Uint, Bits: 64}, AutoIncrement: true})
		t.PrimaryKey = []string{"id"}
	}
}

func col(name string, typ schema.Type, opts ...func(*schema.Column)) option {
	return func(t *schema.Table) {
		c := &schema.Column{Name: name, Type: typ, Nullable: true}
		for _, o := range opts {
			o(c)
		}
		t.Columns = append(t.Columns, c)
	}
}

func notNull(c *schema.Column) { c.Nullable = false }

func def(v string) func(*schema.Column) {
	return func(c *schema.Column) { c.Default = &schema.Default{Value: v} }
}

func was(name string) func(*schema.Column) {
	return func(c *schema.Column) { c.RenamedFrom = []string{name} }
}

func tableWas(name string) option { return func(t *schema.Table) { t.RenamedFrom = []string{name} } }
func key(columns ...string) option {
	return func(t *schema.Table) { t.PrimaryKey = columns }
}

func unique(name string, columns ...string) option {
	return func(t *schema.Table) {
		x := &schema.Index{Name: name, Unique: true}
		for _, c := range columns {
			x.Parts = append(x.Parts, schema.IndexPart{Column: c})
		}
		t.Indexes = append(t.Indexes, x)
	}
}

func index(x schema.Index) option {
	return func(t *schema.Table) { t.Indexes = append(t.Indexes, &x) }
}

func check(name, expr string) option {
	return func(t *schema.Table) { t.Checks = append(t.Checks, &schema.Check{Name: name, Expr: expr}) }
}

func refers(name, to string, pairs ...string) option {
	return func(t *schema.Table) {
		f := &schema.ForeignKey{Name: name, RefTable: to}
		for i := 0; i < len(pairs); i += 2 {
			f.Columns, f.RefColumns = append(f.Columns, pairs[i]), append(f.RefColumns, pairs[i+1])
		}
		t.ForeignKeys = append(t.ForeignKeys, f)
	}
}

func text() schema.Type            { return schema.Type{Kind: schema.String} }
func varchar(n int) schema.Type    { return schema.Type{Kind: schema.String, Size: n} }
func integer(bits int) schema.Type { return schema.Type{Kind: schema.Int, Bits: bits} }
func ref() schema.Type             { return schema.Type{Kind: schema.Uint, Bits: 64} }
func raw(s string) schema.Type     { return schema.Type{Kind: schema.Raw, Raw: s} }
func decimal(p, s int) schema.Type {
	return schema.Type{Kind: schema.Decimal, Precision: p, Scale: s}
}

// on tells whether a lab's name begins with one of these.
func on(l lab, engines ...string) bool {
	return slices.ContainsFunc(engines, func(e string) bool { return strings.HasPrefix(l.name, e) })
}
