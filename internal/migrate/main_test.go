package migrate_test

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TestMain runs the tests, or, in a process that a test started, the upgrade
// that ends itself half way.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// errand is what a child process has to do, and where it ends.
type errand struct {
	Proxy, Cache, Target  string
	Module, Query, Digest string
	Strategy              strategy.Name
	// Event ends it at a sign of progress, when Mode is empty.
	Event int
	// Mode ends it before or after an operation on the database: the Op-th of
	// those that begin with Only.
	Mode faultdb.Mode
	Only string
	Op   int
	// Online asks for a plan in phases.
	Online bool
}

const childEnv = "LOCKSTEP_TEST_KILL_CHILD"

// runChild runs an errand in a process of its own that kills itself, and tells
// whether it got there.
func runChild(t *testing.T, e errand) (killed bool) {
	t.Helper()
	e.Cache = filepath.Join(t.TempDir(), "c")
	text, err := json.Marshal(e)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMain$")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok && status.Signaled() && status.Signal() == syscall.SIGKILL, "the child failed by itself: %s", out)
	return true
}

// die ends this process as nothing else can.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}

func child() error {
	var e errand
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &e); err != nil {
		return err
	}
	client, err := module.NewClient(module.Config{Sources: e.Proxy, CacheDir: e.Cache})
	if err != nil {
		return err
	}
	plan := faultdb.Never()
	if e.Mode != "" {
		plan = &faultdb.Plan{FailAt: e.Op, Mode: e.Mode, End: die, Only: func(op faultdb.Op) bool { return strings.HasPrefix(op.SQL, e.Only) }}
	}
	s, err := migrate.New(migrate.Config{
		Modules: client, Now: time.Now, LockstepVersion: "test",
		Dialects: dialects(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) }),
	})
	if err != nil {
		return err
	}
	to, err := dialect.ParseTarget(e.Target)
	if err != nil {
		return err
	}
	events := 0
	_, err = s.Execute(context.Background(), migrate.ExecuteRequest{Request: migrate.Request{
		Modules: migrate.ModuleSet{Refs: []module.Ref{{Path: e.Module, Query: e.Query}}}, Target: to, Strategy: e.Strategy, Online: e.Online,
	}, Digest: e.Digest}, func(migrate.Event) {
		if e.Mode == "" && events == e.Event {
			die()
		}
		events++
	})
	return err
}
