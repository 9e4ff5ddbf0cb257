package app

import (
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/mysql"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlserver"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// served lists the engines that this build serves.
func served() []dialect.Engine {
	return []dialect.Engine{dialect.Postgres, dialect.MySQL, dialect.MariaDB, dialect.SQLServer, dialect.SQLite}
}

// newDialect is the switch over the engines.
func newDialect(e dialect.Engine) (dialect.Dialect, error) {
	switch e {
	case dialect.Postgres:
		return postgres.New(), nil
	case dialect.SQLite:
		return sqlite.New(), nil
	case dialect.MySQL:
		return mysql.New(), nil
	case dialect.MariaDB:
		return mysql.New(mysql.WithMariaDB()), nil
	case dialect.SQLServer:
		return sqlserver.New(), nil
	}
	return nil, fault.New(fault.Unsupported, "ENGINE_UNSUPPORTED", "this build does not serve %s", e)
}

// engines makes the dialects of this build.
func engines() (map[dialect.Engine]dialect.Dialect, error) {
	out := map[dialect.Engine]dialect.Dialect{}
	for _, e := range served() {
		d, err := newDialect(e)
		if err != nil {
			return nil, err
		}
		out[e] = d
	}
	return out, nil
}
