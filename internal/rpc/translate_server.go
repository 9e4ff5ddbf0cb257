package rpc

import (
	"fmt"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/discover/inventory"
	"github.com/lockstepdb/lockstep/internal/fault"
)

func toServer(s *control.Server) (*lockstepv1.Server, error) {
	address, err := dialect.ParseServer(s.Address)
	if err != nil {
		return nil, fault.New(fault.Corrupt, "TARGET_CORRUPT", "the address that is stored for the server %s is no URL", s.ID)
	}
	out := &lockstepv1.Server{
		Id: s.ID, DisplayName: s.DisplayName, Labels: s.Labels, Engine: toEngine(s.Engine), Address: address.String(),
		Secret: s.Secret.String(), Revision: s.Revision, CreatedAt: moment(s.Created), ArchivedAt: moment(s.Archived),
		LastSync: toSyncStatus(s),
	}
	known, ok, err := inventory.Facts(s)
	if ok {
		out.Facts = toServerFacts(known)
	}
	return out, err
}

// toSyncStatus returns nothing for a server that nobody tried to sync.
func toSyncStatus(s *control.Server) *lockstepv1.SyncStatus {
	if s.Tried.IsZero() {
		return nil
	}
	out := &lockstepv1.SyncStatus{
		Outcome: lockstepv1.SyncOutcome_SYNC_OUTCOME_DONE, TriedAt: moment(s.Tried), SyncedAt: moment(s.Synced),
		Error: s.SyncError, Generation: s.Generation,
	}
	if s.SyncError != "" {
		out.Outcome = lockstepv1.SyncOutcome_SYNC_OUTCOME_FAILED
	}
	return out
}

func toServerFacts(f discover.Facts) *lockstepv1.ServerFacts {
	s := f.Server
	out := &lockstepv1.ServerFacts{
		Engine: toEngine(s.Engine), Version: versionText(s.Version), Flavour: s.Flavour, Edition: s.Edition,
		DefaultSchema: s.DefaultSchema, ReadOnly: s.ReadOnly, CaseSensitiveNames: s.CaseSensitiveNames,
		LeftOut: f.LeftOut, Unread: toUnread(f),
	}
	for _, n := range f.Notes {
		out.Notes = append(out.Notes, &lockstepv1.SyncNote{Reason: n.Reason, Detail: n.Detail, Suggestion: n.Suggestion})
	}
	return out
}

func toUnread(f discover.Facts) []string {
	var out []string
	for _, part := range f.Unread {
		out = append(out, string(part))
	}
	return out
}

// versionText leaves out the numbers at the end that are 0 and that the engine
// does not count with.
func versionText(v dialect.Version) string {
	if v.Patch == 0 {
		return fmt.Sprintf("%d.%d", v.Major, v.Minor)
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

func toServerDatabase(d dialect.Database) *lockstepv1.ServerDatabase {
	out := &lockstepv1.ServerDatabase{
		Name: d.Name, Owner: d.Owner, Charset: d.Charset, Collation: d.Collation, Size: d.Size,
		Offline: d.Offline, System: d.System, SchemasRead: d.SchemasRead,
	}
	for _, x := range d.Schemas {
		out.Schemas = append(out.Schemas, &lockstepv1.ServerSchema{Name: x.Name, Owner: x.Owner})
	}
	return out
}

func toAccount(a dialect.Account) *lockstepv1.ServerAccount {
	return &lockstepv1.ServerAccount{Name: a.Name, Host: a.Host}
}

func toServerUser(u dialect.User) *lockstepv1.ServerUser {
	out := &lockstepv1.ServerUser{
		Account: toAccount(u.Account), CanLogin: u.CanLogin, Superuser: u.Superuser, Locked: u.Locked, Expired: u.Expired, System: u.System,
	}
	for _, m := range u.MemberOf {
		out.MemberOf = append(out.MemberOf, &lockstepv1.ServerMembership{Role: toAccount(m.Role), Inherits: m.Inherits, Admin: m.Admin})
	}
	return out
}

func toServerGrant(g dialect.Grant) *lockstepv1.ServerGrant {
	out := &lockstepv1.ServerGrant{Database: g.Database, Schema: g.Schema, Privileges: g.Privileges.Names(), Raw: g.Raw, Via: g.Via}
	if !g.Public {
		out.Grantee = toAccount(g.Grantee)
	}
	return out
}

// changed is a difference that is being translated; nil: not there.
type changed[T any] struct{ before, after *T }

// changedIn lists differences: what appeared, what changed, what vanished.
func changedIn[T any](c discover.Changes[T]) []changed[T] {
	out := make([]changed[T], 0, c.Count())
	for i := range c.Appeared {
		out = append(out, changed[T]{after: &c.Appeared[i]})
	}
	for i := range c.Changed {
		out = append(out, changed[T]{before: &c.Changed[i].Before, after: &c.Changed[i].After})
	}
	for i := range c.Vanished {
		out = append(out, changed[T]{before: &c.Vanished[i]})
	}
	return out
}

// either translates what is there.
func either[T, M any](from *T, to func(T) *M) *M {
	if from == nil {
		return nil
	}
	return to(*from)
}

// toSyncResult translates what a look found; written is nil for a preview.
func toSyncResult(look *inventory.Look, written *control.SyncResult) (*lockstepv1.SyncResult, error) {
	server := look.Server
	out := &lockstepv1.SyncResult{
		Preview: written == nil, Facts: toServerFacts(look.After.Facts), TenantsVanished: look.Tenants.Vanished,
		TenantsReturned: look.Tenants.Returned, Free: i32(len(look.Tenants.Free)), DatabaseCount: i32(len(look.After.Databases)),
		UserCount: i32(len(look.After.Users)), GrantCount: i32(len(look.After.Grants)),
	}
	if written != nil {
		server, out.TenantsVanished, out.TenantsReturned = written.Server, written.TenantsVanished, written.TenantsReturned
	}
	if look.Delta.Facts != nil && look.Server.Generation > 0 {
		out.FactsBefore = toServerFacts(look.Before.Facts)
	}
	for _, c := range changedIn(look.Delta.Databases) {
		out.Databases = append(out.Databases, &lockstepv1.DatabaseChange{
			Before: either(c.before, toServerDatabase), After: either(c.after, toServerDatabase),
		})
	}
	for _, c := range changedIn(look.Delta.Users) {
		out.Users = append(out.Users, &lockstepv1.UserChange{Before: either(c.before, toServerUser), After: either(c.after, toServerUser)})
	}
	for _, c := range changedIn(look.Delta.Grants) {
		out.Grants = append(out.Grants, &lockstepv1.GrantChange{Before: either(c.before, toServerGrant), After: either(c.after, toServerGrant)})
	}
	var err error
	out.Server, err = toServer(server)
	return out, err
}
