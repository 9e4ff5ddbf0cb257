package dialecttest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// online proves of every transition that has something to do online that it
// leads to the schema built fresh, as the plain plan does, and that whatever was
// done before the finish can be undone in one transaction.
func online(t *testing.T, h Harness) {
	t.Helper()
	if _, ok := h.New(nil).(dialect.Online); !ok {
		assert.True(t, len(h.Only) > 0 || !h.New(nil).Capabilities().TransactionalDDL || h.New(nil).Capabilities().AltersByCopy ||
			h.New(nil).Engine() == dialect.SQLServer, "an engine with transactional DDL and no online plans")
		return
	}
	for _, tr := range allTransitions() {
		if slices.Contains(h.Unable, tr.name) || h.Refused[tr.name] != "" || h.Unplanned[tr.name] != "" {
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			onlineWay(t, h, tr.from, tr.to)
		})
		if !tr.oneWay {
			t.Run(tr.name+" back", func(t *testing.T) {
				t.Parallel()
				onlineWay(t, h, tr.to, tr.from)
			})
		}
	}
	const walks = 16
	for seed := range uint64(walks) {
		t.Run(fmt.Sprintf("random %d", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 2))
			onlineWay(t, h, randomSchema(r), randomSchema(r))
		})
	}
	t.Run("invalid leftovers are found", func(t *testing.T) { invalidLeftovers(t, h) })
}

// onlineWay tries every prefix of the plan and its way back, and then all of it.
func onlineWay(t *testing.T, h Harness, from, to *schema.Schema) {
	t.Helper()
	x := newTenant(t, h)
	x.migrate(from)
	p := x.onlinePlan(to)
	if !p.Online {
		return
	}
	before, objects := x.inspect(x.now), x.catalog()
	finish := slices.IndexFunc(p.Statements, func(s plan.Statement) bool { return s.Phase == dialect.PhaseFinish })
	if finish < 0 {
		finish = len(p.Statements)
	}
	prepared := slices.IndexFunc(p.Statements, func(s plan.Statement) bool { return s.Phase == dialect.PhaseOnline })
	for k := prepared; k <= finish; k++ { // preparing is atomic
		x.onlinePrefix(p, k)
		x.takeBack(p)
		require.Equal(t, before, x.inspect(x.now), "%d statements, and back:\n%s", k, script(p))
		require.Equal(t, objects, x.catalog(), "%d statements, and back:\n%s", k, script(p))
	}
	x.onlinePrefix(p, len(p.Statements))
	x.now = p.ResultSchema
	require.Empty(t, x.plan(to).Statements)
	sameAsFresh(t, h, x, to)
}

func (x *tenant) onlinePlan(s *schema.Schema) *plan.Plan {
	x.t.Helper()
	p, err := plan.Build(x.t.Context(), x.d, plan.Input{Strategy: strategy.Full, Base: x.now, Target: x.lower(s), Online: true})
	require.NoError(x.t, err)
	return p
}

// onlinePrefix runs the first k statements of a plan, each phase as it must.
func (x *tenant) onlinePrefix(p *plan.Plan, k int) {
	x.t.Helper()
	s := x.openUncleaned()
	holder, ok := s.(dialect.Holder)
	require.True(x.t, ok, "online plans need a session that holds the lock")
	held, err := holder.Hold(x.t.Context(), dialect.TxOptions{LockWait: 5 * time.Second, LockTimeout: 5 * time.Second, StatementTimeout: time.Minute})
	require.NoError(x.t, err)
	_, err = x.open().Begin(x.t.Context(), dialect.TxOptions{})
	require.Error(x.t, err, "the tenant is held")
	for _, phase := range []dialect.Phase{dialect.PhasePrepare, dialect.PhaseOnline, dialect.PhaseFinish} {
		if phase != dialect.PhaseOnline {
			require.NoError(x.t, held.BeginPhase(x.t.Context()))
		}
		for _, st := range p.Statements[:k] {
			if st.Phase == phase {
				_, err := held.ExecContext(x.t.Context(), st.SQL)
				require.NoError(x.t, err, "%s\n%s", st.SQL, script(p))
			}
		}
		if phase != dialect.PhaseOnline {
			require.NoError(x.t, held.CommitPhase(x.t.Context()))
		}
	}
	require.NoError(x.t, held.Commit(x.t.Context()))
	require.NoError(x.t, s.Close())
}

// takeBack undoes what comes before the finish, in a transaction.
func (x *tenant) takeBack(p *plan.Plan) {
	x.t.Helper()
	s := x.openUncleaned()
	tx, err := s.Begin(x.t.Context(), dialect.TxOptions{LockWait: 5 * time.Second})
	require.NoError(x.t, err)
	for _, st := range slices.Backward(p.Statements) {
		if st.Phase == dialect.PhaseFinish {
			continue
		}
		for _, sql := range st.Reverse {
			_, err := tx.ExecContext(x.t.Context(), sql)
			require.NoError(x.t, err, "%s\n%s", sql, script(p))
		}
	}
	require.NoError(x.t, tx.Commit(x.t.Context()))
	require.NoError(x.t, s.Close())
}

// invalidLeftovers lets a concurrent build fail.
func invalidLeftovers(t *testing.T, h Harness) {
	t.Helper()
	x := newTenant(t, h)
	x.migrate(tables(table("t", id(), col("a", varchar(9)))))
	x.exec("INSERT INTO t (id, a) VALUES (1, 'x'), (2, 'x')")
	p := x.onlinePlan(tables(table("t", id(), col("a", varchar(9)), index(schema.Index{Name: "twice", Unique: true, Parts: on("a")}))))
	require.True(t, p.Online)
	s := x.open()
	_, err := s.ExecContext(t.Context(), p.Statements[0].SQL)
	require.Error(t, err, "the rows hold duplicates")
	d, _ := x.d.(dialect.Online)
	names, err := d.Invalid(t.Context(), s, []string{"twice", "t_pkey", "nothing"})
	require.NoError(t, err)
	require.Equal(t, []string{"twice"}, names)
	_, err = s.ExecContext(t.Context(), d.DropInvalid("twice"))
	require.NoError(t, err)
	names, err = d.Invalid(t.Context(), s, []string{"twice"})
	require.NoError(t, err)
	assert.Empty(t, names)
}
