package rpc_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// fakeServer is a database server that is as a test says.
type fakeServer struct {
	roster func(context.Context) (dialect.Roster, error)
}

func (f *fakeServer) OpenServer(context.Context, dialect.Target) (dialect.ServerSession, error) {
	return f, nil
}

func (f *fakeServer) Roster(ctx context.Context, o dialect.RosterOptions) (dialect.Roster, error) {
	o.Told("server", 1, 1)
	return f.roster(ctx)
}

func (*fakeServer) Schemas(context.Context, string) (dialect.SchemaRoster, error) {
	return dialect.SchemaRoster{}, nil
}

func (*fakeServer) Close() error { return nil }

// fakeDesk registers a server that is as a test says.
func fakeDesk(t *testing.T, f *fakeServer) desk {
	t.Helper()
	h := host{engine: dialect.SQLServer, url: "sqlserver://sa:" + secret + "@db.example.com"}
	return h.register(t, func(cfg *rpc.Config) {
		cfg.Engines = map[dialect.Engine]dialect.Discoverer{dialect.SQLServer: f}
	})
}

// TestWhatAServerIsIsKept: its version, what it says of itself, and what could not
// be read.
func TestWhatAServerIsIsKept(t *testing.T) {
	t.Parallel()
	roster := dialect.Roster{
		Server:    dialect.ServerInfo{Engine: dialect.SQLServer, Version: dialect.Version{Major: 16, Minor: 0, Patch: 4100}, Edition: "Standard", DefaultSchema: "dbo"},
		Databases: []dialect.Database{{Name: "Acme"}, {Name: "master", System: true}},
		Users: []dialect.User{
			{Account: dialect.Account{Name: "app"}, CanLogin: true}, {Account: dialect.Account{Name: "app", Host: "Acme"}, CanLogin: true, Locked: true},
		},
	}
	d := fakeDesk(t, &fakeServer{roster: func(context.Context) (dialect.Roster, error) { return roster, nil }})
	first := d.mustSync(t)
	assert.Nil(t, first.GetFactsBefore())
	assert.Equal(t, "16.0.4100", first.GetFacts().GetVersion())
	assert.Equal(t, []string{"master"}, first.GetFacts().GetLeftOut())
	assert.Len(t, first.GetUsers(), 2, "a login, and a user whom one database knows")

	// The server is upgraded, and its administrator may see less.
	roster.Server.Version.Major, roster.Server.ReadOnly = 17, true
	roster.Users, roster.Unread = nil, []dialect.Part{dialect.PartUsers}
	roster.Notes = []dialect.Note{{Reason: "USERS_UNREAD", Detail: "not allowed", Suggestion: "grant it VIEW SERVER STATE"}}
	second := d.mustSync(t)
	assert.Equal(t, "16.0.4100", second.GetFactsBefore().GetVersion())
	assert.Equal(t, "17.0.4100", second.GetFacts().GetVersion())
	assert.Empty(t, second.GetUsers(), "what was not read has not vanished")
	facts := d.server(t).GetFacts()
	assert.Equal(t, []string{"users"}, facts.GetUnread())
	assert.Equal(t, "grant it VIEW SERVER STATE", facts.GetNotes()[0].GetSuggestion())
	assert.True(t, facts.GetReadOnly())
	may, err := d.servers.GetServerAccess(t.Context(), &lockstepv1.GetServerAccessRequest{Server: "main", Database: "ACME"})
	require.NoError(t, err, "this server folds names")
	assert.Equal(t, []string{"users"}, may.GetUnread())
	users, err := d.servers.ListUsers(t.Context(), &lockstepv1.ListUsersRequest{Server: "main", Status: lockstepv1.UserStatus_USER_STATUS_LOGIN})
	require.NoError(t, err)
	assert.Len(t, users.GetUsers(), 1, "the other is locked")
	d.noSecrets(t, first, second)
}

// TestACallerWhoGoesAway ends the sync, and that is not the server's fault.
func TestACallerWhoGoesAway(t *testing.T) {
	t.Parallel()
	inside, ended := make(chan struct{}), make(chan struct{})
	d := fakeDesk(t, &fakeServer{roster: func(ctx context.Context) (dialect.Roster, error) {
		close(inside)
		<-ctx.Done()
		close(ended)
		return dialect.Roster{}, fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "the caller gave up")
	}})
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := d.servers.SyncServer(ctx, &lockstepv1.SyncServerRequest{Server: "main"})
	require.NoError(t, err)
	<-inside
	cancel()
	<-ended
	for err == nil {
		_, err = stream.Recv()
	}
	assert.Equal(t, fault.Canceled, status.Fault(err).Kind)
	assert.Nil(t, d.server(t).GetLastSync())
}
