package migrate_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

var updateReports = flag.Bool("update-reports", false, "rewrite the golden reports of adoptions")

func adoptRequest(t testing.TB, url, version string) migrate.AdoptRequest {
	t.Helper()
	return migrate.AdoptRequest{Modules: request(t, url, version, strategy.Safe).Modules, Target: target(t, url), Actor: "tester"}
}

// handmade is the shop of v1.0.0 as somebody would have written it, with a
// mistake here and there.
func handmade(engine dialect.Engine) []string {
	id := map[dialect.Engine]string{
		dialect.SQLite: "id integer PRIMARY KEY AUTOINCREMENT", dialect.Postgres: "id bigserial PRIMARY KEY",
		dialect.MySQL: "id bigint unsigned PRIMARY KEY AUTO_INCREMENT", dialect.MariaDB: "id bigint unsigned PRIMARY KEY AUTO_INCREMENT",
	}[engine]
	text := map[bool]string{true: "text", false: "varchar(80)"}[engine == dialect.SQLite]
	return []string{
		"CREATE TABLE customers (" + id + ", mail " + text + ", name " + text + " NOT NULL DEFAULT 'nobody', born date)",
		"CREATE UNIQUE INDEX one_mail ON customers (mail)",
		"CREATE TABLE somebody_elses (id int PRIMARY KEY, customer_id bigint)",
		"INSERT INTO customers (mail, name) VALUES ('a@x', 'Ann')",
	}
}

// TestAHandmadeDatabaseIsAdopted as it is: the report names every difference, and
// the next preview what is missing.
func TestAHandmadeDatabaseIsAdopted(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		_, err := s.Adopt(t.Context(), adoptRequest(t, url, "v1.0.0"))
		require.Equal(t, "NOTHING_TO_ADOPT", fault.ReasonOf(err))
		run(t, url, handmade(e.d.Engine())...)

		looking := adoptRequest(t, url, "v1.0.0")
		looking.Preview = true
		seen, err := s.Adopt(t.Context(), looking)
		require.NoError(t, err)
		assert.Zero(t, seen.Revision)
		_, err = s.Current(t.Context(), target(t, url))
		require.Equal(t, "TENANT_NOT_INITIALISED", fault.ReasonOf(err), "nothing was recorded")

		r, err := s.Adopt(t.Context(), adoptRequest(t, url, "v1.0.0"))
		require.NoError(t, err)
		assert.Equal(t, int64(1), r.Revision)
		assert.Equal(t, clauses(seen.Differences), clauses(r.Differences))
		assert.Equal(t, []string{"somebody_elses"}, r.Unowned)

		head, err := s.Current(t.Context(), target(t, url))
		require.NoError(t, err)
		assert.True(t, head.Notes.Adopted)
		assert.Empty(t, head.Statements)
		assert.Equal(t, "adopt", head.Strategy)
		assert.Empty(t, clauses(drift(t, s, url).Differences), "it was recorded as it is")
		_, err = s.Adopt(t.Context(), adoptRequest(t, url, "v1.0.0"))
		require.Equal(t, "TENANT_EXISTS", fault.ReasonOf(err))

		p, err := s.Preview(t.Context(), request(t, url, "v1.0.0", strategy.Full))
		require.NoError(t, err)
		var pending []string
		for _, v := range p.Plan.Verdicts {
			pending = append(pending, v.Table+": "+v.String())
		}
		golden(t, string(e.d.Engine()), report(r), pending)
		if !executes(e.d) {
			return
		}
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v1.0.0", strategy.Full), Digest: p.Plan.Digest, Actor: "tester"}, nil)
		require.NoError(t, err)
		assert.Empty(t, clauses(drift(t, s, url).Differences))
		assert.Equal(t, "1\n", query(t, url, "SELECT count(*) FROM customers"))
	})
}

// report renders an adoption.
func report(r *migrate.AdoptReport) []string {
	var out []string
	for i := range r.Differences {
		d := &r.Differences[i]
		out = append(out, fmt.Sprintf("%-10s %s", d.Severity, d.String()))
		if d.Accept != "" {
			out = append(out, "           accept: "+d.Accept)
		}
	}
	return out
}

// golden compares with testdata/adopt, a file for each engine.
func golden(t *testing.T, engine string, differences, pending []string) {
	t.Helper()
	slices.Sort(pending)
	got := "differences:\n" + strings.Join(differences, "\n") + "\n\nthe next preview:\n" + strings.Join(pending, "\n") + "\n"
	name := filepath.Join("testdata", "adopt", engine+".txt")
	if *updateReports {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o750))
		require.NoError(t, os.WriteFile(name, []byte(got), 0o600))
		return
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err, "go test -run %s -update-reports writes it", t.Name())
	assert.Equal(t, string(want), got)
}

// TestABlockedAdoptionRecordsNothing: a text is not taken for a number.
func TestABlockedAdoptionRecordsNothing(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		brought(t, s, url, "v1.0.0", strategy.Safe)
		run(t, url, "DROP TABLE lockstep_history", "DROP TABLE orders",
			"CREATE TABLE orders (id varchar(20) NOT NULL, customer_id bigint NOT NULL, total varchar(20), PRIMARY KEY (id))")
		_, err := s.Adopt(t.Context(), adoptRequest(t, url, "v1.0.0"))
		require.Equal(t, "ADOPTION_BLOCKED", fault.ReasonOf(err), "%v", err)
		assert.Equal(t, fault.Refused, fault.KindOf(err))
		require.ErrorContains(t, err, "orders: column total has another type")
		_, err = s.Current(t.Context(), target(t, url))
		assert.Equal(t, "TENANT_NOT_INITIALISED", fault.ReasonOf(err))
	})
}

// TestAdoptedAgain: what drifted is accepted once the entity declares it.
func TestAdoptedAgain(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		again := adoptRequest(t, url, "v1.4.0")
		again.Again = true
		_, err := s.Adopt(t.Context(), again)
		require.Equal(t, "TENANT_NOT_INITIALISED", fault.ReasonOf(err))
		brought(t, s, url, "v1.0.0", strategy.Safe)
		brought(t, s, url, "v1.4.0", strategy.Safe)
		if e.d.Engine() == dialect.SQLite || e.d.Engine() == dialect.Postgres {
			run(t, url, "DROP INDEX idx_customers_name")
		} else {
			run(t, url, "DROP INDEX idx_customers_name ON customers")
		}
		require.Equal(t, []string{"customers: index idx_customers_name is missing"}, clauses(drift(t, s, url).Differences))

		// v1.0.0 does not know the index, nor the table extras, which is still there.
		again = adoptRequest(t, url, "v1.0.0")
		again.Again = true
		r, err := s.Adopt(t.Context(), again)
		require.NoError(t, err)
		assert.Empty(t, clauses(r.Differences))
		assert.Empty(t, clauses(drift(t, s, url).Differences))
		p, err := s.Preview(t.Context(), request(t, url, "v1.0.0", strategy.Full))
		require.NoError(t, err)
		require.Len(t, p.Plan.Verdicts, 1)
		assert.Equal(t, "drop table extras", p.Plan.Verdicts[0].String())
	})
}
