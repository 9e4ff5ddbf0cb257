package controltest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/secret"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

func tenants(t *testing.T, h Harness) {
	s := openNew(t, h)
	n := aTenant("acme")
	n.Target = secret.New("postgres://app:t0p-secret@DB.example.com/acme?sslmode=disable&schema=tenant")
	made := create(t, s, n)
	got, err := s.GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, made, got)

	assert.Equal(t, "acme", got.DisplayName, "the id stands in for a name")
	assert.Equal(t, dialect.Postgres, got.Engine)
	assert.Equal(t, "acme", got.Database)
	assert.Equal(t, "tenant", got.Schema)
	assert.Equal(t, "postgres://app@DB.example.com/acme?schema=tenant&sslmode=disable", got.Target)
	assert.Equal(t, secret.Sealed, got.Secret.Kind(), "the password of the target became the secret")
	assert.Equal(t, map[string]string{"env": "prod"}, got.Labels)
	assert.Equal(t, []control.TenantModule{{Path: "example.com/billing"}, {Path: "example.com/crm", Query: "v1"}}, got.Modules)
	assert.Equal(t, strategy.Safe, got.Strategy)
	assert.Equal(t, control.TenantActive, got.Status)
	assert.EqualValues(t, 1, got.Revision)
	assert.WithinDuration(t, NewClock().at, got.Created, time.Minute)
	assert.True(t, got.Archived.IsZero())

	_, err = s.CreateTenant(t.Context(), aTenant("acme"))
	refused(t, err, fault.Exists, control.ReasonTenantExists)
	_, err = s.GetTenant(t.Context(), "nobody")
	refused(t, err, fault.NotFound, control.ReasonTenantNotFound)

	for _, spelled := range []string{"postgres://db.example.com/acme?schema=tenant", "postgres://x:y@DB.example.com:5432/acme?schema=tenant&sslmode=require"} {
		target, err := dialect.ParseTarget(spelled)
		require.NoError(t, err)
		got, err = s.FindTenantAt(t.Context(), target)
		require.NoError(t, err)
		assert.Equal(t, made, got)
	}
	elsewhere, err := dialect.ParseTarget("postgres://db.example.com/acme?schema=other")
	require.NoError(t, err)
	_, err = s.FindTenantAt(t.Context(), elsewhere)
	refused(t, err, fault.NotFound, control.ReasonTenantNotFound)

	other := aTenant("acme2")
	other.Target = secret.New("postgres://somebody@db.example.com:5432/acme?schema=tenant")
	_, err = s.CreateTenant(t.Context(), other)
	refused(t, err, fault.Exists, control.ReasonTargetTaken)
	assert.Contains(t, err.Error(), "acme", "it says whose database it is")

	_, err = s.ArchiveTenant(t.Context(), "acme", 1)
	require.NoError(t, err)
	create(t, s, other) // the target is free now
	_, err = s.SetTenantStatus(t.Context(), "acme", control.TenantActive, "back")
	refused(t, err, fault.Exists, control.ReasonTargetTaken)
	again, err := s.ArchiveTenant(t.Context(), "acme", 0)
	require.NoError(t, err)
	assert.EqualValues(t, 2, again.Revision, "archiving once more changes nothing")
	assert.Equal(t, control.TenantArchived, again.Status)
	assert.False(t, again.Archived.IsZero())
	_, err = s.CreateTenant(t.Context(), aTenant("acme"))
	refused(t, err, fault.Exists, control.ReasonTenantExists)
}

func tenantsRefused(t *testing.T, h Harness) {
	s := openNew(t, h)
	for name, spoil := range map[string]func(n *control.NewTenant){
		"no id":          func(n *control.NewTenant) { n.ID = "" },
		"a space in it":  func(n *control.NewTenant) { n.ID = "ac me" },
		"trailing space": func(n *control.NewTenant) { n.ID = "acme " },
		"unicode id":     func(n *control.NewTenant) { n.ID = "acmé" },
		"long id": func(n *control.NewTenant) {
			n.ID = numbered("long-id-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on", 1)
		},
		"NUL in a name": func(n *control.NewTenant) { n.DisplayName = "a\x00b" },
		"broken UTF-8":  func(n *control.NewTenant) { n.DisplayName = "a\xffb" },
		"label":         func(n *control.NewTenant) { n.Labels = map[string]string{"a b": "c"} },
		"label's value": func(n *control.NewTenant) { n.Labels = map[string]string{"a": "c\nd"} },
		"module":        func(n *control.NewTenant) { n.Modules = []control.TenantModule{{Path: "not a path"}} },
		"module twice":  func(n *control.NewTenant) { n.Modules = append(n.Modules, n.Modules[0]) },
		"strategy":      func(n *control.NewTenant) { n.Strategy = "brave" },
		"status":        func(n *control.NewTenant) { n.Status = "sleepy" },
		"target":        func(n *control.NewTenant) { n.Target = secret.New("oracle://app:hush@h/db") },
		"secret option": func(n *control.NewTenant) { n.Target = secret.New("postgres://app@h/db?sslpassword=hush") },
		"two secrets": func(n *control.NewTenant) {
			n.Target = secret.New("postgres://a:hush@h/db")
			n.Secret.Reference = "env:X"
		},
		"secret, no user": func(n *control.NewTenant) {
			n.Target = secret.New("postgres://h/db")
			n.Secret.Inline = secret.New("hush")
		},
		"bad reference":    func(n *control.NewTenant) { n.Secret.Reference = "hush" },
		"server's, but no": func(n *control.NewTenant) { n.Secret.Reference = secret.ServerSecret },
	} {
		n := aTenant("acme")
		spoil(&n)
		_, err := s.CreateTenant(t.Context(), n)
		require.Error(t, err, name)
		assert.Equal(t, control.ReasonTenantInvalid, fault.ReasonOf(err), name)
		assert.Len(t, fault.As(err).Violations, 1, "%s: %v", name, err)
		assert.NotContains(t, err.Error(), "hush", name)
	}
	n := aTenant("acme")
	n.ServerID = "nowhere"
	_, err := s.CreateTenant(t.Context(), n)
	refused(t, err, fault.NotFound, control.ReasonServerNotFound)
	require.Empty(t, all(t, s, control.TenantFilter{Archived: true}, 10), "nothing of all that was stored")
}

// tenantNames: ids that differ in case are different, and names come back byte
// for byte.
func tenantNames(t *testing.T, h Harness) {
	s := openNew(t, h)
	for i, id := range []string{"acme", "Acme", "ACME"} {
		n := aTenant(id)
		n.DisplayName = []string{"Société Générale  ", "株式会社", "e\u0301 is not \u00e9"}[i]
		n.Labels = map[string]string{"team": []string{"crm", "Crm", "crm "}[i]}
		create(t, s, n)
		got, err := s.GetTenant(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, n.DisplayName, got.DisplayName)
		assert.Equal(t, n.Labels, got.Labels)
	}
	for value, id := range map[string]string{"crm": "acme", "Crm": "Acme", "crm ": "ACME"} {
		assert.Equal(t, []string{id}, all(t, s, control.TenantFilter{Labels: map[string]string{"team": value}}, 10))
	}
	for _, id := range []string{"aCME", "acme ", " acme", "acme\x00", "ácme", "%", ""} {
		_, err := s.GetTenant(t.Context(), id)
		refused(t, err, fault.NotFound, control.ReasonTenantNotFound)
		_, err = s.UpdateTenant(t.Context(), id, control.TenantUpdate{})
		refused(t, err, fault.NotFound, control.ReasonTenantNotFound)
		_, err = s.ArchiveTenant(t.Context(), id, 0)
		refused(t, err, fault.NotFound, control.ReasonTenantNotFound)
	}
	assert.Len(t, all(t, s, control.TenantFilter{}, 1), 3)
}

func tenantUpdates(t *testing.T, h Harness) {
	s := openNew(t, h)
	create(t, s, aTenant("acme"))
	create(t, s, aTenant("other"))
	name, full := "Acme Ltd", strategy.Full
	got, err := s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Revision: 1, DisplayName: &name, Strategy: &full})
	require.NoError(t, err)
	assert.Equal(t, name, got.DisplayName)
	assert.Equal(t, full, got.Strategy)
	assert.EqualValues(t, 2, got.Revision)
	assert.Equal(t, map[string]string{"env": "prod"}, got.Labels, "what is not named stays")

	_, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Revision: 1, DisplayName: &name})
	refused(t, err, fault.Conflict, control.ReasonRevisionMoved)
	same, err := s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Revision: 2, DisplayName: &name})
	require.NoError(t, err)
	assert.Equal(t, got, same, "a change that changes nothing writes nothing")

	got, err = s.RecordTenantModules(t.Context(), "acme", []module.Version{
		{Path: "example.com/crm", Version: "v1.4.0", Sum: "h1:x"}, {Path: "example.com/unregistered", Version: "v1.0.0"},
	})
	require.NoError(t, err)
	assert.Equal(t, control.TenantModule{Path: "example.com/crm", Query: "v1", Version: "v1.4.0", Sum: "h1:x"}, got.Modules[1])
	got, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{
		Labels: map[string]string{}, Modules: []control.TenantModule{{Path: "example.com/crm", Query: "v2", Version: "v9.9.9"}},
	})
	require.NoError(t, err)
	assert.Empty(t, got.Labels)
	assert.Equal(t, []control.TenantModule{{Path: "example.com/crm", Query: "v2", Version: "v1.4.0", Sum: "h1:x"}}, got.Modules,
		"which version a tenant is at is for executions to say")
	assert.Equal(t, []string{"acme"}, all(t, s, control.TenantFilter{Module: "example.com/crm", Version: "v1.4.0"}, 5))
	assert.Equal(t, []string{"other"}, all(t, s, control.TenantFilter{Labels: map[string]string{"env": "prod"}}, 5), "the index follows")

	taken := secret.New("postgres://app@db.example.com/other?schema=s")
	_, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Target: &taken})
	refused(t, err, fault.Exists, control.ReasonTargetTaken)
	nobody := secret.New("postgres://db.example.com/acme")
	given := secret.Given{Inline: secret.New("hush")}
	_, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Target: &nobody, Secret: &given})
	refused(t, err, fault.Invalid, control.ReasonTenantInvalid)
	_, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Secret: &given})
	require.NoError(t, err)
	_, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Target: &nobody})
	refused(t, err, fault.Invalid, control.ReasonTenantInvalid)
	_, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Secret: &secret.Given{Reference: secret.ServerSecret}})
	refused(t, err, fault.Invalid, control.ReasonTenantInvalid)
	got, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{Secret: &secret.Given{}})
	require.NoError(t, err)
	assert.Equal(t, secret.None, got.Secret.Kind(), "a secret can be taken away")
	bad := "a\nb"
	_, err = s.UpdateTenant(t.Context(), "acme", control.TenantUpdate{DisplayName: &bad})
	refused(t, err, fault.Invalid, control.ReasonTenantInvalid)

	got, err = s.SetTenantStatus(t.Context(), "acme", control.TenantFailed, "the disk was full")
	require.NoError(t, err)
	assert.Equal(t, "the disk was full", got.StatusNote)
	assert.Equal(t, []string{"acme"}, all(t, s, control.TenantFilter{Status: control.TenantFailed}, 5))
	_, err = s.SetTenantStatus(t.Context(), "acme", "sleepy", "")
	refused(t, err, fault.Invalid, control.ReasonTenantInvalid)
}

func tenantLists(t *testing.T, h Harness) {
	s := openNew(t, h)
	for i := range 30 {
		n := aTenant(numbered("t", i))
		n.Labels = map[string]string{"env": []string{"prod", "test"}[i%2], "tier": []string{"a", "b", "c"}[i%3]}
		if i%10 == 0 {
			n.Target = secret.New("sqlite:/data/" + n.ID + ".db")
			n.Modules = nil
		}
		create(t, s, n)
	}
	_, err := s.ArchiveTenant(t.Context(), numbered("t", 3), 0)
	require.NoError(t, err)
	label := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		f    control.TenantFilter
		want int
	}{
		"all":               {control.TenantFilter{}, 29},
		"with the archived": {control.TenantFilter{Archived: true}, 30},
		"the archived":      {control.TenantFilter{Status: control.TenantArchived}, 1},
		"one label":         {control.TenantFilter{Labels: label("env", "prod")}, 15},
		"two labels":        {control.TenantFilter{Labels: label("env", "prod", "tier", "a")}, 5},
		"an unknown label":  {control.TenantFilter{Labels: label("env", "PROD")}, 0},
		"engine":            {control.TenantFilter{Engine: dialect.SQLite}, 3},
		"module":            {control.TenantFilter{Module: "example.com/crm"}, 26},
		"module and label":  {control.TenantFilter{Module: "example.com/crm", Labels: label("env", "test")}, 14},
		"status":            {control.TenantFilter{Status: control.TenantActive}, 29},
		"everything": {control.TenantFilter{
			Module: "example.com/crm", Labels: label("env", "test", "tier", "b"), Status: control.TenantActive, Engine: dialect.Postgres,
		}, 5},
	} {
		for _, size := range []int{1, 4, 100} {
			ids := all(t, s, c.f, size)
			assert.Len(t, ids, c.want, "%s by %d", name, size)
			assert.Equal(t, sorted(ids), ids, "%s by %d: in order, none twice", name, size)
		}
	}

	f := control.TenantFilter{Labels: label("env", "prod")}
	_, next, err := s.ListTenants(t.Context(), f, control.Page{Size: 2})
	require.NoError(t, err)
	require.NotEmpty(t, next)
	for _, other := range []control.TenantFilter{{}, {Labels: label("env", "test")}, {Labels: label("env", "prod"), Archived: true}} {
		_, _, err = s.ListTenants(t.Context(), other, control.Page{Size: 2, Token: next})
		refused(t, err, fault.Invalid, control.ReasonPageToken)
	}
	_, _, err = s.ListServers(t.Context(), control.ServerFilter{}, control.Page{Token: next})
	refused(t, err, fault.Invalid, control.ReasonPageToken)
	for _, junk := range []string{"junk", "e30", "!!"} {
		_, _, err = s.ListTenants(t.Context(), f, control.Page{Token: junk})
		refused(t, err, fault.Invalid, control.ReasonPageToken)
	}
	_, _, err = s.ListTenants(t.Context(), f, control.Page{Size: 1, Token: next})
	require.NoError(t, err, "a page may have another size")
	_, _, err = s.ListTenants(t.Context(), f, control.Page{Size: -1})
	refused(t, err, fault.Invalid, "PAGE_SIZE")
	_, _, err = s.ListTenants(t.Context(), control.TenantFilter{Version: "v1.0.0"}, control.Page{})
	refused(t, err, fault.Invalid, control.ReasonTenantInvalid)
	many := control.TenantFilter{Labels: map[string]string{}}
	for i := range control.MaxTenantFilters + 1 {
		many.Labels[numbered("l", i)] = "x"
	}
	_, _, err = s.ListTenants(t.Context(), many, control.Page{})
	refused(t, err, fault.Invalid, control.ReasonTenantInvalid)
}

// pagesUnderInserts: who walks through pages while tenants come sees each that
// was there all the time, once.
func pagesUnderInserts(t *testing.T, h Harness) {
	s := openNew(t, h)
	for i := range 20 {
		create(t, s, aTenant(numbered("old", i)))
	}
	seen := map[string]int{}
	f := control.TenantFilter{Labels: map[string]string{"env": "prod"}}
	for token, i := "", 0; ; i++ {
		page, next, err := s.ListTenants(t.Context(), f, control.Page{Size: 3, Token: token})
		require.NoError(t, err)
		for _, x := range page {
			seen[x.ID]++
		}
		if next == "" {
			break
		}
		token = next
		create(t, s, aTenant(numbered("new", i))) // in front of the cursor
		create(t, s, aTenant(numbered("zzz", i))) // behind it
	}
	for i := range 20 {
		assert.Equal(t, 1, seen[numbered("old", i)])
	}
	for id, n := range seen {
		assert.Equal(t, 1, n, id)
	}
}

// twoWriters: replicas that write the same tenant at once.
func twoWriters(t *testing.T, h Harness) {
	p := newPlace(t, h)
	replicas := []control.Store{p.open(t), p.open(t)}
	made := together(8, func(i int) error {
		_, err := replicas[i%2].CreateTenant(t.Context(), aTenant("acme"))
		return err
	})
	won := 0
	for _, err := range made {
		if err == nil {
			won++
			continue
		}
		refused(t, err, fault.Exists, control.ReasonTenantExists)
	}
	require.Equal(t, 1, won)

	won = 0
	for i, err := range together(8, func(i int) error {
		name := numbered("name", i)
		_, err := replicas[i%2].UpdateTenant(t.Context(), "acme", control.TenantUpdate{Revision: 1, DisplayName: &name})
		return err
	}) {
		if err == nil {
			won++
			got, err := replicas[0].GetTenant(t.Context(), "acme")
			require.NoError(t, err)
			assert.Equal(t, numbered("name", i), got.DisplayName)
			continue
		}
		refused(t, err, fault.Conflict, control.ReasonRevisionMoved)
	}
	require.Equal(t, 1, won, "of those who read one revision, one writes")

	for _, err := range together(8, func(i int) error {
		_, err := replicas[i%2].SetTenantStatus(t.Context(), "acme", control.TenantActive, numbered("note", i))
		return err
	}) {
		require.NoError(t, err, "who insists on no revision always gets through")
	}
	got, err := replicas[1].GetTenant(t.Context(), "acme")
	require.NoError(t, err)
	assert.EqualValues(t, 10, got.Revision)

	taken := together(6, func(i int) error {
		n := aTenant(numbered("t", i))
		n.Target = secret.New("postgres://app@db/one")
		_, err := replicas[i%2].CreateTenant(t.Context(), n)
		return err
	})
	won = 0
	for _, err := range taken {
		if err == nil {
			won++
			continue
		}
		refused(t, err, fault.Exists, control.ReasonTargetTaken)
	}
	require.Equal(t, 1, won, "a database is one tenant")
}
