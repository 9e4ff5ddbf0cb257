package migrate_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

func revertRequest(t testing.TB, url string, to int64, name strategy.Name) migrate.RevertRequest {
	t.Helper()
	return migrate.RevertRequest{
		ExecuteRequest: migrate.ExecuteRequest{Request: migrate.Request{Target: target(t, url), Strategy: name}, Actor: "tester"},
		Revision:       to,
	}
}

// revert previews and then goes back.
func revert(t testing.TB, s *migrate.Service, url string, to int64, name strategy.Name) (*migrate.Preview, *migrate.Result) {
	t.Helper()
	req := revertRequest(t, url, to, name)
	p, err := s.PreviewRevert(t.Context(), req)
	require.NoError(t, err)
	req.Digest = p.Plan.Digest
	r, err := s.Revert(t.Context(), req, nil)
	require.NoError(t, err)
	assert.Equal(t, p.Warnings, r.Warnings, "what does not come back is said before and after")
	return p, r
}

func state(t testing.TB, s *migrate.Service, url string, number int64) string {
	t.Helper()
	_, snapshot, err := s.Revision(t.Context(), target(t, url), number)
	require.NoError(t, err)
	return snapshot.Fingerprint()
}

// TestRevertCarriesDataBack: renames go back with what was written since, and
// what was dropped is said not to come back. A revert of a revert works.
func TestRevertCarriesDataBack(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		if !executes(e.d) {
			t.Skip("this build cannot execute here: nothing could be undone")
		}
		s, url := keeperService(t, proxy), e.target(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)
		mustExecute(t, s, url, "v1.1.0", strategy.Safe)
		mustExecute(t, s, url, "v1.2.0", strategy.Full)
		run(t, url, "INSERT INTO clients (id, email, name) VALUES (4, 'd@x', 'Dan')")

		p, r := revert(t, s, url, 1, strategy.Full)
		assert.Equal(t, []string{
			"the values of customers.legacy were removed by revision 3 and do not come back: the column is made again without them",
		}, p.Warnings)
		assert.True(t, p.Plan.Destructive(), "what came with v1.1.0 goes")
		assert.Equal(t, migrate.OutcomeApplied, r.Outcome)
		assert.Equal(t, int64(4), r.Revision)
		assert.Equal(t, "1 a@x Ann\n2 b@x Bob\n3 c@x Ann\n4 d@x Dan\n",
			text(t, url, "SELECT id, mail, name FROM customers ORDER BY id"))
		assert.Equal(t, "10 1\n11 1\n12 3\n", text(t, url, "SELECT id, customer_id FROM orders ORDER BY id"))
		assert.Equal(t, state(t, s, url, 1), state(t, s, url, 4))
		head, err := s.Current(t.Context(), target(t, url))
		require.NoError(t, err)
		assert.Equal(t, int64(1), head.Notes.Reverts)
		assert.Equal(t, "v1.0.0", head.Modules[0].Version)
		assert.Empty(t, clauses(drift(t, s, url).Differences))

		p, _ = revert(t, s, url, 3, strategy.Full)
		assert.Contains(t, strings.Join(p.Warnings, "\n"), "the values of clients.level were removed by revision 4")
		assert.Equal(t, "4 d@x\n", text(t, url, "SELECT id, email FROM clients WHERE id = 4"))
		assert.Equal(t, state(t, s, url, 3), state(t, s, url, 5))
		assert.Empty(t, clauses(drift(t, s, url).Differences))

		_, again := revert(t, s, url, 5, strategy.Full)
		assert.Equal(t, migrate.OutcomeNothing, again.Outcome)
	})
}

// TestAPreviewedRevertTouchesNothing, and proves its plan, on every engine.
func TestAPreviewedRevertTouchesNothing(t *testing.T) {
	t.Parallel()
	proxy := publish(t)
	eachScratch(t, func(t *testing.T, e scratched) {
		s, url := keeperService(t, proxy), e.target(t)
		_, err := s.PreviewRevert(t.Context(), revertRequest(t, url, 1, strategy.Safe))
		require.Equal(t, "TENANT_NOT_INITIALISED", fault.ReasonOf(err))
		brought(t, s, url, "v1.0.0", strategy.Safe)
		brought(t, s, url, "v1.4.0", strategy.Safe)
		req := revertRequest(t, url, 1, strategy.Full)
		req.Prove = true
		p, err := s.PreviewRevert(t.Context(), req)
		require.NoError(t, err)
		require.NotNil(t, p.Proof)
		assert.True(t, p.Proof.Proved(), "%v", p.Proof.Error())
		assert.True(t, p.Changed)
		assert.NotEmpty(t, p.Plan.Statements)
		assert.Len(t, found(t, e, url, "extras").Tables, 1)

		safe, err := s.PreviewRevert(t.Context(), revertRequest(t, url, 1, strategy.Safe))
		require.NoError(t, err)
		assert.NotEmpty(t, safe.Plan.Withheld(), "safe removes nothing, going back neither")
		for _, refused := range []struct {
			to     int64
			reason string
		}{{0, "REVERT_BEFORE_FIRST"}, {-1, "REVERT_BEFORE_FIRST"}, {9, "REVISION_NOT_FOUND"}} {
			_, err := s.PreviewRevert(t.Context(), revertRequest(t, url, refused.to, strategy.Safe))
			assert.Equal(t, refused.reason, fault.ReasonOf(err), "%d", refused.to)
		}
	})
}

// TestARevertNeedsItsDigest when it removes data, and is refused for a revision
// that failed.
func TestARevertNeedsItsDigest(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		rows(t, url)
		_, err := execute(t, s, url, "v1.4.0", strategy.Safe) // two customers share a name
		require.Error(t, err)
		run(t, url, "UPDATE customers SET name = 'Cid' WHERE id = 3")
		last := mustExecute(t, s, url, "v1.4.0", strategy.Safe).Revision

		_, err = s.Revert(t.Context(), revertRequest(t, url, 1, strategy.Full), nil)
		assert.Equal(t, "DESTRUCTIVE_NEEDS_DIGEST", fault.ReasonOf(err))
		if last == 3 {
			_, err = s.Revert(t.Context(), revertRequest(t, url, 2, strategy.Full), nil)
			assert.Equal(t, "REVISION_NOT_APPLIED", fault.ReasonOf(err))
		}
		_, r := revert(t, s, url, 1, strategy.Full)
		assert.Equal(t, last+1, r.Revision)
	})
}

// TestANewerNameIsInTheWay: a table that took the old name of another one must
// not be taken for it.
func TestANewerNameIsInTheWay(t *testing.T) {
	source := func(body string) string { return "package names\n\n" + body }
	steps := map[string]string{
		"v1.0.0": source("type A struct {\n\tID uint64\n\tText string `gorm:\"size:20\"`\n}\n"),
		"v1.1.0": source("//lockstep:renamed_from as\ntype B struct {\n\tID uint64\n\tText string `gorm:\"size:20\"`\n}\n"),
		"v1.2.0": source("//lockstep:renamed_from as\ntype B struct {\n\tID uint64\n\tText string `gorm:\"size:20\"`\n}\n\ntype A struct {\n\tID uint64\n\tText string `gorm:\"size:20\"`\n}\n"),
	}
	proxy := "file://" + t.TempDir() + "/proxy"
	for version, body := range steps {
		publishModule(t, proxy, "example.com/entities/names", version, body)
	}
	eachEngine(t, func(t *testing.T, l lab) {
		s, url := newService(t, proxy, nil), l.fresh(t)
		at := func(version string) {
			req := request(t, url, version, strategy.Full)
			req.Modules.Refs[0].Path = "example.com/entities/names"
			p, err := s.Preview(t.Context(), req)
			require.NoError(t, err)
			_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: req, Digest: p.Plan.Digest, Actor: "tester"}, nil)
			require.NoError(t, err)
		}
		at("v1.0.0")
		run(t, url, "INSERT INTO \"as\" (id, text) VALUES (1, 'kept')")
		at("v1.1.0")
		at("v1.2.0")
		_, err := s.PreviewRevert(t.Context(), revertRequest(t, url, 1, strategy.Full))
		require.Equal(t, "REVERT_NAME_TAKEN", fault.ReasonOf(err), "%v", err)
		revert(t, s, url, 2, strategy.Full)
		p, _ := revert(t, s, url, 1, strategy.Full)
		assert.Empty(t, p.Warnings)
		assert.Equal(t, "1 kept\n", text(t, url, "SELECT id, text FROM \"as\""))
	})
}

// text is query with texts as texts on every engine.
func text(t testing.TB, url, q string) string {
	t.Helper()
	db := enginetest.Connect(t, url)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), q)
	require.NoError(t, err, q)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var b strings.Builder
	for rows.Next() {
		values, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(t, rows.Scan(into...))
		b.WriteString(strings.Join(values, " ") + "\n")
	}
	require.NoError(t, rows.Err())
	return b.String()
}
