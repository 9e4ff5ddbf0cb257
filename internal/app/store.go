package app

import (
	"context"

	"github.com/lockstepdb/lockstep/internal/control"
	storepostgres "github.com/lockstepdb/lockstep/internal/control/postgres"
	storesqlite "github.com/lockstepdb/lockstep/internal/control/sqlite"
	"github.com/lockstepdb/lockstep/internal/control/sqlstore"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// OpenStore opens the control store at a URL, sqlite:path or postgres://…, and
// upgrades its tables.
func OpenStore(ctx context.Context, rawURL string, cfg sqlstore.Config) (control.Store, error) {
	target, err := dialect.ParseTarget(rawURL)
	if err != nil {
		return nil, err
	}
	switch target.Engine {
	case dialect.SQLite:
		d, err := newDialect(target.Engine)
		if err != nil {
			return nil, err
		}
		return orNil(storesqlite.Open(ctx, storesqlite.Config{Target: target, Dialect: d, LockstepVersion: Version(), Store: cfg}))
	case dialect.Postgres:
		d, err := newDialect(target.Engine)
		if err != nil {
			return nil, err
		}
		return orNil(storepostgres.Open(ctx, storepostgres.Config{Target: target, Dialect: d, LockstepVersion: Version(), Store: cfg}))
	case dialect.MySQL, dialect.MariaDB, dialect.SQLServer:
	}
	return nil, fault.New(fault.Unsupported, "STORE_ENGINE", "the control store cannot be kept in %s", target.Engine).
		Suggest("use sqlite:path for one replica, or postgres://… for several")
}

// orNil keeps a nil pointer from becoming an interface that is not nil.
func orNil(s *sqlstore.Store, err error) (control.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
