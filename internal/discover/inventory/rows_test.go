package inventory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
)

// full is a state with everything that rows must carry.
func full() discover.State {
	app, role := dialect.Account{Name: "app", Host: "%"}, dialect.Account{Name: "readers"}
	return discover.State{
		Databases: []dialect.Database{
			{Name: "acme", Owner: "app", Charset: "UTF8", Collation: "C", Size: 12_345, Offline: true, System: true},
			{Name: "Acme", SchemasRead: true, Schemas: []dialect.Schema{{Name: "crm", Owner: "app"}, {Name: "CRM"}}},
			{Name: `o'b` + "`" + `"\ü@x`},
		},
		Users: []dialect.User{
			{Account: app, CanLogin: true, Superuser: true, Locked: true, Expired: true, System: true, MemberOf: []dialect.Membership{{Role: role, Inherits: true, Admin: true}}},
			{Account: role},
			{Account: dialect.Account{Name: "a@b"}},
			{Account: dialect.Account{Name: "a", Host: "b"}},
			{Account: dialect.Account{Name: `a\@b\`, Host: `c@d\`}},
		},
		Grants: []dialect.Grant{
			{Grantee: app, Database: "acme", Privileges: dialect.MayRead | dialect.MayWrite, Raw: []string{"INSERT", "SELECT"}},
			{Grantee: app, Database: "acme", Privileges: dialect.MayRead, Raw: []string{"SELECT"}, Via: `acm\_%`},
			{Grantee: app, Database: "Acme", Schema: "crm", Privileges: dialect.MayConnect, Raw: []string{"USAGE"}},
			{Public: true, Database: "acme", Privileges: dialect.MayConnect, Raw: []string{"CONNECT"}},
			{Grantee: role, Privileges: dialect.MayCreate, Raw: []string{"CREATE"}},
		},
	}.Canonical()
}

// inventoryOf is what the store would return.
func inventoryOf(e dialect.Engine, r rows) *control.Inventory {
	out := &control.Inventory{Server: &control.Server{Engine: e}}
	d := changes(rowsOf(discover.State{}, namesOf(e)), r)
	for _, c := range d.Databases {
		out.Databases = append(out.Databases, control.Recorded[control.Database]{Value: c.Value})
	}
	for _, c := range d.Users {
		out.Users = append(out.Users, control.Recorded[control.User]{Value: c.Value})
	}
	for _, c := range d.Privileges {
		out.Privileges = append(out.Privileges, c.Value)
	}
	return out
}

func TestRowsHoldAState(t *testing.T) {
	want := full()
	written := rowsOf(want, namesOf(dialect.MySQL))
	require.Len(t, written.users, len(want.Users), "no two accounts share a row")
	require.Len(t, written.privileges, len(want.Grants))
	got, err := State(inventoryOf(dialect.MySQL, written))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Empty(t, changes(written, rowsOf(got, namesOf(dialect.MySQL))))

	plain := discover.State{Users: []dialect.User{{Account: dialect.Account{Name: `u@p\x`}}}}.Canonical()
	written = rowsOf(plain, namesOf(dialect.Postgres))
	require.Contains(t, written.users, `u@p\x`, "where there are no hosts, names are as they are")
	got, err = State(inventoryOf(dialect.Postgres, written))
	require.NoError(t, err)
	require.Equal(t, plain, got)
}

func TestChangesAreJustTheDifferences(t *testing.T) {
	n := namesOf(dialect.MySQL)
	before, after := full(), full()
	after.Databases[1].Owner = "other"                          // acme
	after.Databases[0].Schemas = after.Databases[0].Schemas[1:] // Acme.CRM is gone
	after.Users = after.Users[1:]
	after.Grants[0].Raw = append(after.Grants[0].Raw, "TEMP")
	d := changes(rowsOf(before, n), rowsOf(after.Canonical(), n))
	require.Len(t, d.Databases, 2)
	require.Equal(t, control.Vanished, d.Databases[0].Kind)
	require.Equal(t, "CRM", d.Databases[0].Value.Schema)
	require.Equal(t, control.Changed, d.Databases[1].Kind)
	require.Equal(t, "app", d.Databases[1].Before.Attributes["owner"])
	require.Len(t, d.Users, 1)
	require.Len(t, d.Privileges, 1)
}

func TestWhatVanishedIsNotThere(t *testing.T) {
	inv := inventoryOf(dialect.MySQL, rowsOf(full(), namesOf(dialect.MySQL)))
	for i := range inv.Databases {
		if inv.Databases[i].Value.Schema == "" {
			inv.Databases[i].Vanished = time.Unix(1, 0)
		}
	}
	inv.Users[0].Vanished = time.Unix(1, 0)
	got, err := State(inv)
	require.NoError(t, err)
	require.Empty(t, got.Databases, "nor the schemas of what vanished")
	require.Len(t, got.Users, len(full().Users)-1)
}

func TestWhatIsRecordedMayBeBroken(t *testing.T) {
	for name, inv := range map[string]*control.Inventory{
		"facts":      {Server: &control.Server{Facts: "{"}},
		"member of":  {Server: &control.Server{}, Users: []control.Recorded[control.User]{{Value: control.User{Attributes: control.Attributes{"member_of": "x"}}}}},
		"raw":        {Server: &control.Server{}, Privileges: []control.Privilege{{Attributes: control.Attributes{"raw": "x"}}}},
		"privileges": {Server: &control.Server{}, Privileges: []control.Privilege{{Attributes: control.Attributes{"privileges": "fly"}}}},
	} {
		_, err := State(inv)
		require.Error(t, err, name)
	}
}
