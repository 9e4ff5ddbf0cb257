package postgres_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/control/controltest"
	"github.com/lockstepdb/lockstep/internal/control/postgres"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/dialect"
	pgdialect "github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func open(ctx context.Context, url string, cfg sqlstore.Config, wrap func(driver.Connector) driver.Connector) (*sqlstore.Store, error) {
	target, err := dialect.ParseTarget(url)
	if err != nil {
		return nil, err
	}
	return postgres.Open(ctx, postgres.Config{Target: target, Dialect: pgdialect.New(), LockstepVersion: "test", Store: cfg, Wrap: wrap})
}

func TestStore(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			controltest.Run(t, controltest.Harness{
				Fresh: func(t testing.TB) string {
					_, url := enginetest.UnusedSchema(t, server)
					return url
				},
				Open: open,
				Raw:  func(t testing.TB, url string) *sql.DB { return enginetest.Connect(t, url) },
			})
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	cfg := sqlstore.Config{Now: controltest.NewClock().Now}
	_, err := open(t.Context(), "postgres://nobody:hush@127.0.0.1:1/none?connect_timeout=2", cfg, nil)
	assert.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	assert.NotContains(t, err.Error(), "hush")
}
