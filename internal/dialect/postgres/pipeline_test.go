package postgres_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func TestPipeline(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		_, raw := enginetest.UnusedSchema(t, server)
		s := open(t, raw)
		pipeline := func(statements ...string) (tx dialect.Tx, done []int, err error) {
			tx, err = s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
			require.NoError(t, err)
			p, ok := tx.(dialect.Pipeliner)
			require.True(t, ok)
			err = p.ExecPipeline(t.Context(), statements, func(i int) { done = append(done, i) })
			return tx, done, err
		}

		// More statements than are sent at once, and all in order.
		var many []string
		for i := range 300 {
			many = append(many, fmt.Sprintf("CREATE TABLE t%d (id integer)", i))
		}
		tx, done, err := pipeline(many...)
		require.NoError(t, err)
		require.Len(t, done, 300)
		assert.Equal(t, 299, done[299])
		assert.Equal(t, "300", one(t, tx, "SELECT count(*)::text FROM pg_tables WHERE schemaname = current_schema()"))
		require.NoError(t, tx.Commit(t.Context()))

		// The first failure ends it, and what was sent behind it does nothing.
		tx, done, err = pipeline("CREATE TABLE a (id integer)", "CREATE TABLE t0 (id integer)", "CREATE TABLE b (id integer)")
		require.Error(t, err)
		assert.Equal(t, []int{0}, done)
		assert.Equal(t, "OBJECT_EXISTS", postgres.New().Classify(err).Reason)
		require.NoError(t, tx.Rollback(t.Context()))
		assert.Equal(t, "300", one(t, s, "SELECT count(*)::text FROM pg_tables WHERE schemaname = current_schema()"))

		// A second command cannot hide behind a semicolon.
		tx, done, err = pipeline("COMMENT ON TABLE t0 IS 'x'; DROP TABLE t1")
		require.Error(t, err)
		assert.Empty(t, done)
		assert.Equal(t, fault.Refused, postgres.New().Classify(err).Kind)
		require.NoError(t, tx.Rollback(t.Context()))
	}
}
