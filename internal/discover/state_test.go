package discover_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/discover"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// rounds is how many random states each property is tried on.
const rounds = 400

// random makes a state out of few names, so that two of them have much in
// common; complete ones leave nothing unread.
func random(r *rand.Rand, complete bool) discover.State {
	names := []string{"acme", "Acme", "ACME", "übung", "ÜBUNG", "b", "c d", "e\"f", "🚚"}
	pick := func() string { return names[r.IntN(len(names))] }
	maybe := func() bool { return r.IntN(2) == 0 }
	s := discover.State{Facts: discover.Facts{Server: dialect.ServerInfo{Engine: dialect.SQLServer, CaseSensitiveNames: maybe(), ReadOnly: maybe()}}}
	if maybe() {
		s.Server.Engine = dialect.Postgres
	}
	for range r.IntN(6) {
		d := dialect.Database{Name: pick(), Owner: pick(), Size: int64(r.IntN(1e6)), SchemasRead: complete || maybe()}
		if d.SchemasRead {
			for range r.IntN(4) {
				d.Schemas = append(d.Schemas, dialect.Schema{Name: pick(), Owner: pick()})
			}
		}
		s.Databases = append(s.Databases, d)
	}
	for range r.IntN(6) {
		u := dialect.User{Account: dialect.Account{Name: pick()}, CanLogin: maybe(), Locked: maybe()}
		for range r.IntN(3) {
			u.MemberOf = append(u.MemberOf, dialect.Membership{Role: dialect.Account{Name: pick()}, Inherits: maybe()})
		}
		s.Users = append(s.Users, u)
	}
	for range r.IntN(12) {
		g := dialect.Grant{Grantee: dialect.Account{Name: pick()}, Database: pick(), Privileges: dialect.Privileges(r.IntN(128)), Raw: []string{pick()}}
		if g.Public = r.IntN(4) == 0; g.Public {
			g.Grantee = dialect.Account{}
		}
		if maybe() {
			g.Schema = pick()
		}
		s.Grants = append(s.Grants, g)
	}
	for _, part := range []dialect.Part{dialect.PartDatabases, dialect.PartUsers, dialect.PartGrants} {
		if !complete && r.IntN(3) == 0 {
			s.Unread = append(s.Unread, part)
		}
	}
	return s
}

func shuffled(r *rand.Rand, s discover.State) discover.State {
	shuffle := func(n int, swap func(i, j int)) { r.Shuffle(n, swap) }
	s = s.Canonical()
	shuffle(len(s.Databases), func(i, j int) { s.Databases[i], s.Databases[j] = s.Databases[j], s.Databases[i] })
	shuffle(len(s.Users), func(i, j int) { s.Users[i], s.Users[j] = s.Users[j], s.Users[i] })
	shuffle(len(s.Grants), func(i, j int) { s.Grants[i], s.Grants[j] = s.Grants[j], s.Grants[i] })
	for i := range s.Users {
		of := s.Users[i].MemberOf
		shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
	}
	return s
}

func each(t *testing.T, complete bool, property func(t *testing.T, r *rand.Rand, recorded, found discover.State)) {
	t.Helper()
	t.Parallel()
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 1))
		recorded, found := random(r, complete), random(r, complete)
		property(t, r, recorded, found)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestApplyingTheDeltaGivesWhatWasFound(t *testing.T) {
	each(t, true, func(t *testing.T, _ *rand.Rand, recorded, found discover.State) {
		require.Equal(t, found.Canonical(), discover.Apply(recorded.Canonical(), discover.Reconcile(recorded, found)))
	})
}

func TestApplyingTheDeltaCompletesWhatWasFound(t *testing.T) {
	each(t, false, func(t *testing.T, _ *rand.Rand, recorded, found discover.State) {
		whole := discover.Complete(recorded, found)
		require.Equal(t, whole, discover.Apply(recorded.Canonical(), discover.Reconcile(recorded, found)))
		require.True(t, discover.Reconcile(whole, found).Empty(), "a second sync writes nothing")
		require.Equal(t, whole, discover.Complete(recorded, whole))
	})
}

func TestNothingDiffersFromItself(t *testing.T) {
	each(t, false, func(t *testing.T, r *rand.Rand, recorded, _ discover.State) {
		require.True(t, discover.Reconcile(recorded, recorded).Empty())
		require.True(t, discover.Reconcile(shuffled(r, recorded), shuffled(r, recorded)).Empty())
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	each(t, false, func(t *testing.T, r *rand.Rand, recorded, found discover.State) {
		require.Equal(t, discover.Reconcile(recorded, found), discover.Reconcile(shuffled(r, recorded), shuffled(r, found)))
		one, err := recorded.Encode()
		require.NoError(t, err)
		other, err := shuffled(r, recorded).Encode()
		require.NoError(t, err)
		require.Equal(t, string(one), string(other))
		back, err := discover.Decode(one)
		require.NoError(t, err)
		require.Equal(t, recorded.Canonical(), back)
		require.Equal(t, recorded.Canonical(), recorded.Canonical().Canonical())
	})
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", `{"version":2}`, `{"version":1,"more":1}`, `{"version":1,"grants":[{"privileges":"fly"}]}`} {
		_, err := discover.Decode([]byte(text))
		require.Equal(t, fault.Corrupt, fault.KindOf(err), text)
	}
}

func fold(databases ...dialect.Database) discover.State {
	return discover.State{Facts: discover.Facts{Server: dialect.ServerInfo{Engine: dialect.SQLServer}}, Databases: databases}
}

// TestSpelling: where names fold, another spelling is a change of the same
// database, and a tenant's place is found by any.
func TestSpelling(t *testing.T) {
	t.Parallel()
	delta := discover.Reconcile(fold(dialect.Database{Name: "Acme"}), fold(dialect.Database{Name: "ACME"}))
	require.Equal(t, []discover.Change[dialect.Database]{{Before: dialect.Database{Name: "Acme"}, After: dialect.Database{Name: "ACME"}}}, delta.Databases.Changed)
	require.Equal(t, 1, delta.Databases.Count())
	require.Empty(t, discover.Match(fold(dialect.Database{Name: "ACME"}), []discover.Tenant{{ID: "t", Database: "acme"}}))

	exact := func(names ...string) (s discover.State) {
		s.Server = dialect.ServerInfo{Engine: dialect.Postgres, CaseSensitiveNames: true}
		for _, name := range names {
			s.Databases = append(s.Databases, dialect.Database{Name: name})
		}
		return s
	}
	delta = discover.Reconcile(exact("Acme"), exact("ACME"))
	require.Len(t, delta.Databases.Appeared, 1)
	require.Len(t, delta.Databases.Vanished, 1)
	require.Equal(t, []string{"t"}, discover.Match(exact("ACME"), []discover.Tenant{{ID: "t", Database: "acme"}}).Vanished)
}

func TestSizesAreRough(t *testing.T) {
	t.Parallel()
	for size, want := range map[int64]int64{-1: 0, 0: 0, 7: 7, 42: 42, 123: 120, 8_999_999: 8_900_000, 1<<62 + 1: 4_600_000_000_000_000_000} {
		require.Equal(t, want, fold(dialect.Database{Name: "a", Size: size}).Canonical().Databases[0].Size)
	}
	require.True(t, discover.Reconcile(fold(dialect.Database{Name: "a", Size: 1_234_567}), fold(dialect.Database{Name: "a", Size: 1_239_999})).Empty())
}

// TestPartlyRead: what was not seen has not vanished, and schemas that were not
// read stay as they are.
func TestPartlyRead(t *testing.T) {
	t.Parallel()
	recorded := fold(dialect.Database{Name: "a", SchemasRead: true, Schemas: []dialect.Schema{{Name: "s"}}}, dialect.Database{Name: "b"})
	recorded.Users = []dialect.User{{Account: dialect.Account{Name: "u"}, Locked: true}}
	recorded.Grants = []dialect.Grant{
		{Grantee: dialect.Account{Name: "u"}, Database: "a", Schema: "s", Raw: []string{"x"}},
		{Grantee: dialect.Account{Name: "u"}, Database: "b", Raw: []string{"x"}},
	}
	found := fold(dialect.Database{Name: "A"})
	found.Users = recorded.Users
	delta := discover.Reconcile(recorded, found)
	require.Equal(t, []dialect.Database{{Name: "b"}}, delta.Databases.Vanished)
	require.Equal(t, "A", delta.Databases.Changed[0].After.Name)
	require.Equal(t, recorded.Databases[0].Schemas, delta.Databases.Changed[0].After.Schemas)

	found.Unread = []dialect.Part{dialect.PartDatabases, dialect.PartUsers, dialect.PartGrants}
	found.Users = []dialect.User{{Account: dialect.Account{Name: "u"}}, {Account: dialect.Account{Name: "new"}}}
	delta = discover.Reconcile(recorded, found)
	require.Empty(t, delta.Databases.Vanished)
	require.Equal(t, 1, delta.Users.Count())
	require.Equal(t, "new", delta.Users.Appeared[0].Name)
	require.Empty(t, discover.Match(discover.Complete(recorded, found), []discover.Tenant{{ID: "t", Database: "nowhere"}}).Vanished)
}

func TestMatchFree(t *testing.T) {
	t.Parallel()
	s := discover.State{Facts: discover.Facts{Server: dialect.ServerInfo{Engine: dialect.Postgres, CaseSensitiveNames: true, DefaultSchema: "public"}}}
	s.Databases = []dialect.Database{
		{Name: "alone"},
		{Name: "taken"},
		{Name: "shared", SchemasRead: true, Schemas: []dialect.Schema{{Name: "public"}, {Name: "s1"}, {Name: "s2"}}},
	}
	got := discover.Match(s, []discover.Tenant{{ID: "1", Database: "taken", Schema: "public"}, {ID: "2", Database: "shared", Schema: "s1"}, {ID: "3", Database: "alone", Schema: "who knows", Vanished: true}})
	require.Equal(t, discover.Matching{Free: []discover.Place{{Database: "shared", Schema: "s2"}}}, got)
	require.Equal(t, []discover.Place{{Database: "alone"}, {Database: "shared"}, {Database: "shared", Schema: "s1"}, {Database: "shared", Schema: "s2"}, {Database: "taken"}}, discover.Match(s, nil).Free)
}

// BenchmarkReconcile is 2,000 databases and 2,000 users with 20,000 grants of
// which nothing changed.
func BenchmarkReconcile(b *testing.B) {
	s := discover.State{Facts: discover.Facts{Server: dialect.ServerInfo{Engine: dialect.Postgres, CaseSensitiveNames: true}}}
	for i := range 2000 {
		name := fmt.Sprintf("tenant_%d", i)
		s.Databases = append(s.Databases, dialect.Database{Name: name, Owner: "postgres"})
		s.Users = append(s.Users, dialect.User{Account: dialect.Account{Name: name}, CanLogin: true})
		for j := range 10 {
			s.Grants = append(s.Grants, dialect.Grant{Database: name, Grantee: dialect.Account{Name: fmt.Sprintf("tenant_%d", (i+j)%2000)}, Raw: []string{"CONNECT"}})
		}
	}
	slices.Reverse(s.Grants)
	for b.Loop() {
		if !discover.Reconcile(s, s).Empty() {
			b.Fatal("something differs")
		}
	}
}
