// Package dialecttest is the law for every dialect: one suite that each engine's
// tests run against each version at hand. What an engine does differently it
// says in its Capabilities, and the suite asserts both ways.
package dialecttest

import (
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// Harness is one engine at one version.
type Harness struct {
	// New makes the dialect, with a connector around the driver's when wrap is
	// not nil.
	New func(wrap func(driver.Connector) driver.Connector) dialect.Dialect
	// Tenant returns the URL of a new, empty tenant that goes away with the test.
	Tenant func(t testing.TB) string
	// Connect opens a tenant without lockstep, with foreign keys enforced.
	Connect func(t testing.TB, url string) *sql.DB
	// Catalog lists the names of all objects of a tenant, also those that
	// Inspect does not show, such as sequences.
	Catalog string
	// Gorm is what GORM's AutoMigrate ran on this engine for the tables owners
	// and things of the test Adoption.
	Gorm []string
	// Failures provoke classified errors; see Failure.
	Failures []Failure
	// Unable names the transitions to schemas that the engine cannot have, and
	// that Lower refuses for that.
	Unable []string
	// Refused are transitions that the server refuses as they are planned today,
	// with the reason.
	Refused map[string]string
	// Unplanned are transitions, and cases of RowsStay, that the dialect refuses
	// while it plans, with the reason.
	Unplanned map[string]string
	// Queries has the suite's queries in this engine's words, where it cannot
	// take them as they are.
	Queries map[string]string
	// Adapt, when set, makes a random schema one that the engine can have.
	Adapt func(*schema.Schema)
	// Only names the laws to run; none: all. It is for a simulation, which has no
	// rows.
	Only []string
}

// Failure is a statement that fails, and how it must be classified.
type Failure struct {
	Name   string
	Setup  []string
	SQL    string
	Kind   string
	Reason string
	Hidden string // a value that must not be in the error
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Harness){
		"Capabilities":   capabilities,
		"Transitions":    transitions,
		"RowsStay":       rowsStay,
		"Refusals":       refusals,
		"Rollback":       rollback,
		"Identifiers":    identifiers,
		"Locks":          locks,
		"Classification": classification,
		"Differences":    differences,
		"Lowering":       lowering,
		"Adoption":       adoption,
		"RandomWalks":    randomWalks,
		"Undo":           undo,
		"Online":         online,
	} {
		if len(h.Only) > 0 && !slices.Contains(h.Only, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

// tenant is one tenant under test.
type tenant struct {
	t   *testing.T
	h   Harness
	d   dialect.Dialect
	url string
	now *schema.Schema // the snapshot; nil before the first migration

	last dialect.Session // of openUncleaned
}

func newTenant(t *testing.T, h Harness) *tenant {
	t.Helper()
	return &tenant{t: t, h: h, d: h.New(nil), url: h.Tenant(t)}
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

// openUncleaned opens a session that the test closes itself.
func (x *tenant) openUncleaned() dialect.Session {
	x.t.Helper()
	x.last = x.open()
	return x.last
}

func (x *tenant) lower(s *schema.Schema) *schema.Schema {
	x.t.Helper()
	low, err := x.d.Lower(s)
	require.NoError(x.t, err)
	return low
}

func (x *tenant) plan(s *schema.Schema) *plan.Plan {
	x.t.Helper()
	p, err := plan.Build(x.t.Context(), x.d, plan.Input{Strategy: strategy.Full, Base: x.now, Target: x.lower(s)})
	require.NoError(x.t, err)
	return p
}

// unplanned checks that a plan is refused for a reason, and tells whether one was
// given.
func (x *tenant) unplanned(s *schema.Schema, reason string) bool {
	x.t.Helper()
	if reason == "" {
		return false
	}
	_, err := plan.Build(x.t.Context(), x.d, plan.Input{Strategy: strategy.Full, Base: x.now, Target: x.lower(s)})
	require.Equal(x.t, reason, fault.ReasonOf(err))
	return true
}

// name is a table as statements of a session name it.
func (x *tenant) name(table string) string { return dialect.TableName(x.d, table) }

// apply runs a plan up to its commit.
func (x *tenant) apply(p *plan.Plan) error {
	x.t.Helper()
	s := x.open()
	defer func() { require.NoError(x.t, s.Close()) }()
	tx, err := s.Begin(x.t.Context(), options(p))
	if err != nil {
		return err
	}
	for _, st := range p.Statements {
		if _, err := tx.ExecContext(x.t.Context(), st.SQL); err != nil {
			require.NoError(x.t, tx.Rollback(x.t.Context()))
			x.t.Logf("%s: %v", st.SQL, err)
			return x.d.Classify(err)
		}
	}
	if err := tx.Commit(x.t.Context()); err != nil {
		require.NoError(x.t, tx.Rollback(x.t.Context()))
		return err
	}
	return nil
}

func options(p *plan.Plan) dialect.TxOptions {
	opts := dialect.TxOptions{LockWait: 5 * time.Second, LockTimeout: 5 * time.Second, StatementTimeout: time.Minute, CreateNamespace: true}
	for _, st := range p.Statements {
		if st.Rebuild && !slices.Contains(opts.Rebuilds, st.Table) {
			opts.Rebuilds = append(opts.Rebuilds, st.Table)
		}
	}
	return opts
}

// migrate brings the tenant to a schema and checks that the plan did what it
// promised and leaves nothing to do.
func (x *tenant) migrate(s *schema.Schema) {
	x.t.Helper()
	p := x.plan(s)
	if err := x.apply(p); err != nil {
		for _, st := range p.Statements {
			x.t.Logf("%s;", st.SQL)
		}
		require.NoError(x.t, err)
	}
	x.now = p.ResultSchema
	found := x.inspect(x.now)
	for _, promised := range x.now.Tables {
		require.Empty(x.t, x.d.Compare(promised, found.Table(promised.Name)), "table %s is not as promised:\n%s", promised.Name, script(p))
	}
	again := x.plan(s)
	require.Empty(x.t, again.Statements, "planning again")
}

func script(p *plan.Plan) string {
	var b strings.Builder
	for _, st := range p.Statements {
		b.WriteString(st.SQL + ";\n")
	}
	return b.String()
}

// inspect reads the tables of s, normalised so that two inspections compare:
// columns that were added later stand last in one and not in the other.
func (x *tenant) inspect(s *schema.Schema) *schema.Schema {
	x.t.Helper()
	var names []string
	for _, t := range s.Tables {
		names = append(names, t.Name)
	}
	found, err := x.d.Inspect(x.t.Context(), x.open(), names)
	require.NoError(x.t, err)
	byName := func(a, b string) int { return strings.Compare(a, b) }
	for _, t := range found.Tables {
		slices.SortFunc(t.Columns, func(a, b *schema.Column) int { return byName(a.Name, b.Name) })
		slices.SortFunc(t.Indexes, func(a, b *schema.Index) int { return byName(a.Name, b.Name) })
		slices.SortFunc(t.ForeignKeys, func(a, b *schema.ForeignKey) int { return byName(a.Name, b.Name) })
		slices.SortFunc(t.Checks, func(a, b *schema.Check) int { return byName(a.Name, b.Name) })
	}
	slices.SortFunc(found.Tables, func(a, b *schema.Table) int { return byName(a.Name, b.Name) })
	return found
}

// catalog lists everything that has a name in the tenant.
func (x *tenant) catalog() []string {
	x.t.Helper()
	return x.strings(x.h.Catalog)
}

// exec runs SQL without lockstep.
func (x *tenant) exec(statements ...string) {
	x.t.Helper()
	db := x.h.Connect(x.t, x.url)
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		_, err := db.ExecContext(x.t.Context(), s)
		require.NoError(x.t, err, s)
	}
}

// strings runs a query without lockstep and returns its one column as text.
func (x *tenant) strings(query string) []string {
	x.t.Helper()
	if own, ok := x.h.Queries[query]; ok {
		query = own
	}
	db := x.h.Connect(x.t, x.url)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(x.t.Context(), query)
	require.NoError(x.t, err, query)
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s sql.NullString
		require.NoError(x.t, rows.Scan(&s))
		if !s.Valid {
			s.String = "NULL"
		}
		out = append(out, s.String)
	}
	require.NoError(x.t, rows.Err())
	return out
}
