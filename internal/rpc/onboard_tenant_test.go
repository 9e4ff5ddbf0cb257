package rpc_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/enginetest"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// TestATenantIsOnboarded is the whole call, with a database for the tenant.
func TestATenantIsOnboarded(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		b := open(t, server, nil)
		told, got, err := b.onboard(t.Context(), b.request())
		require.NoError(t, err)
		require.Equal(t, lockstepv1.TenantStatus_TENANT_STATUS_ACTIVE, got.GetTenant().GetStatus())
		require.Equal(t, "db1", got.GetTenant().GetServer())
		require.NotEmpty(t, got.GetTenant().GetModules()[0].GetVersion(), "the version it came to")
		require.EqualValues(t, 1, got.GetRevision())
		all := strings.Join(told, "\n")
		for _, want := range []string{"preparing\n", "registering tenant " + b.id, "creating database " + b.id, "initialising statement", "\ndone"} {
			require.Contains(t, all, want)
		}
		if server.Engine == "sqlite" {
			require.Equal(t, []string{"database " + b.id + ".db"}, got.GetMade())
			require.Equal(t, filepath.Join(b.dir, b.id+".db"), got.GetDatabase())
			require.Empty(t, got.GetUser()+got.GetPassword())
		} else {
			require.Equal(t, b.id, got.GetDatabase())
			require.Equal(t, b.id+"_app", got.GetUser())
			require.Len(t, got.GetPassword(), 32)
			require.Equal(t, "server:", got.GetTenant().GetSecret())
			require.Contains(t, all, "creating user "+b.id+"_app")
			b.mayUse(t, got)
		}
		b.goesOn(t, got)

		_, _, err = b.onboard(t.Context(), b.request())
		require.Equal(t, control.ReasonTenantExists, status.Fault(err).Reason)
		require.Contains(t, status.Fault(err).Detail, "active")
		other := b.request()
		other.Id, other.Database = b.id+"-2", filepath.Base(got.GetDatabase())
		_, _, err = b.onboard(t.Context(), other)
		require.Equal(t, fault.Exists, status.Fault(err).Kind, "%v", err)
		_, err = b.store.GetTenant(t.Context(), other.GetId())
		require.Equal(t, control.ReasonTenantNotFound, fault.ReasonOf(err))
		require.NotEmpty(t, b.things(t), "what belongs to the first is there")
		undo := b.request()
		undo.Undo = true
		_, _, err = b.onboard(t.Context(), undo)
		require.Equal(t, "ONBOARDING_FINISHED", status.Fault(err).Reason)
		b.goesOn(t, got)
	})
}

// mayUse holds what the application's user may do, and may not.
func (b *branch) mayUse(t *testing.T, r *lockstepv1.OnboardingResult) {
	t.Helper()
	app := b.connectAs(t, r, r.GetPassword())
	for _, allowed := range []string{"INSERT INTO customers (email) VALUES ('a@b')", "UPDATE customers SET email = 'c'", "SELECT * FROM customers", "DELETE FROM customers WHERE email = 'x'"} {
		_, err := app.ExecContext(t.Context(), allowed)
		require.NoError(t, err, allowed)
	}
	forbidden := []string{
		"SELECT * FROM lockstep_history", "DELETE FROM lockstep_history", "UPDATE lockstep_history SET revision = 2", "DROP TABLE customers",
		"ALTER TABLE customers ADD more int", "CREATE TABLE mine (id int)",
	}
	if b.server.Engine != "postgres" {
		forbidden = append(forbidden, "SELECT * FROM lockstep_journal", "INSERT INTO lockstep_journal (entry) VALUES (1)")
		require.Error(t, b.connectAs(t, r, "wrong").PingContext(t.Context()))
	}
	for _, statement := range forbidden {
		_, err := app.ExecContext(t.Context(), statement)
		require.Error(t, err, statement)
	}
	require.NoError(t, app.Close())
}

// goesOn brings the tenant to a later version, by its id: lockstep logs in as the
// server's administrator, and the application may use what is new.
func (b *branch) goesOn(t *testing.T, r *lockstepv1.OnboardingResult) {
	t.Helper()
	shop(t, b.module, "\ntype Invoice struct {\n\tID uint `gorm:\"primaryKey\"`\n\tTotal int\n}\n")
	events, err := execute(t, b.conn, &lockstepv1.ExecuteMigrationRequest{Tenant: b.id, Actor: "alice", Online: b.server.Engine == "postgres"})
	require.NoError(t, err)
	require.Empty(t, events[len(events)-1].GetResult().GetWarnings())
	if r.GetUser() == "" {
		return
	}
	app := b.connectAs(t, r, r.GetPassword())
	_, err = app.ExecContext(t.Context(), "INSERT INTO invoices (total) VALUES (1)")
	require.NoError(t, err)
	require.NoError(t, app.Close())
}

// TestAnOnboardingThatFailsLeavesNothing fails in the middle of the plan that
// initialises the tenant.
func TestAnOnboardingThatFailsLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		b := open(t, server, nil)
		shop(t, b.module, "\ntype Refund struct {\n\tID uint `gorm:\"primaryKey\"`\n\tTotal int `gorm:\"check:no_such_function(total) > 0\"`\n}\n")
		told, result, err := b.onboard(t.Context(), b.request())
		require.Error(t, err)
		require.Nil(t, result)
		f := status.Fault(err)
		require.True(t, f.RolledBack)
		require.NotEqual(t, fault.Partial, f.Kind, "%v", f)
		require.Equal(t, 5, status.Exit(f), "%v", f)
		require.Contains(t, strings.Join(told, "\n"), "undoing database "+b.id)
		b.gone(t)
		shop(t, b.module, "")
		_, _, err = b.onboard(t.Context(), b.request())
		require.NoError(t, err, "the id is free again")
	})
}

// TestTenantsShareADatabase onboards two tenants, each with a schema of its own.
func TestTenantsShareADatabase(t *testing.T) {
	t.Parallel()
	for _, server := range enginetest.Postgres(t) {
		t.Run(server.Name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(enginetest.FreshDatabase(t, server))
			require.NoError(t, err)
			shared := strings.TrimPrefix(u.Path, "/")
			b := open(t, server, nil)
			var apps []*sql.DB
			var made []*lockstepv1.OnboardingResult
			for _, id := range []string{b.id, b.id + ".Two"} {
				req := b.request()
				req.Id, req.Database, req.Schema = id, shared, strings.ToLower(strings.ReplaceAll(id, ".", "_"))
				_, got, err := b.onboard(t.Context(), req)
				require.NoError(t, err)
				require.Equal(t, shared, got.GetDatabase())
				require.Equal(t, req.GetSchema(), got.GetSchema())
				apps, made = append(apps, b.connectAs(t, got, got.GetPassword())), append(made, got)
			}
			require.Regexp(t, "^"+b.id+"_two_[0-9a-f]{6}_app$", made[1].GetUser())
			for i, app := range apps {
				own, other := made[i].GetSchema(), made[1-i].GetSchema()
				_, err := app.ExecContext(t.Context(), "INSERT INTO "+own+".customers (email) VALUES ('x')")
				require.NoError(t, err)
				for _, forbidden := range []string{
					"SELECT * FROM " + other + ".customers", "SELECT * FROM " + own + ".lockstep_history", "UPDATE " + own + ".lockstep_history SET revision = 2",
					"CREATE TABLE " + own + ".mine (id int)", "CREATE TABLE public.mine (id int)",
				} {
					_, err := app.ExecContext(t.Context(), forbidden)
					require.Error(t, err, forbidden)
				}
				require.NoError(t, app.Close())
			}
			b.goesOn(t, made[0])

			nowhere := b.request()
			nowhere.Id, nowhere.Database, nowhere.Schema = b.id+"-3", b.id+"_nowhere", "s"
			_, _, err = b.onboard(t.Context(), nowhere)
			require.Equal(t, "DATABASE_UNKNOWN", status.Fault(err).Reason, "a shared database is not made")
			_, err = b.store.GetTenant(t.Context(), nowhere.GetId())
			require.Equal(t, control.ReasonTenantNotFound, fault.ReasonOf(err))

			drop := enginetest.Connect(t, u.String()) // the roles can go when nothing depends on them
			for _, got := range made {
				_, err := drop.ExecContext(context.Background(), "DROP OWNED BY "+got.GetUser()+" CASCADE")
				require.NoError(t, err)
			}
		})
	}
}

// TestOnboardingsOfOneTenantExclude: one of several calls wins, and the others touch
// nothing of what it made.
func TestOnboardingsOfOneTenantExclude(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		b := open(t, server, nil)
		type end struct {
			result *lockstepv1.OnboardingResult
			err    error
		}
		const calls = 4
		ends := make(chan end, calls)
		for range calls {
			go func() {
				_, result, err := b.onboard(context.WithoutCancel(t.Context()), b.request())
				ends <- end{result, err}
			}()
		}
		var winner *lockstepv1.OnboardingResult
		for range calls {
			e := <-ends
			if e.err == nil {
				require.Nil(t, winner, "only one wins")
				winner = e.result
				continue
			}
			require.Contains(t, []string{"ONBOARDING_RUNNING", control.ReasonTenantExists}, status.Fault(e.err).Reason, "%v", e.err)
			require.False(t, status.Fault(e.err).RolledBack)
		}
		require.NotNil(t, winner)
		if winner.GetUser() != "" {
			b.mayUse(t, winner)
		}
		b.goesOn(t, winner)
	})
}

// TestAnOnboardingThatIsCancelledLeavesNothing gives up at each sign of progress. A
// call that was quicker than that has onboarded its tenant.
func TestAnOnboardingThatIsCancelledLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		b := open(t, server, nil)
		undone := 0
		for at, last := 0, false; !last; at++ {
			req := b.request()
			req.Id = fmt.Sprintf("%sx%d", b.id, at)
			ctx, cancel := context.WithCancel(t.Context())
			stream, err := b.client.OnboardTenant(ctx, req)
			require.NoError(t, err)
			seen := 0
			for ; err == nil; seen++ {
				if _, err = stream.Recv(); err == nil && seen == at {
					cancel()
				}
			}
			cancel()
			last = seen <= at+1                 // it ended before it was given up
			require.Eventually(t, func() bool { // the server may still be undoing
				_, _, err := b.onboard(t.Context(), &lockstepv1.OnboardTenantRequest{Id: req.GetId(), Undo: true, Actor: "alice"})
				switch status.Fault(err).Reason {
				case "ONBOARDING_FINISHED":
					return true
				case control.ReasonTenantNotFound:
					undone++
					for _, thing := range b.things(t) {
						require.NotRegexp(t, req.GetId()+"(_app|[.]db)?$", thing, "given up at message %d", at)
					}
					return true
				}
				return false
			}, 30*time.Second, 20*time.Millisecond, "given up at message %d", at)
		}
		require.Positive(t, undone)
	})
}

// TestNobodyElseIsToldThePassword greps everything that an onboarding leaves
// behind for the secrets: the store's files, the log, the audit chain, progress,
// the tenant, errors.
func TestNobodyElseIsToldThePassword(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		b := open(t, server, nil)
		stream, err := b.client.OnboardTenant(t.Context(), b.request())
		require.NoError(t, err)
		var said strings.Builder
		var password string
		for {
			msg, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if r := msg.GetResult(); r != nil {
				require.Empty(t, password, "it is told once")
				password = r.GetPassword()
				r.Password = ""
			}
			said.WriteString(msg.String())
		}
		again := b.request()
		_, _, err = b.onboard(t.Context(), again)
		said.WriteString(err.Error())
		said.WriteString(status.Fault(err).Error())
		got, err := b.client.GetTenant(t.Context(), &lockstepv1.GetTenantRequest{Tenant: b.id})
		require.NoError(t, err)
		said.WriteString(got.String())
		require.NoError(t, func() error { _, err := b.store.ExportAudit(t.Context(), &said, 0); return err }())
		require.Contains(t, said.String(), "OnboardTenant")
		said.WriteString(b.log.String())
		files, err := filepath.Glob(b.file + "*")
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, name := range files {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			said.Write(data)
		}
		require.Contains(t, said.String(), b.id, "it looks at the right files")
		require.NotContains(t, said.String(), adminPassword)
		if server.Engine != "sqlite" {
			require.Len(t, password, 32)
			require.NotContains(t, said.String(), password)
		}
	})
}

// TestARequestIsAnsweredAgain is about request ids.
func TestARequestIsAnsweredAgain(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		b := open(t, server, nil)
		req := b.request()
		req.RequestId = "one"
		_, first, err := b.onboard(t.Context(), req)
		require.NoError(t, err)
		before := b.things(t)
		_, again, err := b.onboard(t.Context(), req)
		require.NoError(t, err)
		require.True(t, again.GetRepeated())
		require.Empty(t, again.GetPassword())
		require.Equal(t, first.GetMade(), again.GetMade())
		require.Equal(t, first.GetUser(), again.GetUser())
		require.Equal(t, first.GetDatabase(), again.GetDatabase())
		require.Equal(t, before, b.things(t))
		req.Labels = map[string]string{"team": "hr"}
		_, _, err = b.onboard(t.Context(), req)
		require.Equal(t, control.ReasonRequestReused, status.Fault(err).Reason)
	})
}

// TestSyncsDuringAnOnboarding: whatever a sync sees of what is being made, the
// tenant is what it is, and the inventory what is there.
func TestSyncsDuringAnOnboarding(t *testing.T) {
	onEach(t, func(t *testing.T, server enginetest.Server) {
		b := open(t, server, nil, func(c *rpc.Config) {
			c.Engines = map[dialect.Engine]dialect.Discoverer{}
			for engine, d := range c.Dialects {
				c.Engines[engine] = d.(dialect.Discoverer)
			}
		})
		syncing := lockstepv1.NewServerServiceClient(b.conn)
		sync := func() {
			t.Helper()
			stream, err := syncing.SyncServer(t.Context(), &lockstepv1.SyncServerRequest{Server: "db1"})
			for err == nil {
				_, err = stream.Recv()
			}
			if !errors.Is(err, io.EOF) {
				require.Equal(t, fault.Conflict, status.Fault(err).Kind, "%v", err)
			}
		}
		sync()
		stream, err := b.client.OnboardTenant(t.Context(), b.request())
		require.NoError(t, err)
		for {
			msg, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if msg.GetProgress().GetExecution() == nil {
				sync()
			}
		}
		for range 2 {
			found, err := b.store.GetTenant(t.Context(), b.id)
			require.NoError(t, err)
			require.Equal(t, control.TenantActive, found.Status)
			sync()
		}
		inventory, err := b.store.Inventory(t.Context(), "db1")
		require.NoError(t, err)
		var here []string
		for _, d := range inventory.Databases {
			if strings.HasPrefix(d.Value.Name, b.id) && d.Vanished.IsZero() {
				here = append(here, d.Value.Name)
			}
		}
		require.Len(t, here, 1)

		second := b.request()
		second.Id += "-2"
		shop(t, b.module, "\ntype Refund struct {\n\tID uint `gorm:\"primaryKey\"`\n\tTotal int `gorm:\"check:no_such_function(total) > 0\"`\n}\n")
		broken, err := b.client.OnboardTenant(t.Context(), second)
		require.NoError(t, err)
		for err == nil {
			if _, err = broken.Recv(); err == nil {
				sync() // it sees the database come, and go
			}
		}
		require.True(t, status.Fault(err).RolledBack, "%v", err)
		sync()
		after, err := b.store.Inventory(t.Context(), "db1")
		require.NoError(t, err)
		for _, d := range after.Databases {
			if strings.HasPrefix(d.Value.Name, b.id) {
				require.Equal(t, d.Value.Name == here[0], d.Vanished.IsZero(), d.Value.Name)
			}
		}
	})
}
