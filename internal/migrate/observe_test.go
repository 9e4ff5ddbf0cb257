package migrate_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/faultdb"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/observe"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// listener is an observer that writes down what it is told.
type listener struct {
	mu    sync.Mutex
	told  []string
	open  int // stages, statements and executions that have not ended
	lines strings.Builder
}

var _ observe.Observer = (*listener)(nil)

func (l *listener) tell(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, fmt.Sprintf(format, args...))
}

func (l *listener) begin() {
	l.mu.Lock()
	l.open++
	l.mu.Unlock()
}

func (l *listener) finish(what string) func(error) {
	l.begin()
	return func(err error) {
		l.mu.Lock()
		l.open--
		l.mu.Unlock()
		l.tell("%s %s", what, fault.ReasonOf(err))
	}
}

type insideKey struct{}

func (l *listener) Execution(ctx context.Context, e observe.Execution) (context.Context, func(observe.Executed)) {
	l.begin()
	return context.WithValue(ctx, insideKey{}, e.Command), func(end observe.Executed) {
		l.mu.Lock()
		l.open--
		l.mu.Unlock()
		l.tell("%s by %s: %s %s, %d statements, digest %t, attempts %d", e.Command, e.Actor, end.Outcome, end.Reason, end.Statements, end.Digest != "", end.Attempts)
	}
}

func (l *listener) Phase(ctx context.Context, _, phase string) (context.Context, func(error)) {
	return ctx, l.finish("phase " + phase)
}

func (l *listener) Statement(ctx context.Context, s observe.Statement) (context.Context, func(error)) {
	return ctx, l.finish(fmt.Sprintf("statement in %v, %t, %d of %d", ctx.Value(insideKey{}), s.SQL != "", s.Index, s.Total))
}

func (l *listener) LockWaited(_ context.Context, _ string, _ time.Duration, got bool) {
	l.tell("lock %t", got)
}

func (l *listener) Retried(_ context.Context, _, reason string) { l.tell("retry %s", reason) }

func (l *listener) Drift(_ context.Context, _ string, drifted bool) { l.tell("drift %t", drifted) }

func (l *listener) PlanCache(_ context.Context, hit bool) { l.tell("cache %t", hit) }

func (l *listener) Session(context.Context, string) func() {
	l.begin()
	return func() {
		l.mu.Lock()
		l.open--
		l.mu.Unlock()
	}
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

// heard returns what was told since the last time, without what never differs.
func (l *listener) heard(t *testing.T) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	assert.Zero(t, l.open, "something that began has not ended: %v", l.told)
	out := l.told
	l.told = nil
	return out
}

func has(t *testing.T, heard []string, words ...string) {
	t.Helper()
	for _, w := range words {
		assert.True(t, slices.ContainsFunc(heard, func(s string) bool { return strings.Contains(s, w) }), "%q is not among %q", w, heard)
	}
}

// TestTheObserverHearsEverything goes through a tenant's life on every engine, and
// holds that everything that begins ends, in its execution.
func TestTheObserverHearsEverything(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		o := &listener{}
		client, err := module.NewClient(module.Config{Sources: proxy, CacheDir: t.TempDir()})
		require.NoError(t, err)
		s, err := migrate.New(migrate.Config{
			Modules: client, Now: time.Now, LockstepVersion: "test", Dialects: dialects(nil), Observer: o,
			Logger: slog.New(slog.NewTextHandler(o, nil)),
		})
		require.NoError(t, err)
		url := l.fresh(t)
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		heard := o.heard(t)
		has(t, heard, "drift false", "cache false", "cache true", "lock true", "phase planning ", "phase locking ", "phase verifying ", "phase recording ",
			"statement in execute, true, 1 of ", "execute by tester: applied , ")
		assert.Equal(t, "execute by tester: applied ", heard[len(heard)-1][:27], "it ends last")
		mustExecute(t, s, url, "v1.0.0", strategy.Safe)
		has(t, o.heard(t), "execute by tester: nothing_to_do , 0 statements, digest true, attempts 1")

		// What the rows refuse fails before the first statement, what the server
		// refuses in one.
		rows(t, url)
		_, err = execute(t, s, url, "v1.4.0", strategy.Safe)
		require.Error(t, err)
		has(t, o.heard(t), "execute by tester: rolled_back ")
		_, err = s.Execute(t.Context(), migrate.ExecuteRequest{Request: request(t, url, "v9.9.9", strategy.Safe), Actor: "tester"}, nil)
		require.Error(t, err)
		has(t, o.heard(t), "phase planning "+fault.ReasonOf(err), "execute by tester: refused "+fault.ReasonOf(err)+", 0 statements, digest false, attempts 1")

		_, err = s.Drift(t.Context(), migrate.DriftRequest{Target: target(t, url)})
		require.NoError(t, err)
		has(t, o.heard(t), "drift false")
		run(t, url, "ALTER TABLE customers ADD COLUMN by_hand INTEGER")
		_, err = s.Drift(t.Context(), migrate.DriftRequest{Target: target(t, url)})
		require.NoError(t, err)
		has(t, o.heard(t), "drift true")
		run(t, url, "ALTER TABLE customers DROP COLUMN by_hand")

		mustExecute(t, s, url, "v1.1.0", strategy.Safe)
		o.heard(t)
		back := migrate.RevertRequest{ExecuteRequest: migrate.ExecuteRequest{Request: migrate.Request{Target: target(t, url), Strategy: strategy.Safe}, Actor: "tester"}, Revision: 1}
		_, err = s.Revert(t.Context(), back, nil)
		require.NoError(t, err)
		has(t, o.heard(t), "revert by tester: applied ")

		_, err = s.Adopt(t.Context(), migrate.AdoptRequest{Modules: back.Modules, Target: target(t, url), Actor: "tester"})
		require.Error(t, err)
		has(t, o.heard(t), "adopt by tester: refused "+fault.ReasonOf(err))
		again := migrate.AdoptRequest{Modules: request(t, url, "v1.0.0", strategy.Safe).Modules, Target: target(t, url), Actor: "tester", Again: true, Preview: true}
		_, err = s.Adopt(t.Context(), again)
		require.NoError(t, err)
		has(t, o.heard(t), "adopt by tester: compared ")
		again.Preview = false
		_, err = s.Adopt(t.Context(), again)
		require.NoError(t, err)
		has(t, o.heard(t), "adopt by tester: applied ")

		text := o.lines.String()
		assert.Equal(t, 6, strings.Count(text, "execution finished")+strings.Count(text, "execution failed"), "one line each:\n%s", text)
	})
}

// TestTheStatementThatFailsSaysSo also where what comes after it takes everything
// back.
func TestTheStatementThatFailsSaysSo(t *testing.T) {
	proxy := publish(t)
	eachEngine(t, func(t *testing.T, l lab) {
		o, url := &listener{}, l.fresh(t)
		mustExecute(t, newService(t, proxy, nil), url, "v1.0.0", strategy.Safe)
		plan := &faultdb.Plan{Only: func(op faultdb.Op) bool {
			return strings.Contains(op.SQL, "CREATE TABLE") && strings.Contains(op.SQL, "lines")
		}}
		client, err := module.NewClient(module.Config{Sources: proxy, CacheDir: t.TempDir()})
		require.NoError(t, err)
		s, err := migrate.New(migrate.Config{
			Modules: client, Now: time.Now, Observer: o,
			Dialects: dialects(func(c driver.Connector) driver.Connector { return faultdb.Wrap(c, plan) }),
		})
		require.NoError(t, err)
		_, err = execute(t, s, url, "v1.1.0", strategy.Safe)
		require.Error(t, err)
		require.True(t, plan.Fired(), "%s", plan)
		failed := 0
		heard := o.heard(t)
		for _, line := range heard {
			if strings.HasPrefix(line, "statement ") && strings.HasSuffix(line, " "+fault.ReasonOf(err)) {
				failed++
			}
		}
		assert.Equal(t, 1, failed, "%q", heard)
		has(t, heard, "execute by tester: rolled_back "+fault.ReasonOf(err))
	})
}
