package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// An execution sees what any other session sees, also of what it has just changed,
// and also after a question of it failed.
func TestAnExecutionInspectsAsAnySession(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			_, raw := enginetest.UnusedSchema(t, server)
			s, d, names := open(t, raw), postgres.New(), []string{"parents", "Odd \"name\"", "absent", "bare"}
			begin := func() dialect.Tx {
				tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
				require.NoError(t, err)
				return tx
			}
			exec := func(q dialect.Querier, statements ...string) {
				for _, sql := range statements {
					_, err := q.ExecContext(t.Context(), sql)
					require.NoError(t, err, sql)
				}
			}
			tx := begin()
			_, err := tx.ExecContext(t.Context(), "SELECT 1/0")
			require.Error(t, err)
			_, err = d.Inspect(t.Context(), tx, names)
			require.ErrorContains(t, err, "25P02", "the transaction has failed")
			require.NoError(t, tx.Rollback(t.Context()))

			tx = begin()
			empty, err := d.Inspect(t.Context(), tx, names)
			require.NoError(t, err)
			assert.Empty(t, empty.Tables)
			exec(tx, "CREATE TABLE parents (id bigserial PRIMARY KEY, a text DEFAULT 'é''x' CHECK (a <> ''), b int[] NOT NULL, UNIQUE (a, b))",
				`CREATE TABLE "Odd ""name""" (id int REFERENCES parents (id) ON DELETE CASCADE DEFERRABLE, x text COLLATE "C")`, "CREATE TABLE bare ()",
				"CREATE INDEX i ON parents (lower(a), b DESC) WHERE a IS NOT NULL", "COMMENT ON COLUMN parents.a IS 'said'")
			inside, err := d.Inspect(t.Context(), tx, names)
			require.NoError(t, err)
			mode := one(t, tx, "SHOW plan_cache_mode")
			require.NoError(t, tx.Commit(t.Context()))
			outside, err := d.Inspect(t.Context(), s, names)
			require.NoError(t, err)
			require.Len(t, inside.Tables, 3)
			require.Equal(t, "auto", mode, "for the questions only")
			assert.Equal(t, outside, inside)

			tx = begin()
			exec(tx, "ALTER TABLE parents DROP a")
			again, err := d.Inspect(t.Context(), tx, []string{"parents"})
			require.NoError(t, err)
			assert.Len(t, again.Table("parents").Columns, 2)
			_, err = tx.ExecContext(t.Context(), "SELECT 1/0")
			require.Error(t, err)
			_, err = d.Inspect(t.Context(), tx, names)
			require.Error(t, err)
			require.NoError(t, tx.Rollback(t.Context()))
			tx = begin()
			back, err := d.Inspect(t.Context(), tx, names)
			require.NoError(t, err)
			assert.Equal(t, outside, back)
			require.NoError(t, tx.Rollback(t.Context()))
			assert.Equal(t, "auto", one(t, s, "SHOW plan_cache_mode"))
		})
	}
}
