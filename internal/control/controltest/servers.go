package controltest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/secret"
)

func aServer(id string) control.NewServer {
	return control.NewServer{ID: id, Labels: map[string]string{"region": "eu"}, Address: secret.New("postgres://admin:r00t-pw@db-" + id + ".example.com/postgres")}
}

func newServer(t *testing.T, s control.ServerStore, id string) *control.Server {
	t.Helper()
	got, err := s.CreateServer(t.Context(), aServer(id))
	require.NoError(t, err)
	return got
}

func servers(t *testing.T, h Harness) {
	s := openNew(t, h)
	made := newServer(t, s, "eu1")
	got, err := s.GetServer(t.Context(), "eu1")
	require.NoError(t, err)
	require.Equal(t, made, got)
	assert.Equal(t, "postgres://admin@db-eu1.example.com/postgres", got.Address)
	assert.Equal(t, secret.Sealed, got.Secret.Kind())
	assert.Equal(t, dialect.Postgres, got.Engine)
	assert.EqualValues(t, 0, got.Generation)

	_, err = s.CreateServer(t.Context(), aServer("eu1"))
	refused(t, err, fault.Exists, control.ReasonServerExists)
	_, err = s.GetServer(t.Context(), "EU1")
	refused(t, err, fault.NotFound, control.ReasonServerNotFound)
	bad := aServer("eu 2")
	bad.Address, bad.Secret = secret.New("sqlite:/tenants"), secret.Given{Inline: secret.New("r00t-pw")}
	_, err = s.CreateServer(t.Context(), bad)
	refused(t, err, fault.Invalid, control.ReasonServerInvalid)
	assert.Len(t, fault.As(err).Violations, 2, "the id, and a secret of nobody")
	for id, address := range map[string]string{"files": "sqlite:/tenants", "bare": "mariadb://admin:r00t-pw@db.example.com:3306"} {
		got, err := s.CreateServer(t.Context(), control.NewServer{ID: id, Address: secret.New(address)})
		require.NoError(t, err, "no database needs to be named")
		assert.NotContains(t, got.Address, "r00t-pw")
	}

	mysql := secret.New("mysql://admin@h/mysql")
	_, err = s.UpdateServer(t.Context(), "eu1", control.ServerUpdate{Address: &mysql})
	refused(t, err, fault.Invalid, control.ReasonServerInvalid)
	reference := secret.Given{Reference: "vault:kv/eu1#password"}
	got, err = s.UpdateServer(t.Context(), "eu1", control.ServerUpdate{Revision: 1, Secret: &reference})
	require.NoError(t, err)
	assert.Equal(t, "vault:kv/eu1#password", got.Secret.String())
	assert.Equal(t, map[string]string{"region": "eu"}, got.Labels)
	_, err = s.UpdateServer(t.Context(), "eu1", control.ServerUpdate{Revision: 1, Secret: &reference})
	refused(t, err, fault.Conflict, control.ReasonRevisionMoved)

	for i := range 5 {
		newServer(t, s, numbered("s", i))
	}
	_, err = s.ArchiveServer(t.Context(), numbered("s", 4), 0)
	require.NoError(t, err)
	first, next, err := s.ListServers(t.Context(), control.ServerFilter{Engine: dialect.Postgres}, control.Page{Size: 4})
	require.NoError(t, err)
	assert.Len(t, first, 4)
	rest, next, err := s.ListServers(t.Context(), control.ServerFilter{Engine: dialect.Postgres}, control.Page{Size: 4, Token: next})
	require.NoError(t, err)
	assert.Len(t, rest, 1)
	assert.Empty(t, next)
	none, _, err := s.ListServers(t.Context(), control.ServerFilter{Engine: dialect.MySQL, Archived: true}, control.Page{})
	require.NoError(t, err)
	assert.Empty(t, none)
}

func appeared(names ...string) control.Delta {
	var d control.Delta
	for _, n := range names {
		d.Databases = append(d.Databases, control.Change[control.Database]{
			Kind: control.Appeared, Value: control.Database{Name: n, Attributes: control.Attributes{"owner": "app"}},
		})
	}
	return d
}

func vanished(name string) control.Delta {
	return control.Delta{Databases: []control.Change[control.Database]{{Kind: control.Vanished, Value: control.Database{Name: name}}}}
}

func syncs(t *testing.T, h Harness) {
	p := newPlace(t, h)
	s := p.open(t)
	newServer(t, s, "eu1")
	n := aTenant("acme")
	n.ServerID, n.Target, n.Secret.Reference = "eu1", secret.New("postgres://app@db-eu1.example.com/acme"), secret.ServerSecret
	create(t, s, n)

	d := appeared("acme", "shop")
	d.Users = []control.Change[control.User]{{Kind: control.Appeared, Value: control.User{Name: "app", Attributes: control.Attributes{"login": "true"}}}}
	d.Privileges = []control.Change[control.Privilege]{{Kind: control.Appeared, Value: control.Privilege{User: "app", Database: "acme", Privilege: "CONNECT"}}}
	result, err := s.ApplySync(t.Context(), "eu1", 0, d)
	require.NoError(t, err)
	assert.Equal(t, 4, result.Changes)
	assert.EqualValues(t, 1, result.Server.Generation)
	assert.False(t, result.Server.Synced.IsZero())

	inv, err := s.Inventory(t.Context(), "eu1")
	require.NoError(t, err)
	require.Len(t, inv.Databases, 2)
	assert.Equal(t, "acme", inv.Databases[0].TenantID)
	assert.Equal(t, "app", inv.Databases[0].Value.Attributes["owner"])
	assert.Empty(t, inv.Databases[1].TenantID, "shop can be adopted")
	assert.Equal(t, control.Privilege{User: "app", Database: "acme", Privilege: "CONNECT"}, inv.Privileges[0])
	assert.Equal(t, "true", inv.Users[0].Value.Attributes["login"])

	_, err = s.ApplySync(t.Context(), "eu1", 0, appeared("late"))
	refused(t, err, fault.Conflict, control.ReasonSyncSuperseded)
	require.NoError(t, s.FailSync(t.Context(), "eu1", "the network broke"))
	same, err := s.Inventory(t.Context(), "eu1")
	require.NoError(t, err)
	assert.Equal(t, inv.Databases, same.Databases, "a failed sync changes nothing of what was found")
	assert.Equal(t, "the network broke", same.Server.SyncError)

	result, err = s.ApplySync(t.Context(), "eu1", 1, control.Delta{
		Databases:  vanished("acme").Databases,
		Users:      []control.Change[control.User]{{Kind: control.Changed, Before: d.Users[0].Value, Value: control.User{Name: "app"}}},
		Privileges: []control.Change[control.Privilege]{{Kind: control.Vanished, Value: d.Privileges[0].Value}},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"acme"}, result.TenantsVanished)
	got, err := s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, control.TenantVanished, got.Status)
	assert.Equal(t, []string{"acme"}, all(t, s, control.TenantFilter{Status: control.TenantVanished, ServerID: "eu1"}, 5), "marked, not deleted")
	inv, err = s.Inventory(t.Context(), "eu1")
	require.NoError(t, err)
	assert.Empty(t, inv.Privileges)
	assert.False(t, inv.Databases[0].Vanished.IsZero())
	assert.Empty(t, inv.Server.SyncError)
	assert.Empty(t, inv.Users[0].Value.Attributes)

	result, err = s.ApplySync(t.Context(), "eu1", 2, appeared("acme"))
	require.NoError(t, err)
	assert.Equal(t, []string{"acme"}, result.TenantsReturned)
	got, err = s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, control.TenantActive, got.Status)

	_, err = s.ApplySync(t.Context(), "eu1", 3, vanished("never"))
	refused(t, err, fault.Invalid, "SYNC_INVALID")
	changesOf(t, s, "eu1", 8)
	_, err = s.ApplySync(t.Context(), "nowhere", 0, control.Delta{})
	refused(t, err, fault.NotFound, control.ReasonServerNotFound)
	_, err = s.Inventory(t.Context(), "nowhere")
	refused(t, err, fault.NotFound, control.ReasonServerNotFound)
	refused(t, s.FailSync(t.Context(), "nowhere", ""), fault.NotFound, control.ReasonServerNotFound)
	_, err = s.ArchiveServer(t.Context(), "eu1", 0)
	require.NoError(t, err)
	_, err = s.ApplySync(t.Context(), "eu1", 3, control.Delta{})
	refused(t, err, fault.Refused, "SERVER_ARCHIVED")
}

// changesOf reads all recorded changes in small pages.
func changesOf(t *testing.T, s control.SyncStore, server string, want int) {
	t.Helper()
	var got []*control.ServerChange
	for token := ""; ; {
		page, next, err := s.ListChanges(t.Context(), server, control.Page{Size: 3, Token: token})
		require.NoError(t, err)
		got = append(got, page...)
		if token = next; next == "" {
			break
		}
	}
	require.Len(t, got, want)
	for i := 1; i < len(got); i++ {
		assert.GreaterOrEqual(t, got[i-1].Generation, got[i].Generation, "the newest sync first")
	}
	assert.JSONEq(t, `{"name":"acme","attributes":{"owner":"app"}}`, got[0].After)
	assert.Empty(t, got[0].Before)
}

// fates: what the caller says of tenants counts, where they still are.
func fates(t *testing.T, h Harness) {
	s := openNew(t, h)
	newServer(t, s, "eu1")
	for _, id := range []string{"acme", "moved"} {
		n := aTenant(id)
		n.ServerID, n.Target = "eu1", secret.New("postgres://app:pw@db-eu1.example.com/"+id+"?schema=crm")
		create(t, s, n)
	}
	at := control.TenantAt{ID: "acme", Database: "acme", Schema: "crm"}
	d := control.Delta{Facts: `{"v":1}`, Tenants: &control.TenantFates{Vanished: []control.TenantAt{
		at, {ID: "moved", Database: "elsewhere", Schema: "crm"}, {ID: "gone", Database: "gone"},
	}}}
	result, err := s.ApplySync(t.Context(), "eu1", 0, d)
	require.NoError(t, err)
	assert.Equal(t, []string{"acme"}, result.TenantsVanished)
	assert.JSONEq(t, `{"v":1}`, result.Server.Facts)
	got, err := s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, control.TenantVanished, got.Status)

	// A database of that very name says nothing when the caller has judged.
	d = appeared("acme")
	d.Tenants = &control.TenantFates{}
	result, err = s.ApplySync(t.Context(), "eu1", 1, d)
	require.NoError(t, err)
	assert.Empty(t, result.TenantsReturned)
	assert.JSONEq(t, `{"v":1}`, result.Server.Facts, "facts that are not given stay")
	result, err = s.ApplySync(t.Context(), "eu1", 2, control.Delta{Tenants: &control.TenantFates{Returned: []control.TenantAt{at}}})
	require.NoError(t, err)
	assert.Equal(t, []string{"acme"}, result.TenantsReturned)
}

// slow is a store that is far away: each query takes a while.
type slow struct{ by time.Duration }

func (o slow) Query(ctx context.Context, _ string) (context.Context, func(error)) {
	time.Sleep(o.by)
	return ctx, func(error) {}
}

// longSyncs: a sync has time for all that it writes, however far the store is.
func longSyncs(t *testing.T, h Harness) {
	p := newPlace(t, h)
	newServer(t, p.open(t), "eu1")
	cfg := p.config()
	cfg.QueryDeadline, cfg.Observer = 500*time.Millisecond, slow{by: 3 * time.Millisecond}
	s, err := h.Open(t.Context(), p.url, cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	names := make([]string, 400)
	for i := range names {
		names[i] = numbered("db", i)
	}
	d := appeared(names...)
	d.Tenants = &control.TenantFates{}
	result, err := s.ApplySync(t.Context(), "eu1", 0, d)
	require.NoError(t, err)
	assert.Equal(t, 400, result.Changes)
}

// forgotten: a registration that is taken back leaves nothing.
func forgotten(t *testing.T, h Harness) {
	s := openNew(t, h)
	made, err := s.CreateTenant(t.Context(), aTenant("acme"))
	require.NoError(t, err)
	refused(t, s.ForgetTenant(t.Context(), "acme", made.Revision+1), fault.Conflict, control.ReasonRevisionMoved)
	require.NoError(t, s.ForgetTenant(t.Context(), "acme", made.Revision))
	refused(t, s.ForgetTenant(t.Context(), "acme", made.Revision), fault.NotFound, control.ReasonTenantNotFound)
	assert.Empty(t, all(t, s, control.TenantFilter{Archived: true}, 5))
	again, err := s.CreateTenant(t.Context(), aTenant("acme"))
	require.NoError(t, err)
	assert.Equal(t, made.Target, again.Target)
}

// syncsDoNotInterleave: of syncs that compared with one inventory, one is written.
func syncsDoNotInterleave(t *testing.T, h Harness) {
	p := newPlace(t, h)
	replicas := []control.Store{p.open(t), p.open(t)}
	newServer(t, replicas[0], "eu1")
	for generation := range int64(3) {
		won := -1
		for i, err := range together(6, func(i int) error {
			_, err := replicas[i%2].ApplySync(t.Context(), "eu1", generation, appeared(numbered("db", i), numbered("again", int(generation))))
			return err
		}) {
			if err == nil {
				require.Equal(t, -1, won, "one sync only is written")
				won = i
				continue
			}
			refused(t, err, fault.Conflict, control.ReasonSyncSuperseded)
		}
		require.NotEqual(t, -1, won)
	}
	inv, err := replicas[1].Inventory(t.Context(), "eu1")
	require.NoError(t, err)
	assert.EqualValues(t, 3, inv.Server.Generation)
	list, _, err := replicas[0].ListChanges(t.Context(), "eu1", control.Page{})
	require.NoError(t, err)
	assert.Len(t, list, 6, "nothing of the syncs that lost is there")
}
