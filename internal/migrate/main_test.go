package migrate_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/postgres"
	"github.com/lockstepdb/lockstep/internal/dialect/sqlite"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestMain runs the tests, or, in a process that TestKilledAtEveryStep started,
// the upgrade that ends itself half way.
func TestMain(m *testing.M) {
	if step := os.Getenv(childEnv); step != "" {
		if err := child(step); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(step string) error {
	at, err := strconv.Atoi(step)
	if err != nil {
		return err
	}
	client, err := module.NewClient(module.Config{Sources: os.Getenv("LOCKSTEP_TEST_PROXY"), CacheDir: os.Getenv("LOCKSTEP_TEST_CACHE")})
	if err != nil {
		return err
	}
	s, err := migrate.New(migrate.Config{
		Modules: client, Now: time.Now, LockstepVersion: "test",
		Dialects: map[dialect.Engine]dialect.Dialect{dialect.Postgres: postgres.New(), dialect.SQLite: sqlite.New()},
	})
	if err != nil {
		return err
	}
	to, err := dialect.ParseTarget(os.Getenv("LOCKSTEP_TEST_TARGET"))
	if err != nil {
		return err
	}
	events := 0
	_, err = s.Execute(context.Background(), migrate.ExecuteRequest{Request: migrate.Request{
		Modules: migrate.ModuleSet{Refs: []module.Ref{{Path: shop, Query: "v1.1.0"}}}, Target: to, Strategy: strategy.Safe,
	}}, func(migrate.Event) {
		if events == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
		events++
	})
	return err
}
