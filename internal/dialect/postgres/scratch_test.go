package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/enginetest"
)

// Tenants share the words of a model unless their schema brings something that a
// column may use; tables, with their row types and arrays, are nothing of that kind.
func TestCircumstancesNameASchemaThatBringsTypes(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			name, raw := enginetest.UnusedSchema(t, server)
			s := open(t, raw)
			ask := func(q dialect.Querier) string {
				at, err := postgres.New().Circumstances(t.Context(), q)
				require.NoError(t, err)
				return at
			}
			assert.NotContains(t, ask(s), name, "not even there")
			for _, thing := range []string{
				"CREATE TYPE mood AS ENUM ('glad', 'sad')",
				"CREATE TYPE pair AS (a int, b int)",
				"CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
				"CREATE TYPE span AS RANGE (subtype = float8)",
				"CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
			} {
				tx, err := s.Begin(t.Context(), dialect.TxOptions{CreateNamespace: true})
				require.NoError(t, err)
				for _, table := range []string{"CREATE TABLE things (id bigserial PRIMARY KEY, tags text[])", "CREATE VIEW seen AS SELECT id FROM things"} {
					_, err = tx.ExecContext(t.Context(), table)
					require.NoError(t, err)
				}
				assert.NotContains(t, ask(tx), name, "tables only")
				_, err = tx.ExecContext(t.Context(), thing)
				require.NoError(t, err)
				assert.Contains(t, ask(tx), name, thing)
				require.NoError(t, tx.Rollback(t.Context()))
			}
		})
	}
}
