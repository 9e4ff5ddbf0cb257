package discover_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// told is a session that answers what it was told to.
type told struct {
	roster  dialect.Roster
	err     error
	schemas map[string]error

	mu     sync.Mutex
	now    int
	most   int
	waits  chan struct{}
	opened []string
}

func (s *told) Roster(_ context.Context, opts dialect.RosterOptions) (dialect.Roster, error) {
	opts.Told("all", 1, 1)
	return s.roster, s.err
}

func (s *told) Schemas(ctx context.Context, database string) (dialect.SchemaRoster, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.opened = append(s.opened, database)
	s.mu.Unlock()
	if s.waits != nil {
		select {
		case <-s.waits:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
	if err := s.schemas[database]; err != nil {
		return dialect.SchemaRoster{}, err
	}
	return dialect.SchemaRoster{
		Schemas: []dialect.Schema{{Name: "s"}, {Name: "bad\xff"}},
		Grants:  []dialect.Grant{{Public: true, Database: database, Schema: "s", Raw: []string{"USAGE"}}, {Public: true, Database: database, Schema: "bad\xff"}},
	}, nil
}

func (*told) Close() error { return nil }

func database(name string) dialect.Database { return dialect.Database{Name: name} }

func TestReadLeavesOut(t *testing.T) {
	t.Parallel()
	account := func(name string) dialect.Account { return dialect.Account{Name: name} }
	member := func(roles ...string) (out []dialect.Membership) {
		for _, r := range roles {
			out = append(out, dialect.Membership{Role: account(r)})
		}
		return out
	}
	s := &told{roster: dialect.Roster{
		Databases: []dialect.Database{database("a"), {Name: "sys", System: true}, {Name: "keep", System: true}, database("bad\xff"), database("nul\x00"), database("")},
		Users: []dialect.User{
			{Account: account("u"), MemberOf: member("sys1", "unknown")},
			{Account: account("sys1"), System: true, MemberOf: member("sys2")},
			{Account: account("sys2"), System: true, MemberOf: member("sys1")},
			{Account: account("sys3"), System: true, MemberOf: member("u")},
			{Account: dialect.Account{Host: "%"}},
			{Account: account("bad\xff")},
			{},
		},
		Grants: []dialect.Grant{
			{Grantee: account("u"), Database: "a", Raw: []string{"x"}},
			{Grantee: account("u"), Database: "a", Raw: []string{"y", "x"}, Privileges: dialect.MayRead},
			{Grantee: account("u"), Database: "sys"},
			{Grantee: account("sys3"), Database: "a"},
			{Public: true, Database: "keep"},
			{Grantee: account("u"), Database: "bad\xff"},
		},
	}}
	var events []discover.Event
	state, err := discover.Read(t.Context(), s, discover.Options{Include: []string{"keep"}}, func(e discover.Event) { events = append(events, e) })
	require.NoError(t, err)
	require.Equal(t, []string{"a", "keep"}, databaseNames(state))
	require.Equal(t, []string{"sys"}, state.LeftOut)
	var users []string
	for _, u := range state.Users {
		users = append(users, u.String())
	}
	require.Equal(t, []string{"@%", "sys1", "sys2", "u"}, users, "an anonymous user is one; roles of the system stay with their members")
	require.Equal(t, []dialect.Grant{
		{Grantee: account("u"), Database: "a", Raw: []string{"x", "y"}, Privileges: dialect.MayRead}, {Public: true, Database: "keep"},
	}, state.Grants)
	require.Equal(t, "NAMES_UNUSABLE", state.Notes[0].Reason)
	require.Equal(t, []discover.Event{{Step: "all", Done: 1, Total: 1}}, events)
	require.Empty(t, s.opened, "no schemas unless asked for")
}

func TestReadSchemas(t *testing.T) {
	t.Parallel()
	s := &told{
		roster: dialect.Roster{Databases: []dialect.Database{database("a"), database("b"), {Name: "off", Offline: true}, database("gone"), database("closed")}},
		schemas: map[string]error{
			"gone": fault.New(fault.NotFound, "DATABASE_UNKNOWN", "gone"), "closed": fault.New(fault.Denied, "DATABASE_PERMISSION", "closed"),
		},
	}
	var last discover.Event
	state, err := discover.Read(t.Context(), s, discover.Options{AllSchemas: true}, func(e discover.Event) { last = e })
	require.NoError(t, err)
	require.Equal(t, discover.Event{Step: "schemas", Done: 4, Total: 4}, last)
	require.Equal(t, []dialect.Database{
		{Name: "a", SchemasRead: true, Schemas: []dialect.Schema{{Name: "s"}}},
		{Name: "b", SchemasRead: true, Schemas: []dialect.Schema{{Name: "s"}}},
		{Name: "closed"},
		{Name: "off", Offline: true},
	}, state.Databases)
	require.Len(t, state.Grants, 2)
	require.Equal(t, "SCHEMAS_UNREAD", state.Notes[0].Reason)

	s.schemas["b"] = fault.New(fault.Unavailable, "CONNECTION_LOST", "lost")
	state, err = discover.Read(t.Context(), s, discover.Options{SchemasOf: []string{"a", "b", "nowhere"}}, nil)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.Empty(t, state, "all or nothing")
	s.err = fault.New(fault.Unavailable, "CONNECTION_LOST", "lost")
	state, err = discover.Read(t.Context(), s, discover.Options{}, nil)
	require.Error(t, err)
	require.Empty(t, state)
}

func TestReadSchemasIsBounded(t *testing.T) {
	t.Parallel()
	s := &told{waits: make(chan struct{})}
	for _, name := range "abcdefghijklmnop" {
		s.roster.Databases = append(s.roster.Databases, database(string(name)))
	}
	go func() {
		for range s.roster.Databases {
			s.waits <- struct{}{}
		}
	}()
	_, err := discover.Read(t.Context(), s, discover.Options{AllSchemas: true, Parallel: 3}, nil)
	require.NoError(t, err)
	require.LessOrEqual(t, s.most, 3)
	require.Len(t, s.opened, 16)
}

// TestAccessThroughCircles: roles that hold each other end.
func TestAccessThroughCircles(t *testing.T) {
	t.Parallel()
	role := func(name string, of ...string) dialect.User {
		u := dialect.User{Account: dialect.Account{Name: name}}
		for _, r := range of {
			u.MemberOf = append(u.MemberOf, dialect.Membership{Role: dialect.Account{Name: r}, Inherits: r != "later"})
		}
		return u
	}
	u := role("u", "a", "later")
	u.CanLogin = true
	s := discover.State{
		Databases: []dialect.Database{{Name: "d", Owner: "later"}},
		Users:     []dialect.User{u, role("a", "b"), role("b", "a"), role("later", "a")},
		Grants: []dialect.Grant{
			{Grantee: dialect.Account{Name: "b"}, Database: "d", Privileges: dialect.MayRead},
			{Grantee: dialect.Account{Name: "b"}, Database: "d", Schema: "s", Privileges: dialect.MayWrite},
			{Grantee: dialect.Account{Name: "a"}, Privileges: dialect.MayCreate},
			{Public: true, Privileges: 0, Database: "d"},
		},
	}
	index := discover.IndexOf(s)
	want := []discover.Access{{
		User: dialect.Account{Name: "u"}, Database: "d", Privileges: dialect.MayRead | dialect.MayCreate,
		AfterSetRole: dialect.MayDDL | dialect.MayAll | dialect.MayGrant,
	}}
	require.Equal(t, want, index.In("d", ""))
	require.Equal(t, want, index.Of(dialect.Account{Name: "u"}))
	require.Empty(t, index.In("d", "s"), "who may not enter the database has no use of the schema")
	require.Empty(t, index.In("nowhere", ""))
	require.Empty(t, index.Of(dialect.Account{Name: "nobody"}))
	s.Users[0].Locked = true
	require.Empty(t, discover.IndexOf(s).In("d", ""))
}
