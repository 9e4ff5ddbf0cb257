package migrate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// keeperService serves every engine of eachScratch.
func keeperService(t testing.TB, proxy string) *migrate.Service {
	t.Helper()
	client, err := module.NewClient(module.Config{Sources: proxy, CacheDir: t.TempDir()})
	require.NoError(t, err)
	s, err := migrate.New(migrate.Config{
		Modules: client, Now: time.Now, LockstepVersion: "test",
		Dialects: map[dialect.Engine]dialect.Dialect{
			dialect.Postgres: postgres.New(), dialect.SQLite: sqlite.New(),
			dialect.MySQL: mysql.New(), dialect.MariaDB: mysql.New(mysql.WithMariaDB()),
		},
	})
	require.NoError(t, err)
	return s
}

func drift(t testing.TB, s *migrate.Service, url string) *migrate.DriftReport {
	t.Helper()
	r, err := s.Drift(t.Context(), migrate.DriftRequest{Target: target(t, url), Unowned: true})
	require.NoError(t, err)
	return r
}

// brought brings a tenant to a version. Where this build cannot execute, because
// nothing could be undone, the plan's SQL is run by hand and the outcome adopted.
func brought(t testing.TB, s *migrate.Service, url, version string, name strategy.Name) {
	t.Helper()
	_, err := execute(t, s, url, version, name)
	if fault.ReasonOf(err) != "ENGINE_WITHOUT_ROLLBACK" {
		require.NoError(t, err)
		return
	}
	p, err := s.Preview(t.Context(), request(t, url, version, name))
	require.NoError(t, err)
	db := oneConnection(t, url)
	defer func() { _ = db.Close() }()
	for _, final := range []bool{false, true} {
		for _, st := range p.Plan.Statements {
			if st.Final == final {
				_, err := db.ExecContext(t.Context(), st.SQL)
				for _, weaker := range st.Fallback {
					if err != nil {
						_, err = db.ExecContext(t.Context(), weaker)
					}
				}
				require.NoError(t, err, st.SQL)
			}
		}
	}
	_, err = s.Adopt(t.Context(), migrate.AdoptRequest{
		Modules: request(t, url, version, name).Modules, Target: target(t, url), Actor: "tester", Again: p.Current != nil,
	})
	require.NoError(t, err)
}

// found looks at a tenant of any engine.
func found(t testing.TB, e scratched, url string, tables ...string) *schema.Schema {
	t.Helper()
	session, err := e.d.Open(t.Context(), target(t, url))
	require.NoError(t, err)
	defer func() { _ = session.Close() }()
	out, err := e.d.Inspect(t.Context(), session, tables)
	require.NoError(t, err)
	return out
}

// keyType is the type of the shop's keys.
func keyType(d dialect.Dialect) string {
	if d.Engine() == dialect.MySQL || d.Engine() == dialect.MariaDB {
		return "bigint unsigned"
	}
	return "bigint"
}

// executes tells whether this build can execute on an engine.
func executes(d dialect.Dialect) bool {
	_, journalled := d.(dialect.Witness)
	return journalled || d.Capabilities().TransactionalDDL
}

// clauses are differences as sorted clauses.
func clauses(in []migrate.Difference) []string {
	out := make([]string, len(in))
	for i := range in {
		out[i] = in[i].String()
	}
	slices.Sort(out)
	return out
}

// TestWhatWasExecutedHasNotDrifted: defaults, checks, keys and renames included.
func TestWhatWasExecutedHasNotDrifted(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		_, err := s.Drift(t.Context(), migrate.DriftRequest{Target: target(t, url)})
		require.Equal(t, "TENANT_NOT_INITIALISED", fault.ReasonOf(err))
		for _, version := range []string{"v1.0.0", "v1.1.0", "v1.2.0"} {
			brought(t, s, url, version, strategy.Full)
			r := drift(t, s, url)
			assert.Empty(t, clauses(r.Differences), version)
			assert.Empty(t, r.Unowned)
			assert.Empty(t, r.References)
			assert.Equal(t, migrate.ByScratch, r.Method)
			assert.Equal(t, version, r.Revision.Modules[0].Version)
		}
	})
}

// TestDriftNamesWhatSomebodyChanged, and the SQL that it gives settles it.
func TestDriftNamesWhatSomebodyChanged(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		brought(t, s, url, "v1.1.0", strategy.Safe)
		db := oneConnection(t, url)
		run := func(statements ...string) {
			for _, sql := range statements {
				_, err := db.ExecContext(t.Context(), sql)
				require.NoError(t, err, sql)
			}
		}
		run("ALTER TABLE clients ADD COLUMN nick varchar(20)", "CREATE INDEX by_hand ON clients (level)",
			"CREATE TABLE reports (id int primary key, client_id "+keyType(e.d)+", FOREIGN KEY (client_id) REFERENCES clients (id))")
		want := []string{"clients: column nick is not in the model", "clients: index by_hand is not in the model"}
		switch e.d.Engine() { //nolint:exhaustive // the others of this test are alike
		case dialect.SQLite:
			run("DROP INDEX idx_lines_order_id")
		case dialect.Postgres:
			run("DROP INDEX idx_lines_order_id", "ALTER TABLE clients ALTER level SET DEFAULT 2", "ALTER TABLE lines ALTER text TYPE varchar(30)")
			want = append(want, "clients: column level has another default", "lines: column text has another type")
		default:
			run("ALTER TABLE `lines` RENAME INDEX idx_lines_order_id TO other", "ALTER TABLE clients ALTER level SET DEFAULT 2")
			want = append(want, "clients: column level has another default", "lines: index idx_lines_order_id is named other")
		}
		if e.d.Engine() == dialect.SQLite || e.d.Engine() == dialect.Postgres {
			want = append(want, "lines: index idx_lines_order_id is missing")
		}
		slices.Sort(want)

		r := drift(t, s, url)
		require.Equal(t, want, clauses(r.Differences))
		assert.Equal(t, []string{"reports"}, r.Unowned)
		require.Len(t, r.References, 1)
		assert.Equal(t, "reports", r.References[0].Table)
		assert.Equal(t, "clients", r.References[0].ForeignKey.RefTable)
		assert.Equal(t, []string{"id"}, r.References[0].ForeignKey.RefColumns)
		for _, d := range r.Differences {
			assert.NotEmpty(t, d.Restore, "%s", d.String())
			assert.NotEmpty(t, d.Accept, "%s", d.String())
			if d.Name == "nick" {
				assert.Contains(t, d.Accept, "Nick *string `gorm:\"column:nick;type:varchar(20)")
			}
		}

		run(r.Restore...)
		left := drift(t, s, url)
		assert.Empty(t, clauses(left.Differences), strings.Join(r.Restore, ";\n"))
		assert.Equal(t, []string{"reports"}, left.Unowned, "what nobody owns stays")
	})
}

// TestTheDriftPolicy: an execution looks at the tables that it touches, and only
// at these. What it lets pass stays.
func TestTheDriftPolicy(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		for _, policy := range []migrate.DriftPolicy{migrate.DriftWarn, migrate.DriftIgnore} {
			t.Run(string(policy), func(t *testing.T) {
				s, url := keeperService(t, proxy), e.target(t)
				brought(t, s, url, "v1.0.0", strategy.Safe)
				run(t, url, "CREATE INDEX by_hand ON customers (legacy)", "ALTER TABLE orders ADD COLUMN nobody_cares int")
				at := func(p migrate.DriftPolicy) (*migrate.Result, error) {
					return s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.3.0", strategy.AddOnly), Drift: p}, nil)
				}
				r, err := at("")
				assert.Nil(t, r, "nothing was begun")
				assert.Equal(t, "TABLE_DRIFTED", fault.ReasonOf(err))
				assert.Equal(t, fault.Drift, fault.KindOf(err))
				require.ErrorContains(t, err, "customers: index by_hand is not in the model")
				assert.NotContains(t, err.Error(), "nobody_cares", "the plan does not touch that table")
				list, err := s.Revisions(t.Context(), target(t, url), 0, 10)
				require.NoError(t, err)
				assert.Len(t, list, 1)

				r, err = at(policy)
				require.NoError(t, err)
				assert.Equal(t, migrate.OutcomeApplied, r.Outcome)
				assert.Equal(t, policy == migrate.DriftWarn, slices.Contains(r.Warnings, "drift: customers: index by_hand is not in the model"))
				assert.Equal(t, []string{"customers: index by_hand is not in the model", "orders: column nobody_cares is not in the model"},
					clauses(drift(t, s, url).Differences), "it is still there, and still no part of the model")
			})
		}
	})
}

// TestAPlanThatMeansWhatDrifted fails at the database, under any policy, and
// leaves everything as it was.
func TestAPlanThatMeansWhatDrifted(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		brought(t, s, url, "v1.0.0", strategy.Safe)
		run(t, url, "ALTER TABLE customers ADD COLUMN region varchar(7)")
		before := found(t, e, url, "customers", "orders")
		for _, policy := range []migrate.DriftPolicy{migrate.DriftFail, migrate.DriftWarn, migrate.DriftIgnore} {
			_, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.3.0", strategy.AddOnly), Drift: policy}, nil)
			require.Error(t, err, policy)
			assert.Equal(t, before, found(t, e, url, "customers", "orders"), policy)
		}
	})
}

// TestTablesInTheWay: a table that nobody owns is not taken for a new one.
func TestTablesInTheWay(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		run(t, url, "CREATE TABLE orders (id int primary key)")
		_, err := s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.0.0", strategy.Safe)}, nil)
		if !executes(e.d) {
			require.Equal(t, "ENGINE_WITHOUT_ROLLBACK", fault.ReasonOf(err))
			return
		}
		require.Equal(t, "OBJECT_EXISTS", fault.ReasonOf(err), "%v", err)
		require.ErrorContains(t, err, "the table orders is there already")
		require.Contains(t, fault.As(err).Suggestion, "`lockstep adopt`")
		assert.Empty(t, found(t, e, url, "customers").Tables)

		second := e.target(t)
		mustExecute(t, s, second, "v1.0.0", strategy.Safe)
		table := "CREATE TABLE `lines` (id int primary key)"
		if e.d.Engine() == dialect.Postgres {
			table = strings.ReplaceAll(table, "`", "")
		}
		run(t, second, table)
		for _, policy := range []migrate.DriftPolicy{migrate.DriftFail, migrate.DriftWarn, migrate.DriftIgnore} {
			_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, second, "v1.1.0", strategy.Safe), Drift: policy}, nil)
			require.Equal(t, "OBJECT_EXISTS", fault.ReasonOf(err), "%s: %v", policy, err)
		}
	})
}

// TestForeignKeysOfOthersAreNamed before a plan breaks them.
func TestForeignKeysOfOthersAreNamed(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		brought(t, s, url, "v1.1.0", strategy.Safe)
		run(t, url, "CREATE TABLE reports (id int primary key, line_id "+keyType(e.d)+", CONSTRAINT fk_theirs FOREIGN KEY (line_id) REFERENCES \"lines\" (id))")
		req := request(t, url, "v1.2.0", strategy.Full)
		p, err := s.Preview(t.Context(), req)
		require.NoError(t, err)
		const said = "the foreign key fk_theirs of reports, which no module owns, leads to lines(id), and the plan would drop table lines"
		assert.Contains(t, p.Warnings, said)
		if !executes(e.d) {
			return
		}
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: req, Digest: p.Plan.Digest}, nil)
		require.Equal(t, "FOREIGN_REFERENCE", fault.ReasonOf(err), "%v", err)
		assert.Equal(t, fault.Refused, fault.KindOf(err))
		require.ErrorContains(t, err, said)

		run(t, url, "DROP TABLE reports")
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: req, Digest: p.Plan.Digest}, nil)
		require.NoError(t, err)
	})
}

// TestATableRenamedByHand is brought back by its name: what it took along would be in
// the way of a new one.
func TestATableRenamedByHand(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		brought(t, s, url, "v1.1.0", strategy.Safe)
		run(t, url, "ALTER TABLE clients RENAME TO clients_old", "CREATE TABLE other (id int primary key)")
		r := drift(t, s, url)
		require.Equal(t, []string{"table clients is named clients_old"}, clauses(r.Differences))
		assert.Equal(t, []string{"clients_old", "other"}, r.Unowned)
		require.NotEmpty(t, r.Restore)
		assert.Equal(t, r.Restore, r.Differences[0].Restore)
		run(t, url, r.Restore...)
		left := drift(t, s, url)
		assert.Empty(t, clauses(left.Differences), strings.Join(r.Restore, ";\n"))

		run(t, url, "ALTER TABLE clients RENAME TO clients_old", "ALTER TABLE clients_old ADD COLUMN more int")
		assert.Contains(t, clauses(drift(t, s, url).Differences), "table clients is missing", "another is no twin")
	})
}
