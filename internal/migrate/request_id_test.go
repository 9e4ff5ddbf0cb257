package migrate_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

func named(t testing.TB, url, version, id string) migrate.ExecuteRequest {
	t.Helper()
	return migrate.ExecuteRequest{Request: request(t, url, version, strategy.Safe), Actor: "tester", RequestID: id, LockWait: 20 * time.Second}
}

// TestTheSameRequestHasTheSameResult asks twice, of services that share nothing,
// and for each way an execution can end.
func TestTheSameRequestHasTheSameResult(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		one, other, url := newService(t, proxy, nil), newService(t, proxy, nil), l.fresh(t)
		same := func(version, id string, want migrate.Outcome) {
			t.Helper()
			first, err1 := one.Execute(t.Context(), named(t, url, version, id), nil)
			again, err2 := other.Execute(t.Context(), named(t, url, version, id), nil)
			require.Equal(t, err1 == nil, err2 == nil, "%v and %v", err1, err2)
			require.NotNil(t, first, "%v", err1)
			require.Equal(t, want, first.Outcome)
			assert.Equal(t, want, again.Outcome)
			assert.Equal(t, first.Revision, again.Revision)
			assert.Equal(t, first.Plan.Digest, again.Plan.Digest)
			assert.Len(t, again.Statements, len(first.Statements))
			for i := range first.Statements {
				assert.Equal(t, first.Statements[i], again.Statements[i])
			}
			if err1 != nil {
				assert.Equal(t, fault.ReasonOf(err1), fault.ReasonOf(err2))
				assert.Equal(t, fault.As(err1).Detail, fault.As(err2).Detail)
				assert.True(t, fault.As(err2).RolledBack)
			}
		}
		same("v1.0.0", "a", migrate.OutcomeApplied)
		rows(t, url)
		same("v1.0.0", "b", migrate.OutcomeNothing)
		same("v1.4.0", "c", migrate.OutcomeRolledBack)
		same("v1.1.0", "d", migrate.OutcomeApplied)
		// What was answered with "nothing to do" is not carried out later, either.
		same("v1.0.0", "b", migrate.OutcomeNothing)

		_, err := one.Execute(t.Context(), named(t, url, "v1.1.0", "a"), nil)
		assert.Equal(t, "REQUEST_ID_REUSED", fault.ReasonOf(err))
		head, err := one.Current(t.Context(), target(t, url))
		require.NoError(t, err)
		assert.Equal(t, "v1.1.0", head.Modules[0].Version)
	})
}

// TestOneRequestFromManyReplicasRunsOnce sends the same request at the same
// time.
func TestOneRequestFromManyReplicasRunsOnce(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		url := l.fresh(t)
		mustExecute(t, newService(t, proxy, nil), url, "v1.0.0", strategy.Safe)
		rows(t, url)
		var wg sync.WaitGroup
		results := make([]*migrate.Result, 4)
		for i := range results {
			s := newService(t, proxy, nil)
			wg.Go(func() {
				var err error
				results[i], err = s.Execute(t.Context(), named(t, url, "v1.1.0", "once"), nil)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		for _, r := range results {
			require.NotNil(t, r)
			assert.Equal(t, migrate.OutcomeApplied, r.Outcome)
			assert.EqualValues(t, 2, r.Revision)
		}
		assert.Equal(t, "2\n", query(t, url, "SELECT count(*) FROM lockstep_history"))
	})
}

// TestOneRequestIsRecordedOnce lets a second replica answer the request after the
// first has looked for an answer, and before it holds the lock.
func TestOneRequestIsRecordedOnce(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		for name, c := range map[string]struct {
			version string
			want    migrate.Outcome
			history string
		}{
			"nothing to do": {"v1.0.0", migrate.OutcomeNothing, "2\n"},
			"applied":       {"v1.1.0", migrate.OutcomeApplied, "2\n"},
			"failing":       {"v1.4.0", migrate.OutcomeRolledBack, "2\n"},
		} {
			t.Run(name, func(t *testing.T) {
				one, other, url := newService(t, proxy, nil), newService(t, proxy, nil), l.fresh(t)
				mustExecute(t, one, url, "v1.0.0", strategy.Safe)
				rows(t, url)
				var quicker *migrate.Result
				var failed error
				slower, err := one.Execute(t.Context(), named(t, url, c.version, "once"), func(e migrate.Event) {
					if e.Phase == migrate.PhaseLocking && quicker == nil {
						quicker, failed = other.Execute(t.Context(), named(t, url, c.version, "once"), nil)
					}
				})
				require.Equal(t, failed == nil, err == nil, "%v and %v", failed, err)
				require.NotNil(t, quicker)
				assert.Equal(t, c.want, quicker.Outcome)
				assert.Equal(t, c.want, slower.Outcome)
				assert.Equal(t, quicker.Revision, slower.Revision)
				assert.Equal(t, c.history, query(t, url, "SELECT count(*) FROM lockstep_history"))
			})
		}
	})
}
