package preflight_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/preflight"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// TestLosses: what a plan takes away is counted, and stops nothing.
func TestLosses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		x.migrate(tables(table("olds", id()), table("empties", id()), table("things", id(), col("a", varchar(9)), col("b", varchar(9)), col("d", decimal(10, 3)))))
		x.exec("INSERT INTO olds (id) VALUES (1), (2), (3)", "INSERT INTO things (a, d) VALUES ('x', 1.5), (NULL, 1.234), ('z', NULL)")
		p := x.plan(tables(table("things", id(), col("d", decimal(10, 2)))))
		report := x.preflight(p)
		want := []expected{
			{preflight.ValuesLost, "things", []string{"a"}, "", 2, nil},
			{preflight.RowsLost, "olds", nil, "", 3, nil},
		}
		if !on(l, "sqlite") { // it keeps all digits
			want = append([]expected{{preflight.ValuesChanged, "things", []string{"d"}, "", 1, []string{"id=2"}}}, want...)
		}
		assertFindings(t, want, report)
		assert.Empty(t, report.Blocking())
		assert.Nil(t, report.Err())
		require.NoError(t, x.apply(p))
	})
}

// TestErr: a refusal says what the engine would, with every problem.
func TestErr(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		x.migrate(tables(table("things", id(), col("a", integer(32)), col("b", varchar(9)))))
		x.exec("INSERT INTO things (a, b) VALUES (NULL, 'secret'), (1, 'secret')")
		err := x.preflight(x.plan(tables(table("things", id(), col("a", integer(32), notNull), col("b", varchar(9)), unique("u", "b"))))).Err()
		require.NotNil(t, err)
		assert.Equal(t, fault.Refused, err.Kind)
		assert.Equal(t, "DATA_NULL", err.Reason)
		require.Len(t, err.Violations, 2)
		assert.Contains(t, err.Error(), "things: 1 row without a value in a (id=1), for: make column a NOT NULL")
		assert.Contains(t, err.Error(), "things: 2 rows that agree in b")
		assert.NotContains(t, err.Error(), "secret", "no values but those of keys")
	})
}

// TestTime: a question that takes too long is no answer, and the next is asked.
func TestTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		x.migrate(tables(table("things", id(), col("a", integer(32)))))
		x.exec("INSERT INTO things (a) VALUES (NULL), (1), (2)")
		p := x.plan(tables(table("things", id(), col("a", integer(32), notNull))))
		slow := map[string]string{
			"sqlite":   "EXISTS (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT 1 FROM n WHERE i < 0)",
			"postgres": "pg_sleep(20)::text = 'x'",
			"m":        "(SELECT count(*) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b, information_schema.COLLATIONS c, information_schema.COLLATIONS d) < 0",
		}
		checks := preflight.Checks(x.d, p)
		checks = append(checks, checks[0], checks[0])
		for engine, holds := range slow {
			if on(l, engine) {
				checks[1].Holds = holds
			}
		}
		begin := time.Now()
		report, err := preflight.Run(t.Context(), x.d, x.open(), checks, preflight.Options{Each: 300 * time.Millisecond, Now: time.Now})
		require.NoError(t, err)
		assert.Less(t, time.Since(begin), 10*time.Second)
		assert.Len(t, report.Findings, 2, "%+v", report)
		require.Len(t, report.Unchecked, 1, "%+v", report)
		assert.Contains(t, report.Unchecked[0].String(), "took too long")
		assert.Contains(t, report.Unchecked[0].String(), "things(a): nulls not checked for make column a NOT NULL")

		now := time.Now()
		clock := func() time.Time { now = now.Add(time.Minute); return now }
		report, err = preflight.Run(t.Context(), x.d, x.open(), checks, preflight.Options{Now: clock, Total: time.Second})
		require.NoError(t, err)
		assert.Empty(t, report.Findings)
		assert.Len(t, report.Unchecked, 3, "when the time is over, nothing is known")
	})
}

// TestReadOnly: while questions are asked nothing can be written.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		x.migrate(tables(table("things", id(), col("a", integer(32)))))
		s := x.open()
		tx, err := x.open().Begin(t.Context(), dialect.TxOptions{})
		require.NoError(t, err)
		for _, q := range []dialect.Querier{tx, s} {
			reading, err := x.d.Reading(t.Context(), q, dialect.ReadLimits{Each: time.Second})
			require.NoError(t, err)
			require.Error(t, run(t.Context(), q, "INSERT INTO things (a) VALUES (1)"))
			if q == tx {
				break // a failure that Reading did not see spoils a transaction
			}
			require.NoError(t, reading.Close(t.Context()))
		}
		require.NoError(t, tx.Rollback(t.Context()))
		require.NoError(t, x.open().Close())
	})
}

// TestGaps: what cannot be asked is said, and is no silent pass.
func TestGaps(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		x.migrate(tables(table("things", id(), col("a", varchar(20)))))
		x.exec("INSERT INTO things (a) VALUES ('x')")
		p := x.plan(tables(table("things", id(), col("a", varchar(20)), check("k", "nothing_of_that_name(a) > 0"))))
		report := x.preflight(p)
		assert.Empty(t, report.Findings)
		require.Len(t, report.Unchecked, 1)
		assert.Contains(t, report.Unchecked[0].Reason, "the question failed")
		assert.Equal(t, report, x.within(p), "a question that fails spoils nothing")

		x.exec("DROP TABLE things")
		report = x.preflight(x.plan(tables(table("things", id(), col("a", varchar(20), notNull)))))
		require.Len(t, report.Unchecked, 1, "a table that is gone")
	})
}

// TestLocks: another session's lock is an error that can be tried again.
func TestLocks(t *testing.T) {
	t.Parallel()
	for _, l := range labs(t) {
		if !on(l, "postgres") {
			continue // the others' readers wait for no writer
		}
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			x := newTenant(t, l)
			x.migrate(tables(table("things", id(), col("a", integer(32)))))
			p := x.plan(tables(table("things", id(), col("a", integer(32), notNull))))
			holder, err := x.open().Begin(t.Context(), dialect.TxOptions{})
			require.NoError(t, err)
			require.NoError(t, run(t.Context(), holder, `LOCK TABLE things`))
			s := x.open()
			require.NoError(t, run(t.Context(), s, "BEGIN; SET LOCAL lock_timeout = 100"))
			_, err = preflight.Run(t.Context(), x.d, inside{s}, preflight.Checks(x.d, p), preflight.Options{})
			assert.Equal(t, dialect.ReasonLockTimeout, fault.ReasonOf(err))
			require.NoError(t, holder.Rollback(t.Context()))
		})
	}
}

// inside is a session in a transaction of the test's own.
type inside struct{ dialect.Session }

func (inside) Commit(context.Context) error   { return nil }
func (inside) Rollback(context.Context) error { return nil }

// TestBigTables: they are asked one by one, counted to the end, or estimated.
func TestBigTables(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		x.migrate(tables(table("olds", id()), table("things", id(), col("a", integer(32)), col("b", varchar(9)))))
		insert := "INSERT INTO things (a, b) VALUES " + strings.TrimSuffix(strings.Repeat("(NULL, 'same'), ", 5999), ", ") + ", (1, 'other')"
		x.exec(insert, "INSERT INTO olds (id) SELECT id FROM things")
		to := tables(table("things", id(), col("a", integer(32), notNull), col("b", varchar(9)), unique("u", "b"), check("k", "id <> 17")))
		if on(l, "mysql", "mariadb") {
			to.Tables[0].Checks[0].Expr = "a <> 1"
		}
		p := x.plan(to)
		report := x.preflight(p)
		counts := func(r *preflight.Report) (out []string) {
			for _, f := range r.Findings {
				out = append(out, fmt.Sprintf("%s %d %t %d", f.Kind, f.Count, f.Estimated, len(f.Keys)))
			}
			return out
		}
		assert.Equal(t, []string{"nulls 5999 false 5", "duplicates 5999 false 5", "check_violation 1 false 1", "rows_lost 6000 false 0"}, counts(report))
		s := x.open()
		if on(l, "postgres") {
			x.exec("ANALYZE olds")
		} else if !on(l, "sqlite") {
			x.exec("ANALYZE TABLE olds")
		}
		report, err := preflight.Run(t.Context(), x.d, s, preflight.Checks(x.d, p), preflight.Options{Estimate: true, Now: time.Now})
		require.NoError(t, err)
		got := counts(report)
		require.Len(t, got, 4)
		assert.Equal(t, []string{"nulls 1000 true 5", "duplicates 6 true 5", "check_violation 1 false 1"}, got[:3])
		assert.InDelta(t, 6000, report.Findings[3].Count, 600)
		assert.Equal(t, !on(l, "sqlite"), report.Findings[3].Estimated)
		assert.Contains(t, report.Findings[0].String(), "at least 1000 rows without a value in a")
	})
}

// TestSizes: one look at all tables.
func TestSizes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		x.migrate(tables(table("things", id(), col("a", varchar(90))), table("empties", id())))
		x.exec("INSERT INTO things (a) VALUES " + strings.TrimSuffix(strings.Repeat("('some text'), ", 3000), ", "))
		if on(l, "postgres") {
			x.exec("ANALYZE")
		} else if !on(l, "sqlite") {
			x.exec("ANALYZE TABLE things, empties")
		}
		sizes, err := preflight.Sizes(t.Context(), x.d, x.open(), []string{"things", "empties", "missing"})
		require.NoError(t, err)
		require.Len(t, sizes, 2, "%v", sizes)
		assert.InDelta(t, 3000, sizes["things"].Rows, 300)
		assert.Zero(t, sizes["empties"].Rows)
		assert.Greater(t, sizes["things"].Bytes, int64(20_000))
		assert.Equal(t, !on(l, "sqlite"), sizes["things"].Estimated)
		none, err := preflight.Sizes(t.Context(), x.d, x.open(), nil)
		require.NoError(t, err)
		assert.Empty(t, none)
	})
}

// TestNothingToAsk: a tenant that is initialised has no rows, and a plan that only
// adds asks nothing.
func TestNothingToAsk(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, l lab) {
		x := newTenant(t, l)
		first := x.plan(tables(table("things", id(), col("a", varchar(9), notNull), unique("u", "a"))))
		assert.Empty(t, preflight.Checks(x.d, first))
		x.migrate(tables(table("things", id())))
		p := x.plan(tables(table("things", id(), col("a", varchar(9)), col("t", ref()), unique("u", "a"), refers("fk_t", "things", "t", "id"), index(schema.Index{Name: "i", Parts: []schema.IndexPart{{Column: "a"}}})), table("others", id(), col("t", ref()), refers("fk", "things", "t", "id"))))
		assert.Empty(t, preflight.Checks(x.d, p))
		report := x.preflight(p)
		assert.Equal(t, &preflight.Report{}, report)
	})
}
